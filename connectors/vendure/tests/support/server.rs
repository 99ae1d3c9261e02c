//! Answers as Vendure 3.7 was seen to answer. What it was not seen to take is refused and noted.

use super::KEY;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};

/// What the store holds.
#[derive(Default)]
pub struct Held {
    pub orders: Vec<Value>,
    pub customers: Vec<Value>,
    pub hook: Option<(String, String)>,
    /// The plugin is not installed.
    pub bare: bool,
    /// The key's role may not do these: `orders`, `customers`, `updateGlobalSettings`.
    pub forbidden: Vec<&'static str>,
    /// Decimals of amounts, where they are told.
    pub precision: Option<u32>,
    /// Options of the lists that were asked for.
    pub asked: Vec<Value>,
    pub broken_rules: Vec<String>,
}

#[derive(Clone)]
pub struct Store {
    pub base: String,
    held: Arc<Mutex<Held>>,
}

impl Store {
    pub async fn start() -> Store {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = Store { base: format!("http://{}", listener.local_addr().unwrap()), held: Arc::default() };
        let router = Router::new().fallback(serve).with_state(store.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        store
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }
}

fn answer(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "application/json")], body.to_string())
        .into_response()
}

fn error(status: u16, code: &str, message: &str) -> Response {
    answer(status, json!({"errors": [{"message": message, "extensions": {"code": code}}], "data": null}))
}

fn forbidden() -> Response {
    error(200, "FORBIDDEN", "You are not currently authorized to perform this action")
}

async fn serve(State(store): State<Store>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut held = store.held();
    if uri.path() != "/admin-api" {
        return answer(404, json!({"message": "Cannot POST"}));
    }
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(query) = asked["query"].as_str() else { return error(400, "BAD_REQUEST", "POST body missing") };
    let knows = headers.get("vendure-api-key").is_some_and(|key| key == KEY);
    // Who is nobody may still ask in which channel that is.
    let root = query.split_once('{').map_or("", |(_, rest)| rest).split(['(', '{']).next().unwrap_or_default();
    if (!knows && root != "activeChannel") || held.forbidden.contains(&root) {
        return forbidden();
    }
    match root {
        "orders" | "customers" => held.list(root, &asked["variables"]["options"], query),
        "activeChannel" => held.settings(),
        "globalSettings" if held.bare => error(
            400,
            "GRAPHQL_VALIDATION_FAILED",
            "Cannot query field \"segmentdUrl\" on type \"GlobalSettingsCustomFields\".",
        ),
        "globalSettings" => {
            let url = held.hook.as_ref().map(|(url, _)| url.clone());
            answer(200, json!({"data": {"globalSettings": {"customFields": {"segmentdUrl": url}}}}))
        }
        "updateGlobalSettings" => {
            let fields = &asked["variables"]["input"]["customFields"];
            let text = |name: &str| fields[name].as_str().map(str::to_owned);
            held.hook = text("segmentdUrl").zip(text("segmentdSecret"));
            answer(200, json!({"data": {"updateGlobalSettings": {"__typename": "GlobalSettings"}}}))
        }
        other => {
            held.broken_rules.push(other.to_owned());
            error(400, "GRAPHQL_VALIDATION_FAILED", &format!("Cannot query field {other:?} on type \"Query\"."))
        }
    }
}

impl Held {
    fn settings(&self) -> Response {
        let named = |names: &[&str]| -> Vec<Value> { names.iter().map(|name| json!({"name": name})).collect() };
        let mut fields = Vec::new();
        if !self.bare {
            fields.push(
                json!({"entityName": "Customer", "customFields": named(&["acceptsMarketing", "acceptsMarketingAt"])}),
            );
            fields.push(
                json!({"entityName": "GlobalSettings", "customFields": named(&["segmentdUrl", "segmentdSecret"])}),
            );
        }
        let config = json!({"moneyStrategyPrecision": self.precision.unwrap_or(2), "entityCustomFields": fields});
        let channel = json!({"code": "__default_channel__", "defaultCurrencyCode": "USD"});
        answer(200, json!({"data": {"activeChannel": channel, "globalSettings": {"serverConfig": config}}}))
    }

    fn list(&mut self, root: &str, options: &Value, query: &str) -> Response {
        if query.contains("take:1}") {
            return answer(200, json!({"data": {root: {"totalItems": 0}}}));
        }
        self.asked.push(options.clone());
        let take = options["take"].as_u64().unwrap_or(100) as usize;
        if take > 1_000 {
            return error(200, "USER_INPUT_ERROR", "Cannot take more than 1000 results from a list query");
        }
        let all = if root == "orders" { &self.orders } else { &self.customers };
        let mut rows: Vec<&Value> = all.iter().filter(|row| passes(row, &options["filter"])).collect();
        if let Some((field, _)) = options["sort"].as_object().and_then(|sort| sort.iter().next()) {
            // Those of one instant come as the database likes.
            rows.sort_by_key(|row| (row[field].as_str().unwrap_or_default().to_owned(), row["code"].to_string()));
        }
        let skip = options["skip"].as_u64().unwrap_or(0) as usize;
        let items: Vec<&&Value> = rows.iter().skip(skip).take(take).collect();
        answer(200, json!({"data": {root: {"totalItems": rows.len(), "items": items}}}))
    }
}

fn passes(row: &Value, filter: &Value) -> bool {
    filter.as_object().is_none_or(|filter| {
        filter.iter().all(|(field, operators)| {
            operators.as_object().unwrap().iter().all(|(operator, wanted)| match operator.as_str() {
                // Exclusive; who has no such time is never later.
                "after" => {
                    row[field].as_str().is_some_and(|time| super::time(time) > super::time(wanted.as_str().unwrap()))
                }
                "in" => wanted.as_array().unwrap().contains(&row[field]),
                "notIn" => !wanted.as_array().unwrap().contains(&row[field]),
                other => panic!("{other} of {field}"),
            })
        })
    })
}
