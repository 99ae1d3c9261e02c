//! The rules of Klaviyo's simulator, by plain requests; answers held against the official document, and the requests of
//! the official client, where they are at hand.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use segmentd_simulators::klaviyo::{Fault, Faults, KlaviyoSim, NewProfile, SimOptions};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIST: &str = "Y6nRLr";
const KEY: &str = "Klaviyo-API-Key pk_0123456789abcdef0123456789abcdef01";

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if path.exists() {
        return Some(path);
    }
    // Not by `println!`, which the test runner keeps to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED: what needs shared/{name}, which is not beside the repository");
    None
}

struct Caller {
    sim: KlaviyoSim,
    http: reqwest::Client,
}

/// Status, body (`null` for none), headers.
type Answer = (u16, Value, BTreeMap<String, String>);

impl Caller {
    async fn start(options: SimOptions) -> Caller {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sim = KlaviyoSim::start(options).await.unwrap();
        sim.create_list(LIST, "VIP");
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Caller { sim, http }
    }

    async fn send(&self, method: &str, path: &str, body: Value, headers: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.sim.base());
        let mut request = self.http.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.header("content-type", "application/vnd.api+json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default(), headers)
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, body, _) =
            self.send(method, path, body, &[("authorization", KEY), ("revision", "2026-07-15")]).await;
        (status, body)
    }

    async fn import(&self, profiles: &[Value]) -> (u16, Value) {
        let attributes = json!({ "profiles": { "data": profiles } });
        let lists = json!({ "lists": { "data": [{ "type": "list", "id": LIST }] } });
        let data = json!({ "type": "profile-bulk-import-job", "attributes": attributes, "relationships": lists });
        self.call("POST", "/api/profile-bulk-import-jobs", json!({ "data": data })).await
    }
}

fn profile(email: &str) -> Value {
    json!({ "type": "profile", "attributes": { "email": email } })
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["errors"][0]["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn who_calls_with_what_and_by_which_revision_is_checked() {
    let keys = vec![("pk_reads".to_owned(), vec!["lists:read".to_owned()])];
    let caller = Caller::start(SimOptions { keys, limits: false, ..SimOptions::default() }).await;
    let get = async |headers: &[(&str, &str)]| {
        let (status, body, _) = caller.send("GET", "/api/lists", Value::Null, headers).await;
        (status, body)
    };
    let (key, revision) = (("authorization", "Klaviyo-API-Key pk_reads"), ("revision", "2026-07-15"));
    assert_eq!(get(&[key, revision]).await.0, 200);
    assert_eq!(code(&get(&[revision]).await), (401, "not_authenticated"));
    assert_eq!(code(&get(&[("authorization", "Bearer nobody"), revision]).await), (401, "not_authenticated"));
    for wrong in [&[key][..], &[key, ("revision", "2020-01-01")]] {
        assert_eq!(code(&get(wrong).await), (400, "invalid"));
    }
    let (status, body, _) = caller.send("GET", "/api/profiles", Value::Null, &[key, revision]).await;
    assert_eq!((status, &body["errors"][0]["code"]), (403, &json!("permission_denied")));
    // A token ends by itself.
    let token = format!("Bearer {}", caller.sim.issue_token(&[]));
    assert_eq!(get(&[("authorization", &token), revision]).await.0, 200);
    caller.sim.expire_tokens();
    assert_eq!(get(&[("authorization", &token), revision]).await.0, 401);
}

#[tokio::test]
async fn an_import_ends_later_and_fails_for_some() {
    let step = Duration::from_millis(80);
    let caller = Caller::start(SimOptions { job_step: step, limits: false, ..SimOptions::default() }).await;
    let (status, made) = caller
        .import(&[
            profile("a@x.mx"),
            profile("none"),
            json!({ "type": "profile", "attributes": { "phone_number": "55" } }),
        ])
        .await;
    assert_eq!((status, &made["data"]["attributes"]["status"]), (202, &json!("queued")));
    let path = format!("/api/profile-bulk-import-jobs/{}", made["data"]["id"].as_str().unwrap());
    let mut seen = Vec::new();
    for _ in 0..100 {
        let (_, job) = caller.call("GET", &path, Value::Null).await;
        let status = job["data"]["attributes"]["status"].as_str().unwrap().to_owned();
        if seen.last() != Some(&status) {
            assert_eq!(caller.sim.members(LIST).len(), usize::from(status == "complete"));
            seen.push(status);
        }
        if job["data"]["attributes"]["failed_count"] == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(seen, ["queued", "processing", "complete"]);
    let (_, errors) = caller.call("GET", &format!("{path}/import-errors?page[size]=1"), Value::Null).await;
    assert_eq!(
        errors["data"][0]["attributes"]["source"]["pointer"],
        "/data/attributes/profiles/data/1/attributes/email"
    );
    let next = errors["links"]["next"].as_str().unwrap().strip_prefix(caller.sim.base()).unwrap();
    let (_, errors) = caller.call("GET", next, Value::Null).await;
    assert_eq!(errors["data"][0]["attributes"]["original_payload"]["attributes"]["phone_number"], "55");
    assert!(errors["links"]["next"].is_null());
    // What can't be read fails as a whole.
    assert_eq!(code(&caller.import(&vec![profile("a@x.mx"); 10_001]).await), (400, "invalid"));
    let unknown = json!({ "type": "profile", "attributes": { "email": "a@x.mx", "consent": "SUBSCRIBED" } });
    let refused = caller.import(&[unknown]).await;
    assert_eq!(refused.1["errors"][0]["source"]["pointer"], "/data/attributes/profiles/data/0/attributes/consent");
    assert_eq!(code(&caller.import(&[json!({ "type": "profile", "attributes": {} })]).await), (400, "invalid"));
}

#[tokio::test]
async fn relationships_take_a_thousand_at_most_all_or_none() {
    let caller = Caller::start(SimOptions { limits: false, ..SimOptions::default() }).await;
    let ids: Vec<String> = (0..3)
        .map(|number| caller.sim.add_profile(NewProfile { email: format!("c{number}@x.mx"), ..NewProfile::default() }))
        .collect();
    let body = |ids: &[&str]| {
        let data: Vec<Value> = ids.iter().map(|id| json!({ "type": "profile", "id": id })).collect();
        json!({ "data": data })
    };
    let path = "/api/lists/Y6nRLr/relationships/profiles";
    assert_eq!(caller.call("POST", path, body(&[&ids[0], &ids[1]])).await, (204, Value::Null));
    assert_eq!(code(&caller.call("DELETE", path, body(&[&ids[0], "01NOBODY"])).await), (404, "not_found"));
    assert_eq!(caller.sim.members(LIST).len(), 2, "nobody went");
    assert_eq!(caller.call("DELETE", path, body(&[&ids[0], &ids[2]])).await.0, 204, "who is not in it does no harm");
    assert_eq!(code(&caller.call("DELETE", path, body(&vec![ids[0].as_str(); 1_001])).await), (400, "invalid"));
    assert_eq!(
        code(&caller.call("DELETE", "/api/lists/nolist/relationships/profiles", body(&[&ids[0]])).await),
        (404, "not_found")
    );
    assert_eq!(caller.sim.members(LIST).into_iter().collect::<Vec<_>>(), ["c1@x.mx"]);
}

#[tokio::test]
async fn pages_are_gone_through_by_cursors_and_filters_name_a_hundred() {
    let caller = Caller::start(SimOptions { limits: false, ..SimOptions::default() }).await;
    for number in 0..250 {
        let id = caller.sim.add_profile(NewProfile { email: format!("c{number}@x.mx"), ..NewProfile::default() });
        caller.sim.put_member(LIST, &id);
    }
    let mut path = "/api/lists/Y6nRLr/profiles?page[size]=100&fields[profile]=email".to_owned();
    let mut sizes = Vec::new();
    loop {
        let (status, page) = caller.call("GET", &path, Value::Null).await;
        assert_eq!(status, 200, "{page}");
        sizes.push(page["data"].as_array().unwrap().len());
        let Some(next) = page["links"]["next"].as_str() else { break };
        path = next.strip_prefix(caller.sim.base()).unwrap().to_owned();
    }
    assert_eq!(sizes, [100, 100, 50]);
    let filter = |count: usize| {
        let emails: Vec<String> = (0..count).map(|number| format!("\"c{number}@x.mx\"")).collect();
        format!("/api/profiles?page[size]=100&filter=any(email,[{}])", emails.join(","))
    };
    let (_, found) = caller.call("GET", &filter(100), Value::Null).await;
    assert_eq!(found["data"].as_array().unwrap().len(), 100);
    for wrong in [
        filter(101),
        "/api/profiles?page[size]=101".to_owned(),
        "/api/profiles?page[cursor]=x".to_owned(),
        "/api/profiles?filter=any(name,[\"x\"])".to_owned(),
        "/api/profiles?fields[profile]=mail".to_owned(),
        "/api/profiles?since=1".to_owned(),
        "/api/lists?page[size]=11".to_owned(),
    ] {
        assert_eq!(code(&caller.call("GET", &wrong, Value::Null).await), (400, "invalid"), "{wrong}");
    }
}

#[tokio::test]
async fn an_address_is_of_one_profile_and_consent_is_not_ours_to_change() {
    let caller = Caller::start(SimOptions { limits: false, ..SimOptions::default() }).await;
    let suppressed = NewProfile {
        email: "a@x.mx".to_owned(),
        consent: "UNSUBSCRIBED".to_owned(),
        suppressed: Some("HARD_BOUNCE".to_owned()),
        ..NewProfile::default()
    };
    let id = caller.sim.add_profile(suppressed);
    let again = caller.call("POST", "/api/profiles", json!({ "data": profile("A@x.mx") })).await;
    assert_eq!(code(&again), (409, "duplicate_profile"));
    assert_eq!(again.1["errors"][0]["meta"]["duplicate_profile_id"], json!(id));
    assert_eq!(caller.call("POST", "/api/profile-import", json!({ "data": profile("A@x.mx") })).await.0, 200);
    assert_eq!(caller.call("POST", "/api/profile-import", json!({ "data": profile("b@x.mx") })).await.0, 201);
    let path = "/api/profiles?additional-fields[profile]=subscriptions&filter=equals(email,\"a@x.mx\")";
    let (_, found) = caller.call("GET", path, Value::Null).await;
    let marketing = &found["data"][0]["attributes"]["subscriptions"]["email"]["marketing"];
    assert_eq!(
        (&marketing["consent"], &marketing["suppression"][0]["reason"]),
        (&json!("UNSUBSCRIBED"), &json!("HARD_BOUNCE"))
    );
    assert!(caller.sim.violations().is_empty());
    let refused = caller.call("POST", "/api/profile-subscription-bulk-create-jobs", json!({ "data": {} })).await;
    assert_eq!((code(&refused), caller.sim.violations().len()), ((403, "permission_denied"), 1));
}

#[tokio::test]
async fn rates_are_counted_for_each_endpoint_by_second_and_minute() {
    let caller = Caller::start(SimOptions::default()).await;
    let headers = [("authorization", KEY), ("revision", "2026-07-15")];
    let (status, _, seen) = caller.send("GET", "/api/accounts", Value::Null, &headers).await;
    assert_eq!((status, seen["ratelimit-limit"].as_str(), seen["ratelimit-remaining"].as_str()), (200, "15", "14"));
    let mut statuses = vec![status];
    for _ in 0..3 {
        let (status, body, seen) = caller.send("GET", "/api/accounts", Value::Null, &headers).await;
        if status == 429 {
            assert_eq!((seen["retry-after"].as_str(), &body["errors"][0]["code"]), ("1", &json!("throttled")));
            assert!(!seen.contains_key("ratelimit-limit"));
        }
        statuses.push(status);
    }
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 2, "{statuses:?}");
    assert_eq!(caller.send("GET", "/api/lists", Value::Null, &headers).await.0, 200, "another endpoint");
    caller.sim.set_faults(Faults { script: [Fault::TooMany(9), Fault::Internal].into(), ..Faults::default() });
    let (status, _, seen) = caller.send("GET", "/api/lists", Value::Null, &headers).await;
    assert_eq!((status, seen["retry-after"].as_str()), (429, "9"));
    assert_eq!(caller.send("GET", "/api/lists", Value::Null, &headers).await.0, 500);
}

#[tokio::test]
async fn a_code_needs_its_verifier_and_refreshing_ends_with_the_consent() {
    let caller = Caller::start(SimOptions::default()).await;
    let options = caller.sim.options().clone();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(b"verifier"));
    let page = async |more: &str| {
        let path = format!(
            "/oauth/authorize?response_type=code&client_id={}&redirect_uri=https://a.mx/cb\
             &scope=lists:read&state=s{more}",
            options.client_id
        );
        caller.send("GET", &path, Value::Null, &[]).await
    };
    assert_eq!(page("").await.0, 400, "PKCE is mandatory");
    let agreed = format!("&code_challenge_method=S256&code_challenge={challenge}");
    assert_eq!(page(&agreed).await.0, 200);
    let code = async || {
        let (_, _, headers) = page(&format!("{agreed}&sim_approve=1")).await;
        headers["location"].split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned()
    };
    let token = async |fields: &[(&str, &str)], secret: &str| {
        let request = caller.http.post(format!("{}/oauth/token", caller.sim.base()));
        let answer = request.basic_auth(&options.client_id, Some(secret)).form(fields).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let exchange = async |code: &str, verifier: &str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", "https://a.mx/cb"),
        ];
        token(&fields, &options.client_secret).await
    };
    assert_eq!(exchange(&code().await, "another").await.1["error"], "invalid_grant");
    let once = code().await;
    let (status, pair) = exchange(&once, "verifier").await;
    assert_eq!((status, &pair["expires_in"], &pair["scope"]), (200, &json!(3_600), &json!("lists:read")));
    assert_eq!(exchange(&once, "verifier").await.1["error"], "invalid_grant", "a code is good once");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", pair["refresh_token"].as_str().unwrap())];
    assert_eq!(token(&refresh, "wrong").await.0, 401);
    assert_eq!(token(&refresh, &options.client_secret).await.0, 200);
    caller.sim.revoke_tokens();
    assert_eq!(token(&refresh, &options.client_secret).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn recorded_requests_of_the_official_client_are_understood() {
    let Some(file) = shared("captures/list-sdks.json") else { return };
    let all: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let keys = vec![("pk_0123456789abcdef".to_owned(), Vec::new())];
    let caller = Caller::start(SimOptions { keys, limits: false, ..SimOptions::default() }).await;
    for id in ["01GDDKASAP8TKDDA2GRZDSVP4H", "01GDDKASAP8TKDDA2GRZDSVP4I"] {
        caller.sim.add_profile(NewProfile { id: id.to_owned(), ..NewProfile::default() });
    }
    let mut statuses = BTreeMap::new();
    for request in all.iter().filter(|request| request["sdk"].as_str().unwrap().starts_with("klaviyo-api")) {
        let text = |name: &str| request[name].as_str().unwrap();
        let url = format!("{}{}?{}", caller.sim.base(), text("path"), text("query"));
        let mut call = caller.http.request(text("method").parse().unwrap(), url);
        for (name, value) in request["headers"].as_object().unwrap() {
            if !["host", "content-length", "connection"].contains(&name.as_str()) {
                call = call.header(name, value.as_str().unwrap());
            }
        }
        let answer = call.body(text("body_text").to_owned()).send().await.unwrap();
        statuses.insert(text("note").split([' ', ',']).next().unwrap().to_owned(), answer.status().as_u16());
    }
    let expected = [
        ("createList", 201),
        ("addProfilesToList", 204),
        ("removeProfilesFromList", 204),
        // Its cursor is made up; the page of 1,000 the official document does not have.
        ("getProfilesForList", 400),
        ("getProfileIdsForList", 400),
        ("getProfiles", 200),
        ("createOrUpdateProfile", 201),
        ("bulkImportProfiles", 202),
        ("bulkSubscribeProfiles", 403),
        ("bulkUnsubscribeProfiles", 403),
        // Not played.
        ("createEvent", 404),
    ];
    assert_eq!(statuses, expected.map(|(note, status)| (note.to_owned(), status)).into());
}

/// What is not in JSON Schema of a schema of OpenAPI 3.0.
fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !["format", "nullable"].contains(&name.as_str()));
            let made: Map<String, Value> = kept.map(|(name, value)| (name.clone(), plain(value))).collect();
            if fields.get("nullable") == Some(&json!(true)) {
                json!({ "anyOf": [{ "type": "null" }, made] })
            } else {
                Value::Object(made)
            }
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn answers_are_as_the_official_document_has_them() {
    let Some(file) = shared("specs/klaviyo/stable.json") else { return };
    let document: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let schemas = plain(&document["components"]["schemas"]);
    let step = Duration::ZERO;
    let caller = Caller::start(SimOptions { job_step: step, limits: false, ..SimOptions::default() }).await;
    let (_, made) = caller.import(&[profile("a@x.mx"), profile("none")]).await;
    let job = format!("/api/profile-bulk-import-jobs/{}", made["data"]["id"].as_str().unwrap());
    for (template, path, status) in [
        ("/api/accounts", "/api/accounts", "200"),
        ("/api/lists", "/api/lists", "200"),
        ("/api/lists/{id}", "/api/lists/Y6nRLr", "200"),
        ("/api/profile-bulk-import-jobs/{job_id}", job.as_str(), "200"),
        ("/api/profile-bulk-import-jobs", "/api/profile-bulk-import-jobs", "200"),
        ("/api/profile-bulk-import-jobs/{id}/import-errors", &format!("{job}/import-errors"), "200"),
        ("/api/lists/{id}/profiles", "/api/lists/Y6nRLr/profiles", "200"),
        ("/api/lists/{id}/relationships/profiles", "/api/lists/Y6nRLr/relationships/profiles", "200"),
        ("/api/profiles", "/api/profiles", "200"),
    ] {
        let (found, answer) = caller.call("GET", path, Value::Null).await;
        assert_eq!(found.to_string(), status, "{path}: {answer}");
        let schema =
            &document["paths"][template]["get"]["responses"][status]["content"]["application/vnd.api+json"]["schema"];
        let whole = json!({ "allOf": [plain(schema)], "components": { "schemas": schemas } });
        let validator = jsonschema::draft7::new(&whole).unwrap();
        let wrong: Vec<String> =
            validator.iter_errors(&answer).map(|why| format!("{why} at {}", why.instance_path())).collect();
        assert!(wrong.is_empty() && !answer["data"].is_null(), "{path}: {wrong:?} in {answer}");
    }
}
