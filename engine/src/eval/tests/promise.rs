//! The promise of `until`: nothing changes before it, and with conditions that time decides
//! alone it names the instant of the change.

use super::fake::{Did, Fake, plan_in, time};
use crate::eval::subject::Spent;
use crate::eval::{Outcome, Tri, evaluate};
use crate::plan::Plan;
use model::{Map, Time, Value};
use proptest::prelude::*;
use rust_decimal::Decimal;

const HOUR: i64 = 3_600_000_000;

const ZONES: &[&str] = &["UTC", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata"];
const WINDOWS: &[&str] = &[
    r#"{"last":"36h"}"#,
    r#"{"last":"30d"}"#,
    r#"{"last":"1mo"}"#,
    r#"{"calendar":"today"}"#,
    r#"{"calendar":"yesterday"}"#,
    r#"{"calendar":"this week"}"#,
    r#"{"calendar":"last month"}"#,
    r#"{"since":"2026-03-05"}"#,
    r#"{"between":["2026-02-20","2026-03-08T07:00:00Z"]}"#,
];
const MEASURES: &[&str] = &[
    r#""count":{"at_least":2}"#,
    r#""count":{"exactly":1}"#,
    r#""count":{"between":[1,2]}"#,
    r#""count":{"at_most":0}"#,
    r#""sum":{"at_least":4},"of":"n""#,
    r#""sum":{"between":[-1,3]},"of":"n""#,
    r#""avg":{"more_than":1},"of":"n""#,
    r#""min":{"at_most":0},"of":"n""#,
    r#""max":{"at_least":3},"of":"n""#,
    r#""distinct":{"exactly":2},"of":"n""#,
];

/// How one thing follows another.
const FOLLOWS: &[&str] =
    &["", r#","within":"36h""#, r#","within":"1mo""#, r#","same":["n"]"#, r#","same":["n"],"within":"5d""#];

fn leaf() -> impl Strategy<Value = String> {
    let pick = |texts: &'static [&'static str]| prop::sample::select(texts);
    let event = || prop::sample::select(&["Order Completed", "Played", "*"][..]);
    prop_oneof![
        (event(), pick(MEASURES), pick(WINDOWS))
            .prop_map(|(event, measure, window)| format!(r#"{{"event":"{event}",{measure},"window":{window}}}"#)),
        (event(), pick(&["first", "last"]), pick(WINDOWS))
            .prop_map(|(event, edge, window)| format!(r#"{{"event":"{event}","{edge}":{window}}}"#)),
        (event(), pick(WINDOWS)).prop_map(|(event, window)| format!(
            r#"{{"event":"{event}","where":[{{"property":"due","within":{{"next":"3d"}}}}],"window":{window}}}"#
        )),
        (0..5u32, pick(WINDOWS), pick(&["at_least", "less_than"]))
            .prop_map(|(n, window, operator)| format!(r#"{{"spent":{{"{operator}":"{n}"}},"window":{window}}}"#)),
        (event(), pick(&["then", "then_not"]), event(), pick(FOLLOWS), pick(WINDOWS)).prop_map(
            |(first, follow, second, how, window)| format!(
                r#"{{"event":"{first}","window":{window},"{follow}":{{"event":"{second}"{how}}}}}"#
            )
        ),
        (pick(&["then", "then_not"]), pick(FOLLOWS)).prop_map(|(follow, how)| format!(
            r#"{{"event":"*","of":"last","then":{{"event":"Played","within":"9d","{follow}":{{"event":"*"{how}}}}}}}"#
        )),
        pick(WINDOWS).prop_map(|window| format!(r#"{{"entered":"players","window":{window}}}"#)),
        pick(&[
            r#"{"segment":"players"}"#,
            r#"{"entered":"players"}"#,
            r#"{"sample":50,"of":{"segment":"players"}}"#,
            r#"{"property":"age","at_least":18}"#,
            r#"{"property":"birthday","anniversary":{"next":"7d"}}"#,
            r#"{"property":"birthday","within":{"last":"20y"}}"#,
        ])
        .prop_map(str::to_owned),
    ]
}

fn definition() -> impl Strategy<Value = String> {
    leaf().prop_recursive(2, 6, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            list.clone().prop_map(|parts| format!(r#"{{"all":[{}]}}"#, parts.join(","))),
            list.prop_map(|parts| format!(r#"{{"any":[{}]}}"#, parts.join(","))),
            inner.prop_map(|part| format!(r#"{{"not":{part}}}"#)),
        ]
    })
}

fn day_and_hours() -> impl Strategy<Value = Time> {
    (0..60i64 * 24).prop_map(|hours| time("2026-01-20").plus_micros(hours * HOUR))
}

fn person() -> impl Strategy<Value = Fake> {
    let did = (day_and_hours(), prop::sample::select(&["Order Completed", "Played"][..]), -2..5i64, 0..30i64);
    let did = did.prop_map(|(time, name, n, days)| {
        let due = time.plus_micros(days * 24 * HOUR).to_string();
        let properties = Map::from([("n".to_owned(), Value::Number(n.into())), ("due".to_owned(), Value::Text(due))]);
        Did { name: name.to_owned(), time, properties, kept: name == model::names::ORDER_COMPLETED }
    });
    let spent = (day_and_hours(), 0..4u32, prop::sample::select(&["MXN", "MXN", "USD"][..])).prop_map(
        |(time, amount, currency)| Spent { time, amount: Decimal::from(amount), currency: currency.to_owned() },
    );
    let birthday = (2005..2027i16, 1..13i8, 1..29i8).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}"));
    (prop::collection::vec(did, 0..6), prop::collection::vec(spent, 0..3), birthday).prop_map(
        |(mut did, mut spent, birthday)| {
            did.sort_by_key(|did| did.time);
            spent.sort_by_key(|spent| spent.time);
            Fake { did, spent, ..Fake::with("birthday", Value::Text(birthday)) }
        },
    )
}

/// What holds at an instant, with nothing new since `known`.
fn at(plan: &Plan, fake: &Fake, known: Time, now: Time) -> Outcome {
    let mut then = fake.at(now);
    then.did.retain(|did| did.time <= known);
    then.spent.retain(|spent| spent.time <= known);
    evaluate(plan, &then, now)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_changes_before_until(
        text in definition(),
        fake in person(),
        now in day_and_hours(),
        zone in prop::sample::select(ZONES),
        steps in prop::collection::vec(1..40i64 * 24, 8),
    ) {
        let plan = plan_in(zone, &text);
        let found = at(&plan, &fake, now, now);
        prop_assert!(found.until > now, "{text}: {found:?}");
        let probes = steps.into_iter().map(|hours| now.plus_micros(hours * HOUR));
        let last = Time(found.until.0.saturating_sub(1)).min(now.plus_micros(60 * 24 * HOUR));
        for then in probes.filter(|then| *then < found.until).chain([last]) {
            let later = at(&plan, &fake, now, then);
            prop_assert_eq!(later.value, found.value, "{} in {} at {} and {}", text, zone, now, then);
        }
    }

    #[test]
    fn a_rolling_count_changes_at_until(
        fake in person(), now in day_and_hours(), count in 0..5u32, exactly in any::<bool>(),
    ) {
        let word = if exactly { "exactly" } else { "at_least" };
        let plan = plan_in("America/New_York", &format!(r#"{{"event":"*","count":{{"{word}":{count}}},"window":{{"last":"1mo"}}}}"#));
        let found = at(&plan, &fake, now, now);
        if found.until != Time::MAX {
            let turned = at(&plan, &fake, now, found.until).value != found.value;
            // Several that leave together may pass over an exact count.
            prop_assert!(turned || exactly, "{:?}", found);
        }
    }

    #[test]
    fn what_was_spent_in_a_rolling_window_changes_at_until(
        fake in person(), now in day_and_hours(), amount in 1..6u32,
    ) {
        let plan = plan_in("UTC", &format!(r#"{{"spent":{{"at_least":"{amount}"}},"window":{{"last":"20d"}}}}"#));
        let found = at(&plan, &fake, now, now);
        if found.until != Time::MAX {
            prop_assert_ne!(at(&plan, &fake, now, found.until).value, found.value);
        }
    }
}

#[test]
fn unknown_is_neither_true_nor_false() {
    let plan = plan_in("UTC", r#"{"spent":{"at_least":"1","currency":"USD"}}"#);
    let fake = Fake::default().spent("5", "MXN", "2026-01-01").at(time("2026-01-02"));
    assert_eq!(evaluate(&plan, &fake, fake.now), Outcome { value: Tri::Unknown, until: Time::MAX });
}
