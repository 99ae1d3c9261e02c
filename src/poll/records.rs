//! What is kept in the store of connections: one format byte, then postcard.

use super::keys::Scope;
use crate::store::db::StoreError;
use kit::receive::{Pointer, Request};
use model::{Identity, SourceId, Time, WorkspaceId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A change of any record raises it.
const FORMAT: u8 = 1;

/// A connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct ConnectionRecord {
    pub(super) workspace: WorkspaceId,
    pub(super) source: SourceId,
    /// The connector's name.
    pub(super) connector: String,
    /// When its backfill began: polls go back to this instant at first.
    pub(super) begun: Time,
    /// When all of its past had been read.
    pub(super) backfilled: Option<Time>,
    /// Whether lists still wait for its past.
    pub(super) holds: bool,
}

impl ConnectionRecord {
    pub(super) fn scope(&self) -> Scope {
        Scope::new(&self.workspace, &self.source)
    }
}

/// A stream of a connection.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct StreamRecord {
    /// The last cursor of its backfill.
    pub(super) past: Option<String>,
    /// Whether its past has been read.
    pub(super) backfilled: bool,
    /// Things of its past that were read.
    pub(super) done: u64,
    /// Of how many.
    pub(super) total: Option<u64>,
    /// The last cursor of its polls.
    pub(super) polled: Option<String>,
    /// When its last poll ended well.
    pub(super) last_poll: Option<Time>,
}

/// A pointer that waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct PointerRecord {
    pub(super) kind: String,
    pub(super) id: String,
    /// When it came first.
    pub(super) since: Time,
    /// Differs each time it comes: one that comes while it is being fetched stays.
    pub(super) generation: u64,
    /// Whether a delivery brought it, and not a poll alone.
    pub(super) delivered: bool,
}

impl PointerRecord {
    pub(super) fn pointer(&self) -> Pointer {
        Pointer { kind: self.kind.clone(), id: self.id.clone() }
    }
}

/// What is asked of us.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Asked {
    Export { identities: Vec<Identity>, reference: String },
    Redact { identities: Vec<Identity> },
    Forget { identities: Vec<Identity> },
    RedactAccount,
}

impl From<&Request> for Asked {
    fn from(request: &Request) -> Asked {
        match request.clone() {
            Request::Export { identities, reference } => Asked::Export { identities, reference },
            Request::Redact { identities } => Asked::Redact { identities },
            Request::Forget { identities } => Asked::Forget { identities },
            Request::RedactAccount => Asked::RedactAccount,
        }
    }
}

/// A request that waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct RequestRecord {
    pub(super) workspace: WorkspaceId,
    pub(super) source: SourceId,
    pub(super) received: Time,
    pub(super) asked: Asked,
}

pub(super) fn encode<T: Serialize>(what: &'static str, record: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(record, vec![FORMAT])
        .map_err(|why| StoreError::Unreadable { what, why: format!("it can't be encoded: {why}") })
}

pub(super) fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    let unreadable = |why: String| StoreError::Unreadable { what, why };
    let body = match bytes.split_first() {
        Some((&FORMAT, body)) => body,
        Some((format, _)) => return Err(unreadable(format!("it has format {format}, this version reads {FORMAT}"))),
        None => return Err(unreadable("it is empty".to_owned())),
    };
    let (record, rest) = postcard::take_from_bytes(body).map_err(|why| unreadable(why.to_string()))?;
    if rest.is_empty() { Ok(record) } else { Err(unreadable(format!("{} bytes too many", rest.len()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_stays_as_it_is_and_other_formats_are_refused() {
        let stream = StreamRecord {
            past: Some("c".to_owned()),
            backfilled: true,
            done: 3,
            total: Some(4),
            polled: None,
            last_poll: Some(Time(5)),
        };
        let bytes = encode("stream", &stream).unwrap();
        assert_eq!(bytes, [1, 1, 1, b'c', 1, 3, 1, 4, 0, 1, 10], "format 1 stays as it is");
        assert_eq!(decode::<StreamRecord>("stream", &bytes).unwrap(), stream);
        assert!(decode::<StreamRecord>("stream", &[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(decode::<StreamRecord>("stream", &[2, 1]).is_err());
        assert!(decode::<StreamRecord>("stream", &[]).is_err());
        let request = RequestRecord {
            workspace: "w".into(),
            source: "s".into(),
            received: Time(1),
            asked: Asked::Forget { identities: vec![Identity::email("a@b")] },
        };
        let bytes = encode("request", &request).unwrap();
        assert_eq!(bytes, *b"\x01\x01w\x01s\x02\x02\x01\x03\x00\x03a@b", "format 1 stays as it is");
        assert_eq!(decode::<RequestRecord>("request", &bytes).unwrap(), request);
    }
}
