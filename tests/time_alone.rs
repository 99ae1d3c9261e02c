//! Time alone moves people, also after a day down, through the real binary.

mod support;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{Daemon, client};

const START: &str = "2026-03-01T00:00:00Z";

fn clock(start: Timestamp) -> String {
    format!("[clock]\nsimulated_start = \"{start}\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_down_everything_that_was_due_has_happened_once_and_at_its_instant() {
    let start: Timestamp = START.parse().unwrap();
    let mut daemon = Daemon::start(&clock(start)).await;
    let key = daemon.workspace().await;
    let path = "/workspaces/main/segments";
    let windows = [("hour", "1h", 1), ("half", "12h", 12), ("days", "2d", 48)];
    for (name, last, _) in windows {
        let definition = json!({"event": "Seen", "window": {"last": last}});
        daemon.put(&format!("{path}/{name}"), json!({"name": name, "definition": definition})).await;
    }
    // In after an hour without an event, that is by time alone.
    let missed = json!({"all": [{"event": "Seen"}, {"not": {"event": "Seen", "window": {"last": "12h"}}}]});
    daemon.put(&format!("{path}/missed"), json!({"name": "Missed", "definition": missed})).await;
    let mut seen = BTreeMap::new();
    for minute in 0..20 {
        let time = start - SignedDuration::from_mins(minute);
        let call = json!({"userId": format!("u{minute}"), "event": "Seen", "timestamp": time.to_string()});
        let sent = client().post(format!("{}/v1/track", daemon.url)).basic_auth(&key, Some("")).json(&call);
        assert_eq!(sent.send().await.unwrap().status(), 200);
        seen.insert(minute, time);
    }
    for (name, _, _) in windows {
        daemon.wait_members(name, 20).await;
    }
    daemon.wait_members("missed", 0).await;
    daemon.kill();
    let back = start + SignedDuration::from_hours(24);
    daemon.setup.sections = clock(back);
    daemon.start_again().await;
    for (name, members) in [("hour", 0), ("half", 0), ("days", 20), ("missed", 20)] {
        daemon.wait_members(name, members).await;
    }
    let mut people = BTreeMap::new();
    for (minute, time) in &seen {
        let person = daemon.get(&format!("/workspaces/main/people/user:web:u{minute}")).await;
        people.insert(person["id"].as_str().unwrap().to_owned(), *time);
    }
    for (name, change, hours) in [("hour", "left", 1), ("half", "left", 12), ("missed", "entered", 12)] {
        let journal = daemon.get(&format!("{path}/{name}/transitions?limit=1000")).await;
        let items = journal["items"].as_array().unwrap();
        let moved: Vec<&Value> = items.iter().filter(|item| item["change"] == change).collect();
        assert_eq!(moved.len(), 20, "{name}: {journal}");
        for item in moved {
            let instant = |name: &str| item[name].as_str().unwrap().parse::<Timestamp>().unwrap();
            let due = people[item["person"].as_str().unwrap()] + SignedDuration::from_hours(hours);
            assert_eq!((instant("at"), item["cause"].as_str()), (due, Some("time")), "{name}: {item}");
            // The simulated clock stands: whatever was found was found at its start.
            assert_eq!(instant("found"), back, "{name}: {item}");
        }
    }
}
