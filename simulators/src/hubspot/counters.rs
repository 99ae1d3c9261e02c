//! How often what was called.

use serde::Serialize;
use std::collections::BTreeMap;

/// Calls of one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Calls {
    /// Done, and the answer was sent.
    pub succeeded: u64,
    /// Refused, or hit by a fault.
    pub failed: u64,
}

/// Counts since the start or the last reset.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counters {
    /// By method and path, with `*` for numbers.
    pub calls: BTreeMap<String, Calls>,
    /// Calls beyond a limit, by its policy; demanded faults apart.
    pub limited: BTreeMap<&'static str, u64>,
    /// Searches that were let through, by token.
    pub searches: BTreeMap<String, u64>,
}

impl Counters {
    /// Calls of all operations.
    pub fn total(&self) -> Calls {
        self.calls.values().fold(Calls::default(), |sum, calls| Calls {
            succeeded: sum.succeeded + calls.succeeded,
            failed: sum.failed + calls.failed,
        })
    }

    pub(super) fn count(&mut self, method: &str, path: &[String], succeeded: bool) {
        let name = |part: &String| if part.parse::<u64>().is_ok() { "*".to_owned() } else { part.clone() };
        let path: Vec<String> = path.iter().map(name).collect();
        let calls = self.calls.entry(format!("{method} /{}", path.join("/"))).or_default();
        calls.succeeded += u64::from(succeeded);
        calls.failed += u64::from(!succeeded);
    }
}
