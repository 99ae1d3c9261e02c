//! One thing after another, entries and samples.

use super::fake::{Fake, expect, holds, outcome};
use crate::eval::Tri;
use model::{Map, Value};

fn text(pairs: &[(&str, &str)]) -> Map {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::text(value))).collect()
}

fn items(ids: &[&str]) -> Map {
    let item = |id: &&str| Value::Map(text(&[("product_id", id)]));
    Map::from([("products".to_owned(), Value::List(ids.iter().map(item).collect()))])
}

const LEFT_CART: &str =
    r#"{"event":"Product Added","window":{"last":"30d"},"then_not":{"event":"Order Completed","within":"1d"}}"#;

#[test]
fn a_cart_is_left_when_the_time_to_buy_is_over_and_not_before() {
    let fake = Fake::default().did_all("Product Added", "2026-01-01", Map::new());
    expect(LEFT_CART, &fake, "2026-01-01T12:00:00Z", false, "2026-01-02");
    expect(LEFT_CART, &fake, "2026-01-02", true, "2026-01-31");
    expect(LEFT_CART, &fake, "2026-01-31", false, "never");
}

#[test]
fn what_is_bought_in_the_last_instant_counts_and_what_is_bought_in_the_same_does_not_follow() {
    let cart = || Fake::default().did_all("Product Added", "2026-01-01", Map::new());
    let at = |when: &str| cart().did_all("Order Completed", when, Map::new());
    assert!(!holds(LEFT_CART, &at("2026-01-02"), "2026-01-03"), "exactly a day later is within a day");
    assert!(holds(LEFT_CART, &at("2026-01-02T00:00:01Z"), "2026-01-03"));
    assert!(holds(LEFT_CART, &at("2026-01-01"), "2026-01-03"), "the same instant is not after");
}

#[test]
fn that_product_and_no_other_ties_two_steps_also_by_line_items() {
    let bought = r#"{"event":"Product Viewed","then":{"event":"Order Completed","same":["product_id"],"within":"7d"}}"#;
    let viewed = || Fake::default().did_all("Product Viewed", "2026-01-01", text(&[("product_id", "A")]));
    let with = |properties| viewed().did_all("Order Completed", "2026-01-02", properties);
    assert!(holds(bought, &with(text(&[("product_id", "a")])), "2026-01-03"), "without case");
    assert!(holds(bought, &with(items(&["b", "A"])), "2026-01-03"));
    assert!(!holds(bought, &with(items(&["b", "c"])), "2026-01-03"));
    assert!(!holds(bought, &with(Map::new()), "2026-01-03"), "a missing key never matches");
    let neither = Fake::default().did_all("Product Viewed", "2026-01-01", Map::new());
    assert!(!holds(bought, &neither.did_all("Order Completed", "2026-01-02", Map::new()), "2026-01-03"));
    let not =
        r#"{"event":"Product Viewed","then_not":{"event":"Order Completed","same":["product_id"],"within":"7d"}}"#;
    let two = with(items(&["A"])).did_all("Product Viewed", "2026-01-02", text(&[("product_id", "B")]));
    expect(not, &two, "2026-01-03", false, "2026-01-09");
    assert!(holds(not, &two, "2026-01-09"), "B was never bought");
}

#[test]
fn two_keys_are_those_of_one_and_the_same_line_item() {
    let item = |id: &str, size: &str| Value::Map(text(&[("product_id", id), ("size", size)]));
    let of = |list| Map::from([("products".to_owned(), Value::List(list))]);
    let same = r#"{"event":"Checkout Started","then":{"event":"Order Completed","same":["product_id","size"]}}"#;
    let fake = |list| {
        let started = text(&[("product_id", "A"), ("size", "M")]);
        Fake::default().did_all("Checkout Started", "2026-01-01", started).did_all(
            "Order Completed",
            "2026-01-02",
            of(list),
        )
    };
    assert!(holds(same, &fake(vec![item("B", "L"), item("A", "M")]), "2026-01-03"));
    assert!(!holds(same, &fake(vec![item("A", "L"), item("B", "M")]), "2026-01-03"));
}

#[test]
fn the_latest_first_step_alone_counts_if_asked() {
    let fake = Fake::default()
        .did_all("Checkout Started", "2026-01-01", Map::new())
        .did_all("Order Completed", "2026-01-02", Map::new())
        .did_all("Checkout Started", "2026-01-03", Map::new());
    let asked =
        |of: &str| format!(r#"{{"event":"Checkout Started","of":"{of}","then":{{"event":"Order Completed"}}}}"#);
    assert!(holds(&asked("any"), &fake, "2026-01-04"));
    assert!(!holds(&asked("last"), &fake, "2026-01-04"));
    assert!(holds(&asked("last"), &fake.did_all("Order Completed", "2026-01-05", Map::new()), "2026-01-06"));
}

#[test]
fn steps_follow_one_another_each_within_its_own_time() {
    let chain = r#"{"event":"A","then":{"event":"B","within":"2d","then_not":{"event":"C","within":"3d"}}}"#;
    let fake = Fake::default().did_all("A", "2026-01-01", Map::new()).did_all("B", "2026-01-03", Map::new());
    expect(chain, &fake, "2026-01-03", false, "2026-01-06");
    assert!(holds(chain, &fake, "2026-01-06"));
    let late = Fake::default().did_all("A", "2026-01-01", Map::new()).did_all("B", "2026-01-03T00:00:01Z", Map::new());
    expect(chain, &late, "2026-01-10", false, "never");
    // Not followed by C: of two Bs one without is enough.
    let two = fake.did_all("C", "2026-01-04", Map::new());
    assert!(!holds(chain, &two, "2026-01-10"));
}

#[test]
fn when_the_latest_leaves_a_window_of_months_an_earlier_one_may_be_the_latest() {
    let asked = r#"{"event":"A","of":"last","window":{"last":"1mo"},"then":{"event":"B"}}"#;
    let fake = Fake::default()
        .did_all("A", "2026-01-30T15:00:00Z", Map::new())
        .did_all("B", "2026-01-30T16:00:00Z", Map::new())
        .did_all("A", "2026-01-31T09:00:00Z", Map::new());
    expect(asked, &fake, "2026-02-01", false, "2026-02-28T09:00:00Z");
    expect(asked, &fake, "2026-02-28T09:00:00Z", true, "2026-02-28T15:00:00Z");
}

#[test]
fn who_came_in_is_known_for_as_long_as_the_window_says() {
    // Players are those who played in the last 10 days.
    let asked = r#"{"entered":"players","window":{"last":"7d"}}"#;
    let fake = Fake::default().did_all("Played", "2026-01-01", Map::new()).did_all("Played", "2026-01-05", Map::new());
    expect(asked, &fake, "2026-01-05", true, "2026-01-08");
    assert!(!holds(asked, &fake, "2026-01-08"), "playing on is no entry");
    let again = fake.did_all("Played", "2026-01-20", Map::new());
    assert!(holds(asked, &again, "2026-01-20"), "out on the 15th, in again");
    assert!(!holds(r#"{"entered":"another"}"#, &again, "2026-01-20"), "nobody enters what is held as it is");
}

#[test]
fn a_sample_is_a_part_and_a_smaller_one_is_a_part_of_it() {
    let sampled = |percent: &str, salt: &str| {
        let asked = format!(r#"{{"sample":{percent},"salt":"{salt}","of":{{"property":"vip","exists":true}}}}"#);
        let one = |n: usize| Fake { id: format!("p_{n}"), ..Fake::with("vip", Value::Bool(true)) };
        let inside = |n: &usize| outcome(&asked, &one(*n), "2026-01-01").value == Tri::True;
        (0..2_000).filter(inside).collect::<Vec<_>>()
    };
    let (tenth, fifth, other) = (sampled("10", ""), sampled("20", ""), sampled("10", "other"));
    assert!((150..250).contains(&tenth.len()), "{}", tenth.len());
    assert!(tenth.iter().all(|n| fifth.contains(n)) && fifth.len() > tenth.len());
    assert_ne!(tenth, other);
    assert_eq!((sampled("100", "").len(), sampled("0.000001", "").len()), (2_000, 0));
}
