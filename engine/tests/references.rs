//! Segments that refer to segments: what one edit changes follows at once, cycles are refused with the way shown.

#![allow(missing_docs)]

#[path = "world/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use memory::Memory;
use model::{Command, ListDefinition, ListIdentifier, ListMode, SegmentId, WorkspaceId};
use script::{Script, person, time};
use segmentd_engine::effect::Effect;
use segmentd_engine::workspace::{Applied, Workspace};
use serde_json::{Value as Json, json};

struct Shop {
    memory: Memory,
    engine: Workspace<Memory>,
    script: Script,
    done: usize,
    effects: Vec<Effect>,
}

impl Shop {
    fn new() -> Shop {
        let memory = Memory::default();
        let engine = Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], 0);
        let script = Script::new("2026-01-01T00:00:00Z", "UTC", false);
        let mut shop = Shop { memory, engine, script, done: 0, effects: Vec::new() };
        shop.catch_up();
        shop
    }

    fn catch_up(&mut self) -> Applied {
        let mut applied = Applied::Duplicate;
        self.effects.clear();
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

    /// Sets a segment and puts it in force.
    fn segment(&mut self, id: &str, version: u32, definition: &Json) {
        self.script.put_segment(id, definition);
        assert_eq!(self.catch_up(), Applied::Changed { person: None });
        let activated = self.command(Command::SegmentActivate { id: id.into(), version });
        assert_eq!(activated, Applied::Changed { person: None });
    }

    fn buy(&mut self, who: &str, total: u32) {
        self.script.event("web", "Order Completed", who, json!({"total": total, "currency": "MXN"}));
        self.catch_up();
    }

    fn members(&self, id: &str) -> Vec<String> {
        let (mut members, _) = self.engine.members(&SegmentId::from(id), None, 100).unwrap().unwrap();
        members.sort();
        members
    }

    fn tick(&mut self, at: &str) {
        self.script.now = time(at);
        self.command(Command::Tick);
    }

    /// Who entered and left what, of the last records.
    fn moves(&self) -> Vec<(&str, &str, bool)> {
        let moves = self.effects.iter().filter_map(|effect| match effect {
            Effect::Transition(one) => Some((one.segment.as_str(), one.person.as_str(), one.entered)),
            _ => None,
        });
        moves.collect()
    }
}

fn spent(amount: u32) -> Json {
    json!({"spent": {"at_least": amount.to_string()}, "window": {"last": "30d"}})
}

fn sorted(who: &[&str]) -> Vec<String> {
    let mut people: Vec<String> = who.iter().map(|who| person(who)).collect();
    people.sort();
    people
}

#[test]
fn an_edit_moves_those_who_refer_in_the_same_step_and_their_lists() {
    let mut shop = Shop::new();
    shop.buy("user:web:a", 100);
    shop.buy("user:web:b", 500);
    shop.segment("vip", 1, &spent(400));
    shop.segment("others", 1, &json!({"not": {"segment": "vip"}}));
    shop.segment("third", 1, &json!({"all": [{"segment": "others"}, spent(1)]}));
    let identifier = ListIdentifier::User("web".into());
    let list =
        ListDefinition { id: "l".into(), segment: "third".into(), identifier, consent: None, mode: ListMode::Mirror };
    shop.command(Command::ListPut(list));
    assert_eq!(shop.members("third"), sorted(&["user:web:a"]));
    shop.script.put_segment("vip", &spent(50));
    shop.catch_up();
    assert_eq!(shop.members("others"), sorted(&["user:web:a"]), "the version before stays in force");
    shop.command(Command::SegmentActivate { id: "vip".into(), version: 2 });
    let a = person("user:web:a");
    assert_eq!(shop.moves(), [("vip", a.as_str(), true), ("others", &a, false), ("third", &a, false)]);
    let left = |effect: &Effect| matches!(effect, Effect::Desired(one) if one.identifier == "a" && !one.member);
    assert!(shop.effects.iter().any(left), "{:?}", shop.effects);
    // What changes by an event or by time follows as well.
    shop.buy("user:web:c", 10);
    assert_eq!(shop.members("third"), sorted(&["user:web:c"]));
    shop.tick("2026-01-31T00:00:00Z");
    assert_eq!(shop.members("vip"), sorted(&[]));
    assert_eq!(shop.members("others"), sorted(&["user:web:a", "user:web:b", "user:web:c"]));
}

#[test]
fn after_a_restart_those_who_refer_know_the_others_whatever_their_names() {
    let mut shop = Shop::new();
    shop.buy("user:web:a", 100);
    shop.segment("z", 1, &spent(50));
    shop.segment("a", 1, &json!({"segment": "z"}));
    let changes = shop.engine.take_changes();
    shop.memory.write(changes);
    shop.engine.changes_written();
    shop.engine = Workspace::open(WorkspaceId::from("w"), shop.memory.clone(), shop.memory.saved(), [7; 32], 0);
    shop.buy("user:web:b", 60);
    assert_eq!(shop.members("a"), sorted(&["user:web:a", "user:web:b"]));
}

#[test]
fn cycles_unknown_segments_and_deleting_what_is_referred_to_are_refused() {
    let mut shop = Shop::new();
    let check = |shop: &Shop, id: &str, definition: Json| {
        shop.engine.check_definition(&SegmentId::from(id), &definition.to_string()).unwrap_err()
    };
    shop.segment("vip", 1, &spent(50));
    shop.segment("near", 1, &json!({"segment": "vip"}));
    shop.segment("far", 1, &json!({"not": {"entered": "near", "window": {"last": "7d"}}}));
    let cycle = json!({"sample": 10, "of": {"segment": "far"}});
    let why = check(&shop, "vip", cycle.clone());
    assert!(why.ends_with("the segment would refer to itself: vip -> far -> near -> vip"), "{why}");
    let why = check(&shop, "other", json!({"segment": "vipp"}));
    assert!(why.contains("unknown segment \"vipp\"; did you mean \"vip\"?"), "{why}");
    shop.script.put_segment("vip", &cycle);
    assert_eq!(shop.catch_up(), Applied::Refused("bad_definition"));
    assert_eq!(shop.command(Command::SegmentDelete { id: "near".into() }), Applied::Refused("segment_in_use"));
    let referring = shop.engine.referring(&SegmentId::from("near"));
    assert_eq!(referring.iter().map(SegmentId::as_str).collect::<Vec<_>>(), ["far"]);
    assert_eq!(shop.command(Command::SegmentDelete { id: "far".into() }), Applied::Changed { person: None });
    assert_eq!(shop.command(Command::SegmentDelete { id: "near".into() }), Applied::Changed { person: None });
}

#[test]
fn entries_are_those_of_the_present_definition() {
    let mut shop = Shop::new();
    shop.buy("user:web:a", 100);
    shop.segment("vip", 1, &spent(400));
    shop.segment("new", 1, &json!({"entered": "vip", "window": {"last": "7d"}}));
    assert_eq!(shop.members("new"), sorted(&[]));
    shop.script.now = time("2026-01-03T00:00:00Z");
    shop.segment("vip", 2, &spent(50));
    assert_eq!(shop.members("new"), sorted(&["user:web:a"]), "by this definition they came in on the first");
    shop.tick("2026-01-07T23:59:59Z");
    assert_eq!(shop.members("new"), sorted(&["user:web:a"]));
    shop.tick("2026-01-08T00:00:00Z");
    assert_eq!(shop.members("new"), sorted(&[]));
}

#[test]
fn a_frozen_segment_holds_who_matched_once_also_when_people_turn_out_to_be_one() {
    let mut shop = Shop::new();
    shop.buy("user:web:b", 500);
    shop.segment("launch", 1, &json!({"frozen": spent(400)}));
    shop.segment("rest", 1, &json!({"not": {"segment": "launch"}}));
    shop.buy("user:web:a", 500);
    assert_eq!((shop.members("launch"), shop.members("rest")), (sorted(&["user:web:b"]), sorted(&["user:web:a"])));
    shop.tick("2027-01-01T00:00:00Z");
    assert_eq!(shop.members("launch"), sorted(&["user:web:b"]), "time does not take anybody out");
    shop.script.event("web", "", "user:web:a user:web:b", json!({"city": "Lima"}));
    shop.catch_up();
    assert_eq!((shop.members("launch"), shop.members("rest")), (sorted(&["user:web:a"]), sorted(&[])));
    shop.segment("launch", 2, &json!({"frozen": spent(400)}));
    assert_eq!(shop.members("launch"), sorted(&[]), "set again it is taken anew");
    assert_eq!(shop.members("rest"), sorted(&["user:web:a"]));
}

#[test]
fn when_a_segment_is_frozen_nobody_has_entered_it() {
    let mut shop = Shop::new();
    shop.buy("user:web:a", 500);
    shop.segment("vip", 1, &spent(400));
    shop.segment("fresh", 1, &json!({"entered": "vip", "window": {"last": "7d"}}));
    assert_eq!(shop.members("fresh"), sorted(&["user:web:a"]));
    shop.segment("vip", 2, &json!({"frozen": spent(400)}));
    assert_eq!((shop.members("vip"), shop.members("fresh")), (sorted(&["user:web:a"]), sorted(&[])));
}

#[test]
fn what_grows_beyond_its_bounds_through_others_is_refused_and_what_refers_to_it_is_named() {
    let mut shop = Shop::new();
    shop.segment("vip", 1, &spent(400));
    shop.segment("fresh", 1, &json!({"entered": "vip"}));
    shop.segment("next", 1, &json!({"segment": "vip"}));
    let check = |shop: &Shop, id: &str, definition: &Json| {
        shop.engine.check_definition(&SegmentId::from(id), &definition.to_string())
    };
    let why = check(&shop, "again", &json!({"entered": "fresh"})).unwrap_err();
    assert!(why.contains("\"fresh\" itself asks for entries"), "{why}");
    // A chain of references is as deep as what it comes to.
    let deep = |id: &str| (0..21).fold(json!({"segment": id}), |inner, _| json!({"not": inner}));
    shop.segment("c0", 1, &deep("vip"));
    shop.segment("c1", 1, &deep("c0"));
    let why = check(&shop, "c2", &deep("c1")).unwrap_err();
    assert!(why.contains("nested deeper than 64 levels together"), "{why}");
    let why = check(&shop, "vip", &(0..22).fold(spent(1), |inner, _| json!({"not": inner}))).unwrap_err();
    assert!(why.contains("\"c1\", which refers to this segment: definition: nested deeper"), "{why}");
    // So does its size double with each step.
    let double = |id: &str| json!({"all": [{"segment": id}, {"segment": id}]});
    shop.segment("d0", 1, &double("vip"));
    for step in 1..10 {
        shop.segment(&format!("d{step}"), 1, &double(&format!("d{}", step - 1)));
    }
    let why = check(&shop, "d10", &double("d9")).unwrap_err();
    assert!(why.contains("more than 5000 conditions together"), "{why}");
}

#[test]
fn what_is_being_built_or_waits_counts_like_what_is_in_force() {
    let mut shop = Shop::new();
    let put = |shop: &mut Shop, id: &str, definition: &Json| {
        shop.script.put_segment(id, definition);
        shop.catch_up()
    };
    let (changed, refused) = (Applied::Changed { person: None }, Applied::Refused("bad_definition"));
    let deep = |levels, inner: Json| (0..levels).fold(inner, |inner, _| json!({"not": inner}));
    shop.segment("base", 1, &spent(1));
    shop.segment("vip", 1, &spent(400));
    shop.segment("near", 1, &json!({"segment": "vip"}));
    let entered = json!({"entered": "vip"});
    let by_near = json!({"entered": "near"});
    assert_eq!(put(&mut shop, "vip", &json!({"entered": "base"})), changed);
    for (id, definition) in [("new", &entered), ("newer", &by_near)] {
        assert_eq!(put(&mut shop, id, definition), refused, "{id}");
        let why = shop.engine.check_definition(&SegmentId::from(id), &definition.to_string()).unwrap_err();
        assert!(
            why.ends_with("itself asks for entries into a segment, by a version that is being built or waits"),
            "{why}"
        );
    }
    // A frozen one may ask for what it likes: nobody enters it.
    assert_eq!(put(&mut shop, "vip", &json!({"frozen": {"entered": "base"}})), changed);
    assert_eq!(put(&mut shop, "newer", &by_near), changed);
    // And the other way about: what refers to it is being built, too.
    assert_eq!(put(&mut shop, "vip", &json!({"entered": "base"})), refused);
    assert_eq!(shop.command(Command::SegmentCancel { id: "newer".into(), version: 1 }), changed);
    assert_eq!(put(&mut shop, "vip", &json!({"entered": "base"})), changed);
    // One that never was in force, and one in place of which another comes.
    assert_eq!(put(&mut shop, "vip", &spent(1)), changed);
    assert_eq!(put(&mut shop, "first", &json!({"entered": "vip"})), changed);
    assert_eq!(put(&mut shop, "second", &json!({"entered": "first"})), refused);
    // Depth, by the deepest of each, also through others.
    shop.segment("mid", 1, &deep(20, json!({"segment": "base"})));
    let tall = |levels| deep(levels, json!({"segment": "mid"}));
    assert_eq!(put(&mut shop, "base", &deep(21, spent(1))), changed);
    assert_eq!(put(&mut shop, "tall", &tall(21)), refused);
    assert_eq!(put(&mut shop, "tall", &tall(20)), changed);
    assert_eq!(put(&mut shop, "base", &deep(22, spent(1))), refused);
    assert_eq!(put(&mut shop, "base", &deep(1, spent(1))), changed);
    assert_eq!(put(&mut shop, "tall", &tall(21)), changed);
    // Whatever comes into force in whatever order, nothing fails.
    for (id, version) in [("first", 1), ("vip", 5), ("tall", 2), ("base", 3)] {
        assert_eq!(shop.command(Command::SegmentActivate { id: id.into(), version }), changed, "{id} {version}");
    }
    assert!(shop.engine.failed_segments().is_empty(), "{:?}", shop.engine.failed_segments());
}
