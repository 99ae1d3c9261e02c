//! A list that is brought to people none of whom were on it, through faults: how many calls that takes.

mod hubspot;
mod klaviyo;
mod mailchimp;

use super::account::{self, Account};
use super::resident::Resident;
use super::{LOOK_EVERY, define, until_counted};
use crate::daemon::Daemon;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PEOPLE_A_BATCH: u64 = 500;
const WAIT_MAX: Duration = Duration::from_secs(3_600);
/// A list that is quiet for so long, and not right, never will be.
const QUIET_MAX: Duration = Duration::from_secs(15);
const LIST: &str = "/workspaces/main/lists/measured";
/// Calls beyond the fewest possible: of this many, one.
const SPARE_OF: u64 = 50;
/// Calls that come once, however many members there are: the list is looked for and made.
const ONCE: u64 = 10;

/// The platforms whose lists can be measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listed {
    /// A tag of a Mailchimp audience.
    Mailchimp,
    /// A list of HubSpot's CRM.
    Hubspot,
    /// A Klaviyo list.
    Klaviyo,
}

/// What to measure.
pub struct List {
    /// The daemon's binary.
    pub segmentd: PathBuf,
    /// Where the list is.
    pub platform: Listed,
    /// Members before, and as many others after.
    pub members: u64,
}

/// Calls of one operation: done, and failed.
struct Operation {
    name: String,
    done: u64,
    failed: u64,
}

/// A simulated platform that keeps lists.
trait Platform: Send + Sync {
    /// How the daemon gets to it.
    fn account(&self) -> Account;

    /// Which list it is there, in the connector's words.
    fn settings(&self) -> Value;

    /// Addresses of those who are on the list.
    fn held(&self) -> Result<BTreeSet<String>, String>;

    /// From now on a call in twenty fails, in every way that there is; counts begin anew.
    fn fail(&self);

    /// Calls since then.
    fn operations(&self) -> Vec<Operation>;

    /// The fewest calls that replace so many members by as many others, by what they are for.
    fn fewest(&self, members: u64) -> Vec<(u64, &'static str)>;

    /// What it saw that must not be.
    fn violation(&self) -> Option<String>;
}

fn email(team: &str, number: u64) -> String {
    format!("{team}{number}@example.com")
}

fn everybody(team: &str, members: u64) -> BTreeSet<String> {
    (0..members).map(|number| email(team, number)).collect()
}

struct Bench {
    daemon: Daemon,
    platform: Box<dyn Platform>,
    members: u64,
}

/// Measures, and prints what it found; an error if the list does not become the segment, or takes more calls than the
/// fewest possible and a fiftieth of them.
pub async fn list(options: List) -> Result<(), String> {
    let platform: Box<dyn Platform> = match options.platform {
        Listed::Mailchimp => Box::new(mailchimp::Tag::start().await?),
        Listed::Hubspot => Box::new(hubspot::CrmList::start().await?),
        Listed::Klaviyo => Box::new(klaviyo::ProfileList::start().await?),
    };
    let bench = Bench::open(&options, platform).await?;
    bench.people().await?;
    bench.follow("a").await?;
    let took = bench.until_held("a").await?;
    println!("{:?}: {} members put into the list in {:.1} s", options.platform, options.members, took.as_secs_f64());
    bench.platform.fail();
    let resident = Resident::watch(bench.daemon.pid());
    bench.follow("b").await?;
    let took = bench.until_held("b").await?;
    bench.report(took, resident)
}

impl Bench {
    async fn open(options: &List, platform: Box<dyn Platform>) -> Result<Bench, String> {
        // Neither the brake nor rests between tries nor schedules are what this is about.
        let sync = "[sync]\nallow_private_destinations = true\nbrake_percent = 100\nretry_first_ms = 20\n\
                    retry_longest_ms = 200\n";
        let account = platform.account();
        let sections = format!("{sync}{}", account.section("", ""));
        let daemon = Daemon::start(&options.segmentd, "list", &sections).await?;
        daemon.put("/workspaces/main", json!({"name": "Measured", "time_zone": "UTC", "currency": "MXN"})).await?;
        account::connect(&daemon, "main", &account).await?;
        account::until_running(&daemon, "main", WAIT_MAX).await?;
        Ok(Bench { daemon, platform, members: options.members })
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
                let body = json!({"batch": calls});
                loop {
                    let request = client.post(format!("{}/v1/batch", self.daemon.url)).basic_auth(&key, Some(""));
                    let answer = request.json(&body).send().await.map_err(|why| why.to_string())?;
                    // It is pushed back where the daemon can't keep up.
                    if answer.status() != reqwest::StatusCode::TOO_MANY_REQUESTS {
                        answer.error_for_status().map_err(|why| why.to_string())?;
                        break;
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
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
        let sync = json!({"calls_per_second": 1_000, "snapshot_schedule": "", "reconcile_schedule": ""});
        let (connector, settings) = (self.platform.account().connector, self.platform.settings());
        let platform = json!({"connector": connector, "connection": account::ID, "settings": settings, "sync": sync});
        self.daemon.put(LIST, json!({"segment": format!("team-{team}"), "platform": platform})).await.map(drop)
    }

    /// Waits until exactly this team is on the list and the daemon knows that.
    async fn until_held(&self, team: &str) -> Result<Duration, String> {
        let (wanted, began) = (everybody(team, self.members), Instant::now());
        let mut quiet_since = None;
        loop {
            let list = self.daemon.get(LIST).await?;
            let quiet = list["confirmed"] == self.members && list["to_add"] == 0 && list["to_remove"] == 0;
            quiet_since = quiet_since.filter(|_| quiet).or_else(|| quiet.then(Instant::now));
            let held = if quiet { self.platform.held()? } else { BTreeSet::new() };
            if quiet && held == wanted {
                return Ok(began.elapsed());
            }
            // A list that was only now told whom to follow is as quiet as one that is done.
            if quiet_since.is_some_and(|since: Instant| since.elapsed() > QUIET_MAX) {
                return Err(format!("{} are on the list, not the {} of team {team}", held.len(), wanted.len()));
            }
            if began.elapsed() > WAIT_MAX {
                return Err(format!("the list is not done: {list}"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn report(&self, took: Duration, resident: Resident) -> Result<(), String> {
        let (operations, fewest) = (self.platform.operations(), self.platform.fewest(self.members));
        let total = |count: fn(&Operation) -> u64| operations.iter().map(count).sum::<u64>();
        let (done, failed) = (total(|one| one.done), total(|one| one.failed));
        let least: u64 = fewest.iter().map(|(calls, _)| calls).sum();
        println!(
            "{} members replaced by as many others in {:.1} s through a fault in twenty: the list is the segment",
            self.members,
            took.as_secs_f64()
        );
        println!("  calls that did what they said: {done}; failed and made again: {failed}");
        println!("  the fewest possible: {least}; {:.3} of that", done as f64 / least as f64);
        for (calls, what) in fewest {
            println!("    {calls} {what}");
        }
        for Operation { name, done, failed } in &operations {
            println!("  {name}: {done} done, {failed} failed");
        }
        println!("  {}", resident.end());
        if let Some(seen) = self.platform.violation() {
            return Err(format!("the platform saw what must not be: {seen}"));
        }
        let most = least + least / SPARE_OF + ONCE;
        if done > most { Err(format!("{done} calls, where {most} are enough")) } else { Ok(()) }
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
