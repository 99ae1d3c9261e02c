//! Dates, ages, anniversaries.

use super::fake::{Fake, decimal, expect, expect_in};
use model::{Map, Value};

fn born(date: &str) -> Fake {
    Fake::with("birthday", Value::text(date))
}

#[test]
fn before_and_after_are_strict_and_a_day_is_its_first_instant_in_the_zone() {
    let of = |operator: &str| format!(r#"{{"property":"renews","{operator}":"2026-03-01"}}"#);
    let zone = "America/Mexico_City";
    let check = |value: &str, before: bool, after: bool| {
        let fake = Fake::with("renews", Value::text(value));
        expect_in(zone, &of("before"), &fake, "2026-01-01", before, "never");
        expect_in(zone, &of("after"), &fake, "2026-01-01", after, "never");
    };
    check("2026-02-28", true, false);
    check("2026-03-01", false, false);
    check("2026-03-01T05:59:59Z", true, false);
    check("2026-03-01T06:00:01Z", false, true);
    check("2026-03-02", false, true);
    check("soon", false, false);
}

#[test]
fn within_last_and_next_have_a_beginning_and_an_end() {
    let fake = Fake::with("renews", Value::text("2026-03-10"));
    let last = r#"{"property":"renews","within":{"last":"30d"}}"#;
    expect(last, &fake, "2026-03-01", false, "2026-03-10");
    expect(last, &fake, "2026-03-10", true, "2026-04-09");
    expect(last, &fake, "2026-04-09", false, "never");
    let next = r#"{"property":"renews","within":{"next":"7d"}}"#;
    expect(next, &fake, "2026-03-01", false, "2026-03-03");
    expect(next, &fake, "2026-03-03", true, "2026-03-10");
    expect(next, &fake, "2026-03-10", false, "never");
    let month = r#"{"property":"renews","within":{"next":"1mo"}}"#;
    expect(month, &Fake::with("renews", Value::text("2026-03-31")), "2026-02-01", false, "2026-02-28");
}

#[test]
fn one_date_of_a_list_is_enough() {
    let fake = Fake::with("dates", Value::List(vec![Value::text("2026-03-10"), Value::text("2026-05-10")]));
    let next = r#"{"property":"dates","within":{"next":"7d"}}"#;
    expect(next, &fake, "2026-03-11", false, "2026-05-03");
    expect(next, &fake, "2026-05-03", true, "2026-05-10");
}

#[test]
fn age_grows_at_midnight_of_the_birthday_in_the_zone() {
    let adult = r#"{"property":"age","at_least":18}"#;
    let zone = "America/Mexico_City";
    let fake = born("2008-03-10");
    expect_in(zone, adult, &fake, "2026-03-10T05:59:59Z", false, "2026-03-10T06:00:00Z");
    expect_in(zone, adult, &fake, "2026-03-10T06:00:00Z", true, "2027-03-10T06:00:00Z");
    // The date as written, whatever time of day follows.
    expect_in(zone, adult, &born("2008-03-10T00:00:00Z"), "2026-03-10T05:59:59Z", false, "2026-03-10T06:00:00Z");
}

#[test]
fn who_was_born_on_29_february_celebrates_on_the_28th() {
    let adult = r#"{"property":"age","at_least":18}"#;
    expect(adult, &born("2008-02-29"), "2026-02-27", false, "2026-02-28");
    expect(adult, &born("2008-02-29"), "2026-02-28", true, "2027-02-28");
    let leap = r#"{"property":"age","at_least":20}"#;
    expect(leap, &born("2008-02-29"), "2028-02-28", false, "2028-02-29");
}

#[test]
fn a_birthday_beats_a_bare_age() {
    let age = |age: &str| ("age".to_owned(), Value::Number(decimal(age)));
    let adult = r#"{"property":"age","at_least":18}"#;
    let bare = Fake { properties: Map::from([age("40")]), ..Fake::default() };
    expect(adult, &bare, "2026-01-01", true, "never");
    let birthday = ("birthday".to_owned(), Value::text("2020-01-01"));
    let both = Fake { properties: Map::from([age("40"), birthday]), ..Fake::default() };
    expect(adult, &both, "2026-01-01", false, "2027-01-01");
    let unreadable = ("birthday".to_owned(), Value::text("in May"));
    let odd = Fake { properties: Map::from([age("40"), unreadable]), ..Fake::default() };
    expect(adult, &odd, "2026-01-01", true, "never");
}

#[test]
fn a_birthday_that_lies_ahead_gives_no_age_until_it_comes() {
    expect(r#"{"property":"age","exists":true}"#, &born("2026-05-01"), "2026-01-01", false, "2026-05-01");
}

#[test]
fn an_anniversary_is_near_from_n_before_until_the_end_of_its_day() {
    let near = r#"{"property":"birthday","anniversary":{"next":"7d"}}"#;
    let fake = born("1990-03-10");
    expect(near, &fake, "2026-03-02", false, "2026-03-03");
    expect(near, &fake, "2026-03-03", true, "2026-03-11");
    expect(near, &fake, "2026-03-11", false, "2027-03-03");
    // Across the turn of the year, and on 29 February.
    expect(near, &born("1990-01-02"), "2025-12-27", true, "2026-01-03");
    expect(near, &born("1992-02-29"), "2026-02-20", false, "2026-02-21");
    expect(near, &born("1992-02-29"), "2026-02-28", true, "2026-03-01");
    expect(near, &born("1992-02-29"), "2028-02-29", true, "2028-03-01");
}

#[test]
fn the_anniversary_of_a_day_years_ahead_has_a_timer() {
    let near = r#"{"property":"birthday","anniversary":{"next":"7d"}}"#;
    expect(near, &born("2040-03-10"), "2026-03-02", false, "2040-03-03");
}
