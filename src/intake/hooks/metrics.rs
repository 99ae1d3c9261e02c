//! Figures of deliveries.

use crate::histogram::Histogram;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counters of deliveries. All only grow.
#[derive(Default, Debug)]
pub struct HookMetrics {
    /// By connector and outcome. Both have few values.
    deliveries: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    /// Events that deliveries brought.
    events: AtomicU64,
    /// Time from request to answer.
    latency: Histogram,
}

impl HookMetrics {
    pub(super) fn count(&self, connector: &'static str, outcome: &'static str, took: Duration) {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        *deliveries.entry((connector, outcome)).or_default() += 1;
        drop(deliveries);
        self.latency.add(took);
    }

    pub(super) fn add_events(&self, count: u64) {
        self.events.fetch_add(count, Ordering::Relaxed);
    }

    /// How many deliveries of a connector came to an outcome.
    pub fn deliveries(&self, connector: &str, outcome: &str) -> u64 {
        let deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        deliveries.iter().filter(|((of, to), _)| *of == connector && *to == outcome).map(|(_, count)| *count).sum()
    }

    /// Writes them in Prometheus's text format.
    pub fn write(&self, out: &mut String) {
        // Writing to a string does not fail.
        let head = |name: &str, help: &str, kind: &str, out: &mut String| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        };
        let name = "segmentd_deliveries_total";
        head(name, "Deliveries of platforms, by connector and outcome", "counter", out);
        for ((connector, outcome), count) in self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(out, "{name}{{connector=\"{connector}\",outcome=\"{outcome}\"}} {count}");
        }
        let name = "segmentd_delivery_events_total";
        head(name, "Events that deliveries brought, made durable", "counter", out);
        let _ = writeln!(out, "{name} {}", self.events.load(Ordering::Relaxed));
        let name = "segmentd_delivery_latency_seconds";
        head(name, "Time from a delivery to its answer", "histogram", out);
        self.latency.read().write(out, name, "");
    }
}
