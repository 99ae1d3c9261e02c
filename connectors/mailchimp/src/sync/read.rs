//! Reading members back. Whoever is in the tag is held, whatever the status.

use super::{MailchimpTag, SIDE_MAX};
use crate::address::folded;
use crate::api::{Api, Denied};
use crate::wire::Members;
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use kit::failure::Failure;
use kit::sync::HeldPage;
use std::collections::BTreeSet;

/// Contacts of one page at least.
const PAGE_MIN: usize = 50;
/// So many are asked for one by one; more, by reading the whole tag.
const SINGLES_MAX: usize = 200;
/// Single reads at the same time.
const SINGLES_AT_ONCE: usize = 4;
/// Pages of one reading of the whole tag.
const PAGES_MAX: usize = 50_000;

impl MailchimpTag {
    /// One page from `offset` on; `None` when there is no such tag.
    async fn page(&self, offset: usize) -> Result<Option<Members>, Failure> {
        let (api, list) = (self.api()?, &self.config.audience);
        let mut looked_up_again = false;
        loop {
            let Some(tag) = self.find_tag().await? else { return Ok(None) };
            let count = self.memory().page;
            match api.tag_members(list, tag, (count, offset)).await {
                Ok(page) => return Ok(Some(page)),
                Err(Denied::TooSlow(_)) if count > PAGE_MIN => self.memory().page = (count / 2).max(PAGE_MIN),
                Err(Denied::Missing(_)) if !looked_up_again => {
                    looked_up_again = true;
                    self.memory().tag = None;
                }
                Err(Denied::Missing(_)) => return Ok(None),
                Err(denied) => return Err(denied.into()),
            }
        }
    }

    pub(super) async fn held_page(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        let unreadable = || Failure::Refused("not a place that this list gave".to_owned());
        let offset = after.map_or(Ok(0), str::parse).map_err(|_| unreadable())?;
        let Some(page) = self.page(offset).await? else { return Ok(HeldPage::default()) };
        let next = offset.saturating_add(page.members.len());
        let more = !page.members.is_empty() && (next as u64) < page.total_items;
        let taken_out = self.take_out_unmailable(&page).await?;
        let held = page.members.iter().map(|member| folded(&member.email_address));
        let held = held.filter(|address| !address.is_empty() && !taken_out.contains(address)).collect();
        // What was taken out makes all that follows move up.
        let next = next - taken_out.len().min(next);
        Ok(HeldPage { held, next: more.then(|| next.to_string()) })
    }

    /// Those whom we put in without hearing of their status, and who are not to be mailed: they go out. Whoever
    /// compares sends them again, and hears the reason.
    async fn take_out_unmailable(&self, page: &Members) -> Result<BTreeSet<String>, Failure> {
        let unmailable: BTreeSet<String> = {
            let mut memory = self.memory();
            for member in &page.members {
                memory.learn(&member.email_address);
            }
            let waited = page.members.iter().filter(|member| memory.is_unseen(&member.email_address));
            let bad = waited.filter(|member| member.status != "subscribed");
            bad.map(|member| folded(&member.email_address)).collect()
        };
        let addresses: Vec<&str> = unmailable.iter().map(String::as_str).collect();
        for part in addresses.chunks(SIDE_MAX) {
            self.change_tag(&[], part).await?;
        }
        let mut memory = self.memory();
        for member in &page.members {
            memory.seen(&member.email_address);
        }
        Ok(unmailable)
    }

    pub(super) async fn those_held(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let Some(tag) = self.find_tag().await? else { return Ok(Vec::new()) };
        if identifiers.len() > SINGLES_MAX {
            return self.held_among(identifiers).await;
        }
        let api = self.api()?;
        let calls: Vec<_> = identifiers.iter().map(|identifier| self.held_one(&api, tag, identifier)).collect();
        let found: Vec<Option<String>> = iter(calls).buffered(SINGLES_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn held_one(&self, api: &Api<'_>, tag: u64, identifier: &str) -> Result<Option<String>, Failure> {
        let found = api.tags_of(&self.config.audience, identifier).await?;
        let tags = found.map(|found| found.tags).unwrap_or_default();
        let held = tags.iter().any(|found| found.id == tag || found.name == self.config.tag);
        Ok(held.then(|| identifier.to_owned()))
    }

    /// The same by reading the whole tag.
    async fn held_among(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let asked: BTreeSet<String> = identifiers.iter().map(|identifier| folded(identifier)).collect();
        let (mut found, mut offset) = (BTreeSet::new(), 0);
        for _ in 0..PAGES_MAX {
            let Some(page) = self.page(offset).await? else { break };
            offset += page.members.len();
            let addresses = page.members.iter().map(|member| folded(&member.email_address));
            found.extend(addresses.filter(|address| asked.contains(address)));
            if page.members.is_empty() || offset as u64 >= page.total_items {
                break;
            }
        }
        Ok(identifiers.iter().filter(|identifier| found.contains(&folded(identifier))).cloned().collect())
    }
}
