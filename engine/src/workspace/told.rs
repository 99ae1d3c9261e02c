//! Of whom a source told something, so that all of it can be withdrawn one by one.

use super::Workspace;
use crate::person::Person;
use crate::storage::{PersonNo, Storage, StorageError};
use model::{Identity, SourceId};

/// Clusters and facts looked at for one page: a shard must not be held up.
const LOOKED_AT_MAX: usize = 256;
const FACTS_LOOKED_AT_MAX: usize = 50_000;

/// An identity for each of those who were found, and where to go on.
pub type ToldOf = (Vec<Identity>, Option<PersonNo>);

impl<S: Storage> Workspace<S> {
    /// Up to `limit` people after a number of whom a source told something: the smallest strong
    /// identity of each. What is nobody's yet (an anonymous visitor, a cart) comes by its smallest
    /// weak one. A page may be empty and yet not the last one; `None` when there is no such source.
    pub fn people_of(
        &self,
        source: &SourceId,
        after: Option<PersonNo>,
        limit: usize,
    ) -> Result<Option<ToldOf>, StorageError> {
        let number = self.sources.iter().position(|known| known.id == *source);
        let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else { return Ok(None) };
        let (mut found, mut facts) = (Vec::new(), 0);
        let from = after.map_or(0, |after| after.saturating_add(1));
        for (looked_at, no) in (from..self.next_person).enumerate() {
            if looked_at >= LOOKED_AT_MAX || facts >= FACTS_LOOKED_AT_MAX || found.len() >= limit {
                return Ok(Some((found, no.checked_sub(1))));
            }
            let looked = self.with_person(no, |person, _| {
                let told = person.facts.iter().any(|fact| fact.source == number);
                (person.facts.len(), identity(person).filter(|_| told))
            })?;
            let Some((had, identity)) = looked else { continue };
            facts += had;
            found.extend(identity);
        }
        Ok(Some((found, None)))
    }
}

fn identity(person: &Person) -> Option<Identity> {
    let identities = person.nodes.values().map(|node| &node.identity);
    identities.min_by_key(|identity| (!identity.kind.is_strong(), identity.canonical())).cloned()
}
