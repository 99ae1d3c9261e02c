//! What a runner found out, handed over as one line of JSON.

use crate::members::Sets;
use crate::memory::Memory;
use crate::spread::Percentiles;
use serde::{Deserialize, Serialize};

/// One line of the table.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Which part: `engine`, `dd`, `postgres`, `duckdb`, `daemon`.
    pub part: String,
    /// How, for finding what it is to be held against: `STEPxSEGMENTS` of the engine, `STEPxWORKERS` of
    /// differential-dataflow, `CLIENTSxEVENTS` of what is durable.
    pub mode: String,
    /// What was done.
    pub what: String,
    /// Events that were taken in.
    pub events: u64,
    /// How long that took, seconds; of a recompute, how long it took.
    pub seconds: f64,
    /// Whether it is a recompute of everything: no events a second are told of it.
    pub recompute: bool,
    /// Whether every event was on disk before it counted.
    pub durable: bool,
    /// How long a bare write took to be durable just before, microseconds; see [`crate::disk`].
    pub disk: Option<f64>,
    /// One step, request or transaction, microseconds.
    pub step: Option<Percentiles>,
    /// From an event to its changed membership, microseconds.
    pub to_membership: Option<Percentiles>,
    /// Processor time of an event by who took it, microseconds, where it was looked at.
    pub processor: Vec<(String, f64)>,
    /// Peak memory.
    pub memory: Option<Memory>,
    /// Memberships that changed, where they were counted.
    pub changes: Option<u64>,
    /// The instant at which the segments were compared, milliseconds, and the events until then; `None` where nothing
    /// was compared.
    pub compared: Option<(i64, u64)>,
    /// Whom the segments held then.
    pub sets: Sets,
}

impl Outcome {
    /// Events a second.
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.seconds.max(1e-9)
    }
}
