//! The operations: scopes, rates, and what is done.

use super::limits::{CREATE_LIST, L, M, Rates, S, XS};
use super::problem::Problem;
use super::profile::{FIELDS, structure};
use super::query::Query;
use super::world::World;
use serde_json::{Value, json};

/// What an operation answers: a status, and a body unless there is none.
pub(super) type Outcome = Result<(u16, Option<Value>), Problem>;

/// An operation, for its scopes and rates.
pub(super) struct Operation {
    pub name: &'static str,
    pub rates: Rates,
    pub scopes: &'static [&'static str],
}

const fn operation(name: &'static str, rates: Rates, scopes: &'static [&'static str]) -> Operation {
    Operation { name, rates, scopes }
}

/// The operation of a request; `None` when there is none that is played.
pub(super) fn find(method: &str, path: &[&str], query: &Query) -> Option<Operation> {
    let counts = query.get("additional-fields[list]") == Some("profile_count");
    Some(match (method, path) {
        ("GET", ["accounts"]) => operation("get_accounts", XS, &["accounts:read"]),
        ("GET", ["lists"]) => operation("get_lists", L, &["lists:read"]),
        ("POST", ["lists"]) => operation("create_list", CREATE_LIST, &["lists:write"]),
        ("GET", ["lists", _]) => operation("get_list", if counts { XS } else { L }, &["lists:read"]),
        ("GET", ["lists", _, "profiles"]) => operation("get_profiles_for_list", L, &["lists:read", "profiles:read"]),
        ("GET", ["lists", _, "relationships", "profiles"]) => {
            operation("get_profile_ids_for_list", L, &["lists:read", "profiles:read"])
        }
        ("POST", ["lists", _, "relationships", "profiles"]) => {
            operation("add_profiles_to_list", M, &["lists:write", "profiles:write"])
        }
        ("DELETE", ["lists", _, "relationships", "profiles"]) => {
            operation("remove_profiles_from_list", M, &["lists:write", "profiles:write"])
        }
        ("GET", ["profiles"]) => operation("get_profiles", L, &["profiles:read"]),
        ("POST", ["profiles"]) => operation("create_profile", L, &["profiles:write"]),
        ("POST", ["profile-import"]) => operation("create_or_update_profile", L, &["profiles:write"]),
        ("POST", ["profile-bulk-import-jobs"]) => {
            operation("bulk_import_profiles", M, &["lists:write", "profiles:write"])
        }
        ("GET", ["profile-bulk-import-jobs"]) => {
            operation("get_bulk_import_profiles_jobs", M, &["lists:read", "profiles:read"])
        }
        ("GET", ["profile-bulk-import-jobs", _]) => {
            operation("get_bulk_import_profiles_job", M, &["lists:read", "profiles:read"])
        }
        ("GET", ["profile-bulk-import-jobs", _, "import-errors"]) => {
            operation("get_errors_for_bulk_import_profiles_job", M, &["profiles:read"])
        }
        ("POST", ["data-privacy-deletion-jobs"]) => operation("request_profile_deletion", S, &["data-privacy:write"]),
        _ => return None,
    })
}

/// Whether an operation would change anybody's consent.
pub(super) fn is_about_consent(path: &[&str]) -> bool {
    path.first()
        .is_some_and(|first| first.starts_with("profile-subscription-") || first.starts_with("profile-suppression-"))
}

/// Does it.
pub(super) fn run(world: &mut World, (method, path): (&str, &[&str]), query: &Query, body: &Value) -> Outcome {
    let some = |status: u16| move |value: Value| (status, Some(value));
    world.advance();
    match (method, path) {
        ("GET", ["accounts"]) => Ok((200, Some(account(world)))),
        ("GET", ["lists"]) => world.list_lists(query).map(some(200)),
        ("POST", ["lists"]) => world.list_create(body).map(some(201)),
        ("GET", ["lists", id]) => world.list_get(id, query).map(some(200)),
        ("GET", ["lists", id, "profiles"]) => world.list_profiles(id, query, false).map(some(200)),
        ("GET", ["lists", id, "relationships", _]) => world.list_profiles(id, query, true).map(some(200)),
        ("POST", ["lists", id, ..]) => world.relate(id, body, true).map(|()| (204, None)),
        ("DELETE", ["lists", id, ..]) => world.relate(id, body, false).map(|()| (204, None)),
        ("GET", ["profiles"]) => world.profile_list(query).map(some(200)),
        ("POST", ["profiles"]) => world.profile_write(&body["data"], true),
        ("POST", ["profile-import"]) => world.profile_write(&body["data"], false),
        ("POST", ["profile-bulk-import-jobs"]) => world.import(body).map(some(202)),
        ("GET", ["profile-bulk-import-jobs"]) => world.job_list(query).map(some(200)),
        ("GET", ["profile-bulk-import-jobs", id]) => world.job_get(id, query).map(some(200)),
        ("GET", ["profile-bulk-import-jobs", id, _]) => world.job_errors(id, query).map(some(200)),
        ("POST", ["data-privacy-deletion-jobs"]) => world.erase(body).map(|()| (202, None)),
        _ => Err(Problem::internal()),
    }
}

fn account(world: &World) -> Value {
    let id = &world.options.account;
    let address =
        json!({ "address1": "Calle 1", "address2": "", "city": "CDMX", "region": "", "country": "MX", "zip": "06000" });
    let contact = json!({ "default_sender_name": "Tienda", "default_sender_email": "hola@example.com",
        "website_url": null, "organization_name": world.options.account_name, "street_address": address });
    let attributes = json!({ "test_account": false, "contact_information": contact, "industry": null,
        "timezone": "America/Mexico_City", "preferred_currency": "MXN", "public_api_key": id, "locale": "es-MX" });
    let itself = format!("{}/api/accounts/{id}/", world.base);
    json!({ "data": [{ "type": "account", "id": id, "attributes": attributes, "links": { "self": itself } }],
        "links": { "self": format!("{}/api/accounts/", world.base) } })
}

impl World {
    fn profile_list(&self, query: &Query) -> Result<Value, Problem> {
        query.only(&[
            "additional-fields[profile]",
            "fields[profile]",
            "filter",
            "page[size]",
            "page[cursor]",
            "sort",
        ])?;
        let fields = query.fields("fields[profile]", &FIELDS)?;
        let (size, after) = (query.size(20, 100)?, query.cursor()?);
        let filter = query.filter(&["id", "email", "phone_number", "external_id"])?;
        let ids: Vec<(u64, String)> = match &filter {
            None => self.by_number.range(after + 1..).take(size + 1).map(|(at, id)| (*at, id.clone())).collect(),
            Some(filter) => {
                let of = |value: &String| {
                    let key = value.to_lowercase();
                    let id = if filter.field == "id" { Some(value) } else { self.index.get(&key) }?;
                    let number = self.profiles.get(id)?.number;
                    (number > after).then(|| (number, id.clone()))
                };
                let mut found: Vec<(u64, String)> = filter.values.iter().filter_map(of).collect();
                found.sort();
                found.dedup();
                found
            }
        };
        let more = ids.len() > size;
        let page: Vec<&(u64, String)> = ids.iter().take(size).collect();
        let next = page.last().filter(|_| more).map(|(number, _)| *number);
        let extra = query.get("additional-fields[profile]").is_some();
        let show = |(_, id): &&(u64, String)| {
            let subscriptions = [self.subscriptions(id)];
            self.shown(id, fields.as_deref(), if extra { &subscriptions } else { &[] })
        };
        Ok(self.page(page.iter().map(show).collect(), "/api/profiles", query, next))
    }

    fn profile_write(&mut self, data: &Value, only_new: bool) -> Outcome {
        structure(data, "/data")?;
        let known = ["external_id", "email", "phone_number"].iter().find_map(|name| {
            let key = data["attributes"][*name].as_str()?.to_lowercase();
            self.index.get(&key).cloned()
        });
        let duplicate = |id: &str| {
            let mut problem = Problem::new(
                409,
                "duplicate_profile",
                "Conflict.",
                "A profile already exists with one of these identifiers.",
                "/data/attributes",
            );
            for error in &mut problem.errors {
                error["meta"] = json!({ "duplicate_profile_id": id });
            }
            problem
        };
        if let Some(known) = known.filter(|_| only_new) {
            return Err(duplicate(&known));
        }
        match self.upsert(data) {
            Ok((id, is_new)) => {
                Ok((if is_new { 201 } else { 200 }, Some(json!({ "data": self.shown(&id, None, &[]) }))))
            }
            Err((_, code, other)) if code == "duplicate_profile" => Err(duplicate(&other)),
            Err((field, code, why)) => {
                Err(Problem::new(400, &code, "Invalid input.", &why, &format!("/data/attributes/{field}")))
            }
        }
    }

    fn erase(&mut self, body: &Value) -> Result<(), Problem> {
        let profile = &body["data"]["attributes"]["profile"]["data"];
        let attributes = &profile["attributes"];
        let named = [&profile["id"], &attributes["email"], &attributes["phone_number"]];
        let named: Vec<&str> = named.into_iter().filter_map(Value::as_str).collect();
        let [one] = named.as_slice() else {
            return Err(Problem::invalid("Exactly one identifier is required.", "/data/attributes/profile"));
        };
        let id = if self.profiles.contains_key(*one) {
            Some((*one).to_owned())
        } else {
            self.index.get(&one.to_lowercase()).cloned()
        };
        let id = id.ok_or_else(|| Problem::not_found("profile", one, "/data/attributes/profile"))?;
        self.delete_profile(&id);
        Ok(())
    }
}
