//! kill -9 at random instants under load, through the real binary: while requests come in, while
//! checkpoints are written, while the log is replayed. `SEGMENTD_CRASH_ROUNDS` and `SEGMENTD_SEED` say how often
//! and which instants.

mod support;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use segmentd_simulators::receiver::Receiver;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::load::{Random, Sender, Sent, USERS, known};
use support::{Daemon, Setup, client};

/// Rounds in `make test`; `make soak` takes more.
const ROUNDS: u64 = 4;
const SENDERS: u64 = 4;
/// A timer fires within this time of its instant, or of the start if it was due before.
const TIMER_MAX: SignedDuration = SignedDuration::from_secs(1);
/// Requests of each round that are sent once more though they were acknowledged.
const REPEATED: usize = 20;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

struct Crashes {
    daemon: Daemon,
    key: String,
    random: Random,
    receiver: Receiver,
    sent: Vec<Sent>,
    /// Who was seen shortly before their minute is over, and when it is over.
    passing: Vec<(String, Timestamp)>,
    secrets: Vec<String>,
    /// When the daemon was started, and when it was ready (or killed before).
    starts: Vec<(Timestamp, Timestamp)>,
}

fn segment(definition: Value) -> Value {
    json!({"name": "Segment", "definition": definition})
}

fn spent(at_least: u64) -> Value {
    segment(json!({"spent": {"at_least": at_least.to_string(), "currency": "MXN"}}))
}

impl Crashes {
    async fn new(seed: u64) -> Crashes {
        let daemon = Daemon::with(Setup { data: "checkpoint_s = 1".to_owned(), ..Setup::default() }).await;
        let key = daemon.workspace().await;
        let receiver = Receiver::new(&[], seed).unwrap();
        let (address, _task) = receiver.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let mut crashes = Crashes {
            daemon,
            key,
            random: Random(seed),
            receiver,
            sent: Vec::new(),
            passing: Vec::new(),
            secrets: Vec::new(),
            starts: vec![(Timestamp::now(), Timestamp::now())],
        };
        let sum = json!({"event": "Clicked", "of": "value", "sum": {"at_least": 0}});
        crashes.put("clicks", segment(json!({"event": "Clicked", "count": {"at_least": 0}}))).await;
        crashes.put("value", segment(sum)).await;
        crashes.put("fresh", segment(json!({"event": "Seen", "window": {"last": "1m"}}))).await;
        for (name, at_least) in [("buyers", 300), ("spenders", 0)] {
            crashes.put(name, spent(at_least)).await;
        }
        for (list, segment) in [("crm", "buyers"), ("now", "fresh")] {
            let definition = json!({"segment": segment, "identifier": {"user": "web"},
                "webhook": {"url": format!("http://{address}/hook")}});
            let answer = crashes.daemon.put(&format!("/workspaces/main/lists/{list}"), definition).await;
            let mut secrets = answer["secrets"].as_array().unwrap().clone();
            secrets.truncate(1);
            crashes.secrets.extend(secrets.iter().map(|secret| secret.as_str().unwrap().to_owned()));
            // A shrinking list must not wait for the operator here.
            let _ = crashes.receiver.set_secrets(&crashes.secrets);
        }
        crashes
    }

    async fn put(&mut self, name: &str, body: Value) {
        self.daemon.put(&format!("/workspaces/main/segments/{name}"), body).await;
    }

    /// Calls whose minute is over in a moment, some of them while the daemon is down.
    async fn pass(&mut self, round: u64) {
        for number in 0..12 {
            let due = Timestamp::now() + SignedDuration::from_millis(400 + 350 * number as i64);
            let (user, time) = (format!("t{round}-{number}"), due - SignedDuration::from_secs(60));
            let call = json!({"userId": user, "event": "Seen", "messageId": format!("seen-{user}"),
                "timestamp": time.to_string()});
            let sent = Sent { path: "/v1/track", calls: vec![call], acknowledged: true };
            assert!(sent.send(&client(), &self.daemon.url, &self.key).await, "{}", self.daemon.log());
            let due = Timestamp::from_microsecond(time.as_microsecond()).unwrap() + SignedDuration::from_secs(60);
            self.passing.push((user, due));
        }
    }

    async fn round(&mut self, round: u64) {
        self.pass(round).await;
        let senders: Vec<_> = (0..SENDERS)
            .map(|number| {
                let sender = Sender::new(format!("{round}-{number}"), self.random.below(u64::MAX >> 1));
                tokio::spawn(sender.run(self.daemon.url.clone(), self.key.clone()))
            })
            .collect();
        let edits = tokio::spawn(edit(self.daemon.url.clone(), self.daemon.key.clone(), round));
        tokio::time::sleep(Duration::from_millis(200 + self.random.below(2_000))).await;
        self.daemon.kill();
        edits.await.unwrap();
        let mut all = Vec::new();
        for sender in senders {
            all.extend(sender.await.unwrap().1);
        }
        assert!(all.iter().any(|sent| sent.acknowledged), "nothing was acknowledged in round {round}");
        self.start_and_kill_again().await;
        // As SDKs do: what was not acknowledged comes again; and some that was, its answer lost.
        let client = client();
        let again = all.iter().filter(|sent| !sent.acknowledged).chain(all.iter().rev().take(REPEATED));
        for sent in again {
            assert!(sent.send(&client, &self.daemon.url, &self.key).await, "{}", self.daemon.log());
        }
        self.sent.extend(all);
    }

    /// Starts it; now and then it is killed while it replays, or right after.
    async fn start_and_kill_again(&mut self) {
        for _ in 0..self.random.below(3) {
            let began = Timestamp::now();
            self.daemon.spawn();
            tokio::time::sleep(Duration::from_millis(self.random.below(400))).await;
            self.daemon.kill();
            self.starts.push((began, Timestamp::now()));
        }
        let began = Timestamp::now();
        self.daemon.start_again().await;
        self.starts.push((began, Timestamp::now()));
    }

    async fn found(&self, segment: &str, user: &str) -> String {
        let path = format!("/workspaces/main/segments/{segment}/explain/user:web:{user}");
        let answer = self.daemon.get(&path).await;
        let found = &answer["conditions"]["found"];
        found.as_str().map(str::to_owned).unwrap_or_else(|| found.to_string())
    }

    /// Every call is there once: counts, sums and what was spent say so.
    async fn everything_is_there_once(&mut self) {
        let expected = known(self.sent.iter());
        assert!(expected.len() as u64 > USERS / 2);
        for (user, expected) in &expected {
            let found =
                [self.found("clicks", user).await, self.found("value", user).await, self.found("spenders", user).await];
            let wanted = [expected.clicks, expected.value, expected.spent].map(|number| number.to_string());
            assert_eq!(found, wanted, "{user}: {expected:?}");
        }
        let limit = 200 + self.random.below(300);
        self.put("buyers", spent(limit)).await;
        let wanted: BTreeSet<String> =
            expected.iter().filter(|(_, known)| known.spent >= limit).map(|(user, _)| user.clone()).collect();
        self.holds("crm", &wanted).await;
        let workspace = self.daemon.get("/workspaces/main").await;
        println!("{} requests, {} duplicates dropped", self.sent.len(), workspace["duplicates"]);
    }

    /// The endpoint comes to hold exactly these.
    async fn holds(&self, list: &str, wanted: &BTreeSet<String>) {
        let began = Instant::now();
        loop {
            let held: BTreeSet<String> = self.receiver.members(list).into_keys().collect();
            if held == *wanted {
                return;
            }
            // The brake is not what is tested here.
            let path = format!("/workspaces/main/lists/{list}/confirm");
            self.daemon.send(Method::POST, &path, Value::Null).await;
            assert!(began.elapsed() < Duration::from_secs(20), "{list} holds {held:?}, not {wanted:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Everybody whose minute is over has left, in time.
    async fn timers_fired(&mut self) {
        let last = self.passing.iter().map(|(_, due)| *due).max().unwrap();
        while Timestamp::now() < last + TIMER_MAX {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.daemon.get("/workspaces/main/segments/fresh").await["members"], 0);
        let path = "/workspaces/main/segments/fresh/transitions?limit=1000";
        let journal = self.daemon.get(path).await;
        let left: Vec<&Value> =
            journal["items"].as_array().unwrap().iter().filter(|item| item["change"] == "left").collect();
        let mut latest = SignedDuration::ZERO;
        for (user, due) in &self.passing {
            let person = self.daemon.get(&format!("/workspaces/main/people/user:web:{user}")).await;
            let mine: Vec<_> = left.iter().filter(|item| item["person"] == person["id"]).collect();
            assert_eq!(mine.len(), 1, "{user} left {} times", mine.len());
            let instant = |name: &str| mine[0][name].as_str().unwrap().parse::<Timestamp>().unwrap();
            assert_eq!((instant("at"), mine[0]["cause"].as_str()), (*due, Some("time")), "{user}");
            // What was due while the daemon was down fires once it is up.
            let found = instant("found");
            let (_, ready) = self.starts.iter().rev().find(|(began, _)| *began <= found).unwrap();
            let late = found.duration_since((*due).max(*ready));
            if late > TIMER_MAX {
                println!("{user}: due {due}, found {found}, starts {:?}", self.starts);
            }
            latest = latest.max(late);
        }
        println!("latest timer: {latest:#}");
        assert!(latest <= TIMER_MAX, "a timer fired {latest:#} late");
        self.holds("now", &BTreeSet::new()).await;
    }
}

/// Makes and edits segments until the daemon is gone.
async fn edit(url: String, key: String, round: u64) {
    let client = client();
    for number in 0u64.. {
        let (name, body) = match number % 3 {
            0 => ("buyers".to_owned(), spent(50 + number % 400)),
            1 => (format!("made-{round}-{}", number % 8), spent(number)),
            _ => ("value".to_owned(), segment(json!({"event": "Clicked", "of": "value", "sum": {"at_least": 0}}))),
        };
        let path = format!("{url}/api/v1/workspaces/main/segments/{name}");
        if client.put(path).bearer_auth(&key).json(&body).send().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kills_at_random_instants_everything_acknowledged_is_applied_once_and_lists_are_exact() {
    let (seed, rounds) = (number("SEGMENTD_SEED", 0x5eed), number("SEGMENTD_CRASH_ROUNDS", ROUNDS));
    println!("seed {seed}, {rounds} rounds (SEGMENTD_SEED, SEGMENTD_CRASH_ROUNDS)");
    let mut crashes = Crashes::new(seed).await;
    for round in 0..rounds {
        crashes.round(round).await;
    }
    crashes.everything_is_there_once().await;
    crashes.timers_fired().await;
    let stats = crashes.receiver.stats();
    assert_eq!((stats.bad_signature, stats.unreadable), (0, 0));
    assert!(stats.messages > 0);
    assert_eq!(crashes.daemon.stop(), Some(0));
}
