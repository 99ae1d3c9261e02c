//! The battery that every connector is held to.

mod support;

use connector_bench::{Battery, Calls, Clock, Double, Findings, Partial, Task};
use kit::platform::Connection;
use kit::sync::Destination;
use kit::token::Tokens;
use secrecy::SecretString;
use segmentd_connector_mailman::CONNECTOR;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use support::core::{Core, Held};
use support::{KEY, batch};

struct Played(Core);

impl Double for Played {
    fn address(&self) -> String {
        self.0.base.clone()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        support::connection(address, tokens)
    }

    fn destination(&self, connection: Connection) -> Option<Arc<dyn Destination>> {
        support::destination(connection, json!({})).ok()
    }

    fn token(&self) -> SecretString {
        KEY.into()
    }

    fn expire(&self) -> SecretString {
        KEY.into()
    }

    fn reset(&self) {
        let members = (0..600).map(|number| (format!("p{number:03}@example.com"), String::new()));
        *self.0.held() = Held { members: members.collect(), ..Held::default() };
    }

    fn members(&self) -> BTreeSet<String> {
        self.0.members().into_iter().collect()
    }

    fn refuse(&self, identifier: &str) {
        self.0.held().banned.insert(identifier.to_owned());
    }
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    let played = Played(Core::start().await);
    played.reset();
    let calls = Calls {
        connector: &CONNECTOR,
        double: &played,
        tasks: vec![
            Task::Identify,
            Task::Push(batch(&["in@example.com"], &["p000@example.com", "p001@example.com"])),
            Task::Held,
            Task::Holds(vec!["p002@example.com".to_owned(), "out@example.com".to_owned()]),
        ],
        pages: Vec::new(),
        partial: vec![Partial {
            batch: batch(&["never@example.com", "in@example.com"], &["p000@example.com"]),
            refused: ["never@example.com".to_owned()].into(),
        }],
        now_s: 1_772_355_600,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: false,
    };
    Battery { receive: None, calls: Some(calls), refresh: None }.run().await
}
