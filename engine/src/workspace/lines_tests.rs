//! Lines answer as going through all of it does, whatever came, in whatever order.

use super::Workspace;
use crate::eval::evaluate;
use crate::eval::line::{Lined, Wanted};
use crate::eval::reach::Reach;
use crate::eval::subject::{Happening, Spent, Subject, Visit};
use crate::person::consent::Foreign;
use crate::person::view::View;
use crate::plan::{Plan, Without};
use crate::storage::{
    ChunkRecord, MessageKey, OrderKey, OrderRecord, PersonNo, PersonRecord, Saved, Storage, StorageError,
};
use model::{
    Command, Event, EventKind, Identity, IdentityKey, Map, OrderPolicy, Record, Source, SourceKind, Time, Value,
    WorkspaceId,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

const HOUR: i64 = 3_600_000_000;
const START: &str = "2026-01-20T00:00:00Z";

struct Nothing;

impl Storage for Nothing {
    fn holder(&self, _: &IdentityKey) -> Result<Option<PersonNo>, StorageError> {
        Ok(None)
    }
    fn person(&self, _: PersonNo) -> Result<Option<PersonRecord>, StorageError> {
        Ok(None)
    }
    fn chunk(&self, _: u64) -> Result<Option<ChunkRecord>, StorageError> {
        Ok(None)
    }
    fn order(&self, _: &OrderKey) -> Result<Option<OrderRecord>, StorageError> {
        Ok(None)
    }
    fn seen(&self, _: &MessageKey) -> Result<bool, StorageError> {
        Ok(false)
    }
}

/// A person without lines.
struct Scanned<'a>(&'a View<'a>);

impl Subject for Scanned<'_> {
    fn property(&self, name: &str) -> Option<Value> {
        self.0.property(name)
    }
    fn happenings(&self, name: Option<&str>, from: Time, until: Time, visit: &mut dyn FnMut(&dyn Happening) -> bool) {
        self.0.happenings(name, from, until, visit);
    }
    fn spent(&self, from: Time, until: Time, without: Without, visit: &mut dyn FnMut(&Spent)) {
        self.0.spent(from, until, without, visit);
    }
    fn rate(&self, from: &str, to: &str, at: Time) -> Option<Decimal> {
        self.0.rate(from, to, at)
    }
    fn stable_id(&self) -> &str {
        self.0.stable_id()
    }
    fn in_segment(&self, segment: &str) -> Option<bool> {
        self.0.in_segment(segment)
    }
    fn walk(&self, reach: &Reach<'_>, visit: &mut Visit<'_>) -> Option<Time> {
        self.0.walk(reach, visit)
    }
}

fn apply(workspace: &mut Workspace<Nothing>, now: Time, command: Command) {
    let (position, id) = (workspace.position() + 1, WorkspaceId::from("w"));
    workspace.apply(&Record { position, time: now, workspace: id, command }, &mut Vec::new()).unwrap();
}

fn world(zone: &str) -> Workspace<Nothing> {
    let mut workspace = Workspace::open(WorkspaceId::from("w"), Nothing, Saved::default(), [7; 32], usize::MAX);
    let start = Time::parse(START).unwrap();
    let (name, time_zone, currency) = (String::new(), zone.to_owned(), "MXN".to_owned());
    let put = Command::WorkspacePut { name, time_zone, currency, retention_days: 25, crowded_links_max: 10 };
    apply(&mut workspace, start, put);
    let source = Source { id: "web".into(), kind: SourceKind::Server, orders: OrderPolicy::Count };
    apply(&mut workspace, start, Command::SourcePut(source));
    workspace
}

/// What comes: kind, number, amount, hours it is late, hours until then.
type Comes = (u8, u8, i8, u8, u8);

fn event((kind, number, amount, late, _): Comes, id: usize, now: Time) -> Event {
    let text = |text: String| Value::Text(text);
    let name = match kind {
        0..=3 => "Played",
        4..=5 => "Order Completed",
        6 => "Order Refunded",
        7 => "Order Cancelled",
        8 => "Order Updated",
        9 => "Product Added",
        _ => "Cart Updated",
    };
    let item = Map::from([
        ("product_id".to_owned(), text(format!("p{}", number % 3))),
        ("quantity".to_owned(), Value::Number(i64::from(amount.unsigned_abs() % 4).into())),
    ]);
    let properties = Map::from([
        ("order_id".to_owned(), text(format!("o{}", number % 6))),
        ("cart_id".to_owned(), text("c".to_owned())),
        ("n".to_owned(), Value::Number(Decimal::new(i64::from(amount), u32::from(number % 2)))),
        ("total".to_owned(), Value::Number(i64::from(amount.unsigned_abs()).into())),
        ("tax".to_owned(), Value::Number(i64::from(number % 4).into())),
        ("shipping".to_owned(), Value::Number(i64::from(number % 3).into())),
        ("currency".to_owned(), text(if number.is_multiple_of(7) { "USD" } else { "MXN" }.to_owned())),
        ("products".to_owned(), Value::List(vec![Value::Map(item)])),
    ]);
    Event {
        source: "web".into(),
        message_id: format!("m{id}"),
        kind: EventKind::Activity(name.to_owned()),
        time: now.plus_micros(-i64::from(late) * HOUR),
        received: now,
        identities: vec![Identity::user("web", "u"), Identity::scoped(model::IdentityKind::Cart, "web", "k")],
        properties,
        traits: Map::new(),
        consent: Vec::new(),
    }
}

/// In which currency, and without what.
const SPENT: &[&str] = &[
    "}",
    r#","currency":"USD"}"#,
    r#"},"without":["tax"]"#,
    r#"},"without":["shipping"]"#,
    r#"},"without":["tax","shipping"]"#,
];

fn definition() -> impl Strategy<Value = String> {
    let pick = |texts: &'static [&'static str]| prop::sample::select(texts);
    let event = || pick(&["Order Completed", "Played", "*", "Product Added", "Order Refunded"]);
    let window = || {
        pick(&[
            r#"{"last":"36h"}"#,
            r#"{"last":"12d"}"#,
            r#"{"last":"40d"}"#,
            r#"{"last":"1mo"}"#,
            r#"{"calendar":"today"}"#,
            r#"{"calendar":"last week"}"#,
            r#"{"calendar":"this month"}"#,
            r#"{"since":"2026-02-05"}"#,
            r#"{"between":["2026-01-25","2026-02-08T07:00:00Z"]}"#,
        ])
    };
    let filter = pick(&["", r#","where":[{"property":"n","at_least":2}]"#]);
    let measure = pick(&[
        r#""count":{"at_least":4}"#,
        r#""count":{"exactly":2}"#,
        r#""count":{"between":[1,6]}"#,
        r#""count":{"at_most":3}"#,
        r#""sum":{"at_least":9},"of":"n""#,
        r#""sum":{"between":[-4,5]},"of":"n""#,
        r#""avg":{"more_than":1},"of":"n""#,
        r#""avg":{"between":[-1,0.5]},"of":"n""#,
        r#""min":{"at_most":-3},"of":"n""#,
        r#""min":{"between":[-4,-1]},"of":"n""#,
        r#""max":{"at_least":8},"of":"n""#,
        r#""distinct":{"between":[2,7]},"of":"n""#,
    ]);
    prop_oneof![
        6 => (event(), filter, measure, window())
            .prop_map(|(event, filter, measure, window)| {
                format!(r#"{{"event":"{event}",{measure},"window":{window}{filter}}}"#)
            }),
        2 => (event(), pick(&["first", "last"]), window())
            .prop_map(|(event, edge, window)| format!(r#"{{"event":"{event}","{edge}":{window}}}"#)),
        2 => (0..40u32, window(), pick(&["at_least", "less_than"]), pick(SPENT)).prop_map(|(n, window, operator, how)| {
            format!(r#"{{"spent":{{"{operator}":"{n}"{how},"window":{window}}}"#)
        }),
    ]
}

/// Compares both ways for a person as they are at an instant.
fn agree(workspace: &Workspace<Nothing>, text: &str, plan: &Plan) -> Result<(), TestCaseError> {
    let key = Identity::user("web", "u").key();
    let Some(person) = workspace.people.holder(&key).unwrap().and_then(|no| workspace.people.get(no)) else {
        return Ok(());
    };
    let view =
        |now: Time| View { person, context: workspace.context_at(now), now, foreign: Foreign::NONE, stable_id: "p" };
    let now = workspace.now();
    let known = evaluate(plan, &view(now), now);
    let scanned = evaluate(plan, &Scanned(&view(now)), now);
    prop_assert_eq!(known.value, scanned.value, "{} at {}", text, now);
    prop_assert!(known.until > now, "{} at {}", text, now);
    if text.contains("count") && !text.contains("mo\"") {
        prop_assert!(known.until >= scanned.until, "{} at {}: {} before {}", text, now, known.until, scanned.until);
    }
    // Nothing changes before.
    let far = known.until.min(now.plus_micros(100 * 24 * HOUR));
    for part in [0, 1, 5, 9, 10] {
        let then = Time((now.0 + (far.0 - now.0) / 10 * part).min(far.0 - 1));
        let later = evaluate(plan, &Scanned(&view(then)), then);
        prop_assert_eq!(later.value, known.value, "{} from {} until {}: at {}", text, now, known.until, then);
    }
    Ok(())
}

/// A person whose history must not be gone through.
struct Unscanned<'a>(&'a View<'a>);

impl Subject for Unscanned<'_> {
    fn property(&self, name: &str) -> Option<Value> {
        self.0.property(name)
    }
    fn happenings(&self, _: Option<&str>, _: Time, _: Time, _: &mut dyn FnMut(&dyn Happening) -> bool) {
        panic!("a long history is gone through");
    }
    fn spent(&self, _: Time, _: Time, _: Without, _: &mut dyn FnMut(&Spent)) {
        panic!("a long history is gone through");
    }
    fn rate(&self, from: &str, to: &str, at: Time) -> Option<Decimal> {
        self.0.rate(from, to, at)
    }
    fn line(&self, wanted: Wanted<'_>) -> Option<Lined<'_>> {
        self.0.line(wanted)
    }
    fn stable_id(&self) -> &str {
        self.0.stable_id()
    }
    fn in_segment(&self, segment: &str) -> Option<bool> {
        self.0.in_segment(segment)
    }
    fn walk(&self, _: &Reach<'_>, _: &mut Visit<'_>) -> Option<Time> {
        None
    }
}

#[test]
fn a_long_history_is_not_gone_through() {
    let mut workspace = world("UTC");
    let now = workspace.now().plus_micros(9 * HOUR);
    for id in 0..40 {
        apply(&mut workspace, now, Command::Event(Box::new(event((id % 6, id / 6, 3, 0, 0), usize::from(id), now))));
    }
    let no = workspace.people.holder(&Identity::user("web", "u").key()).unwrap().unwrap();
    let person = workspace.people.get(no).unwrap();
    let view = View { person, context: workspace.context(), now, foreign: Foreign::NONE, stable_id: "p" };
    for text in [
        r#"{"event":"Played","count":{"at_least":20},"window":{"last":"7d"}}"#,
        r#"{"event":"Played","sum":{"at_least":20},"of":"n","where":[{"property":"total","is":3}]}"#,
        r#"{"event":"Played","distinct":{"exactly":1},"of":"total","window":{"last":"7d"}}"#,
        r#"{"event":"Played","last":{"last":"2d"}}"#,
        r#"{"spent":{"at_least":"5"},"without":["tax"],"window":{"last":"7d"}}"#,
    ] {
        let plan = workspace.compile(text).unwrap();
        assert_eq!(
            evaluate(&plan, &Unscanned(&view), now).value,
            evaluate(&plan, &Scanned(&view), now).value,
            "{text}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn lines_tell_what_a_scan_tells(
        definitions in prop::collection::vec(definition(), 6),
        zone in prop::sample::select(&["UTC", "America/New_York"][..]),
        comes in prop::collection::vec(
            (0u8..12, any::<u8>(), -9i8..10, prop_oneof![Just(0u8), 0u8..200], 0u8..40),
            10..60,
        ),
    ) {
        let mut workspace = world(zone);
        let plans: Vec<Plan> = definitions.iter().map(|text| workspace.compile(text).unwrap()).collect();
        let mut now = workspace.now();
        for (id, comes) in comes.into_iter().enumerate() {
            now = now.plus_micros(i64::from(comes.4) * HOUR);
            apply(&mut workspace, now, Command::Event(Box::new(event(comes, id, now))));
            // Some are asked each time, some now and then, some hardly ever.
            for (place, (text, plan)) in definitions.iter().zip(&plans).enumerate() {
                if id % (place * 3 + 1) == 0 {
                    agree(&workspace, text, plan)?;
                }
            }
            if id == 30 {
                let [from, to, date, rate] = ["USD", "MXN", "2026-01-01", "17.5"].map(str::to_owned);
                apply(&mut workspace, now, Command::RatePut { from, to, date, rate });
            }
            if id % 8 == 7 {
                drop(workspace.take_changes());
                workspace.changes_written();
            }
        }
    }
}
