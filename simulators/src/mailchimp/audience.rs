//! An audience: contacts, segments, merge fields, webhooks.

use super::contact::{Contact, Hash, Status, hash, parse_hash};
use super::hooks::Webhook;
use super::merge_fields::{self, MergeField};
use super::segment::Segment;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

pub(super) struct Audience {
    pub id: String,
    pub name: String,
    pub created: i64,
    contacts: Vec<Option<Contact>>,
    by_hash: HashMap<Hash, u32>,
    /// Permanently deleted.
    forgotten: HashSet<Hash>,
    pub segments: BTreeMap<u64, Segment>,
    pub merge_fields: BTreeMap<u64, MergeField>,
    pub webhooks: BTreeMap<String, Webhook>,
    next_segment: u64,
}

impl Audience {
    pub fn new(id: &str, name: &str, now: i64, first_segment: u64) -> Audience {
        Audience {
            id: id.to_owned(),
            name: name.to_owned(),
            created: now,
            contacts: Vec::new(),
            by_hash: HashMap::new(),
            forgotten: HashSet::new(),
            segments: BTreeMap::new(),
            merge_fields: merge_fields::defaults(),
            webhooks: BTreeMap::new(),
            next_segment: first_segment,
        }
    }

    pub fn get(&self, number: u32) -> Option<&Contact> {
        self.contacts.get(number as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut Contact> {
        self.contacts.get_mut(number as usize)?.as_mut()
    }

    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.iter().flatten()
    }

    pub fn by_email(&self, email: &str) -> Option<&Contact> {
        self.get(*self.by_hash.get(&hash(email))?)
    }

    /// The contact that a path names: by hash, by address, or by `contact_id`.
    pub fn named(&self, key: &str) -> Option<&Contact> {
        if let Some(hash) = parse_hash(key)
            && let Some(number) = self.by_hash.get(&hash)
        {
            return self.get(*number);
        }
        if key.contains('@') {
            return self.by_email(key);
        }
        parse_hash(key).and_then(|_| self.contacts().find(|contact| contact.contact_id(&self.id) == key))
    }

    pub fn is_forgotten(&self, email: &str) -> bool {
        self.forgotten.contains(&hash(email))
    }

    /// The contact may come back by its own doing: a form, not the API.
    pub fn remember(&mut self, email: &str) {
        self.forgotten.remove(&hash(email));
    }

    /// Adds a contact whose address is not on the audience; its number.
    pub fn insert(&mut self, email: &str, status: Status, source: &'static str, now: i64) -> u32 {
        let number = u32::try_from(self.contacts.len()).unwrap_or(u32::MAX);
        self.by_hash.insert(hash(email), number);
        self.contacts.push(Some(Contact {
            number,
            email: email.to_owned(),
            status,
            before: None,
            merge_fields: merge_fields::empty(&self.merge_fields),
            email_type: "html",
            language: String::new(),
            vip: false,
            unsubscribe_reason: None,
            signed_up: now,
            changed: now,
            source,
        }));
        number
    }

    /// Gives a contact another address, which must be free.
    pub fn rename(&mut self, number: u32, email: &str) {
        let Some(contact) = self.contacts.get_mut(number as usize).and_then(Option::as_mut) else { return };
        self.by_hash.remove(&hash(&contact.email));
        contact.email = email.to_owned();
        self.by_hash.insert(hash(email), number);
    }

    /// Deletes a contact for good.
    pub fn forget(&mut self, number: u32) {
        let Some(contact) = self.contacts.get_mut(number as usize).and_then(Option::take) else { return };
        let hash = hash(&contact.email);
        self.by_hash.remove(&hash);
        self.forgotten.insert(hash);
        self.segments.values_mut().for_each(|segment| segment.forget(number));
    }

    /// The static segment of a name; names differ by more than their case.
    pub fn tag(&self, name: &str) -> Option<u64> {
        let wanted = name.to_lowercase();
        let mut segments = self.segments.values();
        segments.find(|segment| segment.is_static() && segment.name.to_lowercase() == wanted).map(|segment| segment.id)
    }

    pub fn add_segment(&mut self, name: &str, options: Option<Value>, now: i64) -> u64 {
        let id = self.next_segment;
        self.next_segment += 4;
        self.segments.insert(id, Segment::new(id, name, options, now));
        id
    }

    /// Puts a contact into a tag, which is created if need be, or takes it out; whether that was a change.
    pub fn put_tag(&mut self, contact: u32, tag: &str, inside: bool, now: i64) -> bool {
        let id = match self.tag(tag) {
            Some(id) => id,
            None if inside => self.add_segment(tag, None, now),
            None => return false,
        };
        self.segments.get_mut(&id).is_some_and(|segment| segment.put(contact, inside, now))
    }

    /// Tags of a contact: id, name, since when.
    pub fn tags_of(&self, contact: u32) -> Vec<(u64, &str, i64)> {
        let segments = self.segments.values().filter(|segment| segment.is_static());
        segments.filter_map(|tag| tag.since(contact).map(|since| (tag.id, tag.name.as_str(), since))).collect()
    }

    /// A member with its tags, 50 at most.
    pub fn member_json(&self, contact: &Contact) -> Value {
        self.member_fields(contact, |_| true)
    }

    /// Only the fields that somebody wants.
    pub fn member_fields(&self, contact: &Contact, wanted: impl Fn(&str) -> bool) -> Value {
        let mut member = contact.fields(&self.id, &wanted);
        if wanted("tags") || wanted("tags_count") {
            let tags = self.tags_of(contact.number);
            member["tags_count"] = Value::from(tags.len());
            member["tags"] = tags.iter().take(50).map(|(id, name, _)| json!({"id": id, "name": name})).collect();
        }
        member
    }

    pub fn json(&self) -> Value {
        let mut by_status: BTreeMap<Status, usize> = BTreeMap::new();
        for contact in self.contacts() {
            *by_status.entry(contact.status).or_default() += 1;
        }
        let count = |status| by_status.get(&status).copied().unwrap_or_default();
        json!({
            "id": self.id,
            "web_id": 1,
            "name": self.name,
            "date_created": super::time::show(self.created),
            "email_type_option": false,
            "double_optin": false,
            "has_welcome": false,
            "marketing_permissions": false,
            "visibility": "prv",
            "modules": [],
            "stats": {
                "member_count": count(Status::Subscribed),
                "unsubscribe_count": count(Status::Unsubscribed),
                "cleaned_count": count(Status::Cleaned),
                "total_contacts": by_status.values().sum::<usize>(),
                "merge_field_count": self.merge_fields.len(),
            },
            "_links": [],
        })
    }
}
