//! Requests that the app made.

use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Requests remembered one by one; counts go on.
const KEPT_MAX: usize = 20_000;
/// Characters of a document that are remembered.
const DOCUMENT_MAX: usize = 4_000;

/// A request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Request {
    /// When, Unix milliseconds of the machine.
    pub at_ms: u64,
    /// The shop.
    pub shop: String,
    /// `authorize`, `token`, `graphql`, `file`, `upload`.
    pub kind: String,
    /// Root fields of a document, or the grant of a token request.
    pub what: String,
    /// The document, cut after 4,000 characters.
    pub document: String,
    /// Status of the answer.
    pub status: u16,
    /// Points that were asked.
    pub cost: Option<u64>,
    /// Why it was refused: `invalid_document`, `max_cost`, `throttled`, `access_denied`, `unauthorized`, `fault`, ...
    pub refused: Option<String>,
}

/// All requests.
#[derive(Default)]
pub(super) struct Record {
    kept: VecDeque<Request>,
    count: u64,
    by_kind: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
}

/// Requests and their counts.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Requests {
    /// All since the start or the last `forget`.
    pub count: u64,
    /// By kind.
    pub by_kind: BTreeMap<String, u64>,
    /// Refused ones by reason.
    pub refused: BTreeMap<String, u64>,
    /// The newest, oldest first.
    pub newest: Vec<Request>,
}

impl Requests {
    /// How many were refused for a reason.
    pub fn refused(&self, reason: &str) -> u64 {
        self.refused.get(reason).copied().unwrap_or(0)
    }
}

impl Record {
    pub(super) fn add(&mut self, mut request: Request) {
        self.count += 1;
        *self.by_kind.entry(request.kind.clone()).or_default() += 1;
        if let Some(reason) = &request.refused {
            *self.refused.entry(reason.clone()).or_default() += 1;
        }
        if let Some((cut, _)) = request.document.char_indices().nth(DOCUMENT_MAX) {
            request.document.truncate(cut);
        }
        self.kept.push_back(request);
        if self.kept.len() > KEPT_MAX {
            self.kept.pop_front();
        }
    }

    pub(super) fn all(&self) -> Requests {
        Requests {
            count: self.count,
            by_kind: self.by_kind.clone(),
            refused: self.refused.clone(),
            newest: self.kept.iter().cloned().collect(),
        }
    }
}
