//! Links in the store: made durably, found by code, listed by campaign, forgotten by subscriber.

use super::records::{
    campaign_prefix, clicks_key, decode, decode_clicks, encode, encode_clicks, link_key, subscriber_prefix,
};
use super::{BULK_LINKS_MAX, CAMPAIGN_BYTES_MAX, CODE_CHARS, Clicks, Link, LinkError, NewLink, target};
use crate::control::random_text;
use crate::store::db::{Db, StoreError};
use model::{Identity, Time, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};

const TREE: &str = "links";
/// Bytes of a subscriber's identity.
const SUBSCRIBER_BYTES_MAX: usize = 512;

/// All short links. Its calls read and write the disk; those that create wait for it.
#[derive(Clone)]
pub struct LinkStore {
    db: Db,
    tree: sled::Tree,
}

impl LinkStore {
    /// Opens the links.
    pub fn open(db: Db) -> Result<LinkStore, StoreError> {
        let tree = db.tree(TREE)?;
        Ok(LinkStore { db, tree })
    }

    /// Makes one link; it is durable on return.
    pub fn create(&self, workspace: &WorkspaceId, link: NewLink, now: Time) -> Result<Link, LinkError> {
        let mut made = self.create_bulk(workspace, vec![link], now)?;
        made.pop().ok_or(LinkError::TooMany { given: 0 })
    }

    /// Makes many links, all or none; they are durable on return, in the order given.
    pub fn create_bulk(&self, workspace: &WorkspaceId, links: Vec<NewLink>, now: Time) -> Result<Vec<Link>, LinkError> {
        if links.len() > BULK_LINKS_MAX {
            return Err(LinkError::TooMany { given: links.len() });
        }
        let mut taken = BTreeSet::new();
        let mut batch = sled::Batch::default();
        let mut made = Vec::with_capacity(links.len());
        for new in links {
            let link = self.checked(workspace, new, now, &mut taken)?;
            let value = encode(&link).map_err(unreadable)?;
            batch.insert(link_key(&link.code), value);
            let of_campaign = [campaign_prefix(workspace, &link.campaign), link.code.clone().into_bytes()].concat();
            batch.insert(of_campaign, &[][..]);
            if let Some(subscriber) = &link.subscriber {
                let own = [subscriber_prefix(workspace, subscriber), link.code.clone().into_bytes()].concat();
                batch.insert(own, &[][..]);
            }
            made.push(link);
        }
        self.tree.apply_batch(batch).map_err(|why| self.db.failed(why))?;
        self.db.make_durable()?;
        Ok(made)
    }

    fn checked(
        &self,
        workspace: &WorkspaceId,
        new: NewLink,
        now: Time,
        taken: &mut BTreeSet<String>,
    ) -> Result<Link, LinkError> {
        if new.campaign.len() > CAMPAIGN_BYTES_MAX || new.campaign.chars().any(char::is_control) {
            return Err(LinkError::Campaign);
        }
        let usable = |who: &Identity| {
            !who.value.trim().is_empty() && who.scope.len().saturating_add(who.value.len()) <= SUBSCRIBER_BYTES_MAX
        };
        if new.subscriber.as_ref().is_some_and(|who| !usable(who)) {
            return Err(LinkError::Subscriber);
        }
        let url = target::checked(&new.url)?;
        let code = loop {
            let code = random_text(CODE_CHARS).map_err(|_| LinkError::NoRandomness)?;
            let known = self.tree.contains_key(link_key(&code)).map_err(|why| self.db.failed(why))?;
            if !known && taken.insert(code.clone()) {
                break code;
            }
        };
        let (campaign, subscriber) = (new.campaign, new.subscriber);
        Ok(Link { code, workspace: workspace.clone(), campaign, url, created: now, subscriber })
    }

    /// The link of a code.
    pub fn get(&self, code: &str) -> Result<Option<Link>, StoreError> {
        if code.len() != CODE_CHARS || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let found = self.tree.get(link_key(code)).map_err(|why| self.db.failed(why))?;
        found.map(|bytes| decode(code, &bytes).map_err(unreadable)).transpose()
    }

    /// Links of a campaign in the order of their codes, from after `after`, at most `limit`.
    pub fn of_campaign(
        &self,
        workspace: &WorkspaceId,
        campaign: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        let prefix = campaign_prefix(workspace, campaign);
        let from = [prefix.as_slice(), after.unwrap_or_default().as_bytes()].concat();
        let mut found = Vec::new();
        for entry in self.tree.range(from..) {
            let (key, _) = entry.map_err(|why| self.db.failed(why))?;
            let Some(code) = key.strip_prefix(prefix.as_slice()) else { break };
            let code = String::from_utf8_lossy(code);
            if found.len() >= limit {
                break;
            }
            if after.is_some_and(|after| *code <= *after) {
                continue;
            }
            found.extend(self.get(&code)?.filter(|link| link.workspace == *workspace && link.campaign == campaign));
        }
        Ok(found)
    }

    /// Lets a link lead elsewhere; `None` when the workspace has no such link. Durable on return.
    pub fn lead(&self, workspace: &WorkspaceId, code: &str, url: &str) -> Result<Option<Link>, LinkError> {
        let url = target::checked(url)?;
        let Some(link) = self.own(workspace, code)? else { return Ok(None) };
        let link = Link { url, ..link };
        let value = encode(&link).map_err(unreadable)?;
        self.tree.insert(link_key(code), value).map_err(|why| self.db.failed(why))?;
        self.db.make_durable()?;
        Ok(Some(link))
    }

    /// Takes a link away: its code leads nowhere from now on. Whether there was one; durable on return.
    pub fn delete(&self, workspace: &WorkspaceId, code: &str) -> Result<bool, StoreError> {
        let Some(link) = self.own(workspace, code)? else { return Ok(false) };
        let mut batch = sled::Batch::default();
        batch.remove(link_key(code));
        batch.remove(clicks_key(code));
        batch.remove([campaign_prefix(workspace, &link.campaign), code.as_bytes().to_vec()].concat());
        if let Some(subscriber) = &link.subscriber {
            batch.remove([subscriber_prefix(workspace, subscriber), code.as_bytes().to_vec()].concat());
        }
        self.tree.apply_batch(batch).map_err(|why| self.db.failed(why))?;
        self.db.make_durable()?;
        Ok(true)
    }

    /// The link of a code, if it is this workspace's.
    pub fn own(&self, workspace: &WorkspaceId, code: &str) -> Result<Option<Link>, StoreError> {
        Ok(self.get(code)?.filter(|link| link.workspace == *workspace))
    }

    /// How often a link was clicked.
    pub fn clicks(&self, code: &str) -> Result<Clicks, StoreError> {
        let found = self.tree.get(clicks_key(code)).map_err(|why| self.db.failed(why))?;
        found.map_or(Ok(Clicks::default()), |bytes| decode_clicks(&bytes).map_err(unreadable))
    }

    /// Adds to the counts of links. Called by one task alone; durable with the next checkpoint.
    pub(super) fn add_clicks(&self, more: &BTreeMap<String, Clicks>) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (code, more) in more {
            if !self.tree.contains_key(link_key(code)).map_err(|why| self.db.failed(why))? {
                continue;
            }
            let now = self.clicks(code)?;
            let counted = now.counted.saturating_add(more.counted);
            let bots = now.bots.saturating_add(more.bots);
            batch.insert(clicks_key(code), encode_clicks(Clicks { counted, bots }));
        }
        self.tree.apply_batch(batch).map_err(|why| self.db.failed(why))
    }

    /// Takes a subscriber off their links, which go on leading where they led; returns how many.
    /// Part of an erasure; durable on return.
    pub fn forget(&self, workspace: &WorkspaceId, subscriber: &Identity) -> Result<usize, StoreError> {
        let prefix = subscriber_prefix(workspace, subscriber);
        let (mut batch, mut count) = (sled::Batch::default(), 0);
        for entry in self.tree.scan_prefix(&prefix) {
            let (key, _) = entry.map_err(|why| self.db.failed(why))?;
            let code = String::from_utf8_lossy(key.get(prefix.len()..).unwrap_or_default()).into_owned();
            if let Some(link) = self.get(&code)? {
                let link = Link { subscriber: None, ..link };
                batch.insert(link_key(&code), encode(&link).map_err(unreadable)?);
                count += 1;
            }
            batch.remove(key);
        }
        self.tree.apply_batch(batch).map_err(|why| self.db.failed(why))?;
        self.db.make_durable()?;
        Ok(count)
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    pub(super) fn tree(&self) -> &sled::Tree {
        &self.tree
    }
}

pub(super) fn unreadable(why: String) -> StoreError {
    StoreError::Unreadable { what: "short link", why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, LinkStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = LinkStore::open(Db::open(dir.path(), 1 << 20).unwrap()).unwrap();
        (dir, store)
    }

    fn new(url: &str, campaign: &str, subscriber: Option<Identity>) -> NewLink {
        NewLink { url: url.to_owned(), campaign: campaign.to_owned(), subscriber }
    }

    #[test]
    fn links_are_found_by_code_after_a_restart() {
        let (dir, store) = open();
        let ana = Identity::email("ana@x.mx");
        let link = store.create(&"w".into(), new("https://x.example/a", "may", Some(ana)), Time(5)).unwrap();
        assert_eq!(link.code.len(), CODE_CHARS);
        drop(store);
        let store = LinkStore::open(Db::open(dir.path(), 1 << 20).unwrap()).unwrap();
        assert_eq!(store.get(&link.code).unwrap(), Some(link));
        for code in ["", "short", "toolongcode", "áááá", "c/abcdef", "zzzzzzzz"] {
            assert_eq!(store.get(code).unwrap(), None, "{code}");
        }
    }

    #[test]
    fn bulk_makes_all_or_none_and_lists_by_campaign_in_pages() {
        let (_dir, store) = open();
        let workspace = "w".into();
        let many = |n: usize| (0..n).map(|_| new("https://x.example/", "may", None)).collect::<Vec<_>>();
        let made = store.create_bulk(&workspace, many(25), Time(0)).unwrap();
        store.create_bulk(&workspace, vec![new("https://x.example/", "mayo", None)], Time(0)).unwrap();
        store.create_bulk(&"v".into(), many(3), Time(0)).unwrap();
        let mut bad = many(2);
        bad.push(new("javascript:1", "may", None));
        assert!(matches!(store.create_bulk(&workspace, bad, Time(0)), Err(LinkError::Target { .. })));
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = store.of_campaign(&workspace, "may", after.as_deref(), 10).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.code.clone());
            seen.extend(page);
        }
        let codes = |links: &[Link]| links.iter().map(|link| link.code.clone()).collect::<BTreeSet<_>>();
        assert_eq!(seen.len(), 25);
        assert_eq!(codes(&seen), codes(&made));
        let given = BULK_LINKS_MAX + 1;
        assert!(matches!(store.create_bulk(&workspace, many(given), Time(0)), Err(LinkError::TooMany { .. })));
    }

    #[test]
    fn campaigns_and_subscribers_are_checked() {
        let (_dir, store) = open();
        let create = |campaign: &str, who| store.create(&"w".into(), new("https://x.example/", campaign, who), Time(0));
        assert!(matches!(create("a\0b", None), Err(LinkError::Campaign)));
        assert!(matches!(create(&"x".repeat(CAMPAIGN_BYTES_MAX + 1), None), Err(LinkError::Campaign)));
        assert!(matches!(create("", Some(Identity::user("web", " "))), Err(LinkError::Subscriber)));
        assert!(create(&"x".repeat(CAMPAIGN_BYTES_MAX), Some(Identity::user("web", "u1"))).is_ok());
    }

    #[test]
    fn a_forgotten_subscriber_is_on_no_link_and_the_links_still_lead_on() {
        let (_dir, store) = open();
        let workspace = "w".into();
        let (ana, bea) = (Identity::email("ana@x.mx"), Identity::email("bea@x.mx"));
        let create = |who: &Identity| {
            store.create(&workspace, new("https://x.example/", "may", Some(who.clone())), Time(0)).unwrap()
        };
        let (one, two, other) = (create(&ana), create(&ana), create(&bea));
        assert_eq!(store.forget(&workspace, &ana).unwrap(), 2);
        assert_eq!(store.forget(&workspace, &ana).unwrap(), 0);
        for link in [one, two] {
            assert_eq!(store.get(&link.code).unwrap(), Some(Link { subscriber: None, ..link }));
        }
        assert_eq!(store.get(&other.code).unwrap(), Some(other));
    }

    #[test]
    fn clicks_add_up() {
        let (_dir, store) = open();
        let link = store.create(&"w".into(), new("https://x.example/", "may", None), Time(0)).unwrap();
        let more = BTreeMap::from([(link.code.clone(), Clicks { counted: 2, bots: 1 })]);
        store.add_clicks(&more).unwrap();
        store.add_clicks(&more).unwrap();
        assert_eq!(store.clicks(&link.code).unwrap(), Clicks { counted: 4, bots: 2 });
        assert_eq!(store.clicks("zzzzzzzz").unwrap(), Clicks::default());
    }

    #[test]
    fn a_deleted_link_leaves_nothing_behind_and_only_its_workspace_can_change_it() {
        let (_dir, store) = open();
        let (own, other) = ("w".into(), "v".into());
        let ana = Identity::email("ana@x.mx");
        let link = store.create(&own, new("https://x.example/", "may", Some(ana)), Time(0)).unwrap();
        let code = link.code.as_str();
        assert_eq!(store.lead(&other, code, "https://y.example/").unwrap(), None);
        assert!(matches!(store.lead(&own, code, "javascript:1"), Err(LinkError::Target { .. })));
        let moved = Link { url: "https://y.example/".to_owned(), ..link.clone() };
        assert_eq!(store.lead(&own, code, "https://y.example").unwrap(), Some(moved.clone()));
        assert_eq!(store.get(code).unwrap(), Some(moved));
        assert!(!store.delete(&other, code).unwrap());
        assert!(store.delete(&own, code).unwrap());
        store.add_clicks(&BTreeMap::from([(code.to_owned(), Clicks { counted: 1, bots: 0 })])).unwrap();
        assert_eq!(store.tree().len(), 0);
        assert!(!store.delete(&own, code).unwrap());
    }
}
