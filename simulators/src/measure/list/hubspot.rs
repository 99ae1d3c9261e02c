//! A list of HubSpot's CRM.

use super::{Account, Operation, Platform};
use crate::hubspot::{Faults, HubspotSim, SCOPES, SimOptions};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PORTAL: u64 = 62_515;
const NAME: &str = "Measured";
/// Addresses of one batch.
const BATCH: u64 = 100;
/// Contacts that one call puts in, and others that it takes out.
const SIDE: u64 = 1_000;
/// Requests that are kept: they are counted, no more.
const EXCHANGES: usize = 20;

pub(super) struct CrmList {
    sim: HubspotSim,
    token: String,
}

impl CrmList {
    pub(super) async fn start() -> Result<CrmList, String> {
        let sim = HubspotSim::try_start(SimOptions { exchanges_max: EXCHANGES, ..SimOptions::default() }).await?;
        let token = sim.private_token(PORTAL, &SCOPES);
        Ok(CrmList { sim, token })
    }
}

impl Platform for CrmList {
    fn account(&self) -> Account {
        Account {
            connector: "hubspot",
            address: self.sim.base().to_owned(),
            app: None,
            body: json!({"connector": "hubspot", "api_key": self.token}),
        }
    }

    fn settings(&self) -> Value {
        json!({"list": NAME})
    }

    fn held(&self) -> Result<BTreeSet<String>, String> {
        self.sim.members(PORTAL, NAME).ok_or_else(|| "there is no such list".to_owned())
    }

    fn fail(&self) {
        self.sim.reset();
        self.sim.set_faults(Faults {
            too_many: 8,
            internal: 8,
            bad_gateway: 8,
            lost_answer: 8,
            drop_before: 9,
            drop_after: 9,
            only: "/crm/".to_owned(),
            ..Faults::default()
        });
    }

    fn operations(&self) -> Vec<Operation> {
        let counters = self.sim.counters();
        let one = |(name, calls): (&String, &crate::hubspot::Calls)| Operation {
            name: name.clone(),
            done: calls.succeeded,
            failed: calls.failed,
        };
        counters.calls.iter().map(one).collect()
    }

    fn fewest(&self, members: u64) -> Vec<(u64, &'static str)> {
        let batches = members.div_ceil(BATCH);
        vec![
            (batches, "look-ups of 100 addresses that come: contacts that exist stay as they are"),
            (batches, "batches that make 100 contacts"),
            (batches, "look-ups of 100 addresses that go"),
            (members.div_ceil(SIDE), "changes of the list, 1,000 in and 1,000 out"),
        ]
    }

    fn violation(&self) -> Option<String> {
        let limited = self.sim.counters().limited;
        (!limited.is_empty()).then(|| format!("calls beyond its limits: {limited:?}"))
    }
}
