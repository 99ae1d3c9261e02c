//! The rules that Brevo's simulator keeps, and that it takes what the platform's own client sends.

use reqwest::{Client, Method};
use segmentd_simulators::brevo::{BrevoSim, Faults, NewContact, SimOptions};
use serde_json::{Value, json};
use std::path::Path;

struct Caller {
    sim: BrevoSim,
    http: Client,
}

impl Caller {
    async fn start(options: SimOptions) -> Caller {
        let sim = BrevoSim::start(options).await.unwrap();
        sim.add_list(27, "Compradores");
        // Fails when another test has done it, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Caller { sim, http: Client::builder().no_proxy().build().unwrap() }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request =
            self.http.request(method, format!("{}/v3/{path}", self.sim.base())).header("api-key", self.sim.key());
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}

fn wide() -> SimOptions {
    SimOptions { contacts_per_second: 10_000, others_per_hour: 10_000, ..SimOptions::default() }
}

#[tokio::test]
async fn a_batch_fails_in_part_without_reasons_and_is_refused_when_all_fail() {
    let caller = Caller::start(wide()).await;
    caller.sim.add_contacts(&[NewContact::new("ana@x.mx"), NewContact::new("bea@x.mx")]);
    let add = "contacts/lists/27/contacts/add";
    let (status, answer) = caller.ask(Method::POST, add, json!({"emails": ["ana@x.mx", "ghost@x.mx"]})).await;
    assert_eq!((status, &answer["contacts"]["success"]), (201, &json!(["ana@x.mx"])));
    assert_eq!(answer["contacts"]["failure"], json!(["ghost@x.mx"]));
    let (status, answer) = caller.ask(Method::POST, add, json!({"emails": ["ana@x.mx", "ghost@x.mx"]})).await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_parameter")));
    assert!(answer["message"].as_str().unwrap().contains("already in list"), "{answer}");
    let many: Vec<String> = (0..151).map(|number| format!("c{number}@x.mx")).collect();
    assert_eq!(caller.ask(Method::POST, add, json!({ "emails": many })).await.1["code"], "out_of_range");
    assert_eq!(caller.ask(Method::POST, add, json!({"emails": ["ana@x.mx"], "ids": [1]})).await.0, 400);
    assert_eq!(caller.ask(Method::POST, "contacts/lists/9/contacts/add", json!({"emails": ["ana@x.mx"]})).await.0, 404);
    let (status, _) =
        caller.ask(Method::POST, "contacts/lists/27/contacts/remove", json!({"emails": ["ana@x.mx"]})).await;
    assert_eq!((status, caller.sim.members(27).len()), (201, 0));
}

#[tokio::test]
async fn contacts_are_made_shown_listed_and_deleted() {
    let caller = Caller::start(wide()).await;
    let new = json!({"email": "Ana@x.mx", "listIds": [27], "attributes": {"FNAME": "Ana"}});
    assert_eq!(caller.ask(Method::POST, "contacts", new.clone()).await.0, 201);
    assert_eq!(caller.ask(Method::POST, "contacts", new.clone()).await.1["code"], "duplicate_parameter");
    let mut again = new;
    again["updateEnabled"] = true.into();
    assert_eq!(caller.ask(Method::POST, "contacts", again).await.0, 204);
    let (_, shown) = caller.ask(Method::GET, "contacts/ana%40x.mx?identifierType=email_id", Value::Null).await;
    assert_eq!((&shown["listIds"], &shown["emailBlacklisted"]), (&json!([27]), &json!(false)), "{shown}");
    let page = "contacts/lists/27/contacts?limit=501";
    assert_eq!(caller.ask(Method::GET, page, Value::Null).await.1["code"], "out_of_range");
    let (_, page) = caller.ask(Method::GET, "contacts/lists/27/contacts?limit=500&sort=asc", Value::Null).await;
    assert_eq!((&page["count"], &page["contacts"][0]["email"]), (&json!(1), &json!("ana@x.mx")));
    assert_eq!(caller.ask(Method::DELETE, "contacts/ana%40x.mx", Value::Null).await.0, 204);
    let (status, gone) = caller.ask(Method::GET, "contacts/ana%40x.mx", Value::Null).await;
    assert_eq!((status, &gone["code"]), (404, &json!("document_not_found")));
}

#[tokio::test]
async fn limits_are_told_and_kept_and_a_key_is_needed() {
    let caller = Caller::start(SimOptions { others_per_hour: 3, ..SimOptions::default() }).await;
    let ask = async || {
        let url = format!("{}/v3/account", caller.sim.base());
        caller.http.get(url).header("api-key", caller.sim.key()).send().await.unwrap()
    };
    for left in ["2", "1", "0"] {
        assert_eq!(ask().await.headers()["x-sib-ratelimit-remaining"], left);
    }
    let refused = ask().await;
    assert_eq!((refused.status().as_u16(), refused.headers().get("retry-after")), (429, None));
    let reset: u64 = refused.headers()["x-sib-ratelimit-reset"].to_str().unwrap().parse().unwrap();
    assert!(reset > 3_500, "{reset}");
    let other = caller.http.get(format!("{}/v3/contacts", caller.sim.base())).header("api-key", "no");
    assert_eq!(other.send().await.unwrap().status(), 401);
    caller.sim.set_faults(Faults { unknown_address: true, ..Faults::default() });
    let (status, answer) = caller.ask(Method::GET, "contacts", Value::Null).await;
    assert!(status == 401 && answer["message"].as_str().unwrap().contains("unrecognised IP"), "{answer}");
}

#[tokio::test]
async fn what_the_platforms_own_client_sends_is_taken() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures/list-sdks.json");
    let Ok(text) = std::fs::read_to_string(file) else {
        println!("SKIPPED: the captures are not here");
        return;
    };
    let all: Value = serde_json::from_str(&text).unwrap();
    let caller = Caller::start(SimOptions { key: "xkeysib-0000".to_owned(), ..wide() }).await;
    // Somebody who is not on the list yet: a batch of which nobody can be added is refused.
    caller.sim.add_contacts(&[NewContact::new("ana@example.com")]);
    let mut taken = 0;
    for request in all.as_array().unwrap().iter().filter(|one| one["host"] == "api.brevo.com") {
        let path = request["path"].as_str().unwrap();
        // Imports, webhooks and events are not played.
        if !path.contains("/contacts") || path.ends_with("/import") || path == "/v3/contacts/lists" {
            continue;
        }
        let query = request["query"].as_str().unwrap();
        let url = format!("{}{path}?{query}", caller.sim.base());
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let mut sent = caller.http.request(method, url).header("api-key", "xkeysib-0000");
        let body = request["body_text"].as_str().unwrap().to_owned();
        if !body.is_empty() {
            sent = sent.header("content-type", "application/json").body(body);
        }
        let status = sent.send().await.unwrap().status().as_u16();
        assert!(matches!(status, 200..=204), "{request}: {status}");
        taken += 1;
    }
    assert!(taken >= 4, "{taken}");
    assert_eq!(caller.sim.counters().wrong, Vec::<String>::new());
}
