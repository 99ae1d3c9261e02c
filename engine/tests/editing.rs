//! Versions that wait, are cancelled, stay readable, or are stopped for their cost; and changes by consent.

#![allow(missing_docs)]

#[path = "world/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use memory::Memory;
use model::{Channel, Command, ListDefinition, ListIdentifier, ListMode, SegmentDefinition, SegmentId, WorkspaceId};
use script::Script;
use segmentd_engine::effect::{Cause, Effect};
use segmentd_engine::eval::meter::STEPS_MAX;
use segmentd_engine::workspace::versions::{PAST_VERSIONS_BYTES_MAX, PAST_VERSIONS_MAX, Standing};
use segmentd_engine::workspace::{Applied, Workspace};
use serde_json::{Value as Json, json};

struct Shop {
    memory: Memory,
    engine: Workspace<Memory>,
    script: Script,
    effects: Vec<Effect>,
    done: usize,
}

impl Shop {
    fn new() -> Shop {
        let memory = Memory::default();
        let engine = Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], 0);
        let script = Script::new("2026-01-01T00:00:00Z", "UTC", false);
        let mut shop = Shop { memory, engine, script, effects: Vec::new(), done: 0 };
        for person in 0..10 {
            shop.script.event("web", "Viewed", &format!("user:web:u{person}"), json!({"n": person}));
        }
        shop.catch_up();
        shop
    }

    fn catch_up(&mut self) -> Applied {
        let mut applied = Applied::Duplicate;
        for record in &self.script.records[self.done..] {
            applied = self.engine.apply(record, &mut self.effects).unwrap();
        }
        self.done = self.script.records.len();
        applied
    }

    fn command(&mut self, command: Command) -> Applied {
        self.script.push(command);
        self.catch_up()
    }

    fn prepare(&mut self, definition: &Json) {
        let put = SegmentDefinition { id: "s".into(), name: "S".to_owned(), definition: definition.to_string() };
        assert_eq!(self.command(Command::SegmentPrepare(put)), Applied::Changed { person: None });
    }

    fn in_force(&mut self, version: u32, definition: &Json) {
        self.script.put_segment("s", definition);
        self.catch_up();
        self.command(Command::SegmentActivate { id: "s".into(), version });
    }

    fn build(&mut self) {
        for _ in 0..100 {
            assert!(
                self.engine.build_near(4, u64::MAX).unwrap().is_empty(),
                "a version that is held is not to be activated"
            );
            if !self.engine.is_building() {
                return;
            }
        }
        panic!("it is never built");
    }

    fn reopen(&mut self) {
        let changes = self.engine.take_changes();
        self.memory.write(changes);
        self.engine.changes_written();
        self.engine = Workspace::open(WorkspaceId::from("w"), self.memory.clone(), self.memory.saved(), [7; 32], 0);
    }

    fn standings(&self) -> Vec<(u32, Standing)> {
        let versions = self.engine.versions(&SegmentId::from("s")).unwrap_or_default();
        versions.into_iter().map(|version| (version.version, version.standing)).collect()
    }

    fn members(&self) -> u64 {
        self.engine.segment(&SegmentId::from("s")).unwrap().members
    }

    fn failed(&self) -> Option<String> {
        self.engine.segment(&SegmentId::from("s")).unwrap().failed
    }
}

fn viewed(n: &Json) -> Json {
    json!({"event": "Viewed", "where": [{"property": "n", "less_than": n}]})
}

#[test]
fn a_prepared_version_waits_with_its_counts_and_takes_effect_when_told() {
    let mut shop = Shop::new();
    shop.in_force(1, &viewed(&json!(4)));
    shop.effects.clear();
    shop.prepare(&json!({"event": "Viewed", "where": [{"property": "n", "between": [2, 8]}]}));
    assert_eq!(shop.standings()[1], (2, Standing::Building(0)));
    shop.build();
    assert_eq!(shop.standings()[1], (2, Standing::Waiting { enter: 5, leave: 2 }));
    // It follows what happens meanwhile, newcomers too.
    shop.script.event("web", "Viewed", "user:web:new", json!({"n": 8}));
    shop.script.event("web", "Viewed", "user:web:u0", json!({"n": 5}));
    shop.catch_up();
    assert_eq!(shop.standings()[1], (2, Standing::Waiting { enter: 6, leave: 1 }));
    assert!(shop.effects.is_empty(), "nobody moved");
    let (enter, leave) = shop.engine.next_changes(&SegmentId::from("s"), 3).unwrap().unwrap();
    assert_eq!((enter.len(), leave.len()), (3, 1));
    // It goes on waiting after a restart, once it is built again.
    shop.reopen();
    shop.build();
    assert_eq!(shop.standings()[1], (2, Standing::Waiting { enter: 6, leave: 1 }));
    shop.command(Command::SegmentActivate { id: "s".into(), version: 2 });
    assert_eq!((shop.members(), shop.effects.len()), (9, 7));
    let versions = shop.engine.versions(&SegmentId::from("s")).unwrap();
    assert_eq!(shop.standings(), [(1, Standing::Past), (2, Standing::Active)]);
    assert_eq!(serde_json::from_str::<Json>(&versions[0].definition).unwrap(), viewed(&json!(4)));
    assert_eq!((versions[0].until, versions[1].since), (Some(shop.script.now), Some(shop.script.now)));
}

#[test]
fn a_cancelled_version_leaves_nothing_and_its_number_does_not_come_again() {
    let mut shop = Shop::new();
    shop.in_force(1, &viewed(&json!(4)));
    shop.effects.clear();
    shop.prepare(&viewed(&json!(8)));
    shop.build();
    let cancel = |version| Command::SegmentCancel { id: "s".into(), version };
    assert_eq!(shop.command(cancel(1)), Applied::Refused("no_such_version"), "what is in force is not cancelled");
    assert_eq!(shop.command(cancel(2)), Applied::Changed { person: None });
    assert_eq!((shop.standings(), shop.members()), (vec![(1, Standing::Active)], 4));
    assert!(!shop.engine.is_building());
    let stale = shop.command(Command::SegmentActivate { id: "s".into(), version: 2 });
    assert_eq!((stale, shop.effects.len()), (Applied::Refused("no_such_version"), 0));
    shop.reopen();
    shop.prepare(&viewed(&json!(2)));
    shop.build();
    assert_eq!(shop.standings()[1], (3, Standing::Waiting { enter: 0, leave: 2 }));
    // A first version that is cancelled leaves no segment.
    let put = SegmentDefinition { id: "t".into(), name: "T".to_owned(), definition: viewed(&json!(1)).to_string() };
    shop.command(Command::SegmentPrepare(put));
    shop.command(Command::SegmentCancel { id: "t".into(), version: 1 });
    assert!(shop.engine.segment(&SegmentId::from("t")).is_none());
}

#[test]
fn old_versions_stay_up_to_a_limit_and_survive_a_restart() {
    let mut shop = Shop::new();
    for version in 1..=PAST_VERSIONS_MAX as u32 + 5 {
        shop.script.now = shop.script.now.plus_micros(1_000_000);
        shop.in_force(version, &viewed(&json!(version)));
    }
    let versions = shop.engine.versions(&SegmentId::from("s")).unwrap();
    assert_eq!((versions.len(), versions[0].version), (PAST_VERSIONS_MAX + 1, 5));
    assert!(versions.windows(2).all(|pair| pair[0].until == pair[1].since), "one follows the other");
    shop.reopen();
    assert_eq!(shop.engine.versions(&SegmentId::from("s")).unwrap(), versions);
    shop.command(Command::SegmentDelete { id: "s".into() });
    shop.reopen();
    assert!(shop.engine.versions(&SegmentId::from("s")).is_none());
}

#[test]
fn of_large_definitions_fewer_old_versions_stay() {
    let mut shop = Shop::new();
    let large = |version: usize| {
        let values: Vec<String> = (0..200).map(|n| format!("{version}-{n}-{}", "x".repeat(900))).collect();
        json!({"property": "city", "in": values})
    };
    let bytes = large(0).to_string().len();
    for version in 1..=9 {
        shop.in_force(version as u32, &large(version));
    }
    let kept = PAST_VERSIONS_BYTES_MAX / bytes;
    assert!((3..7).contains(&kept), "{bytes} bytes each");
    let numbers = |shop: &Shop| shop.standings().iter().map(|(number, _)| *number as usize).collect::<Vec<_>>();
    assert_eq!(numbers(&shop), (9 - kept..=9).collect::<Vec<_>>(), "the newest, and the one in force");
    shop.reopen();
    assert_eq!(numbers(&shop), (9 - kept..=9).collect::<Vec<_>>());
}

fn list(consent: Option<Channel>) -> ListDefinition {
    let (id, segment, identifier) = ("l".into(), "s".into(), ListIdentifier::Email);
    ListDefinition { id, segment, identifier, consent, mode: ListMode::Mirror }
}

#[test]
fn a_first_version_that_a_list_or_a_segment_uses_is_not_cancelled() {
    let mut shop = Shop::new();
    shop.prepare(&viewed(&json!(4)));
    shop.build();
    shop.command(Command::ListPut(list(None)));
    let cancel = || Command::SegmentCancel { id: "s".into(), version: 1 };
    assert_eq!(shop.command(cancel()), Applied::Refused("segment_in_use"));
    assert_eq!(shop.standings(), [(1, Standing::Waiting { enter: 4, leave: 0 })]);
    shop.command(Command::ListDelete { id: "l".into(), empty: false });
    shop.script.put_segment("t", &json!({"not": {"segment": "s"}}));
    shop.catch_up();
    assert_eq!(shop.command(cancel()), Applied::Refused("segment_in_use"));
    shop.command(Command::SegmentDelete { id: "t".into() });
    assert_eq!(shop.command(cancel()), Applied::Changed { person: None });
    // One that follows another in force is cancelled with its lists there: they never heard of it.
    shop.in_force(1, &viewed(&json!(4)));
    shop.command(Command::ListPut(list(None)));
    shop.prepare(&viewed(&json!(8)));
    shop.effects.clear();
    assert_eq!(shop.command(Command::SegmentCancel { id: "s".into(), version: 2 }), Applied::Changed { person: None });
    assert_eq!((shop.standings(), shop.effects.len()), (vec![(1, Standing::Active)], 0));
}

#[test]
fn timers_of_a_cancelled_version_pass_and_change_nothing() {
    let mut shop = Shop::new();
    shop.prepare(&json!({"event": "Viewed", "window": {"last": "1h"}}));
    shop.build();
    let due = shop.engine.next_timer();
    assert_eq!(due, shop.script.now.plus_micros(3_600_000_000), "it is kept up to date while it waits");
    shop.command(Command::SegmentCancel { id: "s".into(), version: 1 });
    shop.effects.clear();
    shop.reopen();
    shop.script.now = due;
    shop.command(Command::Tick);
    assert_eq!((shop.effects.len(), shop.engine.next_timer()), (0, model::Time::MAX));
}

#[test]
fn lists_of_a_stopped_version_hold_but_for_consent_and_addresses_until_it_is_set_again() {
    let mut shop = Shop::new();
    let recent = json!([{"property": "day", "within": {"last": "1d"}}]);
    let costly = json!({"event": "Viewed", "where": recent, "count": {"at_least": 1_000}});
    shop.in_force(1, &json!({"any": [{"event": "Member"}, costly]}));
    shop.script.list(list(Some(Channel::Email)));
    for who in ["a", "b"] {
        let address = format!("{who}@x.mx");
        let both = format!("user:web:{who} email:{address}");
        shop.script.event("web", "Member", &both, json!({}));
        shop.script.consent("web", &both, &address, true);
    }
    shop.catch_up();
    shop.engine.limit_steps(50);
    for _ in 0..60 {
        shop.script.event("web", "Viewed", "user:web:heavy", json!({}));
    }
    shop.catch_up();
    assert!(shop.failed().is_some_and(|why| why.contains("more than 50 steps")));
    let held = |shop: &mut Shop| -> Vec<String> {
        let desired = shop.engine.desired(&"l".into()).unwrap();
        desired.into_iter().map(|(identifier, _)| identifier).collect()
    };
    shop.effects.clear();
    // Nobody enters; who unsubscribes leaves the list, and who changes the address stays with the new one.
    shop.script.event("web", "Member", "user:web:c email:c@x.mx", json!({}));
    shop.script.consent("web", "user:web:c", "c@x.mx", true);
    shop.catch_up();
    assert_eq!((held(&mut shop), shop.effects.len()), (vec!["a@x.mx".to_owned(), "b@x.mx".to_owned()], 0));
    shop.script.now = shop.script.now.plus_micros(1);
    shop.script.consent("web", "user:web:a", "a@x.mx", false);
    shop.catch_up();
    assert_eq!((held(&mut shop), shop.members()), (vec!["b@x.mx".to_owned()], 2));
    shop.reopen();
    shop.engine.limit_steps(50);
    assert_eq!((held(&mut shop), shop.failed().is_some()), (vec!["b@x.mx".to_owned()], true));
    shop.in_force(2, &json!({"event": "Member"}));
    assert_eq!((held(&mut shop), shop.failed()), (vec!["b@x.mx".to_owned(), "c@x.mx".to_owned()], None));
    shop.script.event("web", "Member", "user:web:d", json!({}));
    shop.catch_up();
    assert_eq!(shop.members(), 4, "it goes on");
}

/// A definition with so many conditions that somebody with many events costs too much.
fn costly(conditions: usize) -> Json {
    // What looks at the clock can't be kept ready: a long history is gone through.
    let recent = json!([{"property": "day", "within": {"last": "1d"}}]);
    let one = |n: usize| json!({"event": "Viewed", "where": recent, "count": {"at_least": 1_000_000 + n}});
    json!({"any": (0..conditions).map(one).collect::<Vec<_>>()})
}

#[test]
fn a_version_that_costs_too_much_for_one_person_stops_alone_and_keeps_its_members() {
    let mut shop = Shop::new();
    let conditions = 200;
    for _ in 0..STEPS_MAX as usize / (2 * conditions) + 10 {
        shop.script.event("web", "Viewed", "user:web:heavy", json!({"n": 1}));
    }
    // What decides at once costs nothing: nobody's history is looked at before they are `on`.
    let gated = json!({"all": [{"property": "on", "is": "yes"}, costly(conditions)]});
    shop.in_force(1, &json!({"any": [{"event": "Member"}, gated]}));
    shop.script.event("web", "Member", "user:web:u1", json!({}));
    shop.script.event("web", "Member", "user:web:heavy", json!({}));
    shop.catch_up();
    assert_eq!((shop.failed(), shop.members()), (None, 2));
    shop.script.event("web", "", "user:web:heavy", json!({"on": "yes"}));
    shop.catch_up();
    let why = shop.failed().expect("it is stopped");
    assert!(why.contains("2000000 steps") && why.contains("person p_"), "{why}");
    assert_eq!(shop.members(), 2, "also whom it could not evaluate");
    // Nobody enters or leaves, but who is gone.
    shop.script.event("web", "Member", "user:web:u2", json!({}));
    shop.script.erase("user:web:u1");
    shop.catch_up();
    assert_eq!(shop.members(), 1);
    shop.reopen();
    assert_eq!(shop.failed(), Some(why), "it stays stopped");
    // A version that would cost as much is not built, and not activated.
    shop.prepare(&costly(conditions));
    for _ in 0..5 {
        shop.engine.build_near(100, u64::MAX).unwrap();
    }
    assert!(matches!(&shop.standings()[1].1, Standing::Paused(why) if why.contains("steps")), "{:?}", shop.standings());
    let told = shop.command(Command::SegmentActivate { id: "s".into(), version: 2 });
    assert_eq!(told, Applied::Refused("costs_too_much"));
    shop.in_force(3, &json!({"event": "Member"}));
    assert_eq!((shop.failed(), shop.members()), (None, 2));
}

#[test]
fn a_statement_of_consent_is_the_cause_of_what_it_alone_changed() {
    let mut shop = Shop::new();
    let definition = json!({"any": [{"property": "consent_email", "is": "subscribed"},
        {"all": [{"event": "Form Submitted"}, {"not": {"property": "consent_email", "is": "unsubscribed"}}]}]});
    shop.in_force(1, &definition);
    shop.script.list(list(Some(Channel::Email)));
    let who = "user:web:ana email:a@x.mx";
    shop.script.event("web", "", who, json!({}));
    shop.catch_up();
    let causes = |shop: &mut Shop| {
        shop.effects.clear();
        shop.catch_up();
        let cause = |effect: &Effect| match effect {
            Effect::Transition(transition) => Some((transition.entered, transition.cause)),
            Effect::Desired(desired) => Some((desired.member, desired.cause)),
            _ => None,
        };
        shop.effects.iter().filter_map(cause).collect::<Vec<_>>()
    };
    shop.script.consent("web", who, "a@x.mx", true);
    assert_eq!(causes(&mut shop), [(true, Cause::Consent), (true, Cause::Consent)]);
    shop.script.now = shop.script.now.plus_micros(1);
    shop.script.consent("web", who, "a@x.mx", false);
    assert_eq!(causes(&mut shop), [(false, Cause::Consent), (false, Cause::Consent)]);
    // Both at once: the form alone would have been enough for the segment.
    let mut shop = Shop::new();
    shop.in_force(1, &json!({"event": "Form Submitted"}));
    shop.script.event("web", "", who, json!({}));
    shop.catch_up();
    let mut event = shop.script.make("web", "Form Submitted", who, json!({}));
    event.consent = vec![script::statement(shop.script.now, Channel::Email, "a@x.mx", true)];
    shop.script.push(Command::Event(Box::new(event)));
    assert_eq!(causes(&mut shop), [(true, Cause::Event)]);
}
