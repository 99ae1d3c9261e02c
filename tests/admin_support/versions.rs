//! The operations on versions of a segment.

use super::{Api, at};
use reqwest::Method;
use serde_json::{Value, json};

/// A version that waits, is looked at, put in force; and one that is cancelled.
pub async fn all(api: &mut Api) {
    let (path, put) = (at("/segments/buyers"), at("/segments/buyers?hold=true"));
    let many = json!({"event": "Order Completed", "count": {"at_least": 100}});
    let change = api.ok(Method::POST, &format!("{path}/preview"), json!({"definition": many})).await;
    assert_eq!((&change["enter"], &change["leave"], &change["stay"]), (&json!(0), &json!(1), &json!(0)));
    assert_eq!(change["leave_sample"].as_array().unwrap().len(), 1);
    let some = json!({"name": "Buyers", "definition": {"event": "Order Completed", "count": {"at_least": 1}}});
    for (body, activated) in [(json!({"name": "Many", "definition": many}), false), (some, true)] {
        api.ok(Method::PUT, &put, body).await;
        let waits = api.daemon.wait(&path, |answer| answer["next"]["state"] == "waiting").await;
        let version = format!("{path}/versions/{}", waits["next"]["version"]);
        assert_eq!((&waits["version"], &waits["members"]), (&json!(1), &json!(1)), "{waits}");
        if activated {
            assert_eq!((&waits["next"]["enter"], &waits["next"]["leave"]), (&json!(0), &json!(0)), "{waits}");
            let now = api.ok(Method::POST, &format!("{version}/activate"), Value::Null).await;
            assert_eq!((&now["version"], &now["next"]), (&waits["next"]["version"], &Value::Null));
        } else {
            assert_eq!(waits["next"]["leave"], json!(1));
            api.ok(Method::DELETE, &version, Value::Null).await;
        }
        api.refused(404, Method::POST, &format!("{version}/activate"), Value::Null, "no version").await;
        api.refused(404, Method::DELETE, &version, Value::Null, "no version").await;
    }
    used(api).await;
    let all = api.ok(Method::GET, &format!("{path}/versions"), Value::Null).await;
    let states: Vec<&Value> = all["items"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["past", "active"]);
}

/// A first version that a list uses is not cancelled.
async fn used(api: &mut Api) {
    let (path, list) = (at("/segments/coming"), at("/lists/coming"));
    let body = json!({"name": "Coming", "definition": {"event": "Order Completed"}});
    api.ok(Method::PUT, &format!("{path}?hold=true"), body).await;
    api.daemon.wait(&path, |answer| answer["next"]["state"] == "waiting").await;
    let hook = json!({"segment": "coming", "identifier": "email", "webhook": {"url": "http://127.0.0.1:9/hook"}});
    api.ok(Method::PUT, &list, hook).await;
    let version = format!("{path}/versions/1");
    api.refused(409, Method::DELETE, &version, Value::Null, "use this segment").await;
    api.ok(Method::DELETE, &format!("{list}?members=leave"), Value::Null).await;
    api.ok(Method::DELETE, &version, Value::Null).await;
    api.refused(404, Method::GET, &path, Value::Null, "coming").await;
}

/// Who would enter and leave with a change, and with a version that waits.
pub async fn samples_are_for_those_who_see_people(api: &mut Api, read: &str, people: &str) {
    let (path, nobody) = (at("/segments/buyers"), json!({"event": "Nothing"}));
    api.ok(Method::PUT, &format!("{path}?hold=true"), json!({"name": "Nobody", "definition": nobody})).await;
    api.daemon.wait(&path, |answer| answer["next"]["state"] == "waiting").await;
    for (key, samples) in [(read, 0), (people, 1)] {
        let body = json!({"definition": nobody});
        let (status, change) = api.as_key(key, Method::POST, &format!("{path}/preview"), body).await;
        let (_, shown) = api.as_key(key, Method::GET, &path, Value::Null).await;
        if key == people {
            assert_eq!(status, 403, "{change}");
            continue;
        }
        assert_eq!((&change["leave"], &shown["next"]["leave"]), (&json!(1), &json!(1)), "{change} {shown}");
        for sample in [&change["leave_sample"], &shown["next"]["leave_sample"]] {
            assert_eq!(sample.as_array().unwrap().len(), samples, "{change} {shown}");
        }
    }
    let body = json!({"name": "k", "scopes": ["read", "people"], "workspace": "main"});
    let both = api.ok(Method::POST, "/keys", body).await["text"].as_str().unwrap().to_owned();
    let (_, shown) = api.as_key(&both, Method::GET, &path, Value::Null).await;
    assert_eq!(shown["next"]["leave_sample"].as_array().unwrap().len(), 1, "{shown}");
    api.ok(Method::DELETE, &format!("{path}/versions/{}", shown["next"]["version"]), Value::Null).await;
}
