//! What was: members at an earlier instant, the journal by time and person, a stream that resumes.

mod support;

use futures_util::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use support::{Daemon, client};

const CLOCK: &str = "[clock]\nsimulated_start = \"2026-03-01T12:00:00Z\"\n";
const W: &str = "/workspaces/main";

async fn seen(daemon: &Daemon, key: &str, who: &str, time: &str) {
    let call = json!({"userId": who, "event": "Seen", "timestamp": time});
    let sent = client().post(format!("{}/v1/track", daemon.url)).basic_auth(key, Some("")).json(&call);
    assert_eq!(sent.send().await.unwrap().status(), 200);
}

async fn refused(daemon: &Daemon, path: &str, part: &str) {
    let asked = client().get(format!("{}/api/v1{W}{path}", daemon.url)).bearer_auth(&daemon.key);
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 422, "{path}");
    let text = answer.text().await.unwrap();
    assert!(text.contains(part), "{path}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_instant_is_answered_by_what_is_known_today_and_by_what_was_held() {
    let daemon = Daemon::start(CLOCK).await;
    let key = daemon.workspace().await;
    let segment = format!("{W}/segments/hour");
    let definition = json!({"event": "Seen", "window": {"last": "1h"}});
    daemon.put(&segment, json!({"name": "Hour", "definition": definition})).await;
    daemon.wait(&segment, |answer| answer["version"] == 1).await;
    seen(&daemon, &key, "now", "2026-03-01T12:00:00Z").await;
    seen(&daemon, &key, "late", "2026-03-01T10:00:00Z").await;
    daemon.wait_members("hour", 1).await;
    let members = async |query: &str| daemon.get(&format!("{segment}/members?{query}")).await;
    let known = members("at=2026-03-01T10:30:00Z").await;
    assert_eq!((known["members"].as_array().unwrap().len(), &known["past"]["view"]), (1, &json!("now")), "{known}");
    assert!(known["next"].is_null() && known.get("total").is_none() && known["past"].get("note").is_none(), "{known}");
    assert_eq!(members("at=2026-03-01T10:30:00Z&view=recorded").await["members"], json!([]));
    assert_eq!(members("at=2026-03-01T11:30:00Z").await["members"], json!([]));
    assert_eq!(members("at=2026-03-01T12:00:00Z&view=recorded").await["members"].as_array().unwrap().len(), 1);
    let why = daemon.get(&format!("{segment}/explain/user:web:late?at=2026-03-01T10:59:59Z")).await;
    assert_eq!(
        (&why["result"], &why["changes_at"]),
        (&json!("member"), &json!("2026-03-01T11:00:00.000000Z")),
        "{why}"
    );
    assert_eq!(why["conditions"]["happenings"].as_array().unwrap().len(), 1, "{why}");
    let before = daemon.get(&format!("{segment}/explain/user:web:late?at=2026-03-01T09:00:00Z")).await;
    assert_eq!(before["result"], "not_member");
    assert!(before["past"]["note"].as_str().unwrap().contains("had happened"), "{before}");
    let held = daemon.get(&format!("{segment}/explain/user:web:now?at=2026-03-01T12:00:00Z&view=recorded")).await;
    assert_eq!((&held["result"], &held["transition"]["cause"]), (&json!("member"), &json!("event")), "{held}");
    let ages_ago = members("at=2001-01-01T00:00:00Z").await;
    assert!(ages_ago["past"]["note"].as_str().unwrap().contains("past their retention"), "{ages_ago}");
    refused(&daemon, "/segments/hour/members?at=2026-03-01T12:00:01Z", "lies ahead").await;
    refused(&daemon, "/segments/hour/members?at=2026-03-01T12:00:01Z&view=recorded", "lies ahead").await;
    refused(&daemon, "/segments/hour/explain/user:web:now?at=2027-01-01T00:00:00Z", "lies ahead").await;
    refused(&daemon, "/segments/hour/members?at=yesterday", "at: expected an instant").await;
    refused(&daemon, "/segments/hour/members?view=recorded", "give it as `at`").await;
    refused(&daemon, "/segments/hour/members?at=2026-03-01T12:00:00Z&view=then", "now or recorded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_is_asked_by_time_and_by_person_also_after_a_restart() {
    let mut daemon = Daemon::start(CLOCK).await;
    let key = daemon.workspace().await;
    let segment = format!("{W}/segments/hour");
    let definition = json!({"event": "Seen", "window": {"last": "1h"}});
    daemon.put(&segment, json!({"name": "Hour", "definition": definition})).await;
    daemon.wait(&segment, |answer| answer["version"] == 1).await;
    for hour in 0..6 {
        let time = format!("2026-03-01T{}:00:00Z", 12 + hour);
        for who in ["a", "b"] {
            seen(&daemon, &key, &format!("{who}{hour}"), &time).await;
        }
        seen(&daemon, &key, "always", &time).await;
        assert_eq!(daemon.send(reqwest::Method::POST, "/clock", json!({"advance_ms": 3_600_000})).await.0, 200);
        // Who is seen at the very instant before time is told has never left.
        daemon.wait_members("hour", 0).await;
    }
    for restarted in [false, true] {
        if restarted {
            daemon.kill();
            daemon.setup.sections = CLOCK.replace("12:00:00", "18:00:00");
            daemon.start_again().await;
        }
        let page = async |query: &str| daemon.get(&format!("{W}/{query}")).await["items"].as_array().unwrap().clone();
        let whole = page("transitions?limit=1000").await;
        assert_eq!(whole.len(), 2 * 3 * 6, "{whole:#?}");
        let some = page("transitions?since=2026-03-01T13:00:00Z&until=2026-03-01T15:00:00Z").await;
        let expected: Vec<&Value> = whole
            .iter()
            .filter(|one| ("2026-03-01T13".."2026-03-01T15").contains(&one["at"].as_str().unwrap()))
            .collect();
        assert_eq!(some.iter().collect::<Vec<_>>(), expected);
        assert!(expected.len() > 6);
        let person = page("people/user:web:a3/transitions").await;
        let changes: Vec<&str> = person.iter().map(|one| one["change"].as_str().unwrap()).collect();
        assert_eq!(changes, ["entered", "left"]);
        let of_segment = page("segments/hour/transitions?since=2026-03-01T17:30:00Z").await;
        assert_eq!(of_segment.len(), 3, "{of_segment:#?}");
        let held = daemon.get(&format!("{segment}/members?at=2026-03-01T14:30:00Z&view=recorded&limit=2")).await;
        assert_eq!(held["members"].as_array().unwrap().len(), 2, "{held}");
        let after = held["next"].as_str().unwrap();
        let rest = format!("{segment}/members?at=2026-03-01T14:30:00Z&view=recorded&after={after}");
        assert_eq!(daemon.get(&rest).await["members"].as_array().unwrap().len(), 1);
    }
}

/// Reads transitions of a stream until there are `count`: their ids and people. Then the stream is dropped.
async fn follow(
    daemon: &Daemon,
    after: Option<&str>,
    count: usize,
    ready: impl AsyncFnOnce(),
) -> Vec<(String, String)> {
    follow_with(daemon, "", after, count, ready).await
}

/// The same with a further query.
async fn follow_with(
    daemon: &Daemon,
    query: &str,
    after: Option<&str>,
    count: usize,
    ready: impl AsyncFnOnce(),
) -> Vec<(String, String)> {
    let path = format!("{}/api/v1{W}/live?kind=transition&{query}", daemon.url);
    let mut asked = client().get(path).bearer_auth(&daemon.key);
    if let Some(after) = after {
        asked = asked.header("last-event-id", after);
    }
    let mut stream = asked.send().await.unwrap().bytes_stream();
    ready().await;
    let (mut text, mut found) = (String::new(), Vec::new());
    while found.len() < count {
        let piece = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("it goes on");
        text.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
        while let Some((item, rest)) = text.split_once("\n\n").map(|(item, rest)| (item.to_owned(), rest.to_owned())) {
            text = rest;
            let field = |name: &str| item.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim());
            if field("event:") == Some("transition") {
                let data: Value = serde_json::from_str(field("data:").unwrap()).unwrap();
                found.push((field("id:").unwrap().to_owned(), data["person"].as_str().unwrap().to_owned()));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_transitions_goes_on_where_it_broke_off() {
    let daemon = Daemon::start(CLOCK).await;
    let key = daemon.workspace().await;
    let send = async |from: usize, to: usize| {
        for who in from..to {
            seen(&daemon, &key, &format!("u{who}"), "2026-03-01T12:00:00Z").await;
        }
    };
    send(0, 5).await;
    let segment = format!("{W}/segments/seen");
    let first = follow(&daemon, None, 8, async || {
        // Five enter with one record, the others one by one.
        daemon.put(&segment, json!({"name": "Seen", "definition": {"event": "Seen"}})).await;
        daemon.wait_members("seen", 5).await;
        send(5, 10).await;
    })
    .await;
    send(10, 20).await;
    daemon.wait_members("seen", 20).await;
    let mut people: BTreeSet<String> = first.iter().take(3).map(|(_, person)| person.clone()).collect();
    // As if only three had arrived, in the midst of the record that brought five.
    let second = follow(&daemon, Some(&first[2].0), 17, async || ()).await;
    assert!(second.iter().all(|(_, person)| people.insert(person.clone())), "one came twice");
    let last = second.last().unwrap().0.clone();
    let third = follow(&daemon, Some(&last), 4, async || send(20, 24).await).await;
    // The place may stand in the query as well; a stream of one segment goes on likewise.
    let place = format!("after={}&segment=seen", second[14].0);
    let again = follow_with(&daemon, &place, None, 6, async || ()).await;
    let newest = second[15..].iter().chain(&third).cloned().collect::<Vec<_>>();
    assert_eq!(again, newest);
    assert!(third.iter().all(|(_, person)| people.insert(person.clone())));
    assert_eq!(people.len(), 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_costs_too_much_stops_with_an_alert_until_there_is_another() {
    let daemon = Daemon::start(CLOCK).await;
    let key = daemon.workspace().await;
    let one = |n: usize| json!({"type": "track", "userId": "heavy", "event": "Seen", "messageId": format!("m{n}")});
    for from in (0..5_100).step_by(300) {
        let body = json!({"batch": (from..from + 300).map(one).collect::<Vec<_>>()});
        let sent = client().post(format!("{}/v1/batch", daemon.url)).basic_auth(&key, Some("")).json(&body);
        assert_eq!(sent.send().await.unwrap().status(), 200);
    }
    daemon.wait(W, |answer| answer["events"] == 5_100).await;
    // What looks at the clock can't be kept ready: all that happened is gone through, for each condition.
    let recent = json!([{"property": "day", "within": {"last": "1d"}}]);
    let condition = |n: usize| json!({"event": "Seen", "where": recent, "count": {"at_least": 10_000 + n}});
    let costly = json!({"any": (0..200).map(condition).collect::<Vec<_>>()});
    let segment = format!("{W}/segments/costly");
    daemon.put(&format!("{segment}?hold=true"), json!({"name": "Costly", "definition": costly})).await;
    let stopped = daemon.wait(&segment, |answer| answer["next"]["state"] == "stopped").await;
    assert!(stopped["next"]["reason"].as_str().unwrap().contains("2000000 steps"), "{stopped}");
    let (status, answer) =
        daemon.send(reqwest::Method::POST, &format!("{segment}/versions/1/activate"), Value::Null).await;
    assert!(status == 409 && answer.to_string().contains("2000000 steps"), "{status} {answer}");
    let of_segment = |alerts: &Value| alerts["items"].as_array().unwrap().iter().any(|one| one["kind"] == "segment");
    let alerts = daemon.wait("/alerts", |alerts| of_segment(alerts)).await;
    assert!(alerts.to_string().contains("costly") && alerts.to_string().contains("over its limit"), "{alerts}");
    daemon.put(&segment, json!({"name": "Cheap", "definition": {"event": "Seen"}})).await;
    daemon.wait_members("costly", 1).await;
    daemon.wait("/alerts", |alerts| !of_segment(alerts)).await;
    // What costs little now and too much of then: the question is refused, and the segment goes on.
    assert_eq!(daemon.send(reqwest::Method::POST, "/clock", json!({"advance_ms": 7_200_000})).await.0, 200);
    let hour = json!({"last": "1h"});
    let many = |n: usize| json!({"at_least": 10_000 + n});
    let condition = |n: usize| json!({"event": "Seen", "where": recent, "window": hour, "count": many(n)});
    let costly = json!({"any": (0..200).map(condition).collect::<Vec<_>>()});
    daemon.put(&segment, json!({"name": "Then", "definition": costly})).await;
    daemon.wait(&segment, |answer| answer["name"] == "Then" && answer["next"].is_null()).await;
    assert_eq!(daemon.get(&format!("{segment}/explain/user:web:heavy")).await["result"], "not_member");
    for path in ["members", "explain/user:web:heavy"] {
        let path = format!("/segments/costly/{path}?at=2026-03-01T12:30:00Z");
        refused(&daemon, &path, "takes too many steps for person p_").await;
    }
    assert_eq!(daemon.get(&segment).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_somebody_has_what_was_noted_under_each_of_their_ids() {
    let daemon = Daemon::start(CLOCK).await;
    let key = daemon.workspace().await;
    let segment = format!("{W}/segments/seen");
    daemon.put(&segment, json!({"name": "Seen", "definition": {"event": "Seen"}})).await;
    daemon.wait(&segment, |answer| answer["version"] == 1).await;
    seen(&daemon, &key, "a", "2026-03-01T12:00:00Z").await;
    let call = json!({"anonymousId": "1", "event": "Seen", "context": {"traits": {"email": "a@x.mx"}}});
    for call in [call, json!({"userId": "a", "event": "Viewed", "context": {"traits": {"email": "a@x.mx"}}})] {
        let sent = client().post(format!("{}/v1/track", daemon.url)).basic_auth(&key, Some("")).json(&call);
        assert_eq!(sent.send().await.unwrap().status(), 200);
        daemon.wait_members("seen", if call["userId"] == "a" { 1 } else { 2 }).await;
    }
    let mut told = Vec::new();
    for name in ["user:web:a", "email:a@x.mx"] {
        let page = daemon.get(&format!("{W}/people/{name}/transitions")).await;
        let of = |one: &Value| (one["person"].as_str().unwrap().to_owned(), one["change"].as_str().unwrap().to_owned());
        told.push(page["items"].as_array().unwrap().iter().map(of).collect::<Vec<_>>());
    }
    assert_eq!(told[0], told[1], "by whatever name they are asked for");
    let people: BTreeSet<&String> = told[0].iter().map(|(person, _)| person).collect();
    let entered = told[0].iter().filter(|(_, change)| change == "entered").count();
    assert_eq!((people.len(), entered, told[0].len()), (2, 2, 3), "{told:?}");
}
