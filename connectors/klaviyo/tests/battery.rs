//! The battery that every connector is held to.

mod support;

use connector_bench::{Battery, Calls, Clock, Double, Findings, Partial, Refreshes, Task};
use kit::platform::Connection;
use kit::sync::Destination;
use kit::token::Tokens;
use secrecy::SecretString;
use segmentd_connector_klaviyo::CONNECTOR;
use segmentd_simulators::klaviyo::{NewProfile, SimOptions};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{LIST, World, batch};

struct Played {
    world: World,
    token: Mutex<String>,
}

impl Double for Played {
    fn address(&self) -> String {
        self.world.sim.base().to_owned()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        self.world.connection_at(address, tokens)
    }

    fn destination(&self, connection: Connection) -> Option<Arc<dyn Destination>> {
        support::destination(connection, json!({})).ok()
    }

    fn token(&self) -> SecretString {
        self.token.lock().unwrap().clone().into()
    }

    fn expire(&self) -> SecretString {
        self.world.sim.expire_tokens();
        *self.token.lock().unwrap() = self.world.sim.issue_token(&[]);
        self.token()
    }

    fn reset(&self) {
        self.world.sim.reset();
        self.world.sim.create_list(LIST, "VIP");
        *self.token.lock().unwrap() = self.world.sim.issue_token(&[]);
        for number in 0..150 {
            let email = format!("p{number:03}@example.com");
            let id = self.world.sim.add_profile(NewProfile { email, ..NewProfile::default() });
            self.world.sim.put_member(LIST, &id);
        }
    }

    fn members(&self) -> BTreeSet<String> {
        self.world.sim.members(LIST)
    }

    fn refuse(&self, identifier: &str) {
        self.world.sim.refuse(identifier, "invalid", "Invalid email address");
    }
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    // The rates are another test's: here eight ask at once for what may be asked once a second.
    let world = World::start(SimOptions { job_step: Duration::ZERO, limits: false, ..support::options() }).await;
    let played = Played { world, token: Mutex::default() };
    played.reset();
    let calls = Calls {
        connector: &CONNECTOR,
        double: &played,
        tasks: vec![
            Task::Identify,
            Task::Push(batch("b1", &["in@example.com"], &["p000@example.com", "p001@example.com"])),
            Task::Held,
            Task::Holds(vec!["p002@example.com".to_owned(), "out@example.com".to_owned()]),
        ],
        pages: Vec::new(),
        partial: vec![Partial {
            batch: batch("b1", &["never@example.com", "in@example.com"], &["p000@example.com"]),
            refused: ["never@example.com".to_owned()].into(),
        }],
        now_s: 1_772_355_600,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: true,
    };
    let platform = |address: &str| played.world.platform(address);
    let good = || played.world.sim.issue_refresh().into();
    let refresh = Refreshes {
        role: CONNECTOR.install.unwrap(),
        address: played.address(),
        platform: &platform,
        account: "AbC123",
        good: &good,
        revoked: "refresh-gone".into(),
    };
    Battery { receive: None, calls: Some(calls), refresh: Some(refresh) }.run().await
}
