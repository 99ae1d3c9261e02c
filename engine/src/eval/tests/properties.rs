//! Characteristics.

use super::fake::{Fake, decimal, expect, holds, plan};
use model::{Map, Value};

const NOW: &str = "2026-03-01";

fn number(text: &str) -> Value {
    Value::Number(decimal(text))
}

/// Whether an operator holds of a value (`None`: missing).
fn passes(value: Option<Value>, operator: &str) -> bool {
    let fake = value.map_or_else(Fake::default, |value| Fake::with("x", value));
    holds(&format!(r#"{{"property":"x",{operator}}}"#), &fake, NOW)
}

#[test]
fn text_operators_disregard_case_and_composition() {
    let value = || Some(Value::text("Le\u{f3}n Guanajuato"));
    for operator in [
        r#""contains":"N GUANA""#,
        r#""starts_with":"leo\u0301n""#,
        r#""ends_with":"JUATO""#,
        r#""matches":"^LE\u00d3N\\s""#,
        r#""is":"LE\u00d3N guanajuato""#,
    ] {
        assert!(passes(value(), operator), "{operator}");
    }
    for operator in [
        r#""contains":"leon""#,
        r#""starts_with":"guana""#,
        r#""ends_with":"le""#,
        r#""matches":"^guana""#,
        r#""at_least":1"#,
        r#""exists":false"#,
    ] {
        assert!(!passes(value(), operator), "{operator}");
    }
}

#[test]
fn numbers_compare_as_numbers_also_when_they_came_as_text() {
    for value in [number("12.50"), Value::text(" 12.5 ")] {
        let passes = |operator: &str| passes(Some(value.clone()), operator);
        assert!(passes(r#""at_least":12.5"#) && passes(r#""at_least":"12.50""#));
        assert!(!passes(r#""more_than":12.5"#) && passes(r#""more_than":12.4"#));
        assert!(passes(r#""at_most":12.5"#) && !passes(r#""less_than":12.5"#));
        assert!(passes(r#""between":[12.5,20]"#) && passes(r#""between":[1,12.5]"#));
        assert!(!passes(r#""between":[13,20]"#));
        assert!(passes(r#""exactly":12.5"#) && passes(r#""is":12.5"#));
        assert!(passes(r#""in":[1,12.5]"#) && !passes(r#""not_in":["x",12.5]"#));
    }
}

#[test]
fn what_is_missing_fails_every_operator_but_two() {
    for operator in [
        r#""is":1"#,
        r#""in":["a"]"#,
        r#""exists":true"#,
        r#""contains":"a""#,
        r#""starts_with":"a""#,
        r#""ends_with":"a""#,
        r#""matches":".*""#,
        r#""at_least":0"#,
        r#""less_than":0"#,
        r#""before":"2030-01-01""#,
        r#""after":"2000-01-01""#,
        r#""within":{"last":"100y"}"#,
        r#""anniversary":{"next":"1y"}"#,
    ] {
        assert!(!passes(None, operator), "{operator}");
    }
    for operator in [r#""is_not":1"#, r#""not_in":["a"]"#, r#""exists":false"#] {
        assert!(passes(None, operator), "{operator}");
    }
}

#[test]
fn a_list_passes_when_one_element_does_and_a_negation_when_none_is_equal() {
    let tags = || Some(Value::List(vec![Value::text("VIP"), Value::text("new-2026"), number("7")]));
    assert!(passes(tags(), r#""is":"vip""#) && passes(tags(), r#""in":["old","vip"]"#));
    assert!(!passes(tags(), r#""is_not":"vip""#) && !passes(tags(), r#""not_in":["vip","old"]"#));
    assert!(passes(tags(), r#""is_not":"old""#) && passes(tags(), r#""not_in":["old"]"#));
    assert!(passes(tags(), r#""starts_with":"new""#) && passes(tags(), r#""at_least":7"#));
    assert!(!passes(tags(), r#""at_least":8"#));
    assert!(passes(Some(Value::List(Vec::new())), r#""exists":true"#));
}

#[test]
fn an_object_only_exists() {
    let object = || Some(Value::Map(Map::from([("a".to_owned(), number("1"))])));
    assert!(passes(object(), r#""exists":true"#) && passes(object(), r#""is_not":1"#));
    assert!(!passes(object(), r#""is":1"#) && !passes(object(), r#""contains":"a""#));
}

#[test]
fn a_characteristic_that_looks_at_no_clock_never_changes_by_time() {
    expect(r#"{"property":"x","is":"a"}"#, &Fake::with("x", Value::text("A")), NOW, true, "never");
    expect(r#"{"property":"x","is_not":"a"}"#, &Fake::default(), NOW, true, "never");
}

#[test]
fn groups_hold_as_long_as_their_deciding_children() {
    let fake = Fake::default().did("Order Completed", "2026-02-20").did("Page Viewed", "2026-02-25");
    let ordered = r#"{"event":"Order Completed","window":{"last":"30d"}}"#;
    let viewed = r#"{"event":"Page Viewed","window":{"last":"10d"}}"#;
    let never = r#"{"property":"x","exists":true}"#;
    expect(&format!(r#"{{"all":[{ordered},{viewed}]}}"#), &fake, NOW, true, "2026-03-07");
    expect(&format!(r#"{{"any":[{ordered},{viewed}]}}"#), &fake, NOW, true, "2026-03-22");
    expect(&format!(r#"{{"all":[{ordered},{never}]}}"#), &fake, NOW, false, "never");
    expect(&format!(r#"{{"any":[{ordered},{never}]}}"#), &fake, NOW, true, "2026-03-22");
    expect(&format!(r#"{{"not":{{"all":[{ordered},{viewed}]}}}}"#), &fake, NOW, false, "2026-03-07");
    // A false "all" holds until the latest of its false children.
    expect(&format!(r#"{{"all":[{{"not":{ordered}}},{{"not":{viewed}}}]}}"#), &fake, NOW, false, "2026-03-22");
}

#[test]
fn a_plan_names_all_that_could_change_its_answer() {
    let touched = |text: &str| plan(text).touched_by().clone();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let both = touched(r#"{"all":[{"event":"completed order"},{"not":{"property":"company.name","is":"x"}}]}"#);
    assert_eq!((both.events, both.properties), (names(&["Order Completed"]), names(&["company.name"])));
    assert!(!both.timed && !both.any_event && !both.orders);
    assert!(touched(r#"{"event":"*"}"#).any_event);
    assert!(touched(r#"{"spent":{"at_least":"1"}}"#).orders);
    assert_eq!(touched(r#"{"property":"age","at_least":18}"#).properties, names(&["age", "birthday"]));
}

#[test]
fn a_plan_knows_whether_time_alone_can_change_its_answer() {
    for timed in [
        r#"{"event":"Order Completed","window":{"last":"1d"}}"#,
        r#"{"event":"Order Completed","last":{"calendar":"today"}}"#,
        r#"{"event":"Link Clicked"}"#,
        r#"{"event":"Link Clicked","window":{"since":"2026-01-01"}}"#,
        r#"{"event":"*"}"#,
        r#"{"spent":{"at_least":"1"},"window":{"last":"1d"}}"#,
        r#"{"property":"age","at_least":18}"#,
        r#"{"not":{"property":"renews","within":{"next":"7d"}}}"#,
        r#"{"property":"birthday","anniversary":{"next":"7d"}}"#,
        r#"{"event":"Order Completed","where":[{"item":[{"property":"due","within":{"next":"7d"}}]}]}"#,
    ] {
        assert!(plan(timed).is_timed(), "{timed}");
    }
    for fixed in [
        r#"{"event":"Order Completed"}"#,
        r#"{"event":"Order Refunded","window":{"since":"2026-01-01"}}"#,
        r#"{"event":"Order Completed","first":{"before":"2026-01-01"}}"#,
        r#"{"spent":{"at_least":"1"}}"#,
        r#"{"property":"renews","before":"2026-01-01"}"#,
    ] {
        assert!(!plan(fixed).is_timed(), "{fixed}");
    }
}
