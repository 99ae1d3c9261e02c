//! What connections bring: orders in any mix of versions, carts, withdrawal, and exports.

#![allow(missing_docs)]

#[path = "world/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use memory::Memory;
use model::{Command, Identity, ListDefinition, ListIdentifier, ListMode, Record, SegmentId, WorkspaceId};
use script::{Script, identity, person, time};
use segmentd_engine::effect::{Cause, Effect};
use segmentd_engine::workspace::{PersonName, Workspace};
use serde_json::{Value as Json, json};

const START: &str = "2026-01-01T00:00:00Z";
const DAY: i64 = 86_400_000_000;

fn open(memory: &Memory) -> Workspace<Memory> {
    Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], 0)
}

struct Run {
    memory: Memory,
    engine: Workspace<Memory>,
    script: Script,
    effects: Vec<Effect>,
    done: usize,
}

impl Run {
    fn new() -> Run {
        let memory = Memory::default();
        let script = Script::new(START, "UTC", true);
        Run { engine: open(&memory), memory, script, effects: Vec::new(), done: 0 }
    }

    /// Applies what the script has gained, writes a checkpoint, and opens anew from it.
    fn catch_up(&mut self) {
        let records: Vec<Record> = self.script.records[self.done..].to_vec();
        for record in records {
            self.engine.apply(&record, &mut self.effects).unwrap();
        }
        self.done = self.script.records.len();
        let changes = self.engine.take_changes();
        self.memory.write(changes);
        self.engine = open(&self.memory);
    }

    fn members(&mut self, segment: &str) -> Vec<String> {
        let page = self.engine.members(&SegmentId::from(segment), None, 100).unwrap();
        page.map_or_else(Vec::new, |(ids, _)| ids)
    }

    fn no(&self, who: &str) -> u32 {
        self.engine.resolve(&PersonName::Identity(identity(who))).unwrap().expect("a person")
    }

    fn export(&mut self, who: &str) -> Json {
        let no = self.no(who);
        let export = self.engine.export(no).unwrap().expect("a person");
        let mut text = String::new();
        assert!(export.tell(&mut |piece| {
            text.push_str(piece);
            true
        }));
        text.push('}');
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

fn cart(lines: &[(&str, i64)]) -> Json {
    let line = |(id, quantity): &(&str, i64)| json!({"line_id": id, "sku": format!("s{id}"), "quantity": quantity});
    json!({"cart_id": "c1", "note": "soon", "products": lines.iter().map(line).collect::<Vec<_>>()})
}

#[test]
fn an_order_belongs_to_whom_its_first_money_came_from_however_its_versions_come() {
    let version = |script: &mut Script, id: &str, at: &str, who: &str, name: &str, content: Json| {
        let mut event = script.make("shop", name, who, content);
        (event.message_id, event.time) = (id.to_owned(), time(at));
        Command::Event(Box::new(event))
    };
    let mut maker = Script::new("2026-01-02T00:00:00Z", "UTC", true);
    let mut commands = [
        // Within one second the greater message id is the later state.
        version(
            &mut maker,
            "order:1:UPDATED:0:b",
            START,
            "shop:9",
            "Order Updated",
            json!({"order_id": "1", "total": 10}),
        ),
        version(
            &mut maker,
            "order:1:UPDATED:1:a",
            START,
            "shop:9",
            "Order Updated",
            json!({"order_id": "1", "total": 50, "received": 50}),
        ),
        version(&mut maker, "order:1:PAID", START, "email:a@x.mx", "Order Completed", json!({"order_id": "1"})),
        version(
            &mut maker,
            "order:1:PAID:late",
            "2026-01-01T10:00:00Z",
            "shop:9",
            "Order Completed",
            json!({"order_id": "1"}),
        ),
    ];
    // Nothing links the e-mail address and the customer: the first money decides.
    for turn in 0..commands.len() * 2 {
        if turn == commands.len() {
            commands.reverse();
        }
        commands.rotate_left(1);
        let mut run = Run::new();
        run.script.segment("spent", 1, &json!({"spent": {"exactly": 50}}));
        let first = json!({"event": "Order Completed", "first": {"before": "2026-01-01T00:00:01Z"}});
        run.script.segment("first", 1, &first);
        run.script.at("2026-01-02T00:00:00Z");
        for command in commands.iter().chain(&commands[..2]) {
            run.script.push(command.clone());
            run.catch_up();
        }
        assert_eq!(run.members("spent"), [person("email:a@x.mx")], "turn {turn}");
        assert_eq!(run.members("first"), [person("email:a@x.mx")], "turn {turn}");
        assert_eq!(run.engine.people_count(), 2);
        // Seen together, they are one.
        run.script.event("shop", "", "shop:9 email:a@x.mx", json!({}));
        run.catch_up();
        assert_eq!(run.members("spent"), [person("email:a@x.mx")], "turn {turn}");
    }
}

#[test]
fn what_passed_of_a_cart_leaves_its_lines_to_compare_with() {
    let mut run = Run::new();
    run.script.workspace("UTC", 30, 10);
    run.script.segment("added", 1, &json!({"event": "Product Added", "sum": {"exactly": 1}, "of": "quantity"}));
    run.script.segment("removed", 1, &json!({"event": "Product Removed", "where": [{"property": "sku", "is": "s2"}]}));
    run.script.segment("old", 1, &json!({"property": "first_seen", "before": "2026-01-01T01:00:00Z"}));
    run.script.event("shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 1)]));
    run.script.at("2026-01-01T02:00:00Z");
    run.script.event("shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 2), ("2", 1)]));
    run.script.event("shop", "Checkout Started", "cart:shop:c1 email:a@x.mx", json!({}));
    run.catch_up();
    // Half a year later all of it is gone but the lines.
    run.script.now = time(START).plus_micros(180 * DAY);
    run.script.event("shop", "", "email:a@x.mx", json!({"city": "Lima"}));
    run.catch_up();
    assert_eq!(run.engine.person(run.no("email:a@x.mx")).unwrap().unwrap().events, 0);
    let facts = run.memory.record(run.no("email:a@x.mx")).tail.facts;
    assert_eq!(facts.len(), 4, "the lines, since when the cart and the address are known, and the city");
    assert_eq!(run.export("email:a@x.mx")["carts"][0]["products"][1]["sku"], json!("s2"));
    run.script.event("shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 3)]));
    run.catch_up();
    let expected = [person("email:a@x.mx")];
    for segment in ["added", "removed", "old"] {
        assert_eq!(run.members(segment), expected, "{segment}");
    }
    // What comes late from before is the state before, and happened too long ago to count.
    run.script.late("2026-01-01T03:00:00Z", "shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 2)]));
    run.catch_up();
    assert_eq!((run.members("added"), run.members("removed").len()), (expected.to_vec(), 0));
    // Once more, with the newer base in place of the older.
    run.script.now = run.script.now.plus_micros(180 * DAY);
    run.script.event("shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 4)]));
    run.catch_up();
    run.catch_up();
    assert_eq!(run.memory.record(run.no("email:a@x.mx")).tail.facts.len(), 5);
    assert_eq!((run.members("added"), run.members("old")), (expected.to_vec(), expected.to_vec()));
}

#[test]
fn an_event_of_a_cart_is_shown_with_what_follows_from_it() {
    let mut run = Run::new();
    run.script.segment("added", 1, &json!({"event": "Product Added", "where": [{"property": "sku", "is": "s1"}]}));
    run.script.event("shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 1), ("2", 3)]));
    run.script.at("2026-01-01T02:00:00Z");
    run.script.event("shop", "Cart Updated", "cart:shop:c1 email:a@x.mx", cart(&[("2", 2)]));
    run.catch_up();
    let no = run.no("email:a@x.mx");
    let (mut names, mut older) = (Vec::new(), None);
    loop {
        let (page, next) = run.engine.events(no, older, 1).unwrap().unwrap();
        names.extend(page.iter().map(|event| format!("{} {}", event["name"], event["properties"]["quantity"])));
        older = next;
        if older.is_none() {
            break;
        }
    }
    names.sort();
    let expected = [
        "\"Cart Updated\" null",
        "\"Cart Updated\" null",
        "\"Product Added\" 1",
        "\"Product Added\" 3",
        "\"Product Removed\" 1",
        "\"Product Removed\" 1",
    ];
    assert_eq!(names, expected);
    assert_eq!(run.engine.person(no).unwrap().unwrap().events, 6);
    let (_, _, _, tree) = run.engine.explain(&"added".into(), no).unwrap().unwrap();
    assert_eq!((&tree["found"], &tree["happenings"][0]["event"]), (&json!(1), &json!("Product Added")));
}

#[test]
fn a_withdrawn_source_takes_people_off_lists_as_an_ordinary_removal_and_a_redact_as_an_erasure() {
    for (command, cause) in [
        (Command::Redact { source: "shop".into(), identity: identity("email:a@x.mx") }, Cause::Erasure),
        (Command::Withdraw { source: "shop".into(), identity: identity("email:a@x.mx") }, Cause::Redact),
    ] {
        let mut run = Run::new();
        run.script.segment("bought", 1, &json!({"event": "Order Completed"}));
        let identifier = ListIdentifier::Platform("shop".into());
        let (id, segment) = ("l".into(), "bought".into());
        run.script.list(ListDefinition { id, segment, identifier, consent: None, mode: ListMode::Mirror });
        run.script.event("shop", "Order Completed", "shop:20 email:a@x.mx", json!({"order_id": 1, "total": 3}));
        run.script.event("web", "Page Viewed", "email:a@x.mx shop:100", json!({}));
        run.script.push(command);
        run.catch_up();
        let desired = run.effects.iter().filter_map(|effect| match effect {
            Effect::Desired(desired) => Some((desired.identifier.as_str(), desired.member, desired.cause)),
            _ => None,
        });
        let desired: Vec<_> = desired.collect();
        assert_eq!(desired.first(), Some(&("20", true, Cause::Event)));
        assert!(desired.contains(&("20", false, Cause::Event)) && desired.contains(&("100", true, Cause::Event)));
        assert_eq!(desired.last(), Some(&("100", false, cause)));
        let person = run.engine.person(run.no("email:a@x.mx")).unwrap().unwrap();
        assert_eq!(person.events, 1, "what the tracker told stays");
    }
}

#[test]
fn all_of_whom_a_source_told_are_found_in_pages_and_withdrawn_one_by_one() {
    let mut run = Run::new();
    for number in 0..700 {
        let source = if number % 100 == 7 { "shop" } else { "web" };
        run.script.event(source, "Played", &format!("user:web:u{number}"), json!({}));
    }
    run.script.event("shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 1)]));
    run.script.event("shop", "Played", "user:web:u7 email:a@x.mx", json!({}));
    run.catch_up();
    let all = |run: &Run, limit: usize| {
        let (mut found, mut pages, mut after) = (Vec::<Identity>::new(), 0, None);
        loop {
            let (identities, next) = run.engine.people_of(&"shop".into(), after, limit).unwrap().unwrap();
            assert!(identities.len() <= limit);
            found.extend(identities);
            (after, pages) = (next, pages + 1);
            if after.is_none() {
                return (found, pages);
            }
        }
    };
    let (found, pages) = all(&run, 1_000);
    let mut texts: Vec<String> = found.iter().map(Identity::canonical).collect();
    texts.sort();
    let expected = ["cart:shop:c1", "email:a@x.mx", "user:web:u107", "user:web:u207", "user:web:u307"];
    assert_eq!((texts.len(), &texts[..5]), (8, &expected.map(str::to_owned)[..]));
    assert!(pages >= 3, "{pages} pages: each is a bounded look");
    assert_eq!(all(&run, 1).0, found);
    assert_eq!(run.engine.people_of(&"nothing".into(), None, 9).unwrap(), None);
    for identity in found {
        run.script.push(Command::Withdraw { source: "shop".into(), identity });
    }
    run.catch_up();
    assert_eq!(all(&run, 1_000).0, []);
    assert_eq!(run.engine.people_count(), 700);
}

#[test]
fn an_export_tells_everything_and_stops_when_told() {
    let mut run = Run::new();
    run.script.segment("anyone", 1, &json!({"not": {"property": "none", "exists": true}}));
    run.script.event("shop", "", "shop:1 email:a@x.mx", json!({"city": "Lima", "company": {"name": "ACME"}}));
    run.script.at("2026-01-02T00:00:00Z");
    run.script.event("web", "", "email:a@x.mx", json!({"city": "Quito"}));
    run.script.consent("web", "email:a@x.mx", "a@x.mx", false);
    run.script.event("shop", "Cart Updated", "cart:shop:c1 email:a@x.mx", cart(&[("1", 1)]));
    run.script.event("shop", "Order Completed", "shop:1", json!({"order_id": 1, "total": "12.50"}));
    run.catch_up();
    let export = run.export("shop:1");
    assert_eq!(export["person"], json!(person("email:a@x.mx")));
    assert_eq!(export["segments"], json!(["anyone"]));
    assert_eq!(export["identities"].as_array().unwrap().len(), 3);
    assert_eq!(export["shown_properties"]["city"], json!("Lima"));
    let city = &export["properties"]["city"];
    assert_eq!((&city[0]["value"], &city[0]["source"]), (&json!("Lima"), &json!("shop")));
    assert_eq!((&city[1]["value"], &city[1]["time"]), (&json!("Quito"), &json!("2026-01-02T00:00:00.000000Z")));
    assert_eq!(export["properties"]["company"][0]["value"]["name"], json!("ACME"));
    assert_eq!(export["consent"][0]["state"], json!("unsubscribed"));
    let mut names: Vec<&str> =
        export["events"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Cart Updated", "Order Completed", "Product Added"]);
    let no = run.no("shop:1");
    let whole = run.engine.export(no).unwrap().unwrap();
    let mut pieces = 0;
    whole.tell(&mut |_| {
        pieces += 1;
        true
    });
    for stop in 1..=pieces {
        let mut taken = 0;
        whole.tell(&mut |_| {
            taken += 1;
            taken < stop
        });
        assert_eq!(taken, stop, "nothing comes once no more is wanted");
    }
}
