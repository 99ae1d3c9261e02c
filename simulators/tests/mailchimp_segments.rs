//! Static segments and tags: batches, reading back, lag, drift; and asynchronous batches.

mod mailchimp_support;

use flate2::read::GzDecoder;
use mailchimp_support::{ANA, Caller, problem};
use segmentd_simulators::mailchimp::{Faults, NewContact, Status, ViolationKind};
use serde_json::{Value, json};
use std::io::Read;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_batch_adds_removes_and_groups_what_it_does_not_know() {
    let caller = Caller::start().await;
    caller.add(&[
        ("ana@example.com", Status::Subscribed),
        ("beto@example.com", Status::Unsubscribed),
        ("caro@example.com", Status::Archived),
    ]);
    let id = caller.segment("vip", &["ana@example.com", "nobody@example.com"]).await;
    let path = format!("/segments/{id}");
    let change = json!({"members_to_add": ["ana@example.com", "Beto@example.com", "nobody@example.com", "bad"],
        "members_to_remove": ["ana@example.com", "caro@example.com"]});
    let answer = caller.post(&path, change).await;
    assert_eq!(
        (&answer["total_added"], &answer["total_removed"], &answer["error_count"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let unknown =
        answer["errors"].as_array().unwrap().iter().find(|error| error["error"].as_str().unwrap().contains("audience"));
    assert_eq!(unknown.unwrap()["email_addresses"], json!(["nobody@example.com", "caro@example.com"]));
    assert_eq!(answer["members_added"][0]["email_address"], "beto@example.com");
    assert_eq!(answer["members_removed"][0]["id"], ANA);
    let emails: Vec<String> = (0..501).map(|number| format!("p{number}@example.com")).collect();
    for name in ["members_to_add", "members_to_remove"] {
        let answer = caller.call("POST", &path, json!({name: emails})).await;
        assert_eq!((problem(&answer).0, &answer.1["errors"][0]["field"]), (400, &json!(name)));
    }
    assert_eq!(
        caller.post(&path, json!({"members_to_add": emails[..500]})).await["errors"][0]["email_addresses"]
            .as_array()
            .unwrap()
            .len(),
        500
    );
    assert_eq!(caller.call("POST", "/segments/1", json!({"members_to_add": []})).await.0, 404);
    let counters = caller.sim.counters();
    assert_eq!((counters.tagged, counters.untagged), (2, 1));
    assert_eq!((counters.of("segment_batch").succeeded, counters.of("segment_batch").failed), (2, 3));
}

#[tokio::test]
async fn reading_hides_who_cannot_be_mailed() {
    let caller = Caller::start().await;
    let statuses = [Status::Subscribed, Status::Unsubscribed, Status::Cleaned, Status::Transactional, Status::Archived];
    for status in statuses {
        let contact = NewContact {
            tags: vec!["vip".to_owned()],
            ..NewContact::new(&format!("{}@example.com", status.word()), status)
        };
        caller.sim.add_contacts(&caller.list, &[contact]).unwrap();
    }
    let id = caller.get("/tag-search?name=vip").await["tags"][0]["id"].clone();
    let read = async |more: &str| caller.get(&format!("/segments/{id}/members?{more}")).await["total_items"].clone();
    assert_eq!(read("").await, 1);
    assert_eq!(read("include_cleaned=true").await, 2);
    assert_eq!(read("include_cleaned=true&include_unsubscribed=true&include_transactional=true").await, 4);
    assert_eq!(caller.get(&format!("/segments/{id}")).await["member_count"], 1);
    assert_eq!(caller.sim.tag_members(&caller.list, "vip").len(), 5);
}

#[tokio::test]
async fn tags_and_segments_are_the_same() {
    let caller = Caller::start().await;
    caller.add(&[("ana@example.com", Status::Subscribed), ("beto@example.com", Status::Subscribed)]);
    let tags = |status: &str| json!({"tags": [{"name": "Días 30", "status": status}], "is_syncing": true});
    let path = format!("/members/{ANA}/tags");
    assert_eq!(caller.call("POST", &path, tags("active")).await, (204, Value::Null));
    assert_eq!(caller.call("POST", &path, tags("on")).await.0, 400);
    let found = caller.get("/tag-search?name=d%C3%ADa").await;
    let id = found["tags"][0]["id"].as_u64().unwrap();
    let taken = caller.call("POST", "/segments", json!({"name": "DÍAS 30", "static_segment": []})).await;
    assert_eq!(problem(&taken), (400, "Bad Request"));
    let long = caller.call("POST", "/segments", json!({"name": "x".repeat(101), "static_segment": []})).await;
    assert_eq!(long.0, 400);
    let members = format!("/segments/{id}/members");
    caller.post(&members, json!({"email_address": "beto@example.com"})).await;
    assert_eq!(caller.call("POST", &members, json!({"email_address": "no@example.com"})).await.0, 404);
    assert_eq!(caller.call("DELETE", &format!("{members}/{ANA}"), Value::Null).await.0, 204);
    assert_eq!(caller.call("DELETE", &format!("{members}/{}", ANA.to_uppercase()), Value::Null).await.0, 404);
    assert_eq!(caller.get(&path).await["total_items"], 0);
    assert_eq!(caller.sim.tag_members(&caller.list, "días 30").into_keys().collect::<Vec<_>>(), ["beto@example.com"]);
    let renamed = json!({"name": "Otro", "static_segment": ["ana@example.com"]});
    assert_eq!(caller.call("PATCH", &format!("/segments/{id}"), renamed).await.1["member_count"], 1);
    assert_eq!(caller.sim.tag_members(&caller.list, "Otro").into_keys().collect::<Vec<_>>(), ["ana@example.com"]);
    assert_eq!(caller.get("/segments?type=static").await["total_items"], 1);
    assert_eq!(caller.call("DELETE", &format!("/segments/{id}"), Value::Null).await.0, 204);
    assert_eq!(caller.get("/tag-search?name=otro").await["total_items"], 0);
    assert!(caller.kinds().iter().all(|kind| *kind == ViolationKind::Specification), "the status `on`");
}

#[tokio::test]
async fn reads_of_a_segment_lag_when_told_to() {
    let caller = Caller::start().await;
    caller.add(&[("ana@example.com", Status::Subscribed)]);
    let id = caller.segment("vip", &[]).await;
    caller.sim.set_faults(Faults { segment_lag_ms: 400, ..Faults::default() });
    caller.post(&format!("/segments/{id}"), json!({"members_to_add": ["ana@example.com"]})).await;
    let members = format!("/segments/{id}/members");
    assert_eq!(caller.get(&members).await["total_items"], 0);
    assert_eq!(
        caller.get(&format!("/members/{ANA}")).await["tags"][0]["name"],
        "vip",
        "the member itself does not lag"
    );
    assert_eq!(caller.sim.tag_members(&caller.list, "vip").len(), 1);
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(caller.get(&members).await["total_items"], 1);
}

/// The results of an archive, by operation.
fn unpack(archive: &[u8]) -> Vec<Value> {
    let mut tar = Vec::new();
    GzDecoder::new(archive).read_to_end(&mut tar).unwrap();
    let (mut at, mut results) = (0, Vec::new());
    while tar[at] != 0 {
        let size = std::str::from_utf8(&tar[at + 124..at + 135]).unwrap();
        let size = usize::from_str_radix(size, 8).unwrap();
        if tar[at + 156] == b'0' {
            let file: Vec<Value> = serde_json::from_slice(&tar[at + 512..at + 512 + size]).unwrap();
            results.extend(file);
        }
        at += 512 + size.next_multiple_of(512);
    }
    results.sort_by_key(|result| result["operation_id"].to_string());
    results
}

#[tokio::test]
async fn asynchronous_batches_are_polled_and_unpacked() {
    let caller = Caller::start().await;
    let list = format!("/lists/{}", caller.list);
    let body = json!({"email_address": "ana@example.com", "status_if_new": "subscribed"}).to_string();
    let operations = json!([
        {"method": "PUT", "path": format!("{list}/members/{ANA}"), "body": body, "operation_id": "1"},
        {"method": "GET", "path": format!("{list}/members/none@example.com"), "operation_id": "2"},
        {"method": "GET", "path": "/lists", "params": {"count": 1, "fields": "total_items"}, "operation_id": "3"},
    ]);
    let started = caller.post("!/batches", json!({"operations": operations})).await;
    assert_eq!((&started["status"], &started["response_body_url"]), (&json!("pending"), &json!("")));
    let path = format!("!/batches/{}", started["id"].as_str().unwrap());
    let (began, mut seen) = (Instant::now(), Vec::new());
    let done = loop {
        let batch = caller.get(&path).await;
        seen.push(batch["status"].as_str().unwrap().to_owned());
        if batch["status"] == "finished" {
            break batch;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{batch}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    seen.dedup();
    assert!(seen.len() >= 3, "{seen:?}");
    assert_eq!((&done["finished_operations"], &done["errored_operations"]), (&json!(3), &json!(1)));
    let archive = caller.http.get(done["response_body_url"].as_str().unwrap()).send().await.unwrap();
    let results = unpack(&archive.bytes().await.unwrap());
    let statuses: Vec<_> = results.iter().map(|result| result["status_code"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 404, 200]);
    let lists: Value = serde_json::from_str(results[2]["response"].as_str().unwrap()).unwrap();
    assert_eq!(lists, json!({"total_items": 1}));
    assert_eq!(caller.status_of("ana@example.com"), Some(Status::Subscribed));
    assert_eq!(caller.sim.counters().of("batched:member_put").succeeded, 1);
    let stale = done["response_body_url"].as_str().unwrap();
    caller.get(&path).await;
    assert_eq!(caller.http.get(stale).send().await.unwrap().status().as_u16(), 403, "each reading has its address");
    let many: Vec<Value> = (0..1001).map(|_| json!({"method": "GET", "path": "/ping"})).collect();
    assert_eq!(caller.call("POST", "!/batches", json!({"operations": many})).await.0, 400);
}

#[tokio::test]
async fn a_hundred_thousand_contacts_are_held_and_changed_in_milliseconds() {
    let caller = Caller::start().await;
    let contacts: Vec<NewContact> =
        (0..100_000).map(|number| NewContact::new(&format!("p{number}@example.com"), Status::Subscribed)).collect();
    caller.sim.add_contacts(&caller.list, &contacts).unwrap();
    let id = caller.segment("all", &[]).await;
    let began = Instant::now();
    for part in contacts.chunks(500) {
        let emails: Vec<&str> = part.iter().map(|contact| contact.email.as_str()).collect();
        let answer = caller.post(&format!("/segments/{id}"), json!({"members_to_add": emails})).await;
        assert_eq!(answer["total_added"], 500);
    }
    let written = began.elapsed();
    let (mut read, mut offset) = (0, 0);
    while offset < 100_000 {
        let path =
            format!("/segments/{id}/members?count=1000&offset={offset}&fields=members.email_address,total_items");
        let page = caller.get(&path).await;
        assert_eq!(page["total_items"], 100_000);
        read += page["members"].as_array().unwrap().len();
        offset += 1000;
    }
    assert_eq!(read, 100_000);
    // Generous: a debug build on a busy machine. 300 calls.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("written in {written:?}, in all {:?}\n", began.elapsed()),
    );
}
