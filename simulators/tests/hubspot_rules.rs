//! The simulator of HubSpot keeps the platform's documented rules.

use segmentd_simulators::hubspot::{Fault, Faults, HubspotSim, Limits, Properties, SimOptions};
use serde_json::{Value, json};
use std::time::Duration;

const PORTAL: u64 = 62_515;

struct Client {
    sim: HubspotSim,
    token: String,
    http: reqwest::Client,
}

impl Client {
    async fn start(options: SimOptions) -> Client {
        let sim = HubspotSim::start(options).await;
        let token = sim.pair(PORTAL).0;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Client { sim, token, http }
    }

    async fn answer(&self, method: &str, path: &str, body: Value) -> reqwest::Response {
        let url = format!("{}{path}", self.sim.base());
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send().await.unwrap()
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let answer = self.answer(method, path, body).await;
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn search(&self, body: Value) -> (u16, Value) {
        self.call("POST", "/crm/v3/objects/contacts/search", body).await
    }
}

fn contacts(count: usize) -> Vec<Properties> {
    (0..count).map(|n| Properties::from([("email".to_owned(), format!("p{n}@x.mx"))])).collect()
}

#[tokio::test]
async fn searches_have_a_window_a_page_and_a_limit_of_their_own() {
    let limits = Limits { searches: 5, ..Limits::default() };
    let client = Client::start(SimOptions { limits, ..SimOptions::default() }).await;
    client.sim.import(PORTAL, &contacts(450));
    let (status, page) = client.search(json!({ "limit": 200, "after": "400", "sorts": ["lastmodifieddate"] })).await;
    assert_eq!((status, page["total"].as_u64(), page["results"].as_array().unwrap().len()), (200, Some(450), 50));
    assert_eq!(page["paging"], Value::Null);
    for wrong in [
        json!({ "limit": 201 }),
        json!({ "after": "10000" }),
        json!({ "sorts": ["email", "phone"] }),
        json!({ "filters": [] }),
    ] {
        assert_eq!(client.search(wrong.clone()).await.0, 400, "{wrong}");
    }
    let (status, body) = client.search(json!({})).await;
    assert_eq!((status, body["policyName"].as_str()), (429, Some("SECONDLY")), "{body}");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let answer = client.answer("POST", "/crm/v3/objects/contacts/search", json!({ "limit": 1 })).await;
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("x-hubspot-ratelimit-remaining"));
}

#[tokio::test]
async fn calls_are_counted_for_ten_seconds_and_told() {
    let limits = Limits { ten_seconds: 3, ..Limits::default() };
    let client = Client::start(SimOptions { limits, ..SimOptions::default() }).await;
    for left in ["2", "1", "0"] {
        let answer = client.answer("GET", "/crm/v3/objects/contacts", Value::Null).await;
        assert_eq!(answer.headers()["x-hubspot-ratelimit-remaining"], left);
        assert_eq!(answer.headers()["x-hubspot-ratelimit-interval-milliseconds"], "10000");
    }
    let (status, body) = client.call("GET", "/crm/v3/objects/contacts", Value::Null).await;
    assert_eq!((status, body["policyName"].as_str()), (429, Some("TEN_SECONDLY_ROLLING")));
    assert!(body["correlationId"].as_str().is_some_and(|id| id.len() == 36), "{body}");
}

#[tokio::test]
async fn batches_take_a_hundred_and_fail_in_part_or_whole() {
    let client = Client::start(SimOptions::default()).await;
    client.sim.import(PORTAL, &contacts(2));
    let read = |ids: Vec<String>| {
        let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({ "idProperty": "email", "inputs": inputs, "properties": ["email"], "propertiesWithHistory": [] })
    };
    let path = "/crm/v3/objects/contacts/batch/read";
    let (status, body) = client.call("POST", path, read(vec!["P0@x.mx".into(), "no@x.mx".into()])).await;
    assert_eq!((status, body["results"].as_array().unwrap().len()), (207, 1));
    assert_eq!(body["errors"][0]["context"]["ids"], json!(["no@x.mx"]));
    let many = (0..101).map(|n| format!("p{n}@x.mx")).collect();
    assert_eq!(client.call("POST", path, read(many)).await.0, 400);
    let upsert = |emails: &[&str]| {
        let one = |email: &&str| json!({ "idProperty": "email", "id": email, "properties": { "email": email } });
        json!({ "inputs": emails.iter().map(one).collect::<Vec<_>>() })
    };
    let path = "/crm/v3/objects/contacts/batch/upsert";
    let (status, body) = client.call("POST", path, upsert(&["p1@x.mx", "new@x.mx"])).await;
    assert_eq!((status, &body["results"][0]["new"], &body["results"][1]["new"]), (200, &json!(false), &json!(true)));
    for wrong in [&["a@x.mx", "A@x.mx"][..], &["a@x.mx", "no address"]] {
        assert_eq!(client.call("POST", path, upsert(wrong)).await.0, 400, "{wrong:?}");
    }
    assert_eq!(client.sim.contacts(PORTAL).len(), 3, "a batch that fails makes nobody");
}

#[tokio::test]
async fn lists_have_names_of_their_own_and_tell_what_changed() {
    let client = Client::start(SimOptions::default()).await;
    let ids: Vec<String> = client.sim.import(PORTAL, &contacts(3)).iter().map(u64::to_string).collect();
    let new = json!({ "name": "VIP", "objectTypeId": "0-1", "processingType": "MANUAL" });
    let (status, made) = client.call("POST", "/crm/v3/lists", new.clone()).await;
    let list = format!("/crm/v3/lists/{}/memberships", made["list"]["listId"].as_str().unwrap());
    assert_eq!((status, client.call("POST", "/crm/v3/lists", new).await.0), (200, 400));
    let (_, body) = client.call("PUT", &format!("{list}/add"), json!([ids[0], ids[1], "999"])).await;
    assert_eq!(body["recordsIdsAdded"], json!([ids[0], ids[1]]));
    assert_eq!(body["recordIdsMissing"], json!(["999"]));
    let both = json!({ "recordIdsToAdd": [ids[0], ids[2]], "recordIdsToRemove": [ids[1]] });
    let (_, body) = client.call("PUT", &format!("{list}/add-and-remove"), both).await;
    assert_eq!((&body["recordsIdsAdded"], &body["recordIdsRemoved"]), (&json!([ids[2]]), &json!([ids[1]])));
    let (_, page) = client.call("GET", &format!("{list}?limit=1"), Value::Null).await;
    assert_eq!((&page["results"][0]["recordId"], &page["total"]), (&json!(ids[0]), &json!(2)));
    let next = page["paging"]["next"]["after"].as_str().unwrap();
    let (_, page) = client.call("GET", &format!("{list}?limit=1&after={next}"), Value::Null).await;
    assert_eq!((&page["results"][0]["recordId"], &page["paging"]), (&json!(ids[2]), &Value::Null));
    assert_eq!(client.call("GET", &format!("{list}?limit=251"), Value::Null).await.0, 400);
    client.sim.add_dynamic_list(PORTAL, "Filters");
    let (_, found) = client.call("GET", "/crm/v3/lists/object-type-id/0-1/name/Filters", Value::Null).await;
    let path = format!("/crm/v3/lists/{}/memberships/add", found["list"]["listId"].as_str().unwrap());
    assert_eq!(client.call("PUT", &path, json!([ids[0]])).await.0, 400);
}

#[tokio::test]
async fn tokens_end_lack_scopes_and_die_with_the_app() {
    let mut client = Client::start(SimOptions::default()).await;
    client.sim.expire_tokens();
    let (status, body) = client.call("GET", "/crm/v3/objects/contacts", Value::Null).await;
    assert_eq!((status, body["category"].as_str()), (401, Some("EXPIRED_AUTHENTICATION")));
    client.token = client.sim.private_token(PORTAL, &["crm.lists.read"]);
    let (status, body) = client.call("GET", "/crm/v3/objects/contacts", Value::Null).await;
    assert_eq!((status, body["category"].as_str()), (403, Some("MISSING_SCOPES")));
    client.token = "unknown".to_owned();
    let (status, body) = client.call("GET", "/crm/v3/objects/contacts", Value::Null).await;
    assert_eq!((status, body["category"].as_str()), (401, Some("INVALID_AUTHENTICATION")));
}

#[tokio::test]
async fn faults_come_when_they_are_asked_for() {
    let client = Client::start(SimOptions::default()).await;
    let script =
        vec![Fault::TooMany, Fault::Internal, Fault::BadGateway, Fault::Locked, Fault::LostAnswer, Fault::None];
    client.sim.set_faults(Faults { script, ..Faults::default() });
    let mut came = Vec::new();
    for _ in 0..6 {
        came.push(client.call("GET", "/crm/v3/objects/contacts", Value::Null).await.0);
    }
    assert_eq!(came, [429, 500, 502, 423, 500, 200]);
    client.sim.set_faults(Faults { script: vec![Fault::DropAfter], ..Faults::default() });
    let url = format!("{}/crm/v3/objects/contacts", client.sim.base());
    assert!(client.http.get(url).bearer_auth(&client.token).send().await.is_err());
}

#[tokio::test]
async fn webhooks_are_signed_gathered_and_tried_again() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
    let client = Client::start(SimOptions { target_url: Some(target), ..SimOptions::default() }).await;
    let id = client.sim.add(PORTAL, &[("email", "ana@x.mx")]);
    client.sim.change(PORTAL, id, "firstname", "Ana");
    let mut heads = Vec::new();
    for status in ["500 No", "204 Yes"] {
        let (mut stream, _) = tokio::time::timeout(Duration::from_secs(10), listener.accept()).await.unwrap().unwrap();
        let (mut text, mut part) = (String::new(), [0; 4096]);
        while !text.ends_with("}]") {
            let read = stream.read(&mut part).await.unwrap();
            text.push_str(std::str::from_utf8(&part[..read]).unwrap());
        }
        heads.push(text);
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    for (attempt, text) in heads.iter().enumerate() {
        let body: Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(body.as_array().unwrap().len(), 2, "{text}");
        assert_eq!(body[0]["subscriptionType"], "contact.creation");
        assert_eq!((&body[1]["propertyName"], &body[1]["attemptNumber"]), (&json!("firstname"), &json!(attempt)));
        for header in ["x-hubspot-signature-v3: ", "x-hubspot-request-timestamp: ", "x-hubspot-signature: "] {
            assert!(text.contains(header), "{header} in {text}");
        }
    }
}
