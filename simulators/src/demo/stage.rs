//! The stage: both platforms, an endpoint, the daemon; and the merchant who connects them.

use super::shop::Keeper;
use super::truth::{self, Deed, What};
use super::visits::email;
use crate::browser::Browser;
use crate::daemon::Daemon;
use crate::mailchimp::{self, MailchimpSim, NewContact, Status};
use crate::receiver::Receiver;
use crate::shopify::{AppHook, Faults, HookFaults, HookOptions, ShopOptions, ShopifySim, SimOptions};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// The store's connection, which is also the source of what it brings.
pub const STORE: &str = "store";
/// Mailchimp's connection.
pub const MAIL: &str = "mail";
const SHOP: &str = "acme-mx.myshopify.com";
/// Whom the shop knows from before, and over how many days they came.
const KNOWN: u64 = 300;
const PAST_DAYS: i64 = 90;
/// People whom only the storefront's tracker knows.
const VISITORS: u64 = 60;
/// Contacts who are on the audience from before, and of these those who have left it.
const ON_AUDIENCE: u64 = 45;
const LEFT_BEFORE: u64 = 5;
/// Things of the past that the shop hands out a second, so that it can be watched.
const PAST_A_SECOND: u64 = 250;
const BACKFILL_WAIT_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Everything that plays.
pub struct Stage {
    /// The daemon.
    pub daemon: Daemon,
    /// Shopify.
    pub shopify: ShopifySim,
    /// The shop there.
    pub keeper: Keeper,
    /// Mailchimp.
    pub mailchimp: MailchimpSim,
    /// The audience there.
    pub audience: String,
    /// The endpoint that takes signed lists.
    pub receiver: Receiver,
    /// Where it listens.
    pub endpoint: SocketAddr,
    /// The tracker's write key.
    pub write_key: String,
}

/// People in all, and how many of them the shop knows from the start.
pub const PEOPLE: (u64, u64) = (KNOWN + VISITORS, KNOWN);

impl Stage {
    /// Platforms with a past, and a daemon with segments and nothing connected.
    pub async fn set(binary: &Path, seed: u64, start_s: i64, start: &str) -> Result<Stage, String> {
        let shopify = open_shopify(seed).await?;
        let shop = shopify.shop(SHOP);
        let mut keeper = Keeper::new(&shopify, shop, (PEOPLE.0, ON_AUDIENCE), seed);
        keeper.past(KNOWN, PAST_DAYS, start_s)?;
        // Browsers and authorization go by the real time.
        shopify.set_clock(None);
        let (mailchimp, audience) = open_mailchimp(seed, start_s, &mut keeper.deeds).await?;
        println!(
            "a simulated Shopify runs at {}: the shop {SHOP} knows {KNOWN} customers and {} orders",
            shopify.base(),
            keeper.orders()
        );
        println!(
            "a simulated Mailchimp runs at {}: an audience of {ON_AUDIENCE} contacts, {LEFT_BEFORE} unsubscribed",
            mailchimp.base()
        );
        let sections = format!(
            "[sync]\nallow_private_destinations = true\nbrake_percent = 100\n[clock]\nsimulated_start = \"{start}\"\n\
             [connections]\npoll_schedule = \"* * * * * *\"\n\
             addresses = {{ shopify = \"{}/{{account}}\", mailchimp = \"{}\" }}\n",
            shopify.base(),
            mailchimp.base()
        );
        let daemon = Daemon::start(binary, "demo", &sections).await?;
        println!("segmentd runs at {} with a fresh store and a simulated clock", daemon.url);
        let receiver = Receiver::new(&[], seed)?;
        let (endpoint, _) = receiver.serve(([127, 0, 0, 1], 0).into()).await.map_err(|why| why.to_string())?;
        println!("an endpoint that takes signed lists runs at http://{endpoint}/hook\n");
        let write_key = String::new();
        let mut stage = Stage { daemon, shopify, keeper, mailchimp, audience, receiver, endpoint, write_key };
        stage.define().await?;
        Ok(stage)
    }

    async fn define(&mut self) -> Result<(), String> {
        let settings = json!({"name": "Demo shop", "time_zone": "America/Mexico_City", "currency": "MXN"});
        self.daemon.put("/workspaces/main", settings).await?;
        let source = self.daemon.put("/workspaces/main/sources/web", json!({"kind": "server"})).await?;
        let key = source["write_key"].as_str().ok_or("the source has no write key")?;
        key.clone_into(&mut self.write_key);
        for (id, name, definition) in truth::segments() {
            println!("segment {id:9} {name}: {definition}");
            let body = json!({"name": name, "definition": definition});
            self.daemon.put(&format!("/workspaces/main/segments/{id}"), body).await?;
        }
        let url = &self.daemon.url;
        self.shopify.change_app(|app| {
            app.redirect_uris = vec![format!("{url}/oauth/callback/shopify")];
            let topics = ["customers/data_request", "customers/redact", "shop/redact"].map(str::to_owned).to_vec();
            app.hooks = vec![AppHook { topics, uri: format!("{url}/hooks/shopify") }];
        });
        let secret = "shpss_0123456789abcdef0123456789abcdef";
        let app = json!({"client_id": "client-id-0001", "secrets": [secret], "settings": {"bulk_wait_ms": 100}});
        self.daemon.put("/apps/shopify", app).await?;
        let app = json!({"client_id": "123456789012", "secrets": ["mailchimp-app-secret"]});
        self.daemon.put("/apps/mailchimp", app).await.map(drop)
    }

    async fn invite(&self, id: &str, body: Value) -> Result<String, String> {
        let made = self.daemon.post(&path_of(id), body).await?;
        made["connect_url"].as_str().map(str::to_owned).ok_or_else(|| format!("{id}: there is no invitation"))
    }

    /// The merchant connects the store, then Mailchimp; lists follow the segments, and wait for the store's past.
    pub async fn connect(&self, start_s: i64) -> Result<(), String> {
        println!("\nsegmentd connection add {STORE} --connector shopify --account {SHOP}");
        let body = json!({"connector": "shopify", "account": SHOP, "region": "MX"});
        let invitation = self.invite(STORE, body).await?;
        println!("  the merchant opens the invitation in a browser:");
        let mut browser = Browser::new(false)?;
        browser.agree(&invitation).await?;
        self.shopify.set_clock(Some(start_s));
        println!("\nsegmentd connection add {MAIL} --connector mailchimp");
        let body = json!({"connector": "mailchimp", "settings": {"audiences": [self.audience]}});
        let invitation = self.invite(MAIL, body).await?;
        browser.agree(&invitation).await?;
        self.until_running(MAIL).await?;
        self.link().await?;
        println!("\nlists at the endpoint (everybody) and as Mailchimp tags (who agreed to mail) follow each segment.");
        println!("The shop's past is read in; until it is, lists wait:");
        self.until_read().await
    }

    /// Waits until it is known whose account it is, and webhooks are registered.
    async fn until_running(&self, id: &str) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let shown = self.daemon.get(&path_of(id)).await?;
            if shown["step"] == "running" {
                return Ok(());
            }
            if began.elapsed() > BACKFILL_WAIT_MAX {
                return Err(format!("the connection does not run: {shown}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn link(&self) -> Result<(), String> {
        let mut secrets = Vec::new();
        for (id, _, _) in truth::segments() {
            let sync = json!({"calls_per_second": 500, "snapshot_schedule": ""});
            let webhook = json!({"url": format!("http://{}/hook", self.endpoint), "sync": sync});
            let list = json!({"segment": id, "identifier": "email", "webhook": webhook});
            let answer = self.daemon.put(&format!("/workspaces/main/lists/{id}"), list).await?;
            let made = answer["secrets"].as_array().into_iter().flatten().filter_map(Value::as_str);
            secrets.extend(made.map(str::to_owned));
            self.receiver.set_secrets(&secrets)?;
            let settings = json!({"audience": self.audience, "tag": id});
            let platform = json!({"connector": "mailchimp", "connection": MAIL, "settings": settings, "sync": sync});
            let list = json!({"segment": id, "platform": platform});
            self.daemon.put(&format!("/workspaces/main/lists/{id}-mail"), list).await?;
        }
        Ok(())
    }

    /// Waits until the store's past is read, and shows how it goes on.
    async fn until_read(&self) -> Result<(), String> {
        let began = Instant::now();
        let mut said = String::new();
        loop {
            let shown = self.daemon.get(&path_of(STORE)).await?;
            let lists = self.daemon.get("/workspaces/main/lists").await?;
            let lists: Vec<&Value> = lists["items"].as_array().into_iter().flatten().collect();
            let held = lists.iter().filter(|list| list["state"] == "held").count();
            let reason = lists.iter().find_map(|list| list["reason"].as_str()).unwrap_or_default();
            let streams = shown["reading"]["streams"].as_array().into_iter().flatten();
            let read: Vec<String> = streams.map(|one| format!("{} {}", text(&one["name"]), one["done"])).collect();
            let line = format!(
                "  {}: {}; {held} of {} lists on hold{}",
                text(&shown["step"]),
                read.join(", "),
                lists.len(),
                if held > 0 { format!(" ({reason})") } else { String::new() }
            );
            if line != said {
                println!("{line}");
                said = line;
            }
            if held == 0 && shown["step"] == "running" && shown["reading"]["holds_lists"] == false {
                return Ok(());
            }
            if began.elapsed() > BACKFILL_WAIT_MAX {
                return Err(format!("the shop's past is still not read: {shown}"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// From now on webhooks go wrong. What only webhooks tell (carts, checkouts) is doubled and reordered, not lost.
    pub fn disturb(&self) {
        let kept = ["carts/create", "carts/update", "checkouts/create", "checkouts/update"].map(str::to_owned).to_vec();
        let hooks = HookFaults {
            lost_percent: 10,
            duplicated_percent: 10,
            reordered_percent: 20,
            reorder_ms: 150,
            never_lost: kept,
            ..HookFaults::default()
        };
        self.shopify.set_faults(Faults { hooks, ..Faults::default() });
        self.mailchimp.set_faults(mailchimp::Faults { hook_lost: 300, hook_twice: 100, ..Default::default() });
    }

    /// Nothing goes wrong any more; both platforms are asked once more for what was missed.
    pub async fn calm(&self) -> Result<(), String> {
        self.shopify.set_faults(Faults::default());
        self.mailchimp.set_faults(mailchimp::Faults::default());
        if !self.shopify.settled(Duration::from_secs(10)).await {
            return Err("deliveries of the shop are still under way".to_owned());
        }
        for id in [STORE, MAIL] {
            self.daemon.post(&format!("{}/retry", path_of(id)), json!({})).await?;
        }
        Ok(())
    }
}

/// Where a connection is in the API.
pub fn path_of(id: &str) -> String {
    format!("/workspaces/main/connections/{id}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn open_shopify(seed: u64) -> Result<ShopifySim, String> {
    let mut options = SimOptions { seed, shops: vec![ShopOptions::named(SHOP)], ..SimOptions::default() };
    options.bulk.objects_per_s = PAST_A_SECOND;
    // Polls of every second, as if they were of every few hours, would use up the points of a small shop.
    (options.cost.maximum, options.cost.restore_per_s) = (20_000, 5_000);
    options.hooks = HookOptions { retry_span_ms: 2_000, ..HookOptions::default() };
    ShopifySim::start(options).await.map_err(|why| why.to_string())
}

async fn open_mailchimp(seed: u64, at: i64, deeds: &mut Vec<Deed>) -> Result<(MailchimpSim, String), String> {
    let sim = MailchimpSim::try_start(mailchimp::SimOptions { seed, ..Default::default() }).await?;
    let audience = sim.create_audience("Customers");
    let status = |person| if person < LEFT_BEFORE { Status::Unsubscribed } else { Status::Subscribed };
    let contacts: Vec<NewContact> = (0..ON_AUDIENCE).map(|n| NewContact::new(&email(n), status(n))).collect();
    sim.add_contacts(&audience, &contacts)?;
    let left = |n| Deed { email: email(n), time: at * 1_000, what: What::LeftAudience };
    deeds.extend((0..LEFT_BEFORE).map(left));
    Ok((sim, audience))
}

/// People on the audience who may leave it, in turn.
pub fn who_leaves(turn: u64) -> Option<u64> {
    let person = LEFT_BEFORE + turn * 4;
    (person < ON_AUDIENCE).then_some(person)
}
