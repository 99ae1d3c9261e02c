//! From the store to the mailing: a segment is a tag at Mailchimp and a customer tag in the store, through the real
//! binary.

mod store_support;
mod support;

use reqwest::Method;
use segmentd_simulators::mailchimp::{self, Fault, Faults, MailchimpSim, NewContact, Status};
use segmentd_simulators::shopify::CustomerChange;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use store_support::browser::Browser;
use store_support::{SHOP, STORE, Store, StoreSetup, bought, eventually, id, named, said, same};

const NEVER: &str = "0 0 0 1 1 *";
const KEY: &str = "0123456789abcdef0123456789abcdef-us19";
const AUDIENCE: &str = "a1b2c3d4e5";
const OTHER: &str = "b1b2c3d4e5";
const LIST: &str = "/workspaces/main/lists/mail";

/// A store and a mailing account, both connected.
struct Both {
    store: Store,
    mailing: MailchimpSim,
}

impl Both {
    /// `settings` are those of the connection to Mailchimp.
    async fn open(settings: Value, polls: &'static str, customers: u32, contacts: &[NewContact]) -> Both {
        let specification = store_support::shared("specs/mailchimp/marketing-3.0.55.json");
        let mailing = MailchimpSim::start(mailchimp::SimOptions { specification, ..Default::default() }).await;
        for (audience, name) in [(AUDIENCE, "News"), (OTHER, "Other")] {
            mailing.create_audience_as(audience, name);
        }
        mailing.add_contacts(AUDIENCE, contacts).unwrap();
        let addresses = vec![("mailchimp".to_owned(), mailing.base().to_owned())];
        let store = Store::open(StoreSetup { addresses, poll_schedule: polls, ..StoreSetup::default() }).await;
        for number in 0..customers {
            buyer(&store, number);
        }
        store.connect(STORE, SHOP).await;
        store.segment("buyers", json!({"event": "Order Completed"})).await;
        let app = json!({"client_id": mailing.options().client_id, "secrets": [mailing.options().client_secret]});
        store.daemon.put("/apps/mailchimp", app).await;
        let body = json!({"connector": "mailchimp", "settings": settings});
        let path = "/workspaces/main/connections/mc";
        let (status, made) = store.daemon.send(Method::POST, path, body).await;
        assert_eq!(status, 201, "{made}");
        let page = Browser::default().agree(made["connect_url"].as_str().unwrap()).await;
        assert_eq!(page.status, 200, "{page:?}");
        store.read_in("mc").await;
        Both { store, mailing }
    }

    async fn list(&self, more: Value) {
        let mut settings = json!({"audience": AUDIENCE, "tag": "buyers"});
        for (name, value) in more.as_object().into_iter().flatten() {
            settings[name] = value.clone();
        }
        let sync = json!({"calls_per_second": 1000});
        let platform = json!({"connector": "mailchimp", "connection": "mc", "settings": settings, "sync": sync});
        self.store.daemon.put(LIST, json!({"segment": "buyers", "mode": "own", "platform": platform})).await;
    }

    fn tagged(&self) -> BTreeSet<String> {
        self.mailing.tag_members(AUDIENCE, "buyers").into_keys().collect()
    }

    /// Waits until exactly these are tagged.
    async fn holds(&self, wanted: &BTreeSet<String>) {
        eventually(async || same(self.tagged(), wanted.clone())).await;
    }

    async fn status(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let status = self.store.daemon.get(LIST).await;
            if wanted(&status) { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Nobody's status was touched, and the documented limits were kept.
    fn was_decent(&self) {
        assert_eq!(self.mailing.violations(), []);
        let counters = self.mailing.counters();
        assert!(counters.concurrency_max <= 10 && counters.over_limit == 0, "{counters:?}");
    }

    fn status_of(&self, email: &str) -> Option<Status> {
        self.mailing.contacts(AUDIENCE).into_iter().find(|contact| contact.email == email).map(|contact| contact.status)
    }
}

fn address(number: u32) -> String {
    format!("c{number}@example.com")
}

fn addresses(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<String> {
    numbers.into_iter().map(address).collect()
}

/// Somebody who agreed to mail and bought; who of every ten the last did not agree.
fn buyer(store: &Store, number: u32) -> (u64, u64) {
    let agreed = number % 10 != 9;
    let email_consent = if agreed { said("subscribed", store.sim.now() - 1000) } else { None };
    let first_name = Some(format!("Name{number}"));
    let customer = CustomerChange { first_name, email_consent, ..named(&address(number)) };
    let customer = store.shop.add_customer(customer).unwrap();
    (customer, store.shop.create_order(bought(customer, "Shirt", 100)).unwrap())
}

fn agreed(numbers: std::ops::Range<u32>) -> impl Iterator<Item = u32> {
    numbers.filter(|number| number % 10 != 9)
}

/// Deletes a contact for good, as a person in the account does.
async fn forget(mailing: &MailchimpSim, email: &str) {
    let base = format!("{}/3.0/lists/{AUDIENCE}/members", mailing.api_endpoint());
    let ask = |method, url: String| support::client().request(method, url).basic_auth("x", Some(KEY));
    let members = ask(Method::GET, format!("{base}?count=1000")).send().await.unwrap().json::<Value>().await.unwrap();
    let member = members["members"].as_array().unwrap().iter().find(|one| one["email_address"] == email).unwrap();
    let url = format!("{base}/{}/actions/delete-permanent", member["id"].as_str().unwrap());
    assert_eq!(ask(Method::POST, url).send().await.unwrap().status(), 204);
}

/// The first requests fail in every way, then one in twenty; of some the answer alone is lost.
fn troubles() -> Faults {
    use Fault::{DropAfter, DropBefore, Forbidden, GatewayTimeout, Internal, LostAnswer, None, TooMany, Unavailable};
    let script = vec![
        None,
        LostAnswer,
        None,
        DropAfter,
        TooMany,
        None,
        GatewayTimeout,
        Internal,
        None,
        DropBefore,
        Unavailable,
        LostAnswer,
        Forbidden,
    ];
    Faults {
        seed: 8,
        too_many: 10,
        internal: 10,
        unavailable: 5,
        lost_answer: 10,
        gateway_timeout: 5,
        drop_before: 5,
        drop_after: 5,
        script,
        ..Faults::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_ends_equal_to_who_may_be_mailed_whatever_fails() {
    let contacts = [
        NewContact::new(&address(0), Status::Subscribed),
        NewContact::new(&address(1), Status::Unsubscribed),
        NewContact::new(&address(2), Status::Cleaned),
        NewContact::new(&address(3), Status::Subscribed),
        NewContact { tags: vec!["buyers".to_owned()], ..NewContact::new("stranger@example.com", Status::Subscribed) },
    ];
    // Another audience is watched: what contacts of this one said is not known.
    let both = Both::open(json!({"audiences": [OTHER]}), NEVER, 60, &contacts).await;
    forget(&both.mailing, &address(3)).await;
    both.mailing.reset();
    both.mailing.set_faults(troubles());
    both.list(json!({"merge_fields": {"FNAME": "first_name"}})).await;
    let refused = BTreeSet::from([1, 2, 3]);
    let may = |numbers: std::ops::Range<u32>| addresses(agreed(numbers).filter(|number| !refused.contains(number)));
    both.holds(&may(0..60)).await;
    let status = both.status(|status| status["refused_count"] == 3 && status["to_add"] == 0).await;
    for (number, reason) in [(1, "unsubscribed"), (2, "cleaned"), (3, "deleted for good")] {
        let why = status["refused"][address(number)].to_string();
        let compliance = number != 3 && why.contains("compliance state");
        assert!(why.contains(reason) || compliance, "{number}: {why} in {status}");
    }
    // The audience follows what happens in the store.
    let more: Vec<u64> = (60..90).map(|number| buyer(&both.store, number).1).collect();
    both.holds(&may(0..90)).await;
    for order in &more[20..] {
        both.store.shop.delete_order(*order).unwrap();
    }
    both.holds(&may(0..80)).await;
    assert_eq!(both.status_of(&address(1)), Some(Status::Unsubscribed));
    assert_eq!(both.status_of(&address(2)), Some(Status::Cleaned));
    assert_eq!(both.status_of("stranger@example.com"), Some(Status::Subscribed));
    let contacts = both.mailing.contacts(AUDIENCE);
    let made = contacts.iter().find(|contact| contact.email == address(20)).unwrap();
    assert_eq!(made.merge_fields["FNAME"], "Name20", "{made:?}");
    assert!(both.mailing.counters().total().faulted > 0, "nothing failed");
    both.was_decent();
    both.store.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_unsubscribes_there_leaves_by_consent_told_or_found() {
    let both = Both::open(json!({}), "* * * * * *", 8, &[]).await;
    both.store.segment("out", json!({"property": "consent_email", "is": "unsubscribed"})).await;
    both.list(json!({})).await;
    both.holds(&addresses(0..8)).await;
    both.mailing.unsubscribe(AUDIENCE, &address(0)).unwrap();
    both.store.is_in(&format!("email:{}", address(0)), &["buyers", "out"]).await;
    both.holds(&addresses(1..8)).await;
    // Its webhook never comes.
    both.mailing.set_faults(Faults { hook_lost: 1000, ..Faults::default() });
    both.mailing.unsubscribe(AUDIENCE, &address(1)).unwrap();
    both.mailing.bounce(AUDIENCE, &address(2)).unwrap();
    for gone in [1, 2] {
        both.store.is_in(&format!("email:{}", address(gone)), &["buyers", "out"]).await;
    }
    both.holds(&addresses(3..8)).await;
    // What the store says of them later subscribes nobody again.
    both.store.shop.create_order(bought(both.store.shop.truth()[0].id, "Cap", 10)).unwrap();
    both.status(|status| status["to_add"] == 0 && status["to_remove"] == 0).await;
    assert_eq!(both.status_of(&address(0)), Some(Status::Unsubscribed));

    both.mailing.set_faults(Faults::default());
    both.mailing.change_address(AUDIENCE, &address(3), "new@example.com").unwrap();
    eventually(async || {
        let [old, new] = [address(3), "new@example.com".to_owned()].map(|email| format!("email:{email}"));
        let (old, new) = (both.store.person(&old).await, both.store.person(&new).await.ok_or("nobody has it")?);
        same(old.unwrap_or_default()["id"].clone(), new["id"].clone())
    })
    .await;
    // The contact took the tag along there; the old address is on no list any more.
    eventually(async || {
        let tagged = both.tagged();
        if tagged.contains(&address(3)) { Err(format!("{tagged:?}")) } else { Ok(()) }
    })
    .await;
    let kept = both.tagged();
    assert!(addresses(4..8).is_subset(&kept), "{kept:?}");
    both.was_decent();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_do_to_the_tag_is_mended() {
    let known = |number: u32| NewContact {
        tags: vec!["buyers".to_owned()],
        ..NewContact::new(&address(number), Status::Subscribed)
    };
    let stranger = NewContact::new("stranger@example.com", Status::Subscribed);
    let both = Both::open(json!({"audiences": [OTHER]}), NEVER, 6, &[known(0), known(1), stranger]).await;
    both.list(json!({})).await;
    both.holds(&addresses(0..6)).await;
    both.status(|status| status["first_sync"] == false && status["reconciling"] == false).await;
    // Those whom we never had to send: what was sent lately may not show in a read yet.
    both.mailing.edit_tag(AUDIENCE, "buyers", &["stranger@example.com"], &[&address(0)]).unwrap();
    let (status, answer) = both.store.daemon.send(Method::POST, &format!("{LIST}/reconcile"), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    both.holds(&addresses(0..6)).await;
    both.status(|status| status["drift_found"] == 2 && status["drift_repaired"] == 2).await;
    both.was_decent();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_taken_back_is_told_and_after_a_new_one_the_list_goes_on() {
    let both = Both::open(json!({}), NEVER, 4, &[]).await;
    both.list(json!({})).await;
    both.holds(&addresses(0..4)).await;
    both.mailing.revoke_tokens();
    buyer(&both.store, 4);
    both.store.alerted(&["authorization", "destination"]).await;
    both.status(|status| status["state"] == "stopped" || status["state"] == "held").await;
    assert_eq!(both.store.show("mc").await["token"]["state"], "revoked");
    assert_eq!(both.tagged(), addresses(0..4));
    let said = both.store.cli(&["connection", "reauthorize", "mc"]);
    let page = Browser::default().agree(said.trim_end().lines().last().unwrap()).await;
    assert_eq!(page.status, 200, "{page:?}");
    both.holds(&addresses(0..5)).await;
    both.store.alerted(&[]).await;
    both.was_decent();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_connected_by_a_key_and_told_whose_it_is() {
    let both = Both::open(json!({}), NEVER, 1, &[]).await;
    let file = both.store.daemon.dir.path().join("key");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let add = ["connection", "add", "second", "--connector", "mailchimp", "--api-key-file", file.to_str().unwrap()];
    let (code, text, complaint) = both.store.run(&add);
    assert_eq!((code, complaint.as_str()), (0, ""), "{text}");
    assert!(text.contains("failure: ") && text.contains("connected already, as mc") && !text.contains(KEY), "{text}");
    both.store.cli(&["connection", "remove", "mc"]);
    both.store.wait_connection("mc", |shown| shown["step"] == "disconnected").await;
    both.store.cli(&["connection", "retry", "second"]);
    let shown = both.store.read_in("second").await;
    assert_eq!(shown["name"], "Tienda", "{shown}");
    both.was_decent();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_a_customer_tag_too_and_read_back_through_a_slow_index() {
    let store = Store::open(StoreSetup::default()).await;
    let customers: Vec<u64> = (0..6).map(|number| buyer(&store, number).0).collect();
    let stranger = store.shop.add_customer(named("stranger@example.com")).unwrap();
    for customer in [customers[0], stranger] {
        store.shop.add_tags(customer, &["segmentd-buyers"]).unwrap();
    }
    store.shop.add_tags(customers[1], &["theirs"]).unwrap();
    store.sim.set_index_lag(Duration::from_millis(700));
    store.connect(STORE, SHOP).await;
    store.segment("buyers", json!({"event": "Order Completed"})).await;
    let platform = json!({"connector": "shopify", "connection": STORE, "settings": {"tag": "segmentd-buyers"},
        "sync": {"calls_per_second": 1000}});
    store.daemon.put(LIST, json!({"segment": "buyers", "mode": "own", "platform": platform})).await;
    let tagged = || -> BTreeSet<u64> {
        let is = |tags: &[String]| tags.iter().any(|tag| tag == "segmentd-buyers");
        store.shop.truth().into_iter().filter(|one| is(&one.tags)).map(|one| one.id).collect()
    };
    let mut wanted: BTreeSet<u64> = customers.iter().copied().collect();
    eventually(async || same(tagged(), wanted.clone())).await;
    let (late, order) = buyer(&store, 7);
    wanted.insert(late);
    eventually(async || same(tagged(), wanted.clone())).await;
    store.shop.delete_order(order).unwrap();
    wanted.remove(&late);
    eventually(async || match same(tagged(), wanted.clone()) {
        Ok(()) => Ok(()),
        Err(why) => Err(format!("{why}: {} {:?}", store.daemon.get(LIST).await, store.person(&id(late)).await)),
    })
    .await;
    // Somebody in the store takes a tag that was never ours to send.
    store.shop.remove_tags(customers[0], &["segmentd-buyers"]).unwrap();
    eventually(async || {
        store.cli(&["sync", "reconcile", "mail"]);
        same(tagged(), wanted.clone())
    })
    .await;
    store.has(&id(customers[1]), "tags", json!(["theirs"])).await;
    let person = store.person(&id(customers[2])).await.unwrap();
    assert!(!person["properties"].to_string().contains("segmentd-buyers"), "our own tag is not read back: {person}");
    store.asked_rightly();
}
