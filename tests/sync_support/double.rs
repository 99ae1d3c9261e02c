//! A destination in memory that a test can stop at any point of a call.

use kit::failure::Failure;
use kit::sync::{Batch, Destination, Refusal, SnapshotPart, SyncCapabilities};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Where a call ends for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Death {
    /// Before the destination has anything of it.
    BeforeSend,
    /// After the destination took it, before we hear of it.
    AfterSend,
}

#[derive(Default)]
struct Inner {
    /// Identifier: sequence of the newest change, and whether it is a member.
    known: BTreeMap<String, (u64, bool)>,
    batches: Vec<Batch>,
    refused: BTreeSet<String>,
    /// The next call ends here; the disk as it is then is copied.
    death: Option<(Death, PathBuf, PathBuf)>,
    dead: bool,
}

#[derive(Clone, Default)]
pub struct Double {
    inner: Arc<Mutex<Inner>>,
}

impl Double {
    pub fn members(&self) -> Vec<String> {
        let inner = self.inner.lock().unwrap();
        inner.known.iter().filter(|(_, (_, member))| *member).map(|(identifier, _)| identifier.clone()).collect()
    }

    pub fn batches(&self) -> Vec<Batch> {
        self.inner.lock().unwrap().batches.clone()
    }

    /// Holds somebody that nobody told it of.
    pub fn invent(&self, identifier: &str) {
        self.inner.lock().unwrap().known.insert(identifier.to_owned(), (0, true));
    }

    pub fn refuse(&self, identifier: &str) {
        self.inner.lock().unwrap().refused.insert(identifier.to_owned());
    }

    /// The next call ends at this point for good; the store is copied as the disk has it then.
    pub fn die(&self, death: Death, store: PathBuf, copy: PathBuf) {
        self.inner.lock().unwrap().death = Some((death, store, copy));
    }

    pub fn is_dead(&self) -> bool {
        self.inner.lock().unwrap().dead
    }
}

#[async_trait::async_trait]
impl Destination for Double {
    fn capabilities(&self) -> SyncCapabilities {
        SyncCapabilities {
            batch_changes_max: 50,
            batch_side_max: 50,
            batch_bytes_max: 0,
            snapshot_members_max: 0,
            read_back: false,
            fields: false,
            read_lag_s: 0,
        }
    }

    fn identity(&self) -> String {
        "double".to_owned()
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let dies = {
            let mut inner = self.inner.lock().unwrap();
            let death = inner.death.take();
            if !matches!(death, Some((Death::BeforeSend, ..))) {
                inner.batches.push(batch.clone());
                for change in &batch.changes {
                    let newest = inner.known.get(&change.identifier).map_or(0, |(sequence, _)| *sequence);
                    if change.sequence > newest && !inner.refused.contains(&change.identifier) {
                        inner.known.insert(change.identifier.clone(), (change.sequence, change.member));
                    }
                }
            }
            if let Some((_, store, copy)) = &death {
                super::copy(store, copy);
                inner.dead = true;
            }
            death.is_some()
        };
        if dies {
            std::future::pending::<()>().await;
        }
        let inner = self.inner.lock().unwrap();
        let refused = batch.changes.iter().filter(|change| inner.refused.contains(&change.identifier));
        Ok(refused.map(|one| Refusal { identifier: one.identifier.clone(), reason: "no".to_owned() }).collect())
    }

    async fn snapshot(&self, _: &SnapshotPart) -> Result<(), Failure> {
        Ok(())
    }
}
