//! Which source a request comes from.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use model::{Source, WorkspaceId};
use std::sync::Arc;

/// A source as intake knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceEntry {
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The source.
    pub source: Source,
    /// Whether its events are accepted.
    pub enabled: bool,
    /// Region of phone numbers without a country code, ISO 3166 alpha-2.
    pub region: Option<String>,
}

/// Tells whose customers a server may name.
pub trait Customers: Send + Sync {
    /// Whether a source of the workspace is a connection to a platform, by whose ids its customers are known.
    fn is_connection(&self, workspace: &WorkspaceId, source: &str) -> bool;
}

/// Finds sources by write key.
pub trait WriteKeys: Send + Sync {
    /// The source of a key.
    fn find(&self, key: &str) -> Option<Arc<SourceEntry>>;
}

/// The write key of an `Authorization: Basic` header; the colon may be missing.
pub(super) fn basic(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let encoded = encoded.trim();
    let decoded = STANDARD.decode(encoded).or_else(|_| STANDARD_NO_PAD.decode(encoded)).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let key = text.split_once(':').map_or(text.as_str(), |(key, _)| key);
    (!key.is_empty()).then(|| key.to_owned())
}
