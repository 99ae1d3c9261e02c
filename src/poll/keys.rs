//! Where things lie in the trees: kind, workspace, source, then what the kind needs.

use model::{SourceId, WorkspaceId};

/// Which connection: its workspace and the source as which it brings events.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Scope {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The source.
    pub source: SourceId,
}

impl Scope {
    /// A scope.
    pub fn new(workspace: &WorkspaceId, source: &SourceId) -> Scope {
        Scope { workspace: workspace.clone(), source: source.clone() }
    }
}

/// Kinds of records in the tree of connections.
pub(super) mod kind {
    /// A connection.
    pub(in super::super) const CONNECTION: u8 = b'C';
    /// A stream of it.
    pub(in super::super) const STREAM: u8 = b'S';
    /// A pointer that waits.
    pub(in super::super) const POINTER: u8 = b'P';
    /// A request that waits.
    pub(in super::super) const REQUEST: u8 = b'R';
}

/// The beginning of all keys of one kind and connection. No such beginning is one of another's.
pub(super) fn prefix(kind: u8, scope: &Scope) -> Vec<u8> {
    let (workspace, source) = (scope.workspace.as_str(), scope.source.as_str());
    let mut key = Vec::with_capacity(1 + 8 + workspace.len() + source.len());
    key.push(kind);
    for part in [workspace, source] {
        key.extend_from_slice(&(part.len() as u32).to_be_bytes());
        key.extend_from_slice(part.as_bytes());
    }
    key
}

/// A key.
pub(super) fn key(kind: u8, scope: &Scope, rest: &[u8]) -> Vec<u8> {
    let mut key = prefix(kind, scope);
    key.extend_from_slice(rest);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_connections_never_run_into_each_other() {
        let key = |workspace: &str, source: &str| prefix(kind::POINTER, &Scope::new(&workspace.into(), &source.into()));
        assert!(!key("w", "ab").starts_with(&key("w", "a")));
        assert_ne!(key("wa", "b"), key("w", "ab"));
    }
}
