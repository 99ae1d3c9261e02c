//! A Mailchimp list that is brought to people none of whom were on it, through faults: how many calls that takes.

use super::{LOOK_EVERY, define, until_counted};
use crate::browser::Browser;
use crate::daemon::Daemon;
use crate::mailchimp::{Faults, MailchimpSim, SimOptions, Status};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Contacts that one call creates, or puts into a tag, or takes out of it.
const SIDE: u64 = 500;
const PEOPLE_A_BATCH: u64 = 500;
const WAIT_MAX: Duration = Duration::from_secs(600);
const TAG: &str = "measured";
const LIST: &str = "/workspaces/main/lists/measured";

/// What to measure.
pub struct List {
    /// The daemon's binary.
    pub segmentd: PathBuf,
    /// Members before, and as many others after.
    pub members: u64,
}

fn email(team: &str, number: u64) -> String {
    format!("{team}{number}@example.com")
}

fn everybody(team: &str, members: u64) -> BTreeSet<String> {
    (0..members).map(|number| email(team, number)).collect()
}

struct Bench {
    daemon: Daemon,
    sim: MailchimpSim,
    audience: String,
    members: u64,
}

/// Measures, and prints what it found; an error if the tag does not become the segment.
pub async fn list(options: List) -> Result<(), String> {
    let bench = Bench::open(&options).await?;
    bench.people().await?;
    bench.follow("a").await?;
    let took = bench.until_tagged("a").await?;
    println!("{} contacts created and tagged in {:.1} s", options.members, took.as_secs_f64());
    bench.sim.reset();
    // A fault in twenty, of which every kind is one; an answer that never comes is not waited for long.
    let faults = Faults {
        too_many: 10,
        internal: 10,
        lost_answer: 10,
        drop_after: 10,
        timeout_before: 5,
        timeout_after: 5,
        timeout_ms: 200,
        ..Faults::default()
    };
    bench.sim.set_faults(faults);
    bench.follow("b").await?;
    let took = bench.until_tagged("b").await?;
    bench.report(took)
}

impl Bench {
    async fn open(options: &List) -> Result<Bench, String> {
        let sim = MailchimpSim::try_start(SimOptions::default()).await?;
        let audience = sim.create_audience("Measured");
        // Neither the brake nor rests between tries nor schedules are what this is about.
        let sections = format!(
            "[sync]\nallow_private_destinations = true\nbrake_percent = 100\n\
             retry_first_ms = 20\nretry_longest_ms = 200\n\
             [connections]\npoll_schedule = \"\"\nregister_schedule = \"\"\naddresses = {{ mailchimp = \"{}\" }}\n",
            sim.base()
        );
        let daemon = Daemon::start(&options.segmentd, "list", &sections).await?;
        daemon.put("/workspaces/main", json!({"name": "Measured", "time_zone": "UTC", "currency": "MXN"})).await?;
        daemon
            .put("/apps/mailchimp", json!({"client_id": "123456789012", "secrets": ["mailchimp-app-secret"]}))
            .await?;
        let connection = "/workspaces/main/connections/mail";
        let made = daemon.post(connection, json!({"connector": "mailchimp"})).await?;
        Browser::new(true)?.agree(made["connect_url"].as_str().unwrap_or_default()).await?;
        let began = Instant::now();
        while daemon.get(connection).await?["step"] != "running" {
            if began.elapsed() > WAIT_MAX {
                return Err(format!("the connection does not run: {}", daemon.get(connection).await?));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(Bench { daemon, sim, audience, members: options.members })
    }

    /// Two teams, all of whom agreed to mail.
    async fn people(&self) -> Result<(), String> {
        let source = self.daemon.put("/workspaces/main/sources/web", json!({"kind": "server"})).await?;
        let key = source["write_key"].as_str().unwrap_or_default().to_owned();
        let client = reqwest::Client::builder().no_proxy().build().map_err(|why| why.to_string())?;
        for team in ["a", "b"] {
            for first in (0..self.members).step_by(PEOPLE_A_BATCH as usize) {
                let numbers = first..(first + PEOPLE_A_BATCH).min(self.members);
                let calls: Vec<Value> = numbers.flat_map(|number| says(team, number)).collect();
                let request = client.post(format!("{}/v1/batch", self.daemon.url)).basic_auth(&key, Some(""));
                let answer = request.json(&json!({"batch": calls})).send().await.map_err(|why| why.to_string())?;
                answer.error_for_status().map_err(|why| why.to_string())?;
            }
        }
        let team = |team: &str| (format!("team-{team}"), json!({"property": "team", "is": team}));
        define(&self.daemon, &[team("a"), team("b")]).await?;
        for team in ["team-a", "team-b"] {
            until_counted(&self.daemon, team, self.members, WAIT_MAX).await?;
        }
        Ok(())
    }

    /// The list follows a team from now on.
    async fn follow(&self, team: &str) -> Result<(), String> {
        let settings = json!({"audience": self.audience, "tag": TAG});
        let sync = json!({"calls_per_second": 1_000, "snapshot_schedule": "", "reconcile_schedule": ""});
        let platform = json!({"connector": "mailchimp", "connection": "mail", "settings": settings, "sync": sync});
        self.daemon.put(LIST, json!({"segment": format!("team-{team}"), "platform": platform})).await.map(drop)
    }

    /// Waits until exactly this team has the tag and the daemon knows that.
    async fn until_tagged(&self, team: &str) -> Result<Duration, String> {
        let (wanted, began) = (everybody(team, self.members), Instant::now());
        loop {
            let list = self.daemon.get(LIST).await?;
            let quiet = list["confirmed"] == self.members && list["to_add"] == 0 && list["to_remove"] == 0;
            if quiet {
                let took = began.elapsed();
                let held = self.sim.tag_members(&self.audience, TAG);
                let right = held.values().all(|status| *status == Status::Subscribed);
                return match right && held.keys().eq(wanted.iter()) {
                    true => Ok(took),
                    false => Err(format!("{} have the tag, not the {} of team {team}", held.len(), wanted.len())),
                };
            }
            if began.elapsed() > WAIT_MAX {
                return Err(format!("the list is not done: {list}"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn report(&self, took: Duration) -> Result<(), String> {
        let counters = self.sim.counters();
        let total = counters.total();
        let fewest = 2 * self.members.div_ceil(SIDE);
        println!(
            "{} members replaced by as many others in {:.1} s through a fault in twenty: the tag is the segment",
            self.members,
            took.as_secs_f64()
        );
        println!("  calls that did what they said: {}; failed and made again: {}", total.succeeded, total.failed);
        println!(
            "  the fewest possible: {fewest} ({} creations of {SIDE}, {} tag batches of {SIDE} in and {SIDE} out); \
             {:.2} of that",
            fewest / 2,
            fewest / 2,
            total.succeeded as f64 / fewest as f64
        );
        for (operation, calls) in &counters.calls {
            println!("    {operation}: {} done, {} failed", calls.succeeded, calls.failed);
        }
        match self.sim.violations().as_slice() {
            [] => Ok(()),
            [first, ..] => Err(format!("Mailchimp saw what must not be: {first:?}")),
        }
    }
}

/// What somebody says through the tracker: who they are, and that they agree to mail.
fn says(team: &str, number: u64) -> [Value; 2] {
    let (user, address) = (format!("{team}{number}"), email(team, number));
    [
        json!({"type": "identify", "userId": user, "traits": {"email": address, "team": team}}),
        json!({"type": "track", "userId": user, "event": "Subscribed",
            "properties": {"channel": "email", "email": address}}),
    ]
}
