//! A request and its answer, kept for whoever wants to hold both against the specification.

use serde::Serialize;
use serde_json::Value;

/// A request and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// Method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Query, undecoded.
    pub query: String,
    /// Body as it came.
    pub body: String,
    /// Content type of the body.
    pub content_type: String,
    /// Status of the answer; 0 when the connection was dropped.
    pub status: u16,
    /// Body of the answer; null when it was none or no JSON.
    pub answer: Value,
    /// Whether it met a fault.
    pub faulted: bool,
}
