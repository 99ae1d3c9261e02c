//! Answers as Mailman core 3.3.10 was seen to answer. What it was not seen to take is refused and noted.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// What the core holds.
#[derive(Default)]
pub struct Held {
    /// Members with their display names; addresses in lower case.
    pub members: BTreeMap<String, String>,
    pub banned: BTreeSet<String>,
    /// Requests by token: address and who has to act.
    pub pending: BTreeMap<String, (String, &'static str)>,
    /// Deleted with everything.
    pub deleted: Vec<String>,
    pub welcomed: Vec<String>,
    /// The list is not there.
    pub list_gone: bool,
    /// What a connector must not ask.
    pub broken_rules: Vec<String>,
    pub calls: Vec<String>,
}

#[derive(Clone)]
pub struct Core {
    pub base: String,
    held: Arc<Mutex<Held>>,
}

fn problem(status: u16, description: &str) -> Response {
    let code = StatusCode::from_u16(status).unwrap();
    let body = json!({ "title": format!("{status} {}", code.canonical_reason().unwrap()), "description": description });
    (code, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn answer(status: u16, mut body: Value) -> Response {
    body["http_etag"] = json!("\"24fa3bde\"");
    let code = StatusCode::from_u16(status).unwrap();
    (code, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn empty(status: u16) -> Response {
    StatusCode::from_u16(status).unwrap().into_response()
}

fn decoded(text: &str) -> String {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).unwrap()
}

impl Core {
    pub async fn start() -> Core {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let core = Core { base: format!("http://{}", listener.local_addr().unwrap()), held: Arc::default() };
        let router = Router::new().fallback(serve).with_state(core.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        core
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    pub fn members(&self) -> Vec<String> {
        self.held().members.keys().cloned().collect()
    }
}

async fn serve(State(core): State<Core>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut held = core.held();
    held.calls.push(format!("{method} {}", uri.path()));
    // restadmin:restpass
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Basic cmVzdGFkbWluOnJlc3RwYXNz") {
        return problem(401, "REST API authorization failed");
    }
    let json: Value = match body.is_empty() {
        true => Value::Null,
        false if headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json") => {
            serde_json::from_slice(&body).unwrap_or_default()
        }
        false => Value::Null,
    };
    let parts: Vec<String> = uri.path().trim_start_matches('/').split('/').map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let listed = !held.list_gone;
    let query = uri.query().unwrap_or_default();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["3.1", "system", "versions"]) => {
            answer(200, json!({"mailman_version": "GNU Mailman 3.3.10 (Tom Sawyer)", "api_version": "3.1"}))
        }
        ("POST", ["3.1", "members"]) => held.subscribe(&json),
        (_, ["3.1", "lists", list, ..]) if *list != super::LIST || !listed => problem(404, ""),
        ("GET", ["3.1", "lists", list]) => answer(200, json!({ "list_id": list })),
        ("GET", ["3.1", "lists", _, "requests"]) => held.requests(),
        ("POST", ["3.1", "lists", _, "requests", token]) => match json["action"] == "discard" {
            true if held.pending.remove(*token).is_some() => empty(204),
            true => problem(404, ""),
            false => problem(400, "Missing Parameter: action"),
        },
        ("GET", ["3.1", "lists", _, "roster", "member"]) => held.roster(query),
        ("DELETE", ["3.1", "lists", _, "roster", "member"]) => held.unsubscribe(&json),
        ("GET", ["3.1", "lists", _, "member", email]) => match held.members.contains_key(&email.to_lowercase()) {
            true => answer(200, json!({"email": email, "role": "member"})),
            false => problem(404, ""),
        },
        ("DELETE", ["3.1", "users", email]) => match held.members.remove(*email).is_some() {
            true => {
                held.deleted.push((*email).to_owned());
                empty(204)
            }
            false => problem(404, "404 Not Found"),
        },
        _ => {
            held.broken_rules.push(format!("{method} {uri}"));
            problem(404, "")
        }
    }
}

impl Held {
    fn subscribe(&mut self, body: &Value) -> Response {
        let Some(email) = body["subscriber"].as_str() else { return problem(400, "Missing Parameter: subscriber") };
        if self.list_gone || body["list_id"] != super::LIST {
            return problem(400, "No such list");
        }
        let lower = email.to_lowercase();
        if !lower.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) {
            return problem(400, "Invalid Parameter \"subscriber\": .");
        }
        if self.banned.contains(&lower) {
            return problem(400, "Membership is banned");
        }
        if self.members.contains_key(&lower) {
            return problem(409, "Member already subscribed");
        }
        if self.pending.values().any(|(pending, _)| *pending == lower) {
            return problem(409, "Subscription request already pending");
        }
        if ["pre_verified", "pre_confirmed", "pre_approved"].iter().any(|name| body[name] != true) {
            self.pending.insert(format!("t{}", self.pending.len()), (lower, "subscriber"));
            return answer(202, json!({"token": "t", "token_owner": "subscriber"}));
        }
        if body["send_welcome_message"] != false {
            self.welcomed.push(lower.clone());
        }
        self.members.insert(lower, body["display_name"].as_str().unwrap_or_default().to_owned());
        empty(201)
    }

    fn requests(&self) -> Response {
        let one = |(token, (email, owner)): (&String, &(String, &str))| json!({"token": token, "type": "subscription", "email": email, "token_owner": owner});
        let entries: Vec<Value> = self.pending.iter().map(one).collect();
        let mut body = json!({"start": 0, "total_size": entries.len()});
        if !entries.is_empty() {
            body["entries"] = entries.into();
        }
        answer(200, body)
    }

    fn roster(&mut self, query: &str) -> Response {
        let value = |name: &str| query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        let number = |name: &str| value(name).and_then(|(_, value)| value.parse::<usize>().ok()).filter(|it| *it > 0);
        let (Some(count), Some(page)) = (number("count"), number("page")) else {
            self.broken_rules.push(format!("roster?{query}"));
            return problem(500, "");
        };
        let start = count * (page - 1);
        // Not in the order of the alphabet.
        let entries: Vec<Value> =
            self.members.keys().rev().skip(start).take(count).map(|email| json!({ "email": email })).collect();
        let mut body = json!({"start": start, "total_size": self.members.len()});
        if !entries.is_empty() {
            body["entries"] = entries.into();
        }
        answer(200, body)
    }

    fn unsubscribe(&mut self, body: &Value) -> Response {
        let Some(emails) = body["emails"].as_array() else { return problem(400, "Missing Parameter: emails") };
        let mut told = json!({});
        for email in emails.iter().filter_map(Value::as_str) {
            // As it is given: in capitals nobody is found.
            told[email] = self.members.remove(email).is_some().into();
        }
        answer(200, told)
    }
}
