//! The administration API of the running daemon, held against its own OpenAPI document: every
//! operation is called, every answer has a documented status and fits its schema.

#[path = "admin_support/versions.rs"]
mod versions;

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use support::{Daemon, client};

/// Calls the API and holds every answer against the document.
struct Api {
    daemon: Daemon,
    document: Value,
    /// Statuses seen, by operation.
    seen: BTreeMap<String, BTreeSet<u16>>,
}

/// Whether a path is of a template.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
}

impl Api {
    async fn open(extra: &str) -> Api {
        let daemon = Daemon::start(extra).await;
        let asked = client().get(format!("{}/api/v1/openapi.json", daemon.url)).send().await.unwrap();
        let document: Value = asked.json().await.unwrap();
        let mut api = Api { daemon, document, seen: BTreeMap::new() };
        api.ok(Method::GET, "/openapi.json", Value::Null).await;
        api
    }

    /// The operation of a request: the template with the fewest parameters.
    fn operation(&self, method: &Method, path: &str) -> (String, Value) {
        let path = path.split('?').next().unwrap();
        let all = self.document["paths"].as_object().unwrap();
        let mut found: Vec<&String> = all.keys().filter(|template| fits(template, path)).collect();
        found.sort_by_key(|template| template.matches('{').count());
        let method = method.as_str().to_lowercase();
        let template = found.into_iter().find(|template| all[*template].get(&method).is_some());
        let template = template.unwrap_or_else(|| panic!("{method} {path} is not documented"));
        (format!("{method} {template}"), all[template][&method].clone())
    }

    fn validate(&self, schema: &Value, answer: &Value) -> Result<(), String> {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": self.document["components"],
            "allOf": [schema],
        });
        let validator = jsonschema::validator_for(&whole).unwrap();
        let errors: Vec<String> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    /// Sends a request as somebody, and checks the answer.
    async fn raw(&mut self, method: Method, path: &str, request: reqwest::RequestBuilder) -> (u16, Value) {
        let (name, operation) = self.operation(&method, path);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let body = answer.text().await.unwrap();
        let documented = operation["responses"].get(status.to_string());
        let documented = documented.unwrap_or_else(|| panic!("{name}: {status} is not documented: {body}"));
        self.seen.entry(name.clone()).or_default().insert(status);
        let value = serde_json::from_str(&body).unwrap_or(Value::Null);
        match documented["content"].as_object().and_then(|content| content.iter().next()) {
            Some((wanted, content)) => {
                assert_eq!(kind.as_deref(), Some(wanted.as_str()), "{name} {status}");
                if let Err(why) = self.validate(&content["schema"], &value) {
                    panic!("{name} {status} does not fit its schema: {why}\n{value:#}");
                }
            }
            None => assert_eq!(body, "", "{name} {status} has an undocumented body"),
        }
        if status >= 400 {
            assert_eq!(value["status"], status, "{name}: {value}");
            assert!(value["detail"].as_str().is_some_and(|text| !text.is_empty()));
        }
        (status, value)
    }

    fn request(&self, method: &Method, path: &str, key: &str) -> reqwest::RequestBuilder {
        client().request(method.clone(), format!("{}/api/v1{path}", self.daemon.url)).bearer_auth(key)
    }

    async fn as_key(&mut self, key: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(&method, path, key);
        let request = if body.is_null() { request } else { request.json(&body) };
        self.raw(method, path, request).await
    }

    async fn call(&mut self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let key = self.daemon.key.clone();
        self.as_key(&key, method, path, body).await
    }

    async fn ok(&mut self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method.clone(), path, body).await;
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    async fn refused(&mut self, status: u16, method: Method, path: &str, body: Value, part: &str) {
        let (got, answer) = self.call(method.clone(), path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{method} {path}: {detail}");
    }
}

const W: &str = "/workspaces/main";

fn at(path: &str) -> String {
    format!("{W}{path}")
}

async fn set_up(api: &mut Api) -> String {
    let settings = json!({"name": "Main", "time_zone": "America/Mexico_City", "currency": "MXN"});
    api.ok(Method::PUT, W, settings).await;
    let source = api.ok(Method::PUT, &at("/sources/web"), json!({"kind": "server"})).await;
    let definition = json!({"name": "Buyers", "definition": {"event": "Order Completed"}});
    api.ok(Method::PUT, &at("/segments/buyers"), definition).await;
    source["write_key"].as_str().unwrap().to_owned()
}

async fn events(api: &Api, key: &str, count: usize) -> u16 {
    let one = |n: usize| {
        json!({"type": "track", "userId": "u1", "event": "Order Completed", "messageId": format!("m{n}"),
            "properties": {"order_id": format!("o{n}"), "total": "12.50", "currency": "MXN"},
            "context": {"traits": {"email": "ana@example.com"}}})
    };
    let body = json!({"batch": (0..count).map(one).collect::<Vec<_>>()});
    let request = client().post(format!("{}/v1/batch", api.daemon.url)).basic_auth(key, Some("")).json(&body);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_as_its_document_says() {
    let mut api = Api::open("[clock]\nsimulated_start = \"2026-03-01T00:00:00Z\"\n").await;
    let key = set_up(&mut api).await;
    assert_eq!(events(&api, &key, 25).await, 200);
    api.daemon.wait_members("buyers", 1).await;
    for path in ["/workspaces", "/alerts", "/keys"] {
        let answer = api.ok(Method::GET, path, Value::Null).await;
        assert!(answer["items"].is_array());
    }
    let rate = json!({"from": "usd", "to": "MXN", "date": "2026-01-01", "rate": "17.25"});
    api.ok(Method::POST, &at("/rates"), rate).await;
    let person = "user:web:u1";
    for path in [
        "",
        "/rates",
        "/refused-events",
        "/sources",
        "/segments",
        "/segments/buyers",
        "/segments/buyers/members",
        "/segments/buyers/transitions",
        "/transitions",
        "/segments/buyers/explain/user:web:u1",
        "/people/user:web:u1",
        "/people/user:web:u1/events?limit=10",
        "/people/user:web:u1/transitions",
        "/segments/buyers/versions",
        "/segments/buyers/members?at=2026-02-28T00:00:00Z",
        "/segments/buyers/members?at=2026-02-28T00:00:00Z&view=recorded",
        "/segments/buyers/explain/user:web:u1?at=2026-02-28T00:00:00Z",
        "/segments/buyers/explain/user:web:u1?at=2026-02-28T00:00:00Z&view=recorded",
        "/lists",
        "/links",
    ] {
        let answer = api.ok(Method::GET, &at(path), Value::Null).await;
        let stateless = ["/refused-events", "/sources", "/links"].contains(&path);
        assert_eq!(answer["as_of"].is_string(), !stateless, "{path}: {answer}");
    }
    let counted = api.ok(Method::POST, &at("/preview"), json!({"definition": {"event": "Order Completed"}})).await;
    assert_eq!((&counted["count"], counted["sample"].as_array().unwrap().len()), (&json!(1), 1));
    let exact = json!({"definition": {"event": "Order Completed"}, "exact": true});
    let exact = api.ok(Method::POST, &at("/preview"), exact).await;
    assert_eq!((&exact["exact"], &exact["low"], &exact["high"]), (&json!(true), &json!(1), &json!(1)));
    versions::all(&mut api).await;
    lists(&mut api).await;
    let links = json!({"url": "https://example.com/", "subscribers": ["email:ana@example.com"]});
    let made = api.ok(Method::POST, &at("/links"), links).await;
    let code = made["items"][0]["code"].as_str().unwrap().to_owned();
    let link = at(&format!("/links/{code}"));
    api.ok(Method::GET, &link, Value::Null).await;
    let led = api.ok(Method::PUT, &link, json!({"url": "https://example.com/new"})).await;
    assert_eq!(led["url"], "https://example.com/new");
    api.ok(Method::DELETE, &link, Value::Null).await;
    api.refused(404, Method::GET, &link, Value::Null, &code).await;
    let unlink = json!({"left": "user:web:u1", "right": "email:ana@example.com"});
    api.ok(Method::POST, &at("/unlink"), unlink).await;
    api.ok(Method::POST, &at(&format!("/people/{person}/redact")), json!({"source": "web"})).await;
    assert_eq!(events(&api, &key, 26).await, 200);
    api.daemon.wait(&at("/segments/buyers"), |answer| answer["members"] == 1).await;
    api.ok(Method::DELETE, &at(&format!("/people/{person}")), Value::Null).await;
    api.refused(404, Method::GET, &at(&format!("/people/{person}")), Value::Null, "u1").await;
    connections(&mut api).await;
    rest(&mut api, &key).await;
    let missing: Vec<String> = all_operations(&api)
        .into_iter()
        .filter(|name| !api.seen.get(name).is_some_and(|seen| seen.iter().any(|status| *status < 300)))
        .filter(|name| name != "get /workspaces/{workspace}/live")
        .collect();
    assert!(missing.is_empty(), "never called with success: {missing:?}");
}

/// Apps, connections and exports. Nothing is asked of a platform: the merchant has not agreed.
async fn connections(api: &mut Api) {
    let store = at("/connections/store");
    let asked = json!({"connector": "shopify", "account": "Acme.myshopify.com", "region": "MX"});
    api.refused(422, Method::POST, &store, asked.clone(), "not set up").await;
    let app = json!({"client_id": "id", "secrets": ["one", "two"]});
    let shown = api.ok(Method::PUT, "/apps/shopify", app).await;
    assert_eq!(
        (&shown["secrets"], shown["redirect_url"].as_str().unwrap().ends_with("/oauth/callback/shopify")),
        (&json!(2), true)
    );
    let settings = json!({"client_id": "id", "settings": {"api_version": "2026-10"}});
    api.ok(Method::PUT, "/apps/shopify", settings).await;
    let rotated = api.ok(Method::PUT, "/apps/shopify", json!({"client_id": "id", "secrets": ["three", "two"]})).await;
    assert_eq!((&rotated["secrets"], &rotated["settings"]["api_version"]), (&json!(2), &json!("2026-10")));
    api.refused(422, Method::PUT, "/apps/webhook", json!({"client_id": "id", "secrets": ["s"]}), "no connector").await;
    assert_eq!(api.ok(Method::GET, "/apps", Value::Null).await["items"][0]["connector"], "shopify");
    let made = api.ok(Method::POST, &store, asked.clone()).await;
    assert!(made["connect_url"].as_str().unwrap().contains("/connect/"), "{made}");
    assert_eq!(
        (&made["connection"]["account"], &made["connection"]["step"]),
        (&json!("acme.myshopify.com"), &json!("authorizing"))
    );
    api.refused(409, Method::POST, &store, asked.clone(), "already").await;
    api.refused(409, Method::POST, &at("/connections/twice"), asked, "as store").await;
    for (wrong, part) in [
        (json!({"connector": "shopify", "account": "acme.example.com"}), "myshopify.com"),
        (json!({"connector": "nobody"}), "shopify"),
        (json!({"connector": "shopify", "account": "b.myshopify.com", "region": "Mexico"}), "region"),
        (json!({"connector": "shopify", "account": "b.myshopify.com", "api_key": "k"}), "key"),
    ] {
        api.refused(422, Method::POST, &at("/connections/wrong"), wrong, part).await;
    }
    let changed = api.ok(Method::PATCH, &store, json!({"settings": {"x": 1}})).await;
    assert_eq!((&changed["settings"]["x"], &changed["region"]), (&json!(1), &json!("MX")));
    for path in ["/connections", "/connections/store"] {
        assert!(api.ok(Method::GET, &at(path), Value::Null).await["as_of"].is_string());
    }
    api.ok(Method::POST, &format!("{store}/retry"), Value::Null).await;
    let again = api.ok(Method::POST, &format!("{store}/reauthorize"), Value::Null).await;
    assert_ne!(again["connect_url"], made["connect_url"]);
    let list = json!({"segment": "buyers", "platform": {"connector": "shopify", "connection": "store",
        "settings": {"tag": "segmentd-vip"}}});
    // The merchant has not granted anything yet.
    api.refused(422, Method::PUT, &at("/lists/tags"), list.clone(), "write_customers").await;
    let by_email = json!({"segment": "buyers", "identifier": "email", "platform": list["platform"]});
    api.refused(422, Method::PUT, &at("/lists/tags"), by_email, "identifier").await;
    api.ok(Method::DELETE, &store, Value::Null).await;
    let dir = api.daemon.dir.path().join("data/exports/main");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("store-1.json"), "{\"known\": null}").unwrap();
    assert_eq!(api.ok(Method::GET, &at("/exports"), Value::Null).await["items"][0]["id"], "store-1");
    assert!(api.ok(Method::GET, &at("/exports/store-1"), Value::Null).await["known"].is_null());
    api.ok(Method::DELETE, &at("/exports/store-1"), Value::Null).await;
    api.refused(404, Method::GET, &at("/exports/store-1"), Value::Null, "store-1").await;
    api.refused(404, Method::GET, &at("/exports/..%2Fmain%2Fstore-1"), Value::Null, "export").await;
}

fn all_operations(api: &Api) -> Vec<String> {
    let paths = api.document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |m| format!("{m} {path}"))).collect()
}

async fn lists(api: &mut Api) {
    let list = json!({"segment": "buyers", "identifier": "email", "webhook": {"url": "http://127.0.0.1:9/hook"}});
    let made = api.ok(Method::PUT, &at("/lists/crm"), list).await;
    assert!(made["secrets"][0].as_str().unwrap().starts_with("whsec_"));
    let shown = api.ok(Method::GET, &at("/lists/crm"), Value::Null).await;
    assert_eq!((&shown["identifier"], &shown["webhook"]["url"]), (&json!("email"), &json!("http://127.0.0.1:9/hook")));
    for command in ["hold", "release", "confirm", "start", "snapshot", "retry", "resync"] {
        api.ok(Method::POST, &at(&format!("/lists/crm/{command}")), Value::Null).await;
    }
    api.ok(Method::POST, &at("/lists/crm/rotate-secret"), json!({})).await;
    api.refused(404, Method::POST, &at("/lists/crm/explode"), Value::Null, "expected hold").await;
    api.refused(409, Method::DELETE, &at("/segments/buyers"), Value::Null, "crm").await;
    api.ok(Method::GET, &at("/lists"), Value::Null).await;
    api.ok(Method::DELETE, &at("/lists/crm?members=leave"), Value::Null).await;
    api.refused(404, Method::GET, &at("/lists/crm"), Value::Null, "crm").await;
}

async fn rest(api: &mut Api, old: &str) {
    let rotated = api.ok(Method::POST, &at("/sources/web/rotate-key"), Value::Null).await;
    let new = rotated["write_key"].as_str().unwrap().to_owned();
    assert_eq!((events(api, old, 1).await, events(api, &new, 1).await), (401, 200));
    api.ok(Method::DELETE, &at("/sources/web"), Value::Null).await;
    assert_eq!(events(api, &new, 1).await, 401);
    api.refused(404, Method::POST, &at("/sources/web/rotate-key"), Value::Null, "no source web").await;
    api.ok(Method::DELETE, &at("/segments/buyers"), Value::Null).await;
    let made = api.ok(Method::POST, "/keys", json!({"name": "x", "scopes": ["read"]})).await;
    let id = made["key"]["id"].as_str().unwrap().to_owned();
    api.ok(Method::DELETE, &format!("/keys/{id}"), Value::Null).await;
    api.refused(404, Method::DELETE, &format!("/keys/{id}"), Value::Null, "no such key").await;
    let own = api.ok(Method::GET, "/keys", Value::Null).await["items"][0]["id"].as_str().unwrap().to_owned();
    api.refused(409, Method::DELETE, &format!("/keys/{own}"), Value::Null, "last key").await;
    api.ok(Method::POST, "/clock", json!({"advance_ms": 1})).await;
    api.ok(Method::POST, "/clock/confirm", Value::Null).await;
    let copy = api.daemon.dir.path().join("copy");
    api.ok(Method::POST, "/backup", json!({ "path": copy })).await;
    api.refused(422, Method::POST, "/backup", json!({ "path": copy }), "no file is yet").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_does_not_fit_is_noticed() {
    let mut api = Api::open("").await;
    set_up(&mut api).await;
    let answer = api.ok(Method::GET, &at("/segments"), Value::Null).await;
    let (_, operation) = api.operation(&Method::GET, &at("/segments"));
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(api.validate(schema, &answer), Ok(()));
    for (pointer, wrong) in [("/as_of", json!(5)), ("/items", json!("x")), ("/items/0/members", json!("many"))] {
        let mut broken = answer.clone();
        *broken.pointer_mut(pointer).unwrap() = wrong;
        assert!(api.validate(schema, &broken).is_err(), "{pointer}");
    }
    let mut lacking = answer.clone();
    lacking["items"][0].as_object_mut().unwrap().remove("version");
    assert!(api.validate(schema, &lacking).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_with_the_status_that_says_so() {
    let mut api = Api::open("").await;
    set_up(&mut api).await;
    let segment = at("/segments/x");
    let put = |name: &str| json!({"name": name, "definition": {"event": "x"}});
    api.refused(422, Method::PUT, &segment, json!({"nmae": "x"}), "did you mean `name`?").await;
    api.refused(422, Method::PUT, &segment, put(""), "name: expected").await;
    api.refused(422, Method::PUT, &segment, json!({"name": "x", "definition": {"evnet": "x"}}), "\"event\"").await;
    api.refused(422, Method::PUT, &at("/segments/a%20b"), put("x"), "an id has").await;
    api.refused(422, Method::PUT, &at("/segments/..."), put("x"), "an id has").await;
    api.refused(400, Method::GET, &at("/segments/buyers/members?limt=1"), Value::Null, "did you mean `limit`?").await;
    api.refused(400, Method::GET, &at("/transitions?limit=x"), Value::Null, "limit").await;
    api.refused(422, Method::GET, &at("/transitions?after=x"), Value::Null, "`next`").await;
    api.refused(404, Method::GET, "/workspaces/none/segments", Value::Null, "no workspace none").await;
    api.refused(404, Method::GET, "/workspaces/none/lists", Value::Null, "none").await;
    api.refused(404, Method::GET, &at("/segments/none/members"), Value::Null, "no segment none").await;
    let other = json!({"name": "Main", "crowded_links_max": 5});
    api.refused(409, Method::PUT, W, other, "can't be changed").await;
    api.refused(409, Method::POST, "/clock", json!({"advance_ms": 1}), "machine's clock").await;
    let rate = json!({"from": "USD", "to": "pesos", "date": "2026-01-01", "rate": "17"});
    api.refused(422, Method::POST, &at("/rates"), rate, "ISO 4217").await;
    api.refused(422, Method::POST, "/keys", json!({"name": "x", "scopes": []}), "scopes").await;
    api.refused(422, Method::POST, "/keys", json!({"name": "x", "scopes": ["reed"]}), "did you mean `read`?").await;
    for (webhook, part) in [
        (json!({"url": "ftp://x"}), "http or https"),
        (json!({"url": "https://x.example", "secrets": ["whsec_x"]}), "webhook"),
        (json!({"url": "https://x.example", "sync": {"snapshot_schedule": "often"}}), "cron"),
        (json!({"url": "https://x.example", "sync": {"calls_per_secnd": 1}}), "did you mean `calls_per_second`?"),
    ] {
        api.refused(422, Method::PUT, &at("/lists/l"), json!({"segment": "buyers", "webhook": webhook}), part).await;
    }
    let by = json!({"segment": "buyers", "identifier": {"user": "app"}, "webhook": {"url": "https://x.example"}});
    api.refused(422, Method::PUT, &at("/lists/l"), by, "no source app").await;
    odd_requests(&mut api, &segment).await;
}

/// Bodies and methods that are not what they should be.
async fn odd_requests(api: &mut Api, path: &str) {
    let key = api.daemon.key.clone();
    let request = |api: &Api, kind: &str, body: String| {
        api.request(&Method::PUT, path, &key).header("content-type", kind.to_owned()).body(body)
    };
    let plain = request(api, "text/plain", "{}".to_owned());
    assert_eq!(api.raw(Method::PUT, path, plain).await.0, 415);
    let broken = request(api, "application/json; charset=utf-8", "{\"name\": ".to_owned());
    assert_eq!(api.raw(Method::PUT, path, broken).await.0, 400);
    let large = request(api, "application/json", format!("{{\"name\": \"{}\"}}", "x".repeat(1 << 20)));
    assert_eq!(api.raw(Method::PUT, path, large).await.0, 413);
    let answer = api.request(&Method::POST, &at("/segments"), &key).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()), (405, "GET,HEAD"));
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let head = api.request(&Method::HEAD, &at("/segments"), &key).send().await.unwrap();
    assert_eq!(head.status().as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_do_what_its_scopes_say_in_its_workspace_alone() {
    let mut api = Api::open("").await;
    let write_key = set_up(&mut api).await;
    api.ok(Method::PUT, "/workspaces/other", json!({"name": "Other"})).await;
    assert_eq!(events(&api, &write_key, 1).await, 200);
    api.daemon.wait_members("buyers", 1).await;
    let list = json!({"segment": "buyers", "identifier": "email", "webhook": {"url": "http://127.0.0.1:9/secret"}});
    api.ok(Method::PUT, &at("/lists/crm"), list).await;
    let mut make = async |scopes: Value| {
        let body = json!({"name": "k", "scopes": scopes, "workspace": "main"});
        api.ok(Method::POST, "/keys", body).await["text"].as_str().unwrap().to_owned()
    };
    let (read, write, people) =
        (make(json!(["read"])).await, make(json!(["write"])).await, make(json!(["people"])).await);
    let get = Method::GET;
    for (key, method, path, status) in [
        (&read, &get, "/workspaces/main/segments", 200),
        (&read, &get, "/workspaces/other/segments", 403),
        (&read, &get, "/workspaces/main/segments/buyers/members", 403),
        (&read, &get, "/workspaces/main/people/user:web:u1", 403),
        (&read, &get, "/workspaces/main/sources", 403),
        (&read, &get, "/keys", 403),
        (&read, &get, "/alerts", 200),
        (&read, &Method::DELETE, "/workspaces/main/segments/buyers", 403),
        (&write, &get, "/workspaces/main/sources", 200),
        (&write, &get, "/workspaces/main/segments", 403),
        (&write, &Method::DELETE, "/workspaces/main/people/user:web:u1", 403),
        (&people, &get, "/workspaces/main/people/user:web:u1", 200),
        (&people, &get, "/workspaces/other/people/user:web:u1", 403),
        (&people, &Method::POST, "/workspaces/main/lists/crm/hold", 403),
    ] {
        let (got, answer) = api.as_key(key, method.clone(), path, Value::Null).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
    }
    let (_, workspaces) = api.as_key(&read, get.clone(), "/workspaces", Value::Null).await;
    assert_eq!(workspaces["items"].as_array().unwrap().len(), 1, "{workspaces}");
    // Personal data and secrets stand nowhere for a key that may only read.
    let (_, shown) = api.as_key(&read, get.clone(), &at("/lists/crm"), Value::Null).await;
    assert_eq!((&shown["to_add"], &shown["sample"]), (&json!(1), &json!([])));
    assert_eq!(shown["webhook"]["url"], "http://127.0.0.1:9");
    let definition = json!({"definition": {"event": "Order Completed"}});
    let (_, counted) = api.as_key(&read, Method::POST, &at("/preview"), definition).await;
    assert_eq!((&counted["count"], &counted["sample"]), (&json!(1), &json!([])));
    versions::samples_are_for_those_who_see_people(&mut api, &read, &people).await;
    let whole = api.ok(get, &at("/lists/crm"), Value::Null).await;
    assert_eq!(whole["sample"], json!(["ana@example.com"]));
    let log = std::fs::read_to_string(api.daemon.log_path()).unwrap();
    assert!(log.contains("personal data read") && log.contains("what=\"person\""), "{log}");
    assert!(!log.contains(&read) && !log.contains("ana@example.com"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_keys_are_slowed_down_and_good_ones_are_not() {
    let mut api = Api::open("").await;
    let mut statuses = BTreeSet::new();
    for _ in 0..60 {
        statuses.insert(api.as_key("sk_wrong", Method::GET, "/keys", Value::Null).await.0);
    }
    assert_eq!(statuses, BTreeSet::from([401, 429]));
    assert_eq!(api.call(Method::GET, "/keys", Value::Null).await.0, 200);
    let anonymous = client().get(format!("{}/api/v1/keys", api.daemon.url)).send().await.unwrap();
    assert_eq!(anonymous.status().as_u16(), 429);
    assert_eq!(anonymous.headers()["retry-after"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_events_and_members_have_everything_once() {
    let mut api = Api::open("").await;
    let key = set_up(&mut api).await;
    assert_eq!(events(&api, &key, 25).await, 200);
    let many: Vec<Value> =
        (0..30).map(|n| json!({"type": "track", "userId": format!("v{n}"), "event": "Order Completed"})).collect();
    let url = format!("{}/v1/batch", api.daemon.url);
    let sent = client().post(url).basic_auth(&key, Some("")).json(&json!({ "batch": many })).send().await.unwrap();
    assert!(sent.status().is_success());
    api.daemon.wait_members("buyers", 31).await;
    for (path, items, count) in
        [("/people/user:web:u1/events", "items", 25_usize), ("/segments/buyers/members", "members", 31)]
    {
        let (mut found, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = api.ok(Method::GET, &at(&format!("{path}?limit=7{after}")), Value::Null).await;
            found.extend(page[items].as_array().unwrap().iter().map(ToString::to_string));
            pages += 1;
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!((found.len(), pages), (count, count.div_ceil(7)), "{path}");
        let different: BTreeSet<String> = found.into_iter().collect();
        assert_eq!(different.len(), count, "{path}");
    }
}
