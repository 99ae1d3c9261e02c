//! Everything that the simulator knows.

use super::contact::{Contact, ContactView, Properties, now};
use super::counters::Counters;
use super::exchange::Exchange;
use super::faults::{Fates, Faults, Random};
use super::hooks::{Attempt, Happening};
use super::limits::Calls;
use super::lists::List;
use super::order::Order;
use super::{SCOPES, SimOptions};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// An access token.
#[derive(Clone)]
pub(super) struct Token {
    pub portal: u64,
    pub scopes: Vec<String>,
    /// Milliseconds since the epoch; `None` for a private app's.
    pub expires: Option<i64>,
}

/// An account.
#[derive(Default)]
pub(super) struct Portal {
    pub contacts: BTreeMap<u64, Contact>,
    pub order: Order,
    /// By addresses, further ones too.
    pub by_email: HashMap<String, u64>,
    pub merged: BTreeMap<u64, u64>,
    pub blocked: BTreeSet<String>,
    pub lists: BTreeMap<u64, List>,
}

pub(super) struct World {
    pub portals: BTreeMap<u64, Portal>,
    pub tokens: HashMap<String, Token>,
    /// Refresh tokens and their accounts.
    pub refresh: HashMap<String, u64>,
    /// Codes: account and redirect address.
    pub codes: HashMap<String, (u64, String)>,
    pub scopes: Vec<String>,
    pub target: Option<String>,
    pub fates: Fates,
    pub calls: Calls,
    pub random: Random,
    pub exchanges: VecDeque<Exchange>,
    pub attempts: Vec<Attempt>,
    pub counters: Counters,
    /// Whether searches are late.
    late: bool,
    outbox: UnboundedSender<Happening>,
    next_contact: u64,
    next_list: u64,
    next_event: u64,
    stands_at: Option<i64>,
    last_time: i64,
}

impl World {
    pub fn new(options: &SimOptions, outbox: UnboundedSender<Happening>) -> World {
        World {
            portals: options.portals.iter().map(|portal| (*portal, Portal::default())).collect(),
            tokens: HashMap::new(),
            refresh: HashMap::new(),
            codes: HashMap::new(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            target: options.target_url.clone(),
            fates: Fates::new(Faults::default()),
            calls: Calls::default(),
            random: Random(7),
            exchanges: VecDeque::new(),
            attempts: Vec::new(),
            counters: Counters::default(),
            late: !options.search_lag.is_zero(),
            outbox,
            next_contact: 501,
            next_list: 42,
            next_event: 3_816_279_340,
            stands_at: options.stands_at,
            last_time: 0,
        }
    }

    pub fn clear(&mut self, options: &SimOptions) {
        *self = World::new(options, self.outbox.clone());
    }

    /// A time later than all before.
    pub fn tick(&mut self) -> i64 {
        let now = self.stands_at.unwrap_or_else(now);
        self.last_time = now.max(self.last_time + 1);
        self.last_time
    }

    pub fn portal(&mut self, portal: u64) -> &mut Portal {
        self.portals.entry(portal).or_default()
    }

    fn tell(&mut self, portal: u64, what: &'static str, contact: u64, at: i64, more: serde_json::Value) {
        if self.target.is_none() {
            return;
        }
        self.next_event += 1;
        // Nobody listens only while the simulator ends.
        let _ = self.outbox.send(Happening { event: self.next_event, portal, what, contact, at, more });
    }

    pub fn add(&mut self, portal: u64, properties: &Properties) -> u64 {
        let at = self.tick();
        let id = self.place(portal, properties.clone(), at);
        self.portal(portal).order.put(at, id);
        self.tell(portal, "contact.creation", id, at, serde_json::json!({}));
        id
    }

    fn place(&mut self, portal: u64, properties: Properties, at: i64) -> u64 {
        let (id, late) = (self.next_contact, self.late);
        self.next_contact += 1;
        let mut contact = Contact::new(id, properties, at);
        contact.written(late);
        let place = self.portal(portal);
        if !contact.email().is_empty() {
            place.by_email.insert(contact.email().to_owned(), id);
        }
        place.contacts.insert(id, contact);
        id
    }

    /// Contacts that were there before, each with the time of its last change.
    pub fn import(&mut self, portal: u64, contacts: impl Iterator<Item = (Properties, i64)>) -> Vec<u64> {
        let placed: Vec<(i64, u64)> =
            contacts.map(|(properties, at)| (at, self.place(portal, properties, at))).collect();
        self.last_time = placed.iter().map(|(at, _)| *at).max().unwrap_or_default().max(self.last_time);
        self.portal(portal).order.put_all(placed.iter().copied());
        placed.into_iter().map(|(_, id)| id).collect()
    }

    pub fn change(&mut self, portal: u64, id: u64, properties: &Properties) {
        let (at, late) = (self.tick(), self.late);
        let place = self.portal(portal);
        let Some(contact) = place.contacts.get_mut(&id) else { return };
        place.by_email.remove(contact.email());
        contact.properties.extend(properties.clone());
        place.order.take(contact.modified, id);
        contact.modified = at;
        if !contact.archived {
            place.order.put(at, id);
        }
        contact.fold();
        contact.written(late);
        if !contact.email().is_empty() {
            place.by_email.insert(contact.email().to_owned(), id);
        }
        for (name, value) in properties {
            let more = serde_json::json!({ "propertyName": name, "propertyValue": value, "changeSource": "CRM" });
            self.tell(portal, "contact.propertyChange", id, at, more);
        }
    }

    fn leave_lists(&mut self, portal: u64, id: u64) {
        for list in self.portal(portal).lists.values_mut() {
            list.members.remove(&id);
        }
    }

    /// Whether there was such a contact.
    pub fn archive(&mut self, portal: u64, id: u64) -> bool {
        let (at, late) = (self.tick(), self.late);
        let place = self.portal(portal);
        let Some(contact) = place.contacts.get_mut(&id).filter(|contact| !contact.archived) else { return false };
        contact.archived = true;
        place.order.take(contact.modified, id);
        contact.modified = at;
        contact.written(late);
        place.by_email.retain(|_, other| *other != id);
        self.leave_lists(portal, id);
        self.tell(portal, "contact.deletion", id, at, serde_json::json!({}));
        true
    }

    pub fn restore(&mut self, portal: u64, id: u64) {
        let (at, late) = (self.tick(), self.late);
        let place = self.portal(portal);
        let Some(contact) = place.contacts.get_mut(&id) else { return };
        contact.archived = false;
        place.order.take(contact.modified, id);
        contact.modified = at;
        place.order.put(at, id);
        contact.written(late);
        place.by_email.insert(contact.email().to_owned(), id);
        self.tell(portal, "contact.restore", id, at, serde_json::json!({}));
    }

    pub fn forget(&mut self, portal: u64, id: u64) {
        let at = self.tick();
        let place = self.portal(portal);
        let Some(contact) = place.contacts.remove(&id) else { return };
        place.order.take(contact.modified, id);
        place.by_email.retain(|_, other| *other != id);
        place.blocked.insert(contact.email().to_owned());
        self.leave_lists(portal, id);
        self.tell(portal, "contact.privacyDeletion", id, at, serde_json::json!({}));
    }

    pub fn merge(&mut self, portal: u64, kept: u64, gone: u64) {
        let (at, late) = (self.tick(), self.late);
        let place = self.portal(portal);
        let Some(lost) = place.contacts.remove(&gone) else { return };
        place.order.take(lost.modified, gone);
        let Some(contact) = place.contacts.get_mut(&kept) else { return };
        let more = contact.properties.entry("hs_additional_emails".to_owned()).or_default();
        for address in [lost.email()].into_iter().filter(|address| !address.is_empty()) {
            *more = if more.is_empty() { address.to_owned() } else { format!("{more};{address}") };
            place.by_email.insert(address.to_owned(), kept);
        }
        contact.merged.push(gone);
        contact.merged.extend(lost.merged);
        place.order.take(contact.modified, kept);
        contact.modified = at;
        if !contact.archived {
            place.order.put(at, kept);
        }
        contact.written(late);
        place.merged.insert(gone, kept);
        for list in place.lists.values_mut() {
            if list.members.remove(&gone).is_some() {
                list.members.entry(kept).or_insert(at);
            }
        }
        let more = serde_json::json!({ "primaryObjectId": kept, "mergedObjectIds": [gone], "newObjectId": kept,
            "numberOfPropertiesMoved": 1 });
        self.tell(portal, "contact.merge", kept, at, more);
    }

    pub fn views(&mut self, portal: u64) -> Vec<ContactView> {
        self.portal(portal).contacts.values().map(Contact::view).collect()
    }

    pub fn new_list(&mut self, portal: u64, name: &str, kind: &str) -> u64 {
        let (at, id) = (self.tick(), self.next_list);
        self.next_list += 1;
        self.portal(portal).lists.insert(id, List::new(id, name, kind, at));
        id
    }

    fn list_named(&mut self, portal: u64, name: &str) -> Option<&mut List> {
        self.portal(portal).lists.values_mut().find(|list| list.name == name)
    }

    pub fn members(&mut self, portal: u64, name: &str) -> Option<BTreeSet<String>> {
        let ids: Vec<u64> = self.list_named(portal, name)?.members.keys().copied().collect();
        let contacts = &self.portal(portal).contacts;
        let address = |id: &u64| match contacts.get(id).map(Contact::email).unwrap_or_default() {
            "" => id.to_string(),
            email => email.to_owned(),
        };
        Some(ids.iter().map(address).collect())
    }

    pub fn edit_list(&mut self, portal: u64, name: &str, add: &[u64], remove: &[u64]) {
        if self.list_named(portal, name).is_none() {
            self.new_list(portal, name, "MANUAL");
        }
        let at = self.tick();
        let Some(list) = self.list_named(portal, name) else { return };
        list.members.extend(add.iter().map(|id| (*id, at)));
        list.members.retain(|id, _| !remove.contains(id));
    }

    pub fn add_dynamic_list(&mut self, portal: u64, name: &str) {
        self.new_list(portal, name, "DYNAMIC");
    }

    pub fn delete_list(&mut self, portal: u64, name: &str) {
        self.portal(portal).lists.retain(|_, list| list.name != name);
    }

    pub fn private_token(&mut self, portal: u64, scopes: &[&str]) -> String {
        let text = format!("pat-na1-{}", self.random.uuid());
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.tokens.insert(text.clone(), Token { portal, scopes, expires: None });
        text
    }

    pub fn access(&mut self, portal: u64, life: Duration) -> String {
        // Tokens of OAuth are long.
        let text = format!("CJ-{}{}{}", self.random.uuid(), "x".repeat(220), self.random.uuid());
        let expires = Some(now() + life.as_millis() as i64);
        self.tokens.insert(text.clone(), Token { portal, scopes: self.scopes.clone(), expires });
        text
    }

    pub fn pair(&mut self, portal: u64, life: Duration) -> (String, String) {
        let (access, refresh) = (self.access(portal, life), format!("na1-{}", self.random.uuid()));
        self.refresh.insert(refresh.clone(), portal);
        (access, refresh)
    }

    pub fn expire_tokens(&mut self) {
        for token in self.tokens.values_mut().filter(|token| token.expires.is_some()) {
            token.expires = Some(0);
        }
    }

    pub fn uninstall(&mut self, portal: u64) {
        self.tokens.retain(|_, token| token.portal != portal || token.expires.is_none());
        self.refresh.retain(|_, of| *of != portal);
    }
}
