//! By how much a condition on a figure fails.

use crate::language::ast::Bounds;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value, json};

/// Says in a reason what a figure lacks or has too much of: `missing` (a decimal as text), its `unit`, and
/// `would_hold_with`. Says nothing when it lies within its bounds. A figure that is `whole` moves by ones.
pub(super) fn tell(bounds: &Bounds, found: Decimal, whole: bool, unit: &str, out: &mut Map<String, Value>) {
    let Some((by, direction, strictly)) = distance(bounds, found, whole) else { return };
    let by = by.normalize().to_string();
    let beyond = if strictly { "more than " } else { "" };
    // A count has no unit of its own: what is counted stands in the condition.
    let amount = if whole { by.clone() } else { format!("{by} {unit}").trim_end().to_owned() };
    out.insert("missing".to_owned(), json!(if direction == "less" { format!("-{by}") } else { by }));
    out.insert("unit".to_owned(), json!(unit));
    out.insert("would_hold_with".to_owned(), json!(format!("{beyond}{amount} {direction}")));
}

/// How far a figure is from its bounds, in which direction, and whether by more than that.
fn distance(bounds: &Bounds, found: Decimal, whole: bool) -> Option<(Decimal, &'static str, bool)> {
    if bounds.hold(found) {
        return None;
    }
    let (end, inclusive, direction) = match (bounds.low, bounds.high) {
        (Some((low, inclusive)), _) if found < low || (found == low && !inclusive) => (low, inclusive, "more"),
        (_, Some((high, inclusive))) => (high, inclusive, "less"),
        _ => return None,
    };
    // The nearest whole number within the bounds; there may be none that is not negative.
    let end = match (whole, direction, inclusive) {
        (false, ..) => end,
        (true, "more", true) => end.ceil(),
        (true, "more", false) => end.floor().checked_add(Decimal::ONE)?,
        (true, _, true) => end.floor(),
        (true, _, false) => end.ceil().checked_sub(Decimal::ONE)?,
    };
    if whole && (end.is_sign_negative() || !bounds.hold(end) || end.to_u64().is_none()) {
        return None;
    }
    let by = end.checked_sub(found)?.abs();
    Some((by, direction, !whole && !inclusive))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(low: Option<(i64, bool)>, high: Option<(i64, bool)>, found: i64, whole: bool) -> String {
        let end = |(end, inclusive): (i64, bool)| (Decimal::new(end, 1), inclusive);
        let bounds = Bounds { low: low.map(end), high: high.map(end) };
        let mut out = Map::new();
        tell(&bounds, Decimal::new(found, 1), whole, "MXN", &mut out);
        let text = |name: &str| out.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
        format!("{} {}", text("missing"), text("would_hold_with"))
    }

    #[test]
    fn a_count_moves_by_ones_and_money_by_any_amount() {
        assert_eq!(told(Some((5_000, true)), None, 3_800, false), "120 120 MXN more");
        assert_eq!(told(Some((5_000, false)), None, 5_000, false), "0 more than 0 MXN more");
        assert_eq!(told(Some((20, true)), None, 10, true), "1 1 more");
        assert_eq!(told(Some((20, false)), None, 20, true), "1 1 more");
        assert_eq!(told(Some((15, true)), None, 0, true), "2 2 more");
        assert_eq!(told(None, Some((20, true)), 50, true), "-3 3 less");
        assert_eq!(told(None, Some((0, false)), 50, true), "- -", "no count is below nothing");
        assert_eq!(told(Some((20, true)), Some((20, true)), 10, true), "1 1 more");
        assert_eq!(told(Some((20, true)), None, 20, true), "- -");
    }
}
