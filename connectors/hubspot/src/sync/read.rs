//! Reading members back: the list knows contacts by number, we know them by the address that is written to.

use super::HubspotList;
use super::ids::{ADDRESSES, NUMBERED};
use crate::api::{BATCH_MAX, Denied};
use crate::contact::addresses;
use crate::wire::{Members, next};
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use kit::failure::Failure;
use kit::sync::HeldPage;
use std::collections::{BTreeMap, BTreeSet};

/// Calls at the same time.
const AT_ONCE: usize = 4;

impl HubspotList {
    /// One page of the list; `None` when there is none.
    async fn page(&self, after: Option<&str>) -> Result<Option<Members>, Failure> {
        for again in [true, false] {
            let Some(list) = self.find_list().await? else { return Ok(None) };
            match self.api().members(&list, after).await {
                Ok(page) => return Ok(Some(page)),
                Err(Denied::Missing(_)) if again => *self.number() = None,
                Err(Denied::Missing(_)) => return Ok(None),
                Err(denied) => return Err(denied.into()),
            }
        }
        Ok(None)
    }

    pub(super) async fn held_page(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        let Some(page) = self.page(after).await? else { return Ok(HeldPage::default()) };
        let ids: Vec<&str> = page.results.iter().map(|member| member.record_id.as_str()).collect();
        let held = self.addresses_of(&ids).await?;
        let after_this = next(page.paging);
        if after_this.is_some() && after_this.as_deref() == after {
            return Err(Failure::PlatformChanged("a page of members does not go on".to_owned()));
        }
        Ok(HeldPage { held, next: after_this })
    }

    /// The addresses of contacts; of one without, its number.
    async fn addresses_of(&self, ids: &[&str]) -> Result<Vec<String>, Failure> {
        let api = self.api();
        let calls: Vec<_> = ids.chunks(BATCH_MAX).map(|part| api.read(None, part, &ADDRESSES)).collect();
        let parts: Vec<Result<_, Denied>> = iter(calls).buffered(AT_ONCE).collect().await;
        let mut held = Vec::new();
        for part in parts {
            for contact in part.map_err(Failure::from)?.results {
                let written_to = addresses(&contact).into_iter().next();
                match written_to.filter(|_| !contact.text("email").is_empty()) {
                    Some(address) => held.push(address),
                    None => held.push(format!("{NUMBERED}{}", contact.id)),
                }
            }
        }
        Ok(held)
    }

    pub(super) async fn those_held(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let Some(list) = self.find_list().await? else { return Ok(Vec::new()) };
        let asked: Vec<&str> = identifiers.iter().map(String::as_str).collect();
        let ids = self.look_up(&asked).await?.ids;
        let by_id: BTreeMap<&str, &String> = ids.iter().map(|(address, id)| (id.as_str(), address)).collect();
        let numbers: Vec<&str> = by_id.keys().copied().collect();
        let api = self.api();
        let calls: Vec<_> = numbers.chunks(BATCH_MAX).map(|part| api.lists_of(part)).collect();
        let parts: Vec<_> = iter(calls).buffered(AT_ONCE).map(|part| part.map_err(Failure::from)).try_collect().await?;
        let all = parts.into_iter().flat_map(|part| part.results);
        let inside = all.filter(|one| one.record_list_memberships.iter().any(|other| other.list_id == list));
        let held: BTreeSet<String> =
            inside.filter_map(|one| by_id.get(one.record_id.as_str()).map(|address| (*address).clone())).collect();
        Ok(held.into_iter().collect())
    }
}
