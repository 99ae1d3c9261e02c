//! What applied records bring to lists.

use crate::store::db::StoreError;
use engine::effect::Effect;
use model::WorkspaceId;

/// The effects of applied records of one workspace.
#[derive(Clone, Debug)]
pub struct EffectBatch {
    /// Which shard.
    pub shard: u32,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Position of the last applied record.
    pub position: u64,
    /// What came of it for lists, in order; transitions are in the journal. It may be empty.
    pub effects: Vec<Effect>,
}

/// Takes the effects of applied records: sync implements it.
///
/// After a crash a shard replays from its checkpoint, so batches come again: whoever takes
/// them ignores a `Desired` whose sequence is not newer than what it holds.
pub trait EffectSink: Send + Sync + 'static {
    /// Called on the shard's thread in order of position; must not block.
    fn accept(&self, batch: EffectBatch);
    /// Returns when everything accepted from `shard` up to `position` is written to the store
    /// (the caller makes it durable). A checkpoint waits for this.
    fn persist_through(&self, shard: u32, position: u64) -> Result<(), StoreError>;
}
