//! A small store: lists with the filters, orders and pages of the real one, its ways of taking a key, its webhooks, and
//! faults on demand.

#![allow(clippy::result_large_err, clippy::cmp_owned, clippy::type_complexity)]

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// What happens instead of an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    Status(u16, &'static str),
    /// With `Retry-After` in seconds.
    Busy(u16, u64),
    /// The first half of the right answer.
    Half,
}

#[derive(Default)]
pub struct State {
    pub orders: Vec<Value>,
    pub refunds: Vec<Value>,
    pub customers: Vec<Value>,
    pub hooks: Vec<Value>,
    /// Part of `METHOD route?query`, what happens, how often yet.
    pub faults: Vec<(String, Fault, usize)>,
    pub calls: Vec<String>,
    /// Ways in which the store takes a key: `basic`, `query`, `oauth1`.
    pub ways: Vec<&'static str>,
    pub permissions: &'static str,
    pub revoked: bool,
    pub plain_permalinks: bool,
    /// A store that knows neither `modified_after` nor `/refunds`.
    pub old: bool,
    /// What the site calls itself.
    pub home: String,
    pub next_hook: u64,
    /// Done before each list is answered.
    pub meanwhile: Option<Box<dyn FnMut(&mut Lists) + Send>>,
}

/// The lists that move meanwhile.
pub struct Lists<'a> {
    pub orders: &'a mut Vec<Value>,
    pub customers: &'a mut Vec<Value>,
}

#[derive(Clone)]
pub struct Store {
    state: Arc<Mutex<State>>,
    pub base: String,
}

type Query = BTreeMap<String, String>;

impl Store {
    pub async fn start() -> Store {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (ways, home) = (vec!["basic", "query", "oauth1"], super::HOME.to_owned());
        let state = State { ways, home, permissions: "read_write", next_hook: 17, ..State::default() };
        let store = Store { state: Arc::new(Mutex::new(state)), base };
        let router = Router::new().fallback(handle).with_state(store.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        store
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn fail(&self, call: &str, fault: Fault, times: usize) {
        self.state().faults.push((call.to_owned(), fault, times));
    }

    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state().calls)
    }
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let body = json!({"code": code, "message": message, "data": {"status": status}});
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

async fn handle(Shared(store): Shared<Store>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let whole = reqwest::Url::parse(&format!("http://x{uri}")).unwrap();
    let mut query: Query = whole.query_pairs().into_owned().collect();
    let mut state = store.state();
    let route = match (state.plain_permalinks, query.remove("rest_route")) {
        (true, Some(route)) => route,
        (false, None) if uri.path().starts_with("/wp-json") => uri.path()["/wp-json".len()..].to_owned(),
        _ => return (StatusCode::NOT_FOUND, "<html>not found</html>").into_response(),
    };
    let route = route.trim_matches('/').trim_start_matches("wc/v3").trim_matches('/').to_owned();
    let shown: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let call = format!("{method} {route}?{}", shown.join("&"));
    state.calls.push(call.clone());
    let found = state.faults.iter_mut().find(|(part, _, left)| call.contains(part.as_str()) && *left > 0);
    let fault = found.map(|(_, fault, left)| {
        *left -= 1;
        fault.clone()
    });
    match fault {
        Some(Fault::Status(status, body)) => {
            return (StatusCode::from_u16(status).unwrap(), body).into_response();
        }
        Some(Fault::Busy(status, wait)) => {
            let wait = [(header::RETRY_AFTER, wait.to_string())];
            return (StatusCode::from_u16(status).unwrap(), wait, "<html>busy").into_response();
        }
        _ => {}
    }
    if route.is_empty() {
        let index = json!({"name": "Tienda", "home": state.home, "url": state.home, "gmt_offset": -6,
            "timezone_string": "America/Mexico_City", "namespaces": ["oembed/1.0", "wc/v3", "wp/v2"]});
        return axum::Json(index).into_response();
    }
    if let Err(refused) = may(&state, &method, &uri, &headers) {
        return refused;
    }
    let (status, total, mut text) = match answer(&mut state, &method, &route, &query, &body) {
        Ok((status, total, value)) => (status, total, value.to_string()),
        Err(refused) => return refused,
    };
    if matches!(fault, Some(Fault::Half)) {
        text.truncate(text.len() / 2);
    }
    let headers = [(header::CONTENT_TYPE.as_str(), "application/json".to_owned()), ("x-wp-total", total.to_string())];
    (StatusCode::from_u16(status).unwrap(), headers, text).into_response()
}

/// Whether a call shows the key, in a way that the store takes, with the right that it needs.
fn may(state: &State, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Response> {
    let basic = base64::engine::general_purpose::STANDARD.encode(super::KEY);
    let (key, secret) = super::KEY.split_once(':').unwrap();
    let query = uri.query().unwrap_or_default();
    let shown = if headers.get("authorization").is_some_and(|value| *value == format!("Basic {basic}")) {
        Some("basic")
    } else if query.contains(&format!("consumer_key={key}&consumer_secret={secret}")) {
        Some("query")
    } else if query.contains(&format!("oauth_consumer_key={key}")) && query.contains("&oauth_signature=") {
        // The signature itself is held against a worked-out one in the unit tests, and by the simulator.
        assert!(!uri.to_string().contains(secret));
        Some("oauth1")
    } else {
        None
    };
    if state.revoked || !shown.is_some_and(|way| state.ways.contains(&way)) {
        return Err(error(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources."));
    }
    let needed = if *method == Method::GET { "read" } else { "write" };
    if !state.permissions.contains(needed) {
        let why = format!("The API key provided does not have {needed} permissions.");
        return Err(error(401, "woocommerce_rest_authentication_error", &why));
    }
    Ok(())
}

type Answer = Result<(u16, usize, Value), Response>;

fn answer(state: &mut State, method: &Method, route: &str, query: &Query, body: &[u8]) -> Answer {
    let parts: Vec<&str> = route.split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["orders" | "customers" | "refunds"]) => list(state, route, query),
        ("GET", ["orders", id]) => one(&state.orders, id, "woocommerce_rest_shop_order_invalid_id"),
        ("GET", ["customers", id]) => one(&state.customers, id, "woocommerce_rest_invalid_id"),
        ("GET", ["orders", id, "refunds"]) => {
            let of = state.refunds.iter().filter(|refund| refund["parent_id"].to_string() == *id).cloned();
            let all: Vec<Value> = of.collect();
            Ok((200, all.len(), Value::Array(all)))
        }
        ("GET", ["settings", "general", "woocommerce_currency"]) => Ok((200, 1, json!({"value": "MXN"}))),
        ("GET", ["webhooks"]) => {
            let mut shown = state.hooks.clone();
            shown.iter_mut().for_each(|hook| drop(hook.as_object_mut().unwrap().remove("secret")));
            Ok((200, shown.len(), Value::Array(shown)))
        }
        ("POST", ["webhooks"]) => {
            let mut hook: Value = serde_json::from_slice(body).unwrap();
            state.next_hook += 1;
            hook["id"] = json!(state.next_hook);
            state.hooks.push(hook.clone());
            Ok((201, 1, hook))
        }
        ("PUT", ["webhooks", id]) => {
            let change: Value = serde_json::from_slice(body).unwrap();
            let found = state.hooks.iter_mut().find(|hook| hook["id"].to_string() == *id);
            let Some(hook) = found else {
                return Err(error(400, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID."));
            };
            for (name, value) in change.as_object().unwrap() {
                hook[name] = value.clone();
            }
            Ok((200, 1, hook.clone()))
        }
        ("DELETE", ["webhooks", id]) => {
            assert_eq!(query.get("force").map(String::as_str), Some("true"));
            state.hooks.retain(|hook| hook["id"].to_string() != *id);
            Ok((200, 1, json!({})))
        }
        _ => Err(error(404, "rest_no_route", "No route was found matching the URL and request method.")),
    }
}

fn one(all: &[Value], id: &str, code: &str) -> Answer {
    let found = all.iter().find(|thing| thing["id"].to_string() == id);
    found.map(|thing| (200, 1, thing.clone())).ok_or_else(|| error(404, code, "Invalid ID."))
}

fn list(state: &mut State, route: &str, query: &Query) -> Answer {
    if let Some(mut meanwhile) = state.meanwhile.take() {
        meanwhile(&mut Lists { orders: &mut state.orders, customers: &mut state.customers });
        state.meanwhile = Some(meanwhile);
    }
    let text = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let number = |name: &str, usual: usize| query.get(name).map_or(usual, |text| text.parse().unwrap());
    let size = number("per_page", 10);
    if !(1..=100).contains(&size) || (state.old && text("orderby") == "modified") {
        return Err(error(400, "rest_invalid_param", "Invalid parameter(s): per_page or orderby"));
    }
    if state.old && route == "refunds" {
        return Err(error(404, "rest_no_route", "No route was found matching the URL and request method."));
    }
    let mut all = match route {
        "orders" => state.orders.clone(),
        "refunds" => state.refunds.clone(),
        _ => state.customers.clone(),
    };
    let field = |thing: &Value, name: &str| thing[name].as_str().unwrap_or_default().to_owned();
    if route == "orders" {
        let trash = text("status") == "trash";
        all.retain(|order| (order["status"] == "trash") == trash && order["status"] != "checkout-draft");
    }
    if route == "customers" && text("role") != "all" {
        all.retain(|customer| customer["role"] == "customer");
    }
    if text("dates_are_gmt") == "true" {
        for (bound, name) in [("modified_after", "date_modified_gmt"), ("after", "date_created_gmt")] {
            if let Some(bound) = query.get(bound).filter(|_| !state.old || bound == "after") {
                assert_eq!(bound.len(), 19, "no zone: {bound}");
                all.retain(|thing| field(thing, name) > *bound);
            }
        }
    }
    let by = match text("orderby") {
        "modified" => "date_modified_gmt",
        "date" | "registered_date" => "date_created_gmt",
        _ => "id",
    };
    all.sort_by_key(|thing| (if by == "id" { String::new() } else { field(thing, by) }, thing["id"].as_u64()));
    if text("order") == "desc" {
        all.reverse();
    }
    let total = all.len();
    let offset = query.get("offset").map_or((number("page", 1) - 1) * size, |offset| offset.parse().unwrap());
    Ok((200, total, Value::Array(all.into_iter().skip(offset).take(size).collect())))
}
