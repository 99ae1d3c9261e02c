//! A Klaviyo list.

use super::{Account, Operation, Platform};
use crate::klaviyo::{Faults, KlaviyoSim, SimOptions};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LIST: &str = "Y6nRLr";
/// Profiles of one import.
const IMPORT: u64 = 10_000;
/// Addresses that one look-up names.
const LOOKUP: u64 = 100;
/// Profiles that one call takes out.
const REMOVAL: u64 = 1_000;

pub(super) struct ProfileList {
    sim: KlaviyoSim,
}

impl ProfileList {
    pub(super) async fn start() -> Result<ProfileList, String> {
        let sim = KlaviyoSim::start(SimOptions { calls_max: 0, ..SimOptions::default() }).await?;
        sim.create_list(LIST, "Measured");
        Ok(ProfileList { sim })
    }
}

impl Platform for ProfileList {
    fn account(&self) -> Account {
        let key = self.sim.options().keys.first().map(|(key, _)| key.clone()).unwrap_or_default();
        Account {
            connector: "klaviyo",
            address: self.sim.base().to_owned(),
            app: None,
            body: json!({"connector": "klaviyo", "api_key": key}),
        }
    }

    fn settings(&self) -> Value {
        json!({"list": LIST})
    }

    fn held(&self) -> Result<BTreeSet<String>, String> {
        Ok(self.sim.members(LIST))
    }

    fn fail(&self) {
        self.sim.forget_counts();
        self.sim.set_faults(Faults { of_1000: 50, seed: 11, ..Faults::default() });
    }

    fn operations(&self) -> Vec<Operation> {
        let one =
            |(name, (done, failed)): (&'static str, (u64, u64))| Operation { name: name.to_owned(), done, failed };
        self.sim.counts().into_iter().map(one).collect()
    }

    fn fewest(&self, members: u64) -> Vec<(u64, &'static str)> {
        let imports = members.div_ceil(IMPORT);
        vec![
            (imports, "imports of 10,000 profiles"),
            (imports, "looks at how an import ended"),
            (members.div_ceil(LOOKUP), "look-ups of 100 addresses that go"),
            (members.div_ceil(REMOVAL), "removals of 1,000 profiles"),
        ]
    }

    fn violation(&self) -> Option<String> {
        self.sim.violations().first().cloned()
    }
}
