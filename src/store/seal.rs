//! What the store must at least hold, beside it.
//!
//! sled takes a record whose checksum does not fit for the torn end of its log and leaves out
//! everything after it: damage to a store that was durable would go unnoticed, and a replay would
//! run over a state that is partly newer than its mark. So the position of each durable checkpoint
//! is also written into a file of its own.

use super::compact;
use super::db::StoreError;
use super::frames::{FrameReader, FrameWriter};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"segmentd seal 1\n";
const POSITION: u8 = b'P';

/// The file with the position of the newest durable checkpoint of a shard.
pub(super) struct Seal {
    path: PathBuf,
}

impl Seal {
    /// The file in a folder.
    pub fn in_dir(dir: &Path) -> Seal {
        Seal { path: dir.join("checkpoint.seal") }
    }

    /// Notes that a checkpoint up to `position` is durable.
    pub fn write(&self, position: u64) -> Result<(), StoreError> {
        let partial = self.path.with_extension("seal-partial");
        let mut output = FrameWriter::create(&partial, MAGIC)?;
        output.write(POSITION, &[&position.to_le_bytes()])?;
        output.finish()?;
        compact::rename(&partial, &self.path)
    }

    /// Refuses a store whose newest checkpoint is older than the seal. A seal that can't be read seals
    /// nothing.
    pub fn check(&self, position: u64) -> Result<(), StoreError> {
        if !self.path.exists() {
            return Ok(());
        }
        let read = FrameReader::open(&self.path, MAGIC, "seal").and_then(|mut input| input.read());
        let sealed = match &read {
            Ok((POSITION, content)) => content.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "the store is opened without a look at its seal");
                None
            }
        };
        match sealed {
            Some(sealed) if sealed > position => Err(StoreError::Lost { seal: self.path.clone(), position, sealed }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_older_than_its_seal_is_refused_and_a_damaged_seal_seals_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::in_dir(dir.path());
        seal.check(0).unwrap();
        seal.write(7).unwrap();
        seal.write(9).unwrap();
        seal.check(9).unwrap();
        seal.check(10).unwrap();
        let error = seal.check(8).unwrap_err().to_string();
        assert!(error.contains("position 8") && error.contains('9'), "{error}");
        std::fs::write(dir.path().join("checkpoint.seal"), "segmentd seal 1\nx").unwrap();
        seal.check(0).unwrap();
    }
}
