//! Everything known of a person with the history of memberships, told in bounded memory.

use super::answers::unavailable;
use super::api::QueryError;
use super::journal::transition_info;
use crate::store::db::StoreError;
use crate::store::journal::{Entry, Page, Place};
use crate::store::state::ShardStore;
use engine::effect::Transition;
use engine::given::Given;
use engine::workspace::export::{Export, TakePiece};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Transitions read at a time.
const READ_MAX: usize = 1_000;

/// Everything known of a person: identities, properties in all versions, consent, events, segments
/// and the history of memberships. It holds the history as it was at one instant; the text is made as
/// it is told.
pub struct PersonExport {
    export: Export,
    store: Arc<ShardStore>,
    /// Number of the workspace in the store, and the position up to which the store is asked.
    workspace: u32,
    until_position: u64,
    people: BTreeSet<String>,
    /// What is not in the store yet.
    fresh: Vec<Entry>,
    /// What holds, and held, of everybody.
    given: Arc<Given>,
}

impl PersonExport {
    pub(super) fn new<'a>(
        export: Export,
        (store, workspace, until_position): (Arc<ShardStore>, u32, u64),
        fresh: impl Iterator<Item = &'a Entry>,
        given: Arc<Given>,
    ) -> PersonExport {
        let people: BTreeSet<String> = export.ids().iter().cloned().collect();
        let fresh = fresh.filter(|entry| people.contains(entry.person())).cloned().collect();
        PersonExport { export, store, workspace, until_position, people, fresh, given }
    }

    /// Tells it as one JSON object, piece by piece, until `take` returns false. Blocks: it reads the
    /// journal.
    pub fn tell(&self, take: &mut TakePiece<'_>) -> Result<(), QueryError> {
        let as_of = serde_json::Value::String(self.export.as_of().to_string());
        if !(self.export.tell(take) && take(&format!(",\n\"as_of\": {as_of}")) && take(",\n\"memberships\": [")) {
            return Ok(());
        }
        let mut from = Place::default();
        let mut separator = "";
        loop {
            let (found, next) = self.memberships(from).map_err(unavailable)?;
            for transition in &found {
                let told = serde_json::to_string(&transition_info(transition)).map_err(unavailable)?;
                if !take(&format!("{}\n{told}", std::mem::replace(&mut separator, ","))) {
                    return Ok(());
                }
            }
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        take("]\n}\n");
        Ok(())
    }

    /// The whole text. Blocks.
    pub fn text(&self) -> Result<String, QueryError> {
        let mut text = String::new();
        self.tell(&mut |piece| {
            text.push_str(piece);
            true
        })?;
        Ok(text)
    }

    fn memberships(&self, from: Place) -> Result<(Vec<Transition>, Option<Place>), StoreError> {
        let mut page = Page::new(Arc::clone(&self.given), None, from, self.until_position, READ_MAX)
            .of_people(self.people.clone());
        if self.store.journal(self.workspace, &mut page)? {
            let _full = self.fresh.iter().cloned().any(|entry| !page.take(entry));
        }
        Ok(page.found())
    }
}
