//! Made-up definitions of what comes one after the other, and of who came in when.

use super::definitions::{ACTIVITIES, filters, window};
use super::dice::Dice;
use model::Time;
use serde_json::{Value as Json, json};

/// A sequence of two or three steps.
pub fn sequence(dice: &mut Dice, now: Time) -> Json {
    let mut first = step(dice, now);
    if dice.chance(70) {
        first["window"] = window(dice, now);
    }
    if dice.chance(25) {
        first["of"] = json!(dice.pick(&["any", "last"]));
    }
    let steps = if dice.chance(30) { 2 } else { 1 };
    follow(dice, now, &mut first, steps);
    first
}

fn step(dice: &mut Dice, now: Time) -> Json {
    let event = dice.pick(ACTIVITIES);
    let mut step = json!({"event": event});
    if let Some(filters) = filters(dice, now, event) {
        step["where"] = filters;
    }
    step
}

fn follow(dice: &mut Dice, now: Time, before: &mut Json, steps: usize) {
    let mut next = step(dice, now);
    if dice.chance(75) {
        next["within"] = json!(dice.pick(&["90m", "36h", "1d", "2d", "7d", "1mo"]));
    }
    if dice.chance(40) {
        next["same"] = dice.one(&[
            json!(["path"]),
            json!(["n"]),
            json!(["sku"]),
            json!(["product_id"]),
            json!(["currency", "sku"]),
            json!(["order_id"]),
        ]);
    }
    let mut key = dice.pick(&["then", "then_not"]);
    if steps > 1 {
        follow(dice, now, &mut next, steps - 1);
        key = "then";
    }
    before[key] = next;
}

/// An entry into another segment, mostly lately.
pub fn entered(dice: &mut Dice, now: Time, others: &[&str]) -> Json {
    let mut condition = json!({"entered": dice.pick(others)});
    if dice.chance(60) {
        condition["window"] = json!({"last": dice.pick(&["90m", "36h", "1d", "2d", "7d"])});
    } else if dice.chance(60) {
        condition["window"] = window(dice, now);
    }
    condition
}
