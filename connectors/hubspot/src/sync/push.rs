//! Makes changes: contacts are looked up and made where they are not known, then one call changes the list.

use super::ids::Refused;
use super::{HubspotList, SIDE_MAX};
use crate::config::Erase;
use kit::failure::Failure;
use kit::sync::{Batch, Change, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// Somebody whose address is only a further one.
const FURTHER: &str = "HubSpot writes to this contact at another address; this is only a further one of it";
/// Somebody who is no contact, where none are made.
const NO_CONTACT: &str = "not a contact of the account";

impl HubspotList {
    pub(super) async fn push_batch(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let (adds, removes): (Vec<&Change>, Vec<&Change>) = batch.changes.iter().partition(|change| change.member);
        let mut refused = Refused::new();
        let (mut add, mut remove) = (adds.chunks(SIDE_MAX), removes.chunks(SIDE_MAX));
        loop {
            let (add, remove) = (add.next().unwrap_or_default(), remove.next().unwrap_or_default());
            if add.is_empty() && remove.is_empty() {
                break;
            }
            self.change(add, remove, &mut refused).await?;
        }
        self.erase(&removes).await?;
        Ok(refused.into_iter().map(|(identifier, reason)| Refusal { identifier, reason }).collect())
    }

    async fn change(&self, adds: &[&Change], removes: &[&Change], refused: &mut Refused) -> Result<(), Failure> {
        let to_add = self.resolve(adds, refused).await?;
        // Who is no contact is in no list; whose address is a further one only was never put in by it.
        let leaving = self.look_up(&identifiers(removes)).await?.ids;
        let joining: BTreeSet<&String> = to_add.values().collect();
        let to_remove: Vec<String> = leaving.into_values().filter(|id| !joining.contains(id)).collect();
        let ids: Vec<String> = to_add.values().cloned().collect();
        let changed = self.change_list(&ids, &to_remove).await?;
        match changed.record_ids_missing.iter().any(|id| ids.contains(id)) {
            // Deleted, or merged, since they were looked up.
            true => Err(Failure::retry("contacts went while they were put into the list", None)),
            false => Ok(()),
        }
    }

    /// Numbers by identifier; contacts are made where the list says so.
    async fn resolve(&self, adds: &[&Change], refused: &mut Refused) -> Result<BTreeMap<String, String>, Failure> {
        let known = self.look_up(&identifiers(adds)).await?;
        let mut ids = known.ids;
        for address in known.further {
            refused.insert(address, FURTHER.to_owned());
        }
        let unknown =
            |change: &&&Change| !ids.contains_key(&change.identifier) && !refused.contains_key(&change.identifier);
        let strangers: Vec<&Change> = adds.iter().filter(unknown).copied().collect();
        if self.config.add_contacts {
            ids.extend(self.create(&strangers, refused).await?);
        } else {
            refused.extend(strangers.iter().map(|change| (change.identifier.clone(), NO_CONTACT.to_owned())));
        }
        Ok(ids)
    }

    /// What the list's setting asks for contacts whose person was erased; they are out of the list already.
    async fn erase(&self, removes: &[&Change]) -> Result<(), Failure> {
        if self.config.erase == Erase::Leave {
            return Ok(());
        }
        let erased: Vec<&str> = removes
            .iter()
            .filter(|change| change.cause == "erasure")
            .map(|change| change.identifier.as_str())
            .collect();
        if erased.is_empty() {
            return Ok(());
        }
        let ids = self.look_up(&erased).await?.ids;
        for (address, id) in &ids {
            match self.config.erase {
                Erase::Delete if address.contains('@') => self.api().forget(address).await?,
                _ => self.api().archive(id).await?,
            }
        }
        Ok(())
    }
}

fn identifiers<'b>(changes: &[&'b Change]) -> Vec<&'b str> {
    changes.iter().map(|change| change.identifier.as_str()).collect()
}
