//! Lists and who is in them.

use super::problem::Problem;
use super::profile::FIELDS;
use super::query::{Query, address};
use super::world::World;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio::time::Instant;

/// Profiles of one call of relationships.
const RELATED_MAX: usize = 1_000;

#[derive(Clone, Debug)]
struct Joined {
    id: String,
    at: Timestamp,
    shows: Instant,
}

/// A list.
pub(super) struct List {
    pub name: String,
    pub created: Timestamp,
    /// By order of joining.
    joined: BTreeMap<u64, Joined>,
    places: HashMap<String, u64>,
}

impl List {
    pub fn ids(&self) -> Vec<String> {
        self.joined.values().map(|joined| joined.id.clone()).collect()
    }

    pub fn leave(&mut self, id: &str) {
        if let Some(place) = self.places.remove(id) {
            self.joined.remove(&place);
        }
    }

    fn join(&mut self, id: &str, place: u64, shows: Instant) {
        if !self.places.contains_key(id) {
            self.places.insert(id.to_owned(), place);
            self.joined.insert(place, Joined { id: id.to_owned(), at: Timestamp::now(), shows });
        }
    }
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

impl World {
    pub(super) fn create_list(&mut self, id: Option<&str>, name: &str) -> String {
        let number = self.next();
        let id = id.map_or_else(|| format!("L{number:05}"), str::to_owned);
        let (joined, places) = (BTreeMap::new(), HashMap::new());
        self.lists.insert(id.clone(), List { name: name.to_owned(), created: Timestamp::now(), joined, places });
        id
    }

    pub(super) fn put_member(&mut self, list: &str, id: &str) {
        let (place, shows) = (self.next(), Instant::now() + self.options.read_lag);
        if let Some(list) = self.lists.get_mut(list) {
            list.join(id, place, shows);
        }
    }

    pub(super) fn drop_member(&mut self, list: &str, id: &str) {
        if let Some(list) = self.lists.get_mut(list) {
            list.leave(id);
        }
    }

    fn shown_list(&self, id: &str, list: &List) -> Value {
        let attributes = json!({ "name": list.name, "created": time(list.created), "updated": time(list.created),
            "opt_in_process": "single_opt_in" });
        let itself = format!("{}/api/lists/{id}/", self.base);
        json!({ "type": "list", "id": id, "attributes": attributes, "links": { "self": itself } })
    }

    pub(super) fn list_lists(&self, query: &Query) -> Result<Value, Problem> {
        query.only(&["fields[list]", "filter", "page[size]", "page[cursor]", "sort", "include"])?;
        query.fields("fields[list]", &["name", "created", "updated", "opt_in_process"])?;
        let (size, after) = (query.size(10, 10)?, query.cursor()? as usize);
        let filter = query.filter(&["name", "id"])?;
        let fits = |(id, list): &(&String, &List)| {
            let by = |field: &str, value: &String| {
                let wanted = if field == "name" { &list.name } else { *id };
                wanted == value
            };
            filter.as_ref().is_none_or(|filter| filter.values.iter().any(|value| by(&filter.field, value)))
        };
        let all: Vec<Value> = self.lists.iter().filter(fits).map(|(id, list)| self.shown_list(id, list)).collect();
        let more = all.len() > after + size;
        let data: Vec<Value> = all.into_iter().skip(after).take(size).collect();
        Ok(self.page(data, "/api/lists", query, more.then_some((after + size) as u64)))
    }

    pub(super) fn list_get(&self, id: &str, query: &Query) -> Result<Value, Problem> {
        query.only(&["additional-fields[list]", "fields[list]", "include"])?;
        query.fields("fields[list]", &["name", "created", "updated", "opt_in_process"])?;
        let list = self.lists.get(id).ok_or_else(|| Problem::not_found("list", id, ""))?;
        Ok(json!({ "data": self.shown_list(id, list) }))
    }

    pub(super) fn list_create(&mut self, body: &Value) -> Result<Value, Problem> {
        let data = &body["data"];
        if data["type"] != "list" {
            return Err(Problem::invalid("The type must be 'list'.", "/data/type"));
        }
        let name = data["attributes"]["name"].as_str().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Problem::invalid("'name' is a required field.", "/data/attributes/name"))?;
        let id = self.create_list(None, name);
        let list = self.lists.get(&id).ok_or_else(Problem::internal)?;
        Ok(json!({ "data": self.shown_list(&id, list) }))
    }

    /// `GET /lists/{id}/profiles`, or only the ids of them.
    pub(super) fn list_profiles(&self, id: &str, query: &Query, ids_only: bool) -> Result<Value, Problem> {
        let own = ["filter", "page[size]", "page[cursor]", "sort"];
        if ids_only {
            query.only(&own)
        } else {
            query.only(&[&own[..], &["fields[profile]", "additional-fields[profile]"]].concat())
        }?;
        if query.get("sort").is_some_and(|sort| !["joined_group_at", "-joined_group_at"].contains(&sort)) {
            return Err(Problem::invalid("Profiles of a list can be sorted by joined_group_at.", "sort"));
        }
        let list = self.lists.get(id).ok_or_else(|| Problem::not_found("list", id, ""))?;
        let fields = query.fields("fields[profile]", &FIELDS)?;
        let (size, after, now) = (query.size(20, 100)?, query.cursor()?, Instant::now());
        let filter = query.filter(&["email", "phone_number"])?;
        let wanted: Option<BTreeSet<u64>> = filter.as_ref().map(|filter| {
            let ids = filter.values.iter().filter_map(|one| self.index.get(&one.to_lowercase()));
            ids.filter_map(|id| list.places.get(id).copied()).collect()
        });
        let all: Box<dyn Iterator<Item = (&u64, &Joined)>> = match &wanted {
            Some(wanted) => Box::new(wanted.range(after + 1..).filter_map(|place| list.joined.get_key_value(place))),
            None => Box::new(list.joined.range(after + 1..)),
        };
        let mut found = all.filter(|(_, joined)| joined.shows <= now);
        let page: Vec<(&u64, &Joined)> = found.by_ref().take(size).collect();
        let next = found.next().and_then(|_| page.last().map(|(place, _)| **place));
        let show = |(_, joined): &(&u64, &Joined)| match ids_only {
            true => json!({ "type": "profile", "id": joined.id }),
            false => {
                let more = [("joined_group_at", json!(time(joined.at))), self.subscriptions(&joined.id)];
                let shown = if query.get("additional-fields[profile]").is_some() { 2 } else { 1 };
                self.shown(&joined.id, fields.as_deref(), more.get(..shown).unwrap_or_default())
            }
        };
        let data = page.iter().map(show).collect();
        let path = format!("/api/lists/{id}/{}profiles", if ids_only { "relationships/" } else { "" });
        Ok(self.page(data, &path, query, next))
    }

    pub(super) fn subscriptions(&self, id: &str) -> (&'static str, Value) {
        let found = self.profiles.get(id);
        let consent = found.map(|found| found.consent.clone()).unwrap_or_default();
        let why = found.and_then(|found| found.suppressed.clone());
        let suppression: Vec<Value> =
            why.iter().map(|why| json!({ "reason": why, "timestamp": "2026-03-01T12:00:00+00:00" })).collect();
        let marketing = json!({ "can_receive_email_marketing": why.is_none() && consent != "UNSUBSCRIBED",
            "consent": consent, "suppression": suppression, "list_suppressions": [] });
        ("subscriptions", json!({ "email": { "marketing": marketing } }))
    }

    /// Puts profiles into a list, or takes them out: all of them or, when an id is of none, nobody.
    pub(super) fn relate(&mut self, list: &str, body: &Value, puts: bool) -> Result<(), Problem> {
        if !self.lists.contains_key(list) {
            return Err(Problem::not_found("list", list, ""));
        }
        let none = || Problem::invalid("'data' must be a list of profiles.", "/data");
        let data = body["data"].as_array().filter(|data| !data.is_empty()).ok_or_else(none)?;
        if data.len() > RELATED_MAX {
            return Err(Problem::invalid("A maximum of 1000 profiles is allowed per call.", "/data"));
        }
        let mut ids = Vec::new();
        for (at, one) in data.iter().enumerate() {
            let id = one["id"].as_str().filter(|_| one["type"] == "profile");
            let id = id.ok_or_else(|| Problem::invalid("Expected a profile.", &format!("/data/{at}")))?;
            if !self.profiles.contains_key(id) {
                let pointer = if self.telling { format!("/data/{at}/id") } else { "/data".to_owned() };
                return Err(Problem::not_found("profile", id, &pointer));
            }
            ids.push(id.to_owned());
        }
        for id in ids {
            if puts { self.put_member(list, &id) } else { self.drop_member(list, &id) }
        }
        Ok(())
    }

    /// A page with its links.
    pub(super) fn page(&self, data: Vec<Value>, path: &str, query: &Query, next: Option<u64>) -> Value {
        let next = next.map(|next| address(&self.base, path, query, Some(next)));
        let mut links = json!({ "self": address(&self.base, path, query, None) });
        if let Some(next) = next {
            links["next"] = next.into();
        }
        json!({ "data": data, "links": links })
    }
}
