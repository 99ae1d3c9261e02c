//! A CRM, both ways, through the real binary: contacts come in by backfill, webhooks and search, become a segment, and
//! a list of the CRM holds exactly who is in it.

mod store_support;
mod support;

use reqwest::Method;
use segmentd_simulators::hubspot::{Fault, Faults, HubspotSim, Properties, SCOPES, SimOptions};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use store_support::browser::Browser;
use store_support::{Store, StoreSetup, eventually, same};

const PORTAL: u64 = 62_515;
const OTHER: u64 = 62_516;
const NEVER: &str = "0 0 0 1 1 *";
const LIST: &str = "/workspaces/main/lists/mail";

struct Crm {
    store: Store,
    sim: HubspotSim,
}

fn address(number: u64) -> String {
    format!("c{number}@example.com")
}

fn addresses(numbers: impl IntoIterator<Item = u64>) -> BTreeSet<String> {
    numbers.into_iter().map(address).collect()
}

fn contact(number: u64, stage: &str) -> Properties {
    let pairs = [("email", address(number)), ("lifecyclestage", stage.to_owned()), ("firstname", format!("N{number}"))];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Of every two the first is a customer.
fn stage(number: u64) -> &'static str {
    if number.is_multiple_of(2) { "customer" } else { "lead" }
}

impl Crm {
    /// With so many contacts, connected and read.
    async fn open(options: SimOptions, polls: &'static str, contacts: u64) -> (Crm, Vec<u64>) {
        let sim = HubspotSim::start(options).await;
        let all: Vec<Properties> = (0..contacts).map(|number| contact(number, stage(number))).collect();
        let ids = sim.import(PORTAL, &all);
        let addresses = vec![("hubspot".to_owned(), sim.base().to_owned())];
        let store = Store::open(StoreSetup { addresses, poll_schedule: polls, ..StoreSetup::default() }).await;
        sim.set_target(&format!("{}/hooks/hubspot", store.daemon.url));
        let app = json!({"client_id": sim.options().client_id, "secrets": [sim.options().client_secret]});
        store.daemon.put("/apps/hubspot", app).await;
        let body = json!({"connector": "hubspot", "region": "MX"});
        let (status, made) = store.daemon.send(Method::POST, "/workspaces/main/connections/crm", body).await;
        assert_eq!(status, 201, "{made}");
        let page = Browser::default().agree(made["connect_url"].as_str().unwrap()).await;
        assert_eq!(page.status, 200, "{page:?}");
        let shown = store.read_in("crm").await;
        assert_eq!(shown["account"], PORTAL.to_string(), "{shown}");
        store.segment("customers", json!({"property": "lifecycle_stage", "is": "customer"})).await;
        (Crm { store, sim }, ids)
    }

    async fn list(&self, settings: Value) {
        let sync = json!({"calls_per_second": 1000});
        let platform = json!({"connector": "hubspot", "connection": "crm", "settings": settings, "sync": sync});
        self.store.daemon.put(LIST, json!({"segment": "customers", "mode": "own", "platform": platform})).await;
    }

    /// Waits until exactly these are in the list there.
    async fn holds(&self, wanted: &BTreeSet<String>) {
        eventually(async || {
            let found = self.sim.members(PORTAL, "Customers").unwrap_or_default();
            let off: Vec<&String> = found.symmetric_difference(wanted).take(9).collect();
            match off.is_empty() {
                true => Ok(()),
                false => Err(format!("{off:?} differ of {} and {}", found.len(), wanted.len())),
            }
        })
        .await;
    }

    async fn status(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let status = self.store.daemon.get(LIST).await;
            if wanted(&status) { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }
}

fn troubles() -> Faults {
    use Fault::{BadGateway, DropAfter, DropBefore, Internal, Locked, LostAnswer, None};
    let script = vec![None, LostAnswer, None, DropAfter, Internal, BadGateway, LostAnswer, Locked, None, DropBefore];
    Faults {
        seed: 5,
        internal: 20,
        bad_gateway: 10,
        lost_answer: 20,
        drop_after: 10,
        script,
        only: "/crm/".to_owned(),
        hook_twice: 300,
        hook_shuffled: true,
        ..Faults::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_equals_the_customers_whatever_fails() {
    let lag = Duration::from_millis(300);
    let options = SimOptions { search_lag: lag, ..SimOptions::default() };
    let (crm, ids) = Crm::open(options, "* * * * * *", 230).await;
    crm.sim.set_faults(troubles());
    crm.list(json!({"list": "Customers"})).await;
    let mut wanted = addresses((0..230).filter(|number| number % 2 == 0));
    crm.holds(&wanted).await;

    let id = |number: usize| ids[number];
    crm.sim.change(PORTAL, id(1), "lifecyclestage", "customer");
    crm.sim.change(PORTAL, id(0), "lifecyclestage", "lead");
    crm.sim.add(PORTAL, &[("email", "C900@example.com"), ("lifecyclestage", "customer")]);
    crm.sim.delete(PORTAL, id(2));
    crm.sim.merge(PORTAL, id(4), id(6));
    crm.sim.delete_for_good(PORTAL, id(8));
    wanted.extend([address(1), address(900)]);
    for gone in [0, 2, 6, 8] {
        wanted.remove(&address(gone));
    }
    crm.holds(&wanted).await;
    let both = [format!("crm:{}", id(4)), format!("crm:{}", id(6)), format!("email:{}", address(6))];
    eventually(async || {
        let kept = crm.store.person(&format!("email:{}", address(4))).await.unwrap_or_default();
        for name in &both {
            same(crm.store.person(name).await.unwrap_or_default()["id"].clone(), kept["id"].clone())?;
        }
        Ok(())
    })
    .await;
    crm.store.is_forgotten(&format!("crm:{}", id(8))).await;
    crm.store.is_forgotten(&format!("crm:{}", id(2))).await;
    assert!(crm.sim.contacts(PORTAL).iter().all(|one| one.properties["email"] != address(8)), "it came back");

    // Its webhooks never come: searches find it.
    crm.sim.set_faults(Faults { hook_lost: 1000, ..Faults::default() });
    crm.sim.change(PORTAL, id(3), "lifecyclestage", "customer");
    wanted.insert(address(3));
    crm.holds(&wanted).await;
    let exchanges = crm.sim.exchanges();
    assert!(exchanges.iter().any(|one| one.faulted), "nothing failed");
    let limited = exchanges.iter().filter(|one| one.status == 429 && !one.faulted).count();
    // On a busy machine searches that were spread may arrive together.
    assert!(limited * 50 <= exchanges.len(), "{limited} of {} were over the limit", exchanges.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_from_elsewhere_become_contacts_and_what_others_do_to_the_list_is_mended() {
    let (crm, ids) = Crm::open(SimOptions::default(), NEVER, 12).await;
    crm.sim.edit_list(PORTAL, "Customers", &[ids[0]], &[]);
    crm.list(json!({"list": "Customers", "properties": {"firstname": "first_name"}})).await;
    let mut wanted = addresses((0..12).filter(|number| number % 2 == 0));
    crm.holds(&wanted).await;
    let traits = json!({"email": "new@example.com", "lifecycle_stage": "customer", "first_name": "Nueva"});
    let said = json!({"userId": "u1", "traits": traits});
    let url = format!("{}/v1/identify", crm.store.daemon.url);
    let told = support::client().post(url).basic_auth(&crm.store.key, Some("")).json(&said).send().await.unwrap();
    assert_eq!(told.status(), 200);
    wanted.insert("new@example.com".to_owned());
    crm.holds(&wanted).await;
    let contacts = crm.sim.contacts(PORTAL);
    let made = contacts.iter().find(|one| one.properties["email"] == "new@example.com").unwrap();
    assert_eq!(made.properties["firstname"], "Nueva");
    crm.status(|status| status["first_sync"] == false && status["reconciling"] == false).await;
    // One that we never had to send: what was sent lately may not show in a read yet.
    let nameless = crm.sim.add(PORTAL, &[("firstname", "Nobody")]);
    crm.sim.edit_list(PORTAL, "Customers", &[ids[1], nameless], &[ids[0]]);
    eventually(async || {
        crm.store.cli(&["sync", "reconcile", "mail"]);
        same(crm.sim.members(PORTAL, "Customers").unwrap_or_default(), wanted.clone())
    })
    .await;
    crm.sim.delete_list(PORTAL, "Customers");
    crm.sim.change(PORTAL, ids[1], "lifecyclestage", "customer");
    let joined = |members: &BTreeSet<String>| members.contains(&address(1));
    eventually(async || crm.sim.members(PORTAL, "Customers").filter(joined).ok_or("not made again".to_owned())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_run_out_every_half_hour_and_an_app_that_is_taken_off_is_told() {
    let (crm, ids) = Crm::open(SimOptions::default(), NEVER, 4).await;
    crm.list(json!({"list": "Customers"})).await;
    crm.holds(&addresses([0, 2])).await;
    crm.sim.expire_tokens();
    crm.sim.change(PORTAL, ids[1], "lifecyclestage", "customer");
    crm.holds(&addresses([0, 1, 2])).await;
    crm.sim.uninstall(PORTAL);
    crm.sim.change(PORTAL, ids[3], "lifecyclestage", "customer");
    crm.store.alerted(&["authorization", "destination"]).await;
    assert_eq!(crm.store.show("crm").await["token"]["state"], "revoked");
    let said = crm.store.cli(&["connection", "reauthorize", "crm"]);
    let page = Browser::default().agree(said.trim_end().lines().last().unwrap()).await;
    assert_eq!(page.status, 200, "{page:?}");
    crm.holds(&addresses(0..4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_delivery_tells_of_several_accounts_and_a_private_app_is_connected_by_its_token() {
    let gather = Duration::from_millis(300);
    let options = SimOptions { portals: vec![PORTAL, OTHER], gather, ..SimOptions::default() };
    let (crm, ids) = Crm::open(options, NEVER, 2).await;
    let other = crm.sim.import(OTHER, &[contact(50, "lead")]);
    let token = crm.sim.private_token(OTHER, &SCOPES[..2]);
    let file = crm.store.daemon.dir.path().join("key");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let add = ["connection", "add", "second", "--connector", "hubspot", "--api-key-file", file.to_str().unwrap()];
    crm.store.cli(&add);
    let shown = crm.store.read_in("second").await;
    assert_eq!(shown["account"], OTHER.to_string(), "{shown}");
    assert_eq!(shown["missing"].as_array().unwrap().len(), 3, "{shown}");
    crm.sim.change(PORTAL, ids[0], "firstname", "Ana");
    crm.sim.change(OTHER, other[0], "firstname", "Luis");
    crm.store.has(&format!("crm:{}", ids[0]), "first_name", json!("Ana")).await;
    crm.store.has(&format!("second:{}", other[0]), "first_name", json!("Luis")).await;
    // What was sent is written down when it was answered; two changes may just miss the same delivery.
    eventually(async || {
        let deliveries = crm.sim.deliveries();
        if deliveries.iter().any(|one| one.events.len() > 1 && one.status == 200) {
            return Ok(());
        }
        crm.sim.change(PORTAL, ids[0], "firstname", "Ana");
        crm.sim.change(OTHER, other[0], "firstname", "Luis");
        Err(format!("{deliveries:?}"))
    })
    .await;
    let deliveries = crm.sim.deliveries();
    assert!(deliveries.iter().all(|one| one.status == 200), "{deliveries:?}");
}
