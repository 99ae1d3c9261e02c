//! Money spent.

use super::fake::{Fake, decimal, expect, holds, outcome, time};
use crate::eval::Tri;

const SPENT: &str = r#"{"spent":{"at_least":"100"},"window":{"last":"90d"}}"#;

#[test]
fn spent_ends_when_the_order_that_decides_leaves() {
    let fake = Fake::default().spent("80", "MXN", "2026-01-01").spent("70", "mxn", "2026-01-11");
    let fake = fake.spent("40", "", "2026-01-21");
    expect(SPENT, &fake, "2026-01-22", true, "2026-04-11");
    expect(SPENT, &fake, "2026-04-11", false, "never");
    expect(r#"{"spent":{"less_than":"50"},"window":{"last":"90d"}}"#, &fake, "2026-01-22", false, "2026-04-11");
    expect(r#"{"spent":{"at_least":"190"}}"#, &fake, "2026-01-22", true, "never");
}

#[test]
fn nothing_spent_is_zero() {
    expect(r#"{"spent":{"at_most":"0"}}"#, &Fake::default(), "2026-01-22", true, "never");
    expect(r#"{"spent":{"at_least":"0"},"window":{"last":"1d"}}"#, &Fake::default(), "2026-01-22", true, "never");
}

#[test]
fn orders_before_the_window_do_not_count_and_calendar_windows_shift() {
    let fake = Fake::default().spent("150", "MXN", "2026-01-31");
    let month = r#"{"spent":{"at_least":"100"},"window":{"calendar":"last month"}}"#;
    expect(month, &fake, "2026-01-31", false, "2026-02-01");
    expect(month, &fake, "2026-02-01", true, "2026-03-01");
    expect(month, &fake, "2026-03-01", false, "never");
}

#[test]
fn other_money_is_converted_at_the_rate_and_unknown_without_one() {
    let mut fake = Fake::default().spent("5", "USD", "2026-01-01").spent("60", "MXN", "2026-01-11");
    let known = outcome(SPENT, &fake, "2026-01-12");
    assert_eq!((known.value, known.until), (Tri::Unknown, time("2026-04-01")), "until the dollars leave");
    let negated = outcome(&format!(r#"{{"not":{SPENT}}}"#), &fake, "2026-01-12");
    assert_eq!(negated.value, Tri::Unknown);
    assert!(!holds(r#"{"spent":{"at_least":"5","currency":"USD"}}"#, &fake, "2026-01-12"));
    assert_eq!(outcome(SPENT, &fake, "2026-04-01").value, Tri::False);
    fake.rates = vec![("USD", "MXN", decimal("17.5"))];
    expect(SPENT, &fake, "2026-01-12", true, "2026-04-01");
}

#[test]
fn nothing_in_foreign_money_needs_no_rate() {
    let fake = Fake::default().spent("0.00", "USD", "2026-01-01").spent("100", "MXN", "2026-01-11");
    expect(SPENT, &fake, "2026-01-12", true, "2026-04-11");
}

#[test]
fn a_sum_beyond_28_digits_is_unknown() {
    let most = rust_decimal::Decimal::MAX.to_string();
    let fake = Fake::default().spent(&most, "MXN", "2026-01-01").spent(&most, "MXN", "2026-01-02");
    assert_eq!(outcome(SPENT, &fake, "2026-01-12").value, Tri::Unknown);
}
