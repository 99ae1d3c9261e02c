//! The requests of the small Mailchimp.

use super::{Audience, Call, Contact, Fault, State, World};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, header};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::net::TcpListener;

type Answered = (u16, Value);
type Query = BTreeMap<String, String>;

pub fn serve(listener: TcpListener, world: Arc<World>) {
    let router = Router::new().fallback(move |request: Request<Body>| answer(Arc::clone(&world), request));
    tokio::spawn(async move { axum::serve(listener, router).await });
}

fn problem(status: u16, title: &str, detail: &str) -> Answered {
    (status, json!({ "title": title, "status": status, "detail": detail, "instance": "1" }))
}

async fn answer(world: Arc<World>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 32 << 20).await.unwrap();
    let text = |name: header::HeaderName| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let path = parts.uri.path().to_owned();
    let call = Call {
        method: parts.method.to_string(),
        path: path.strip_prefix("/us19/3.0").unwrap_or(&path).to_owned(),
        query: pairs.iter().cloned().collect(),
        body: body.to_vec(),
        authorization: text(header::AUTHORIZATION).unwrap_or_default(),
    };
    let mut state = world.state();
    state.calls.push(call.clone());
    let (status, body) = if path.starts_with("/login/") {
        login(&world, &state, &call)
    } else {
        marketing(&world, &mut state, &call, &pairs)
    };
    let text = if body.is_string() { body.as_str().unwrap().to_owned() } else { body.to_string() };
    let text = if body.is_null() { String::new() } else { text };
    Response::builder().status(status).body(Body::from(text)).unwrap()
}

fn login(world: &World, state: &State, call: &Call) -> Answered {
    let form: BTreeMap<String, String> = form_urlencoded::parse(&call.body).into_owned().collect();
    match call.path.as_str() {
        "/login/oauth2/token" => {
            let right = [
                ("grant_type", "authorization_code"),
                ("client_id", "app-1"),
                ("client_secret", "app-secret"),
                ("code", "the-code"),
                ("redirect_uri", "https://segments.example.com/oauth/mailchimp"),
            ];
            if right.iter().any(|(name, value)| form.get(*name).map(String::as_str) != Some(*value)) {
                return (400, json!({ "error": "invalid_grant" }));
            }
            (200, json!({ "access_token": "oauth-token-1", "expires_in": 0, "scope": null }))
        }
        "/login/oauth2/metadata" if call.authorization == "OAuth oauth-token-1" && !state.revoked => {
            let own = format!("{}/us19", world.base);
            let endpoint = state.metadata_endpoint.clone().unwrap_or(own);
            (
                200,
                json!({ "dc": "us19", "role": "owner", "accountname": "Acme", "user_id": 123, "login": { "login_id": 1 },
                "login_url": "https://login.mailchimp.com", "api_endpoint": endpoint }),
            )
        }
        _ => (401, json!({ "error": "invalid_token" })),
    }
}

fn marketing(world: &World, state: &mut State, call: &Call, pairs: &[(String, String)]) -> Answered {
    let path: Vec<&str> = call.path.split('/').skip(1).collect();
    if let Some(contract) = &world.contract
        && let Err(why) = contract.check(&call.method, &path, pairs, &call.body)
    {
        state.wrong.push(why);
    }
    let known = call.authorization == "Bearer oauth-token-1"
        || call.authorization == "Basic c2VnbWVudGQ6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYtdXMxOQ==";
    if !known || state.revoked {
        return problem(401, "API Key Invalid", "Your API key may be invalid.");
    }
    let name = format!("{} {}", call.method, call.path);
    let fault = state.faults.iter_mut().find(|(part, _, left)| *left > 0 && name.contains(part.as_str()));
    let fault = fault.map(|(_, fault, left)| {
        *left -= 1;
        *fault
    });
    if let Some(Fault::Instead(status, body)) = fault {
        return (status, serde_json::from_str(body).unwrap_or(Value::from(body)));
    }
    let answer = dispatch(state, call, &path);
    match fault {
        Some(Fault::Lost) => (502, Value::Null),
        _ => answer,
    }
}

fn dispatch(state: &mut State, call: &Call, path: &[&str]) -> Answered {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let (method, query) = (call.method.as_str(), &call.query);
    match (method, path) {
        ("GET", ["ping"]) => return (200, json!({ "health_status": "Everything's Chimpy!" })),
        ("GET", [""]) => {
            return (
                200,
                json!({ "account_id": "acc1", "account_name": "Acme MX", "login_id": "l1", "role": "owner",
                "account_timezone": "America/Mexico_City" }),
            );
        }
        ("GET", ["lists"]) => {
            let lists: Vec<Value> = state.lists.keys().map(|id| json!({ "id": id })).collect();
            return (200, json!({ "lists": lists, "total_items": lists.len() }));
        }
        _ => {}
    }
    let ["lists", list, rest @ ..] = path else { return problem(404, "Resource Not Found", "no such path") };
    let Some(mut audience) = state.lists.remove(*list) else {
        return problem(404, "Resource Not Found", "no such audience");
    };
    let answer = match (method, rest) {
        ("POST", []) => create(state, &mut audience, &body),
        ("GET", ["members"]) => members(state, &audience, query),
        ("GET", ["tag-search"]) => {
            let found = audience.tags.iter().filter(|(_, (name, _))| name.starts_with(&query["name"]));
            let tags: Vec<Value> = found.map(|(id, (name, _))| json!({ "id": id, "name": name })).collect();
            (200, json!({ "tags": tags, "total_items": tags.len() }))
        }
        ("GET", ["segments"]) => {
            let tags = audience.tags.iter().map(|(id, (name, _))| json!({ "id": id, "name": name }));
            let tags: Vec<Value> = tags.collect();
            (200, json!({ "segments": tags, "total_items": tags.len() }))
        }
        ("POST", ["segments"]) => create_tag(state, &mut audience, &body),
        ("POST", ["segments", id]) => change_tag(state, &mut audience, id, &body),
        ("GET", ["segments", id, "members"]) => tag_members(&audience, id, query),
        (_, ["members", hash, more @ ..]) => member(state, &mut audience, (method, hash), more),
        (_, ["webhooks", more @ ..]) => hooks(state, &mut audience, (method, &body), more),
        _ => problem(404, "Resource Not Found", "no such path"),
    };
    state.lists.insert((*list).to_owned(), audience);
    answer
}

fn rfc3339(seconds: i64) -> String {
    if seconds == 0 {
        return String::new();
    }
    model::Time(seconds * 1_000_000).to_string().replace(".000000Z", "+00:00")
}

fn show(email: &str, contact: &Contact) -> Value {
    json!({ "email_address": email, "contact_id": contact.id, "status": contact.status,
        "last_changed": rfc3339(contact.changed), "timestamp_opt": rfc3339(contact.opt),
        "timestamp_signup": rfc3339(contact.signup) })
}

fn poisoned(state: &State, body: &Value) -> Option<Answered> {
    let text = body.to_string();
    let bad = state.poison.iter().find(|email| text.contains(&format!("\"{email}\"")))?;
    Some(problem(400, "Invalid Resource", &format!("{bad} is no address")))
}

fn create(state: &mut State, audience: &mut Audience, body: &Value) -> Answered {
    let members = body["members"].as_array().unwrap();
    if members.len() > 500 || body["update_existing"] != false || body["sync_tags"] != false {
        state.wrong.push(format!("not a harmless creation: {} members", members.len()));
    }
    if let Some(answer) = poisoned(state, body) {
        return answer;
    }
    let (mut new, mut errors) = (Vec::new(), Vec::new());
    for member in members {
        let email = member["email_address"].as_str().unwrap().to_lowercase();
        let refusing = state
            .refusing
            .get(&email)
            .filter(|(_, _, field)| field.is_empty() || !member["merge_fields"][field].is_null());
        if let Some((code, text, field)) = refusing {
            errors.push(json!({ "email_address": email, "error": text, "error_code": code, "field": field, "field_message": "" }));
        } else if audience.contacts.get(&email).is_some_and(|contact| contact.status != "archived") {
            let error = format!("{email} is already a list member, do you want to update?");
            errors.push(json!({ "email_address": email, "error": error, "error_code": "ERROR_CONTACT_EXISTS" }));
        } else {
            let (changed, id) = (state.now, format!("c-{email}"));
            let status = member["status"].as_str().unwrap().to_owned();
            let merge_fields = member["merge_fields"].clone();
            let contact = Contact { id, status, changed, opt: changed, merge_fields, ..Contact::default() };
            new.push(show(&email, &contact));
            audience.contacts.insert(email, contact);
        }
    }
    (200, json!({ "new_members": new, "updated_members": [], "errors": errors }))
}

fn create_tag(state: &mut State, audience: &mut Audience, body: &Value) -> Answered {
    let name = body["name"].as_str().unwrap();
    if audience.tags.values().any(|(found, _)| found.to_lowercase() == name.to_lowercase()) {
        return problem(400, "Bad Request", "Sorry, that tag already exists.");
    }
    state.next_id += 1;
    audience.tags.insert(state.next_id, (name.to_owned(), BTreeSet::new()));
    (200, json!({ "id": state.next_id, "name": name, "member_count": 0, "type": "static" }))
}

fn change_tag(state: &mut State, audience: &mut Audience, id: &str, body: &Value) -> Answered {
    let Some((_, tagged)) = audience.tags.get_mut(&id.parse().unwrap()) else {
        return problem(404, "Resource Not Found", "no such segment");
    };
    if let Some(answer) = poisoned(state, body) {
        return answer;
    }
    let side = |name: &str| -> Vec<String> {
        let side = body[name].as_array().map(Vec::as_slice).unwrap_or_default();
        side.iter().map(|email| email.as_str().unwrap().to_lowercase()).collect()
    };
    let (add, remove) = (side("members_to_add"), side("members_to_remove"));
    if add.len() > 500 || remove.len() > 500 || add.is_empty() && remove.is_empty() {
        state.wrong.push(format!("{} to add, {} to remove", add.len(), remove.len()));
    }
    let (mut added, mut unknown, mut strange) = (Vec::new(), Vec::new(), Vec::new());
    for email in add {
        let known = audience.contacts.get(&email).filter(|contact| contact.status != "archived");
        match known.filter(|_| !state.late.contains(&email)) {
            None => unknown.push(email),
            Some(contact) => {
                if tagged.insert(email.clone()) || !state.silent_repeats {
                    added.push(show(&email, contact));
                }
            }
        }
    }
    for email in remove {
        if !tagged.remove(&email) {
            strange.push(email);
        }
    }
    let errors = [(unknown, "Email addresses do not exist in the list"), (strange, "Not in the segment")];
    let errors = errors.into_iter().filter(|(emails, _)| !emails.is_empty());
    let errors: Vec<Value> = errors.map(|(emails, why)| json!({ "email_addresses": emails, "error": why })).collect();
    (200, json!({ "members_added": added, "members_removed": [], "errors": errors }))
}

fn number(query: &Query, name: &str, usual: usize) -> usize {
    query.get(name).map_or(usual, |text| text.parse().unwrap())
}

fn paged(all: Vec<Value>, query: &Query) -> Answered {
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(number(query, "offset", 0)).take(number(query, "count", 10)).collect();
    (200, json!({ "members": page, "total_items": total }))
}

fn members(state: &State, audience: &Audience, query: &Query) -> Answered {
    let since = query.get("since_last_changed").map_or(0, |text| model::Time::parse(text).unwrap().0 / 1_000_000);
    let mut found: Vec<(&String, &Contact)> = audience
        .contacts
        .iter()
        .filter(|(_, contact)| contact.changed > since && contact.changed <= state.now)
        .collect();
    found.sort_by_key(|(email, contact)| (contact.changed, email.as_str()));
    paged(found.into_iter().map(|(email, contact)| show(email, contact)).collect(), query)
}

fn tag_members(audience: &Audience, id: &str, query: &Query) -> Answered {
    let Some((_, tagged)) = audience.tags.get(&id.parse().unwrap()) else {
        return problem(404, "Resource Not Found", "no such segment");
    };
    let shown = |contact: &Contact| {
        contact.status == "subscribed"
            || query.get(&format!("include_{}", contact.status)).is_some_and(|on| on == "true")
    };
    let members = tagged.iter().map(|email| (email, &audience.contacts[email]));
    paged(members.filter(|(_, contact)| shown(contact)).map(|(email, contact)| show(email, contact)).collect(), query)
}

fn member(state: &mut State, audience: &mut Audience, (method, hash): (&str, &str), more: &[&str]) -> Answered {
    let of = |email: &str| -> String { Md5::digest(email).iter().map(|byte| format!("{byte:02x}")).collect() };
    let Some(email) = audience.contacts.keys().find(|email| of(email) == hash).cloned() else {
        return problem(404, "Resource Not Found", "no such contact");
    };
    match (method, more) {
        ("GET", []) => (200, show(&email, &audience.contacts[&email])),
        ("GET", ["tags"]) => {
            let tags = audience.tags.iter().filter(|(_, (_, members))| members.contains(&email));
            let tags: Vec<Value> = tags.map(|(id, (name, _))| json!({ "id": id, "name": name })).collect();
            (200, json!({ "tags": tags, "total_items": tags.len() }))
        }
        ("DELETE", []) => {
            audience.contacts.get_mut(&email).unwrap().status = "archived".to_owned();
            (204, Value::Null)
        }
        ("POST", ["actions", "delete-permanent"]) => {
            audience.contacts.remove(&email);
            (204, Value::Null)
        }
        _ => {
            state.wrong.push(format!("{method} of a contact"));
            problem(405, "Method Not Allowed", "")
        }
    }
}

fn hooks(state: &mut State, audience: &mut Audience, (method, body): (&str, &Value), more: &[&str]) -> Answered {
    match (method, more) {
        ("GET", []) => (200, json!({ "webhooks": audience.hooks })),
        ("POST", []) => {
            state.next_id += 1;
            let mut hook = body.clone();
            hook["id"] = state.next_id.to_string().into();
            audience.hooks.push(hook.clone());
            if state.signs_hooks {
                hook["signing_secret"] = format!("secret-{}", state.next_id).into();
            }
            (200, hook)
        }
        ("PATCH", [id]) => {
            let hook = audience.hooks.iter_mut().find(|hook| hook["id"] == *id).unwrap();
            for name in ["url", "events", "sources"] {
                hook[name] = body[name].clone();
            }
            (200, hook.clone())
        }
        ("DELETE", [id]) => {
            audience.hooks.retain(|hook| hook["id"] != *id);
            (204, Value::Null)
        }
        _ => problem(405, "Method Not Allowed", ""),
    }
}
