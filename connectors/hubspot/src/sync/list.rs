//! The list there: found by its name, made if there is none.

use super::HubspotList;
use crate::api::{CONTACTS, Denied};
use crate::wire::{Changed, List};
use kit::failure::Failure;

impl HubspotList {
    fn checked(&self, list: List) -> Result<String, Failure> {
        let name = &self.config.list;
        if list.object_type_id != CONTACTS {
            return Err(Failure::Refused(format!("list {name:?} is not one of contacts")));
        }
        if !["MANUAL", "SNAPSHOT"].contains(&list.processing_type.as_str()) {
            let why = "HubSpot itself keeps its members, by filters: name a static list, or one that is not there yet";
            return Err(Failure::Refused(format!("list {name:?}: {why}")));
        }
        *self.number() = Some(list.list_id.clone());
        Ok(list.list_id)
    }

    /// The list's number; `None` when there is no such list.
    pub(super) async fn find_list(&self) -> Result<Option<String>, Failure> {
        let known = self.number().clone();
        if known.is_some() {
            return Ok(known);
        }
        match self.api().list_named(&self.config.list).await {
            Ok(list) if list.deleted_at.is_none() => self.checked(list).map(Some),
            Ok(_) | Err(Denied::Missing(_)) => Ok(None),
            Err(denied) => Err(denied.into()),
        }
    }

    /// The list's number; it is made if there is none. A list of that name that came meanwhile is taken.
    async fn list(&self) -> Result<String, Failure> {
        if let Some(list) = self.find_list().await? {
            return Ok(list);
        }
        match self.api().create_list(&self.config.list).await {
            Ok(list) => self.checked(list),
            Err(Denied::Invalid(why) | Denied::Exists(why)) => {
                let found = self.find_list().await?;
                found.ok_or_else(|| Failure::Refused(format!("list {:?} can't be made: {why}", self.config.list)))
            }
            Err(denied) => Err(denied.into()),
        }
    }

    /// Puts contacts in and takes others out; a list that was deleted meanwhile is looked for again, once.
    pub(super) async fn change_list(&self, add: &[String], remove: &[String]) -> Result<Changed, Failure> {
        if add.is_empty() && remove.is_empty() {
            return Ok(Changed::default());
        }
        for again in [true, false] {
            let list = match add.is_empty() {
                // Nobody has to leave a list that is not there.
                true => match self.find_list().await? {
                    Some(list) => list,
                    None => return Ok(Changed::default()),
                },
                false => self.list().await?,
            };
            match self.api().change(&list, add, remove).await {
                Err(Denied::Missing(_)) if again => *self.number() = None,
                answer => return Ok(answer?),
            }
        }
        Err(Failure::retry("the list comes and goes", None))
    }
}
