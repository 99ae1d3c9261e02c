//! What Mailchimp's official client sends is understood: recorded, and live.

mod mailchimp_support;

use mailchimp_support::{ANA, Caller, options, shared};
use segmentd_simulators::mailchimp::{NewContact, SimOptions, Status, ViolationKind};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// A page that answers 200 to a GET.
async fn page() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mc/hook", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(async || "ok");
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn recorded_requests_of_the_official_client_are_accepted() {
    let Some(file) = shared("captures/list-sdks.json") else { return };
    let all: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let key = "0123456789abcdef0123456789abcdef-us1";
    let keys = vec![key.to_owned(), "oauth-token-1".to_owned()];
    let caller = Caller::start_as(SimOptions { data_center: "us1".to_owned(), api_keys: keys, ..options() }).await;
    caller.sim.create_audience_as("a1b2c3d4e5", "Captured");
    let (hook, mut batch, mut segment) = (page().await, String::new(), String::new());
    let recorded = all.iter().filter(|request| request["sdk"].as_str().unwrap().contains("mailchimp"));
    let mut statuses = Vec::new();
    for request in recorded {
        let text = |name: &str| request[name].as_str().unwrap();
        let path = text("path").replace("/b1", &format!("/{batch}")).replace("/457", &format!("/{segment}"));
        let url = format!("{}{path}?{}", caller.sim.base(), text("query"));
        let mut call = caller.http.request(text("method").parse().unwrap(), url);
        for (name, value) in request["headers"].as_object().unwrap() {
            if !["host", "content-length", "connection"].contains(&name.as_str()) {
                call = call.header(name, value.as_str().unwrap());
            }
        }
        call = call.body(text("body_text").replace("https://app.example.com/mc/hook", &hook));
        let answer = call.send().await.unwrap();
        statuses.push((text("note").to_owned(), answer.status().as_u16()));
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default();
        match text("note") {
            "batches.start" => batch = body["id"].as_str().unwrap().to_owned(),
            "lists.createSegment (static)" => segment = body["id"].to_string(),
            _ => {}
        }
    }
    assert_eq!(statuses.len(), 15);
    let wrong: Vec<_> = statuses.iter().filter(|(_, status)| !matches!(status, 200 | 204)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let violations = caller.sim.violations();
    assert!(violations.iter().all(|one| one.kind != ViolationKind::Specification), "{violations:?}");
    // The client was told to unsubscribe two people, which is seen.
    assert!(violations.iter().any(|one| one.email == "ana@example.com" && one.kind == ViolationKind::StatusChanged));
    let tagged = caller.sim.tag_members("a1b2c3d4e5", "Compradores 30 días");
    assert_eq!(tagged.keys().map(String::as_str).collect::<Vec<_>>(), ["Jose.Nunez@Example.com", "ana@example.com"]);
    // The same requests with something missing are refused by the specification, where it is there.
    if shared("specs/mailchimp").is_some() {
        let url = format!("{}/3.0/lists/a1b2c3d4e5", caller.sim.base());
        let answer = caller.http.post(url).basic_auth("user", Some(key)).json(&json!({"member": []})).send().await;
        assert_eq!(answer.unwrap().status().as_u16(), 400);
        assert!(caller.kinds().contains(&ViolationKind::Specification));
    }
}

/// Has the official client make calls.
fn official(endpoint: &str, config: &Value, calls: &Value) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let home = root.join("target/sdk");
    assert!(home.join("node_modules/complete").exists(), "the SDKs are not installed: run `make sdks`");
    let mut child = Command::new("node")
        .arg(root.join("tests/sdk/mailchimp-node.mjs"))
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}", json!({"endpoint": endpoint, "config": config, "calls": calls})).unwrap();
    drop(input);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(child.wait().unwrap().success());
    serde_json::from_str(&line).unwrap()
}

async fn ask(caller: &Caller, config: Value, calls: Value) -> Vec<Value> {
    let endpoint = caller.sim.api_endpoint();
    tokio::task::spawn_blocking(move || official(&endpoint, &config, &calls)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_works_against_the_simulator() {
    let caller = Caller::start().await;
    let list = caller.list.as_str();
    caller.sim.add_contacts(list, &[NewContact::new("gone@example.com", Status::Unsubscribed)]).unwrap();
    let members: Vec<Value> = ["ana@example.com", "beto@example.com", "gone@example.com", "nonsense"]
        .iter()
        .map(|email| json!({"email_address": email, "status": "subscribed", "merge_fields": {"FNAME": "Ñ"}}))
        .collect();
    let tags = json!({"tags": [{"name": "vip", "status": "active"}], "is_syncing": true});
    let config = json!({"apiKey": mailchimp_support::KEY, "server": "us19"});
    let answers = ask(
        &caller,
        config.clone(),
        json!([
            ["ping", "get"],
            ["lists", "batchListMembers", list, {"members": members, "update_existing": false}],
            ["lists", "updateListMemberTags", list, ANA, tags],
            ["lists", "createSegment", list, {"name": "compradores", "static_segment": []}],
            ["lists", "getListMember", list, ANA, {"fields": ["status", "tags"]}],
            ["lists", "tagSearch", list, {"name": "VI"}],
            ["lists", "getListMember", list, "00000000000000000000000000000000"],
            ["lists", "setListMember", list, "e6bd8a0ec2baab7e9e1a1f7b96ba2a3c",
                {"email_address": "other@example.com", "status_if_new": "subscribed"}],
            ["lists", "getAllLists", {"count": 1001}],
        ]),
    )
    .await;
    assert_eq!(answers[0]["ok"]["health_status"], "Everything's Chimpy!");
    let batch = &answers[1]["ok"];
    assert_eq!((&batch["total_created"], &batch["error_count"]), (&json!(2), &json!(2)), "{batch}");
    assert_eq!(batch["errors"][0]["error_code"], "ERROR_CONTACT_EXISTS");
    assert_eq!(batch["errors"][1]["error_code"], "ERROR_GENERIC");
    assert!(answers[2]["ok"].is_null() || answers[2]["ok"] == json!({}), "{}", answers[2]);
    assert_eq!(answers[4]["ok"]["tags"][0]["name"], "vip");
    assert_eq!(answers[4]["ok"].as_object().unwrap().len(), 2, "only the fields that were asked for");
    assert_eq!(answers[5]["ok"]["tags"][0]["name"], "vip");
    assert_eq!((&answers[6]["status"], &answers[6]["problem"]["title"]), (&json!(404), &json!("Resource Not Found")));
    assert_eq!(answers[7]["problem"]["errors"][0]["field"], "email_address", "a hash of another address");
    assert_eq!(answers[8]["status"], 400, "more than 1000 of a page");
    let segment = &answers[3]["ok"]["id"];
    let answers = ask(
        &caller,
        json!({"accessToken": caller.sim.issue_token(), "server": "us19"}),
        json!([
            ["lists", "batchSegmentMembers",
                {"members_to_add": ["ANA@example.com", "gone@example.com", "no@example.com"]}, list, segment],
            ["lists", "getSegmentMembersList", list, segment, {"count": 1000}],
            ["lists", "getSegmentMembersList", list, segment, {"includeUnsubscribed": true,
                "fields": ["members.email_address", "total_items"]}],
        ]),
    )
    .await;
    assert_eq!((&answers[0]["ok"]["total_added"], &answers[0]["ok"]["error_count"]), (&json!(2), &json!(1)));
    assert_eq!(answers[0]["ok"]["errors"][0]["email_addresses"], json!(["no@example.com"]));
    assert_eq!(answers[1]["ok"]["total_items"], 1, "who is unsubscribed is hidden");
    let both = json!({"members": [{"email_address": "gone@example.com"}, {"email_address": "ana@example.com"}],
        "total_items": 2});
    assert_eq!(answers[2]["ok"], both);
    assert_eq!(caller.sim.contacts(list).len(), 3);
    let refused: Vec<_> = caller.kinds();
    let expected: &[ViolationKind] =
        if shared("specs/mailchimp").is_some() { &[ViolationKind::Specification] } else { &[] };
    assert_eq!(refused, expected, "the count of 1001 and nothing else");
}
