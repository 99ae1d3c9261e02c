//! What accounts allow, shared: two workspaces are connected to one account and a third to another, all walk through
//! changed contacts by search, and somebody else uses up part of the first account's limit.

use super::account::{self, Account, ID};
use super::allowed::Wanted;
use crate::daemon::Daemon;
use crate::hubspot::{self, HubspotSim, Properties, SCOPES};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Two accounts.
const PORTALS: [u64; 2] = [62_515, 62_516];
const WORKSPACES: [(&str, u64); 3] = [("one", PORTALS[0]), ("two", PORTALS[0]), ("three", PORTALS[1])];
const SEARCHES: f64 = 5.0;
const CONTACTS_A_SECOND: u64 = 1_100;
const READY_MAX: Duration = Duration::from_secs(60);
/// The stranger's searches are so far apart.
const STRANGER_GAP: Duration = Duration::from_millis(700);

/// What to measure.
pub struct Shared {
    /// The daemon's binary.
    pub segmentd: PathBuf,
    /// How long each part goes on.
    pub seconds: u64,
    /// What is asked of it.
    pub wanted: Wanted,
    /// What one of two connections may have more than the other, percent of both.
    pub unfair_percent: f64,
}

struct Bench {
    _daemon: Daemon,
    sim: HubspotSim,
    /// Of the connections, in their order.
    tokens: Vec<String>,
    wanted: Wanted,
    unfair_percent: f64,
}

/// Measures, and prints what it found; an error if an account's limit is not shared fairly, or one account's trouble
/// costs another anything.
pub async fn shared(options: Shared) -> Result<(), String> {
    let bench = Bench::open(&options).await?;
    let span = Duration::from_secs(options.seconds);
    println!("two connections to one account and one to another, for {} s", options.seconds);
    let alone = bench.watch(span).await;
    bench.judge(alone, span)?;
    println!("the same while somebody else searches in the first account");
    let disturbed = tokio::select! {
        found = bench.watch(span) => found,
        () = bench.stranger() => unreachable!("the stranger goes on"),
    };
    println!("  calls beyond the limit: {:?}", bench.sim.counters().limited);
    bench.judge_disturbed(disturbed, span)
}

impl Bench {
    async fn open(options: &Shared) -> Result<Bench, String> {
        let settings =
            hubspot::SimOptions { exchanges_max: 20, portals: PORTALS.to_vec(), ..hubspot::SimOptions::default() };
        let sim = HubspotSim::try_start(settings).await?;
        let tokens: Vec<String> = WORKSPACES.iter().map(|(_, portal)| sim.private_token(*portal, &SCOPES)).collect();
        let account = |token: &String| Account {
            connector: "hubspot",
            address: sim.base().to_owned(),
            app: None,
            body: json!({"connector": "hubspot", "api_key": token}),
        };
        let sections = tokens.first().map(|token| account(token).section("", "")).unwrap_or_default();
        let daemon = Daemon::start(&options.segmentd, "shared", &sections).await?;
        for ((workspace, _), token) in WORKSPACES.iter().zip(&tokens) {
            let settings = json!({"name": workspace, "time_zone": "UTC", "currency": "MXN"});
            daemon.put(&format!("/workspaces/{workspace}"), settings).await?;
            account::connect(&daemon, workspace, &account(token)).await?;
            account::until_read(&daemon, workspace, READY_MAX).await?;
        }
        let contacts: Vec<Properties> = (0..CONTACTS_A_SECOND * (options.seconds + 2) * 2)
            .map(|number| Properties::from([("email".to_owned(), format!("c{number}@example.com"))]))
            .collect();
        for portal in PORTALS {
            sim.import(portal, &contacts);
        }
        for (workspace, _) in WORKSPACES {
            daemon.post(&format!("/workspaces/{workspace}/connections/{ID}/retry"), json!({})).await?;
        }
        // Until all three walk.
        let begun = Instant::now();
        while sim.counters().searches.len() < tokens.len() {
            if begun.elapsed() > READY_MAX {
                return Err("not every connection searches".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Bench { _daemon: daemon, sim, tokens, wanted: options.wanted, unfair_percent: options.unfair_percent })
    }

    fn searches(&self) -> Vec<u64> {
        let counters = self.sim.counters();
        self.tokens.iter().map(|token| counters.searches.get(token).copied().unwrap_or_default()).collect()
    }

    /// Searches of each connection within a time.
    async fn watch(&self, span: Duration) -> [f64; 3] {
        let before = self.searches();
        tokio::time::sleep(span).await;
        let after = self.searches();
        let of = |at: usize| (after.get(at).zip(before.get(at))).map_or(0.0, |(after, before)| (after - before) as f64);
        let found = [of(0), of(1), of(2)];
        println!("  searches: {} and {} of one account, {} of the other", found[0], found[1], found[2]);
        found
    }

    async fn stranger(&self) {
        let token = self.sim.private_token(PORTALS[0], &SCOPES);
        let client = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
        let url = format!("{}/crm/v3/objects/contacts/search", self.sim.base());
        // What changes in a thousand years: nothing that would keep the simulator busy.
        let filter = json!({"propertyName": "lastmodifieddate", "operator": "GTE", "value": "33000000000000"});
        let search = json!({"limit": 1, "filterGroups": [{"filters": [filter]}], "sorts": ["lastmodifieddate"]});
        loop {
            // Two at once: neither gap nor pace of ours reckons with them.
            for _ in 0..2 {
                let _ = client.post(&url).bearer_auth(&token).json(&search).send().await;
            }
            tokio::time::sleep(STRANGER_GAP).await;
        }
    }

    fn judge(&self, [one, two, three]: [f64; 3], span: Duration) -> Result<(), String> {
        let used = 100.0 * (one + two) / (SEARCHES * span.as_secs_f64());
        println!("  of what the first account allows {used:.1} % were used");
        self.wanted.judge_use(used)?;
        let counters = self.sim.counters();
        self.wanted.judge_rejections(counters.searches.values().sum(), counters.limited.values().sum())?;
        self.judge_disturbed([one, two, three], span)
    }

    fn judge_disturbed(&self, [one, two, three]: [f64; 3], span: Duration) -> Result<(), String> {
        let other = 100.0 * three / (SEARCHES * span.as_secs_f64());
        println!("  of what the other account allows {other:.1} % were used");
        // A search more or less is a matter of when one looks.
        let unfair = 100.0 * ((one - two).abs() - 2.0).max(0.0) / (one + two).max(1.0);
        if unfair > self.unfair_percent {
            return Err(format!("{one} and {two} searches are no fair shares"));
        }
        self.wanted.judge_use(other).map_err(|why| format!("the other account: {why}"))
    }
}
