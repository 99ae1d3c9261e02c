//! What a definition takes, in steps: the same whatever of a person is in memory.

#![allow(missing_docs)]

#[path = "world/asking.rs"]
#[allow(dead_code)]
mod asking;
#[path = "world/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use asking::look;
use memory::Memory;
use model::{Command, Identity, Record, SegmentDefinition, WorkspaceId};
use script::Script;
use segmentd_engine::workspace::query::AskError;
use segmentd_engine::workspace::{Applied, PersonName, Workspace};
use serde_json::{Value as Json, json};

const HOUR: i64 = 3_600_000_000;
const HEAVY: &str = "user:web:heavy";

/// Conditions of every kind: from lines, gone through, from both, and such as depend on when others turn.
fn definitions() -> Vec<Json> {
    let played = |rest: Json| {
        let mut all = json!({"event": "Played"});
        all.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        all
    };
    let recent = json!([{"property": "day", "within": {"last": "9d"}}]);
    let edges = json!({"any": [played(json!({"first": {"last": "60d"}})), played(json!({"last": {"last": "2d"}})),
        played(json!({"min": {"at_least": 3}, "of": "n", "window": {"last": "20d"}})), {"event": "Viewed"}]});
    vec![
        played(json!({"count": {"at_least": 20}, "window": {"last": "7d"}})),
        played(json!({"where": [{"property": "n", "at_least": 4}, {"property": "tags", "is": "b"}]})),
        played(json!({"sum": {"at_least": 5_000}, "of": "n"})),
        played(json!({"avg": {"between": [1, 4]}, "of": "n", "window": {"last": "1mo"}})),
        played(json!({"distinct": {"at_least": 90}, "of": "n", "window": {"calendar": "last_week"}})),
        played(json!({"where": recent, "count": {"at_least": 5}})),
        json!({"event": "*", "count": {"at_most": 9}, "window": {"last": "3d"}}),
        json!({"event": "*", "sum": {"at_least": 9}, "of": "n"}),
        json!({"event": "Product Added", "count": {"at_least": 30}}),
        json!({"event": "Order Completed", "count": {"at_least": 300}}),
        json!({"spent": {"at_least": "1000"}, "window": {"last": "20d"}}),
        json!({"all": [{"property": "tags", "is": "a"}, {"not": {"event": "Viewed", "window": {"last": "5d"}}},
            {"spent": {"less_than": "90"}, "without": ["tax"]}, edges.clone()]}),
        edges,
        json!({"event": "Viewed", "window": {"last": "9d"}, "then": {"event": "Played", "same": ["n"], "within": "2h"}}),
    ]
}

fn shop() -> Script {
    let mut script = Script::new("2026-01-01T00:00:00Z", "America/Mexico_City", false);
    script.workspace("America/Mexico_City", 40, 10);
    for (number, definition) in definitions().iter().enumerate() {
        script.segment(&format!("kept{number}"), 1, definition);
    }
    script.event("web", "", HEAVY, json!({"tags": ["a", "b", "c"], "on": true}));
    for number in 0..1_500i64 {
        script.now = script.now.plus_micros(HOUR + number * 1_000_003 % HOUR);
        let tags = json!(["a", "b", "c"][..(number % 4) as usize % 3 + 1]);
        let day = script.now.to_string();
        match number % 6 {
            0 => script.event("web", "Viewed", HEAVY, json!({"n": number % 50, "day": day})),
            1 => {
                let cart = json!({"cart_id": "c", "products": [{"product_id": "p", "quantity": number % 7}]});
                script.event("web", "Cart Updated", &format!("{HEAVY} cart:web:k"), cart)
            }
            2 => {
                let order = json!({"order_id": number, "total": number % 90, "tax": 5, "currency": "MXN"});
                script.event("web", "Order Completed", HEAVY, order)
            }
            _ => script.event("web", "Played", HEAVY, json!({"n": number % 97, "tags": tags, "day": day})),
        };
    }
    script
}

/// Who came into a segment that looks back three days, within one day.
fn entered_players() -> Json {
    json!({"entered": "players", "window": {"last": "1d"}})
}

struct Bench {
    memory: Memory,
    engine: Workspace<Memory>,
}

impl Bench {
    fn open(memory: Memory, cache_bytes: usize) -> Bench {
        let engine = Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], cache_bytes);
        Bench { memory, engine }
    }

    fn play(script: &Script, asked_meanwhile: bool) -> Bench {
        let mut bench = Bench::open(Memory::default(), 1 << 30);
        for record in &script.records {
            let asks = matches!(record.command, Command::SegmentPut(_) | Command::SegmentActivate { .. });
            // Positions are what they were: what is left out is as if it had been refused.
            let none = Record { command: Command::Tick, ..record.clone() };
            let record = if asks && !asked_meanwhile { &none } else { record };
            bench.engine.apply(record, &mut Vec::new()).unwrap();
        }
        bench
    }

    fn reopen(mut self, cache_bytes: usize) -> Bench {
        self.memory.write(self.engine.take_changes());
        self.engine.changes_written();
        Bench::open(self.memory, cache_bytes)
    }

    fn apply(&mut self, command: Command) -> Applied {
        let (position, time) = (self.engine.position() + 1, self.engine.now());
        let record = Record { position, time, workspace: WorkspaceId::from("w"), command };
        self.engine.apply(&record, &mut Vec::new()).unwrap()
    }

    /// Who played often or lives somewhere.
    fn put_players(&mut self) {
        let often = json!({"event": "Played", "count": {"at_least": 7}, "window": {"last": "3d"}});
        let definition = json!({"any": [often, {"property": "city", "is": "Oaxaca"}]}).to_string();
        self.apply(Command::SegmentPut(SegmentDefinition { id: "players".into(), name: String::new(), definition }));
        self.apply(Command::SegmentActivate { id: "players".into(), version: 1 });
    }

    /// Whether a segment comes into force within a bound.
    fn comes_into_force(&mut self, definition: &Json, limit: u64) -> bool {
        self.engine.limit_steps(limit);
        let put = SegmentDefinition { id: "s".into(), name: "S".to_owned(), definition: definition.to_string() };
        self.apply(Command::SegmentPut(put));
        let version = self.engine.segment(&"s".into()).and_then(|segment| segment.next).unwrap().version;
        let told = self.apply(Command::SegmentActivate { id: "s".into(), version });
        assert!([Applied::Changed { person: None }, Applied::Refused("costs_too_much")].contains(&told), "{told:?}");
        self.apply(Command::SegmentDelete { id: "s".into() });
        told != Applied::Refused("costs_too_much")
    }

    /// Whether a survey decides within a bound.
    fn is_surveyed(&mut self, definition: &Json, limit: u64) -> bool {
        self.engine.limit_steps(limit);
        let now = self.engine.now();
        let survey = self.engine.begin_survey(&[&definition.to_string()], &[], now).unwrap();
        let part = look(&self.memory, &survey, survey.range());
        self.engine.end_survey(&survey);
        part.looked_at().len() == 1
    }
}

/// The least bound that is enough.
fn least(mut enough: impl FnMut(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, 1 << 22);
    while low < high {
        let middle = (low + high) / 2;
        if enough(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

#[test]
fn a_definition_takes_as_many_steps_whatever_is_in_memory() {
    let script = shop();
    // Whose lines were kept all along, and who was never asked.
    let mut hot = Bench::play(&script, true);
    let mut unasked = Bench::play(&script, false);
    // What passed its retention is still there, or was taken; people are kept after they were read, or not.
    let mut cold = Bench::play(&script, false).reopen(0).reopen(1 << 30);
    let mut evicted = Bench::play(&script, false).reopen(0);
    let no = |bench: &Bench| bench.engine.resolve(&PersonName::Identity(Identity::user("web", "heavy"))).unwrap();
    assert!(no(&hot).is_some() && no(&hot) == no(&evicted));
    [&mut hot, &mut unasked, &mut cold, &mut evicted].into_iter().for_each(Bench::put_players);
    let mut costs = Vec::new();
    for definition in definitions().into_iter().chain([entered_players()]) {
        let cost = least(|limit| hot.comes_into_force(&definition, limit));
        for (who, bench) in [("unasked", &mut unasked), ("cold", &mut cold), ("evicted", &mut evicted)] {
            for (limit, enough) in [(cost, true), (cost - 1, false)] {
                assert_eq!(bench.comes_into_force(&definition, limit), enough, "{who}: {definition}");
                if who != "unasked" {
                    assert_eq!(bench.is_surveyed(&definition, limit), enough, "survey, {who}: {definition}");
                }
            }
        }
        costs.push(cost);
    }
    assert!(costs[0] < 20 && costs[5] > 400, "a line is cheap, what looks at the clock is not: {costs:?}");
}

#[test]
fn entries_take_no_more_steps_for_a_long_past_that_the_window_does_not_reach() {
    let entries = |past: i64| {
        let mut script = Script::new("2026-01-01T00:00:00Z", "UTC", false);
        script.event("web", "", HEAVY, json!({"city": "Lima"}));
        for number in 0..past {
            script.now = script.now.plus_micros(HOUR / 200);
            let who = if number % 3 == 0 { "Viewed" } else { "Played" };
            script.event("web", who, HEAVY, json!({"n": number % 7}));
        }
        script.at("2026-03-01T00:00:00Z");
        for _ in 0..9 {
            script.now = script.now.plus_micros(HOUR);
            script.event("web", "Played", HEAVY, json!({}));
            script.event("web", "Viewed", HEAVY, json!({}));
        }
        let mut bench = Bench::play(&script, false);
        bench.put_players();
        least(|limit| bench.comes_into_force(&entered_players(), limit))
    };
    let (short, long) = (entries(0), entries(100_000));
    // Which facts of all can matter is looked at once.
    assert!(long <= short + 100_000 / 64 + 1, "{short} steps, {long} with a long past");
    assert!(short < 200, "{short}");
}

#[test]
fn questions_take_no_more_steps_than_they_may_and_say_so() {
    let mut script = Script::new("2026-01-01T00:00:00Z", "UTC", false);
    // What looks at the clock is gone through.
    let recent = json!([{"property": "day", "within": {"last": "9d"}}]);
    script.segment(
        "s",
        1,
        &json!({"all": [{"event": "Viewed"}, {"any": [{"event": "Played", "where": recent,
        "count": {"at_least": 300}, "window": {"last": "3d"}}, {"event": "Bought"}]}]}),
    );
    for number in 0..200 {
        script.now = script.now.plus_micros(HOUR / 10);
        let day = script.now.to_string();
        script.event("web", if number == 0 { "Viewed" } else { "Played" }, HEAVY, json!({"day": day}));
    }
    let then = script.now;
    script.at("2026-02-01T00:00:00Z").event("web", "Viewed", "user:web:light", json!({}));
    let mut bench = Bench::play(&script, true);
    let (id, heavy) = ("s".into(), PersonName::Identity(Identity::user("web", "heavy")));
    let no = bench.engine.resolve(&heavy).unwrap().unwrap();
    let told = |bench: &mut Bench| {
        let now = bench.engine.explain(&id, no).map(|told| told.is_some());
        let past = bench.engine.explain_at(&id, no, then).map(|told| told.is_some());
        (now, past, bench.engine.members_at(&id, then, None, 9).map(|page| page.unwrap().1))
    };
    assert_eq!(told(&mut bench), (Ok(true), Ok(true), Ok(None)));
    // Of then more is to be gone through than of now.
    bench.engine.limit_steps(300);
    let (now, past, members) = told(&mut bench);
    let too_many = AskError::TooManySteps { person: script::person(HEAVY), limit: 300 };
    assert_eq!((now, past, members), (Ok(true), Err(too_many.clone()), Err(too_many.clone())));
    assert!(too_many.to_string().contains("takes too many steps for person p_"), "{too_many}");
    bench.engine.limit_steps(1);
    assert!(matches!(told(&mut bench).0, Err(AskError::TooManySteps { limit: 1, .. })));
    // A page goes no further than to whom it takes that many.
    bench.engine.limit_steps(450);
    let page = bench.engine.members_at(&id, then, None, 9).unwrap().unwrap();
    assert_eq!(page, (Vec::new(), None));
    bench.engine.limit_steps(400);
    assert_eq!(bench.engine.members_at(&id, then, None, 9).unwrap().unwrap().1, Some(no));
}
