//! Counts, figures, first and last, in windows.

use super::fake::{Fake, decimal, expect, expect_in, holds, outcome, plan, time};
use crate::eval::{Memo, Tri, evaluate_with};
use model::{Map, Value};

fn orders(times: &[&str]) -> Fake {
    times.iter().fold(Fake::default(), |fake, at| fake.did("Order Completed", at))
}

fn plays(numbers: &[(&str, i64)]) -> Fake {
    let number = |number: &i64| Value::Number((*number).into());
    numbers.iter().fold(Fake::default(), |fake, (at, n)| fake.did_with("Order Completed", at, "n", number(n)))
}

#[test]
fn an_event_is_inside_from_its_own_instant_until_n_later() {
    let once = r#"{"event":"Order Completed","window":{"last":"90m"}}"#;
    let fake = orders(&["2026-03-01T10:00:00Z"]);
    expect(once, &fake, "2026-03-01T10:00:00Z", true, "2026-03-01T11:30:00Z");
    expect(once, &fake, "2026-03-01T11:29:59.999999Z", true, "2026-03-01T11:30:00Z");
    expect(once, &fake, "2026-03-01T11:30:00Z", false, "never");
}

#[test]
fn at_least_two_ends_when_the_second_newest_leaves() {
    let twice = r#"{"event":"Order Completed","window":{"last":"30d"},"count":{"at_least":2}}"#;
    let fake = orders(&["2026-03-01", "2026-03-05", "2026-03-09"]);
    expect(twice, &fake, "2026-03-10", true, "2026-04-04");
    expect(twice, &fake, "2026-04-04", false, "never");
}

#[test]
fn at_most_one_begins_when_enough_have_left() {
    let seldom = r#"{"event":"Order Completed","window":{"last":"30d"},"count":{"at_most":1}}"#;
    let fake = orders(&["2026-03-01", "2026-03-05", "2026-03-09"]);
    expect(seldom, &fake, "2026-03-10", false, "2026-04-04");
    expect(seldom, &fake, "2026-04-04", true, "never");
}

#[test]
fn exactly_one_has_a_beginning_and_an_end() {
    let once = r#"{"event":"Order Completed","window":{"last":"30d"},"count":{"exactly":1}}"#;
    let fake = orders(&["2026-03-01", "2026-03-05"]);
    expect(once, &fake, "2026-03-10", false, "2026-03-31");
    expect(once, &fake, "2026-03-31", true, "2026-04-04");
    expect(once, &fake, "2026-04-04", false, "never");
}

#[test]
fn a_count_of_none_at_all_holds_for_somebody_who_did_nothing() {
    let none = r#"{"event":"Order Completed","count":{"at_most":0}}"#;
    expect(none, &Fake::default(), "2026-03-10", true, "never");
    expect(r#"{"event":"Order Completed","count":{"at_least":0}}"#, &Fake::default(), "2026-03-10", true, "never");
    expect(r#"{"event":"Order Completed","count":{"more_than":-1}}"#, &Fake::default(), "2026-03-10", true, "never");
}

#[test]
fn retention_takes_events_but_not_orders() {
    let fake = orders(&["2026-01-01"]).did("Link Clicked", "2026-01-01");
    expect(r#"{"event":"Order Completed"}"#, &fake, "2026-01-02", true, "never");
    // A thousand days of 24 hours later.
    expect(r#"{"event":"Link Clicked"}"#, &fake, "2026-01-02", true, "2028-09-27");
    expect(r#"{"event":"Link Clicked"}"#, &fake, "2028-09-27", false, "never");
    expect(r#"{"event":"Link Clicked","window":{"since":"2025-12-01"}}"#, &fake, "2026-01-02", true, "2028-09-27");
    expect(r#"{"event":"Link Clicked","window":{"last":"3y"}}"#, &fake, "2026-01-02", true, "2028-09-27");
    expect(r#"{"not":{"event":"Link Clicked","window":{"last":"60d"}}}"#, &fake, "2026-01-02", false, "2026-03-02");
}

#[test]
fn any_event_counts_every_name() {
    let any = r#"{"event":"*","count":{"at_least":2}}"#;
    let fake = orders(&["2026-01-01"]).did("Played", "2026-01-02");
    assert!(holds(any, &fake, "2026-01-03"));
    assert!(!holds(any, &orders(&["2026-01-01"]), "2026-01-03"));
}

#[test]
fn absolute_windows_take_their_first_end_and_not_their_second() {
    let fake = orders(&["2026-03-01", "2026-04-01"]);
    let count = |window: &str, n: u32| {
        let text = format!(r#"{{"event":"Order Completed","window":{window},"count":{{"exactly":{n}}}}}"#);
        expect(&text, &fake, "2026-05-01", true, "never");
    };
    count(r#"{"between":["2026-03-01","2026-04-01"]}"#, 1);
    count(r#"{"between":["2026-03-01T00:00:00.000001Z","2026-04-01T00:00:00.000001Z"]}"#, 1);
    count(r#"{"since":"2026-04-01"}"#, 1);
    count(r#"{"before":"2026-04-01"}"#, 1);
    count(r#"{"before":"2026-04-01T00:00:00.000001Z"}"#, 2);
}

#[test]
fn a_month_ends_on_its_last_day_when_the_day_is_missing() {
    let once = r#"{"event":"Order Completed","window":{"last":"1mo"}}"#;
    expect(once, &orders(&["2026-01-31T08:00:00Z"]), "2026-02-01", true, "2026-02-28T08:00:00Z");
    expect(once, &orders(&["2024-01-31T08:00:00Z"]), "2024-02-01", true, "2024-02-29T08:00:00Z");
    let year = r#"{"event":"Order Completed","window":{"last":"1y"}}"#;
    expect(year, &orders(&["2024-02-29"]), "2024-03-01", true, "2025-02-28");
    // The later of two may leave first: the 31st at noon goes before the 30th at evening.
    let fake = orders(&["2026-01-30T20:00:00Z", "2026-01-31T12:00:00Z"]);
    expect(once, &fake, "2026-02-10", true, "2026-02-28T20:00:00Z");
    let twice = r#"{"event":"Order Completed","window":{"last":"1mo"},"count":{"at_least":2}}"#;
    expect(twice, &fake, "2026-02-10", true, "2026-02-28T12:00:00Z");
}

#[test]
fn days_are_24_hours_and_months_keep_the_wall_clock_over_a_change_of_clocks() {
    // Clocks go forward in New York on 2026-03-08 at 02:00.
    let fake = orders(&["2026-03-07T12:00:00-05:00"]);
    let day = r#"{"event":"Order Completed","window":{"last":"1d"}}"#;
    let month = r#"{"event":"Order Completed","window":{"last":"1mo"}}"#;
    let zone = "America/New_York";
    expect_in(zone, day, &fake, "2026-03-07T18:00:00Z", true, "2026-03-08T13:00:00-04:00");
    expect_in(zone, month, &fake, "2026-03-07T18:00:00Z", true, "2026-04-07T12:00:00-04:00");
}

#[test]
fn calendar_words_turn_at_midnight_in_the_zone() {
    let zone = "America/Mexico_City";
    let fake = orders(&["2026-03-01T23:30:00-06:00"]);
    let word = |word: &str| format!(r#"{{"event":"Order Completed","window":{{"calendar":"{word}"}}}}"#);
    // A Sunday.
    expect_in(zone, &word("today"), &fake, "2026-03-01T23:45:00-06:00", true, "2026-03-02T00:00:00-06:00");
    // Nothing lies where a later window could hold it: then no day wakes anybody.
    expect_in(zone, &word("today"), &fake, "2026-03-02T00:00:00-06:00", false, "never");
    expect_in(zone, &word("yesterday"), &fake, "2026-03-02T00:00:00-06:00", true, "2026-03-03T00:00:00-06:00");
    expect_in(zone, &word("this week"), &fake, "2026-03-01T23:45:00-06:00", true, "2026-03-02T00:00:00-06:00");
    expect_in(zone, &word("last_week"), &fake, "2026-03-02T00:00:00-06:00", true, "2026-03-09T00:00:00-06:00");
    expect_in(zone, &word("this month"), &fake, "2026-03-02T00:00:00-06:00", true, "2026-04-01T00:00:00-06:00");
    expect_in(zone, &word("last month"), &fake, "2026-04-01T00:00:00-06:00", true, "2026-05-01T00:00:00-06:00");
    expect_in(zone, &word("this year"), &fake, "2026-04-01T00:00:00-06:00", true, "2027-01-01T00:00:00-06:00");
    expect_in(zone, &word("last year"), &fake, "2027-01-01T00:00:00-06:00", true, "2028-01-01T00:00:00-06:00");
}

#[test]
fn a_day_that_begins_at_one_o_clock_begins_there() {
    // In Sao Paulo 2018-11-04 began at 01:00.
    let fake = orders(&["2018-11-03T12:00:00-03:00"]);
    let today = r#"{"event":"Order Completed","window":{"calendar":"today"}}"#;
    expect_in("America/Sao_Paulo", today, &fake, "2018-11-03T20:00:00-03:00", true, "2018-11-04T01:00:00-02:00");
}

#[test]
fn filters_of_one_block_are_about_the_same_line_item() {
    let item = |sku: &str, price: i64| {
        Value::Map(Map::from([("sku".to_owned(), Value::text(sku)), ("price".to_owned(), Value::Number(price.into()))]))
    };
    let products = Value::List(vec![item("A1", 5), item("B2", 50), Value::text("no item")]);
    let fake = Fake::default().did_with("Order Completed", "2026-01-01", "products", products);
    let of = |filters: &str| format!(r#"{{"event":"Order Completed","where":{filters}}}"#);
    let both = |price: u32| {
        of(&format!(r#"[{{"item":[{{"property":"sku","is":"a1"}},{{"property":"price","is":{price}}}]}}]"#))
    };
    assert!(holds(&both(5), &fake, "2026-01-02"));
    assert!(!holds(&both(50), &fake, "2026-01-02"));
    let apart = r#"[{"item":[{"property":"sku","is":"A1"}]},{"item":[{"property":"price","is":50}]}]"#;
    assert!(holds(&of(apart), &fake, "2026-01-02"));
    assert!(!holds(&of(r#"[{"item":[{"property":"sku","is_not":"A1"}]}]"#), &orders(&["2026-01-01"]), "2026-01-02"));
}

#[test]
fn a_filter_that_looks_at_the_clock_sets_a_timer() {
    let fake = Fake::default().did_with("Order Completed", "2026-01-01", "delivery", Value::text("2026-01-10"));
    let soon = r#"{"event":"Order Completed","where":[{"property":"delivery","within":{"next":"2d"}}]}"#;
    expect(soon, &fake, "2026-01-02", false, "2026-01-08");
    expect(soon, &fake, "2026-01-08", true, "2026-01-10");
    assert!(plan(soon).is_timed());
}

#[test]
fn figures_end_when_the_deciding_value_leaves() {
    let fake = plays(&[("2026-03-01", 5), ("2026-03-05", 7), ("2026-03-09", 2)]);
    let of = |measure: &str| format!(r#"{{"event":"Order Completed","of":"n","window":{{"last":"30d"}},{measure}}}"#);
    expect(&of(r#""sum":{"at_least":9}"#), &fake, "2026-03-10", true, "2026-04-04");
    expect(&of(r#""sum":{"at_most":2}"#), &fake, "2026-03-10", false, "2026-04-04");
    expect(&of(r#""max":{"at_least":6}"#), &fake, "2026-03-10", true, "2026-04-04");
    expect(&of(r#""min":{"at_least":3}"#), &fake, "2026-03-10", false, "never");
    expect(&of(r#""min":{"at_most":2}"#), &fake, "2026-03-10", true, "2026-04-08");
    expect(&of(r#""avg":{"more_than":4.5}"#), &fake, "2026-03-10", true, "2026-03-31");
    expect(&of(r#""distinct":{"at_least":2}"#), &fake, "2026-03-10", true, "2026-04-04");
}

#[test]
fn the_sum_and_count_of_nothing_are_zero_and_its_other_figures_fail() {
    let of = |measure: &str| format!(r#"{{"event":"Order Completed","of":"n",{measure}}}"#);
    for measure in [r#""sum":{"at_most":0}"#, r#""distinct":{"exactly":0}"#] {
        expect(&of(measure), &Fake::default(), "2026-01-01", true, "never");
    }
    for figure in ["avg", "min", "max"] {
        let anything = format!(r#""{figure}":{{"between":[-1000,1000]}}"#);
        expect(&of(&anything), &Fake::default(), "2026-01-01", false, "never");
        let unread = Fake::default().did_with("Order Completed", "2026-01-01", "n", Value::text("many"));
        expect(&of(&anything), &unread, "2026-01-02", false, "never");
    }
}

#[test]
fn sums_that_decimals_can_not_hold_exactly_are_looked_at_again_early() {
    let odd = Value::Number(decimal("0.1234567890123456789012345678"));
    let fake = plays(&[("2026-03-05", 50_000)]).did_with("Order Completed", "2026-03-01", "n", odd);
    let sum = r#"{"event":"Order Completed","of":"n","sum":{"at_least":9},"window":{"last":"30d"}}"#;
    expect(sum, &fake, "2026-03-10", true, "2026-03-31");
    let huge = Value::Number(rust_decimal::Decimal::MAX);
    let fake = fake.did_with("Order Completed", "2026-03-06", "n", huge.clone());
    let fake = fake.did_with("Order Completed", "2026-03-07", "n", huge);
    assert_eq!(outcome(sum, &fake, "2026-03-10").value, Tri::False, "beyond 28 digits is no figure");
}

#[test]
fn distinct_texts_differ_by_more_than_case() {
    let text = |fake: Fake, at: &str, text: &str| fake.did_with("Played", at, "song", Value::text(text));
    let fake = text(text(text(Fake::default(), "2026-01-01", "Song"), "2026-01-02", "SONG"), "2026-01-03", "other");
    assert!(holds(r#"{"event":"Played","of":"song","distinct":{"exactly":2}}"#, &fake, "2026-01-04"));
}

#[test]
fn first_asks_about_the_first_of_all_and_last_about_the_last() {
    let fake = orders(&["2026-01-10", "2026-03-10"]);
    let of = |word: &str, window: &str| format!(r#"{{"event":"Order Completed","{word}":{window}}}"#);
    expect(&of("first", r#"{"last":"30d"}"#), &fake, "2026-03-11", false, "never");
    expect(&of("last", r#"{"last":"30d"}"#), &fake, "2026-03-11", true, "2026-04-09");
    expect(&of("last", r#"{"last":"30d"}"#), &fake, "2026-04-09", false, "never");
    expect(&of("last", r#"{"before":"2026-02-01"}"#), &fake, "2026-03-11", false, "never");
    expect(&of("first", r#"{"before":"2026-02-01"}"#), &fake, "2026-03-11", true, "never");
    expect(&of("last", r#"{"calendar":"last month"}"#), &fake, "2026-03-11", false, "2026-04-01");
    expect(&of("last", r#"{"calendar":"last month"}"#), &fake, "2026-04-01", true, "2026-05-01");
    // Retention takes the first click, and the second becomes the first.
    let clicks = Fake::default().did("Link Clicked", "2026-01-01").did("Link Clicked", "2026-06-01");
    let first = r#"{"event":"Link Clicked","first":{"since":"2026-05-01"}}"#;
    expect(first, &clicks, "2026-06-02", false, "2028-09-27");
    expect(first, &clicks, "2028-09-27", true, "2029-02-25");
}

#[test]
fn equal_conditions_of_several_plans_are_asked_once() {
    let fake = orders(&["2026-01-10"]).at(time("2026-01-11"));
    let one = plan(r#"{"event":"Order Completed","window":{"last":"30d"}}"#);
    let other = plan(r#"{"not":{"window":{"last":"30d"},"event":"order completed"}}"#);
    let third = plan(r#"{"event":"Order Completed","window":{"last":"31d"}}"#);
    let mut memo = Memo::default();
    let mut ask = |plan| evaluate_with(plan, &fake, fake.now, &mut memo).value;
    assert_eq!((ask(&one), ask(&other), fake.asked.get()), (Tri::True, Tri::False, 1));
    assert_eq!((ask(&third), fake.asked.get()), (Tri::True, 2));
}

#[test]
fn history_is_not_asked_for_when_a_characteristic_decides() {
    let fake = Fake { properties: Map::from([("country".to_owned(), Value::text("AR"))]), ..orders(&["2026-01-10"]) };
    let all = r#"{"all":[{"event":"Order Completed"},{"property":"country","is":"MX"}]}"#;
    expect(all, &fake, "2026-01-11", false, "never");
    let counted = fake.at(time("2026-01-11"));
    assert_eq!(crate::eval::evaluate(&plan(all), &counted, counted.now).value, Tri::False);
    assert_eq!(counted.asked.get(), 0);
}
