//! Calls that are given to the SDKs, and what the daemon must hold after them.

use crate::support::Daemon;
use model::Time;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Users that the calls are about.
pub const USERS: usize = 8;
/// How far a time may move by the clock's correction, microseconds: the tries' waits, with a busy machine's.
const TIME_MOVES_MAX: u64 = 60_000_000;

fn user(number: usize) -> String {
    format!("usuario-{}", number % USERS)
}

fn time(number: usize) -> String {
    format!("2026-11-01T{:02}:{:02}:{:02}.250Z", number / 3600, number / 60 % 60, number % 60)
}

/// Every kind of call, and so many tracks; `big` is an integer that the SDK's language can hold exactly.
pub fn all_kinds(tracks: usize, big: u64) -> Vec<Value> {
    let mut calls = Vec::new();
    for number in 0..USERS {
        let traits = json!({"email": format!("ANA{number}@Example.com"), "firstName": "Ñandú 🎉", "plan": null,
            "score": 12.75, "big": big, "vip": number % 2 == 0, "tags": ["a", null, "ñ"],
            "address": {"city": "Ciudad de México", "country": "MX", "floor": null}});
        calls.push(json!({"type": "identify", "userId": user(number), "traits": traits}));
    }
    for number in 0..tracks {
        let properties = json!({"tag": format!("track-{number}"), "number": number, "price": 19.99, "none": null,
            "big": big, "tiny": 0.0001, "below": -3.5, "text": "日本語 \"quoted\" \\ \u{1f6d2} \u{7}", "empty": {},
            "items": [{"sku": "A-1", "price": 0.1, "gone": null}, {"sku": "ü"}], "deep": {"a": {"b": [1, [2]]}}});
        let call = json!({"type": "track", "userId": user(number), "event": "Quiz Taken", "properties": properties});
        calls.push(call);
    }
    for number in 0..USERS {
        let page = json!({"tag": format!("page-{number}"), "path": "/inicio"});
        calls.push(json!({"type": "page", "userId": user(number), "name": "Inicio", "properties": page}));
        let screen = json!({"tag": format!("screen-{number}")});
        calls.push(json!({"type": "screen", "userId": user(number), "name": "Perfil", "properties": screen}));
    }
    let group = json!({"name": "Mayoristas", "seats": 5});
    calls.push(json!({"type": "group", "userId": user(0), "groupId": "grupo-1", "traits": group}));
    calls.push(json!({"type": "alias", "userId": user(1), "previousId": "antes-1"}));
    for (number, call) in calls.iter_mut().enumerate() {
        call["timestamp"] = json!(time(number));
        // Some ids are the caller's own; the SDK makes the others.
        if number % 3 == 0 {
            call["messageId"] = json!(format!("propio-{number}"));
        }
    }
    calls
}

/// What is left of a value when `null` counts as absent.
fn without_null(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(items.iter().filter_map(without_null).collect()),
        Value::Object(map) => {
            let kept = map.iter().filter_map(|(name, value)| Some((name.clone(), without_null(value)?)));
            Some(kept.collect::<Map<_, _>>().into())
        }
        other => Some(other.clone()),
    }
}

/// Each given property must be there as it was given.
fn same(given: &Value, got: &Value, what: &str) {
    for (name, value) in given.as_object().into_iter().flatten() {
        assert_eq!(got.get(name), without_null(value).as_ref(), "{what}: {name}");
    }
}

/// Waits until the daemon has applied all calls, and compares: each is there, once, with what it was given.
pub async fn check_users(daemon: &Daemon, calls: &[Value], users: usize) {
    let wanted = calls.len() as u64;
    let known = daemon.wait("/workspaces/main", |found| found["events"].as_u64() >= Some(wanted)).await;
    assert_eq!(known["events"].as_u64(), Some(wanted), "{known}");
    assert_eq!(known["refused"], json!({}));
    let refused = daemon.get("/workspaces/main/refused-events").await;
    assert_eq!(refused["items"], json!([]));
    for number in 0..users {
        let id = user(number);
        let person = daemon.get(&format!("/workspaces/main/people/user:web:{id}")).await;
        let own: Vec<&Value> = calls.iter().filter(|call| call["userId"] == json!(id)).collect();
        check_activity(&person, &own);
        check_profile(&person, &own);
    }
}

fn check_activity(person: &Value, own: &[&Value]) {
    let mut got: BTreeMap<&str, &Value> = BTreeMap::new();
    let recent = person["recent"].as_array().unwrap();
    for event in recent {
        let tag = event["properties"]["tag"].as_str().unwrap();
        assert!(got.insert(tag, event).is_none(), "{tag} is there twice");
    }
    let activity: Vec<&&Value> = own.iter().filter(|call| !call["properties"].is_null()).collect();
    assert!(activity.len() <= 100, "a person's page shows no more");
    assert_eq!((recent.len(), person["events"].as_u64()), (activity.len(), Some(activity.len() as u64)));
    for call in activity {
        let tag = call["properties"]["tag"].as_str().unwrap();
        let event = got[tag];
        let name = match call["type"].as_str().unwrap() {
            "page" => "Page Viewed",
            "screen" => "Screen Viewed",
            _ => call["event"].as_str().unwrap(),
        };
        assert_eq!(event["name"], json!(name), "{tag}");
        same(&call["properties"], &event["properties"], tag);
        if let Some(name) = call["name"].as_str() {
            assert_eq!(event["properties"]["name"], json!(name), "{tag}");
        }
        if let Some(given) = call["timestamp"].as_str() {
            let read = |text: &Value| Time::parse(text.as_str().unwrap()).unwrap().0;
            let moved = read(&event["time"]).abs_diff(Time::parse(given).unwrap().0);
            assert!(moved < TIME_MOVES_MAX, "{tag}: {} for {given}", event["time"]);
        }
    }
}

fn check_profile(person: &Value, own: &[&Value]) {
    let identities: Vec<&str> =
        person["identities"].as_array().unwrap().iter().map(|identity| identity.as_str().unwrap()).collect();
    for call in own {
        match call["type"].as_str().unwrap() {
            "identify" => {
                let mut traits = call["traits"].clone();
                let email = traits["email"].as_str().unwrap().to_lowercase();
                assert!(identities.contains(&format!("email:{email}").as_str()), "{identities:?}");
                traits["email"] = json!(email);
                same(&traits, &person["properties"], "traits");
            }
            "group" => {
                assert_eq!(person["properties"]["group_id"], call["groupId"]);
                assert_eq!(person["properties"]["group.name"], call["traits"]["name"]);
            }
            "alias" => {
                let previous = call["previousId"].as_str().unwrap();
                assert!(identities.contains(&format!("user:web:{previous}").as_str()), "{identities:?}");
            }
            _ => {}
        }
    }
}
