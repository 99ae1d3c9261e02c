//! What documents cost, and the bucket that pays for them.
//!
//! Scalars are free, objects cost 1, mutations 10, connections 2 and then their nodes times what is asked for.

use super::plan::{Field, Plan};
use serde_json::{Value, json};
use std::time::Instant;

/// Points of a mutation.
pub(super) const MUTATION: u64 = 10;
/// Points of a connection besides its nodes.
pub(super) const CONNECTION: u64 = 2;

fn field(one: &Field) -> u64 {
    if one.fields.is_empty() {
        return 0;
    }
    let many = one.number("first").or(one.number("last"));
    if one.is_connection() {
        let nodes = one.node_fields();
        let each = 1 + nodes.into_iter().map(field).fold(0, u64::saturating_add);
        let page = u64::from(one.fields.iter().any(|field| field.name == "pageInfo"));
        return CONNECTION + page + many.unwrap_or(0).saturating_mul(each);
    }
    let each = 1 + one.fields.iter().map(field).fold(0, u64::saturating_add);
    let ids = one.arguments.get("ids").and_then(Value::as_array).map(|ids| ids.len() as u64);
    each.saturating_mul(many.or(ids).unwrap_or(1))
}

/// What a document asks for.
pub(super) fn requested(plan: &Plan) -> u64 {
    if plan.mutation {
        return plan.fields.len() as u64 * MUTATION;
    }
    plan.fields.iter().map(field).fold(0, u64::saturating_add)
}

/// The bucket of an app and a shop.
#[derive(Debug)]
pub(in super::super) struct Bucket {
    available: f64,
    at: Instant,
}

/// The state of a bucket for an answer.
pub(super) struct Throttle {
    pub(super) maximum: u32,
    pub(super) available: f64,
    pub(super) restore: u32,
}

impl Throttle {
    pub(super) fn cost(&self, requested: u64, actual: Option<u64>) -> Value {
        json!({
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": f64::from(self.maximum),
                "currentlyAvailable": self.available.floor() as i64,
                "restoreRate": f64::from(self.restore),
            },
        })
    }
}

impl Bucket {
    /// A full one.
    pub(in super::super) fn new(maximum: u32) -> Bucket {
        Bucket { available: f64::from(maximum), at: Instant::now() }
    }

    fn refill(&mut self, maximum: u32, restore: u32) {
        let since = self.at.elapsed().as_secs_f64();
        self.at = Instant::now();
        self.available = (self.available + since * f64::from(restore)).min(f64::from(maximum));
    }

    /// Takes points if it holds them.
    pub(super) fn take(&mut self, points: u64, maximum: u32, restore: u32) -> bool {
        self.refill(maximum, restore);
        if self.available < points as f64 {
            return false;
        }
        self.available -= points as f64;
        true
    }

    /// Gives back what was not used.
    pub(super) fn give(&mut self, points: u64, maximum: u32) {
        self.available = (self.available + points as f64).min(f64::from(maximum));
    }

    pub(super) fn throttle(&self, maximum: u32, restore: u32) -> Throttle {
        Throttle { maximum, available: self.available, restore }
    }
}
