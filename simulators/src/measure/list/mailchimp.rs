//! A tag of a Mailchimp audience.

use super::{Account, Operation, Platform};
use crate::mailchimp::{Faults, MailchimpSim, SimOptions, Status};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Contacts that one call creates, or puts into a tag, or takes out of it.
const SIDE: u64 = 500;
const TAG: &str = "measured";

pub(super) struct Tag {
    sim: MailchimpSim,
    audience: String,
}

impl Tag {
    pub(super) async fn start() -> Result<Tag, String> {
        let sim = MailchimpSim::try_start(SimOptions::default()).await?;
        let audience = sim.create_audience("Measured");
        Ok(Tag { sim, audience })
    }
}

impl Platform for Tag {
    fn account(&self) -> Account {
        let app = json!({"client_id": "123456789012", "secrets": ["mailchimp-app-secret"]});
        Account {
            connector: "mailchimp",
            address: self.sim.base().to_owned(),
            app: Some(app),
            body: json!({"connector": "mailchimp"}),
        }
    }

    fn settings(&self) -> Value {
        json!({"audience": self.audience, "tag": TAG})
    }

    fn held(&self) -> Result<BTreeSet<String>, String> {
        let held = self.sim.tag_members(&self.audience, TAG);
        match held.iter().find(|(_, status)| **status != Status::Subscribed) {
            Some((address, status)) => Err(format!("{address} is {status:?}")),
            None => Ok(held.into_keys().collect()),
        }
    }

    fn fail(&self) {
        self.sim.reset();
        // An answer that never comes is not waited for long.
        self.sim.set_faults(Faults {
            too_many: 10,
            internal: 10,
            lost_answer: 10,
            drop_after: 10,
            timeout_before: 5,
            timeout_after: 5,
            timeout_ms: 200,
            ..Faults::default()
        });
    }

    fn operations(&self) -> Vec<Operation> {
        let counters = self.sim.counters();
        let one = |(name, calls): (&String, &crate::mailchimp::Calls)| Operation {
            name: name.clone(),
            done: calls.succeeded,
            failed: calls.failed,
        };
        counters.calls.iter().map(one).collect()
    }

    fn fewest(&self, members: u64) -> Vec<(u64, &'static str)> {
        let calls = members.div_ceil(SIDE);
        vec![(calls, "creations of 500"), (calls, "tag batches, 500 in and 500 out")]
    }

    fn violation(&self) -> Option<String> {
        self.sim.violations().first().map(|first| format!("{first:?}"))
    }
}
