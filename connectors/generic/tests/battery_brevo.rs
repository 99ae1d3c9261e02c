//! The battery that every connector is held to, over the description of Brevo.

#[path = "support/contract.rs"]
mod contract;
mod support;

use connector_bench::{Battery, Calls, Clock, Double, Findings, Partial, Task};
use kit::connector::DestinationSetup;
use kit::platform::Connection;
use kit::sync::{Batch, Change, Destination};
use kit::token::Tokens;
use secrecy::SecretString;
use segmentd_simulators::brevo::{BrevoSim, NewContact, SimOptions};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use support::{BREVO, connection, map};

const LIST: u64 = 42;

struct Played {
    sim: BrevoSim,
    key: Mutex<String>,
}

impl Double for Played {
    fn address(&self) -> String {
        self.sim.base().to_owned()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        connection(&BREVO, address, "owner@example.com", tokens)
    }

    fn destination(&self, connection: Connection) -> Option<Arc<dyn Destination>> {
        let setup = DestinationSetup {
            connection: Some(Arc::new(connection)),
            settings: map(json!({ "list": LIST, "attributes": { "FNAME": "first_name" } })),
            ..DestinationSetup::default()
        };
        (BREVO.sync.unwrap().connect)(&setup).ok()
    }

    fn token(&self) -> SecretString {
        self.key.lock().unwrap().as_str().into()
    }

    fn expire(&self) -> SecretString {
        *self.key.lock().unwrap() = self.sim.new_key();
        self.token()
    }

    fn reset(&self) {
        self.sim.reset();
        self.sim.add_list(LIST, "VIP");
        let on = |number: u32| NewContact { lists: vec![LIST], ..NewContact::new(&format!("m{number}@example.com")) };
        self.sim.add_contacts(&(0..510).map(on).collect::<Vec<_>>());
        self.sim.add_contacts(&[NewContact::new("known@example.com")]);
        self.expire();
    }

    fn members(&self) -> BTreeSet<String> {
        self.sim.members(LIST)
    }

    fn refuse(&self, identifier: &str) {
        self.sim.refuse(identifier);
    }
}

fn batch(changes: &[(&str, bool)]) -> Batch {
    let change = |(identifier, member): &(&str, bool)| Change {
        identifier: (*identifier).to_owned(),
        person: "p_1".to_owned(),
        member: *member,
        sequence: 1,
        at: "2026-11-24T10:00:00Z".to_owned(),
        cause: "event".to_owned(),
        fields: BTreeMap::from([("first_name".to_owned(), "Ana".to_owned())]),
    };
    let (list, segment) = ("news".to_owned(), "vip".to_owned());
    Batch { id: "b1".to_owned(), list, segment, first_sync: false, changes: changes.iter().map(change).collect() }
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    let plenty = SimOptions {
        contacts_per_second: 1_000_000,
        others_per_hour: 1_000_000,
        stopped_at: Some(1_790_000_000),
        ..SimOptions::default()
    };
    let played = Played { sim: BrevoSim::start(plenty).await.unwrap(), key: Mutex::default() };
    let new =
        [("new@example.com", true), ("known@example.com", true), ("m3@example.com", false), ("no@example.com", false)];
    let some = [
        ("new@example.com", true),
        ("known@example.com", true),
        ("never@example.com", true),
        ("m1@example.com", true),
        ("m2@example.com", false),
    ];
    let calls = Calls {
        connector: &BREVO,
        double: &played,
        tasks: vec![
            Task::Identify,
            Task::Push(batch(&new)),
            Task::Held,
            Task::Holds(vec![
                "m1@example.com".to_owned(),
                "known@example.com".to_owned(),
                "who@example.com".to_owned(),
            ]),
            Task::Poll("contacts", 1_700_000_000),
        ],
        pages: Vec::new(),
        partial: vec![Partial { batch: batch(&some), refused: ["never@example.com".to_owned()].into() }],
        now_s: 1_795_000_000,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: false,
    };
    Battery { receive: None, calls: Some(calls), refresh: None }.run().await?;
    assert_eq!(played.sim.counters().wrong, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn whoever_said_no_there_is_not_put_on_and_is_taken_off() {
    let sim = BrevoSim::start(SimOptions { contacts_per_second: 10_000, ..SimOptions::default() }).await.unwrap();
    let played = Played { key: Mutex::new(sim.key().to_owned()), sim };
    played.sim.add_list(LIST, "VIP");
    played.sim.add_contacts(&[
        NewContact { left: vec![LIST], ..NewContact::new("left@example.com") },
        NewContact { blacklisted: true, lists: vec![LIST], ..NewContact::new("blocked@example.com") },
    ]);
    let connection = played.connection(&played.address(), support::fixed(played.sim.key()));
    let list = played.destination(connection).unwrap();
    let asked = batch(&[("left@example.com", true), ("blocked@example.com", true), ("ana@example.com", true)]);
    let refusals = list.push(&asked).await.unwrap();
    let told: BTreeMap<String, String> = refusals.into_iter().map(|one| (one.identifier, one.reason)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told["left@example.com"].contains("unsubscribed from this list"), "{told:?}");
    assert!(told["blocked@example.com"].contains("blocked there"), "{told:?}");
    assert_eq!(played.sim.members(LIST), ["ana@example.com".to_owned()].into());
    assert_eq!(played.sim.attribute("ana@example.com", "FNAME"), Some(json!("Ana")));
    assert_eq!(list.fields(), ["first_name"]);
    list.push(&batch(&[("ana@example.com", false)])).await.unwrap();
    list.held(None).await.unwrap();
    let counters = played.sim.counters();
    assert_eq!(counters.wrong, Vec::<String>::new());
    let Some(document) = contract::load() else { return };
    assert!(counters.seen.len() >= 6, "{:?}", counters.seen);
    for seen in &counters.seen {
        contract::check(&document, seen).unwrap();
    }
}
