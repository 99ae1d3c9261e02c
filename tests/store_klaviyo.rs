//! From the store to a Klaviyo list: a segment becomes exactly the list, through the real binary.

mod store_support;
mod support;

use reqwest::Method;
use segmentd_simulators::klaviyo::{Fault, Faults, KlaviyoSim, NewProfile, ProfileView, SimOptions};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use store_support::browser::Browser;
use store_support::{SHOP, STORE, Store, StoreSetup, bought, eventually, named, said, same};

const LIST: &str = "Y6nRLr";
const OURS: &str = "/workspaces/main/lists/mail";

/// A store and an account of Klaviyo, both connected.
struct Both {
    store: Store,
    klaviyo: KlaviyoSim,
}

impl Both {
    async fn open(customers: u32) -> Both {
        let klaviyo = KlaviyoSim::start(SimOptions::default()).await.unwrap();
        klaviyo.create_list(LIST, "Buyers");
        let addresses = vec![("klaviyo".to_owned(), klaviyo.base().to_owned())];
        let store = Store::open(StoreSetup { addresses, poll_schedule: "", ..StoreSetup::default() }).await;
        for number in 0..customers {
            buyer(&store, number);
        }
        store.connect(STORE, SHOP).await;
        store.segment("buyers", json!({"event": "Order Completed"})).await;
        let app = json!({"client_id": klaviyo.options().client_id, "secrets": [klaviyo.options().client_secret]});
        store.daemon.put("/apps/klaviyo", app).await;
        let path = "/workspaces/main/connections/kl";
        let (status, made) = store.daemon.send(Method::POST, path, json!({"connector": "klaviyo"})).await;
        assert_eq!(status, 201, "{made}");
        let page = Browser::default().agree(made["connect_url"].as_str().unwrap()).await;
        assert_eq!(page.status, 200, "{page:?}");
        let shown = store.wait_connection("kl", |shown| shown["step"] == "running").await;
        assert_eq!((&shown["name"], &shown["missing"]), (&json!("Tienda"), &json!([])), "{shown}");
        Both { store, klaviyo }
    }

    async fn list(&self) {
        let settings = json!({"list": LIST, "properties": {"first_name": "first_name"}});
        let sync = json!({"calls_per_second": 1000});
        let platform = json!({"connector": "klaviyo", "connection": "kl", "settings": settings, "sync": sync});
        self.store.daemon.put(OURS, json!({"segment": "buyers", "mode": "own", "platform": platform})).await;
    }

    /// Waits until exactly these are in the list.
    async fn holds(&self, numbers: impl IntoIterator<Item = u32>) {
        let wanted: BTreeSet<String> = numbers.into_iter().map(address).collect();
        eventually(async || match same(self.klaviyo.members(LIST), wanted.clone()) {
            Ok(()) => Ok(()),
            Err(why) => Err(format!("{why}: {}", self.store.daemon.get(OURS).await)),
        })
        .await;
    }

    async fn status(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let status = self.store.daemon.get(OURS).await;
            if wanted(&status) { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    fn profile(&self, number: u32) -> ProfileView {
        self.klaviyo.profile(&address(number)).unwrap()
    }
}

fn address(number: u32) -> String {
    format!("c{number}@example.com")
}

/// Somebody who agreed to mail and bought, or did not agree: the last of every ten.
fn buyer(store: &Store, number: u32) -> (u64, u64) {
    let email_consent = if number % 10 == 9 { None } else { said("subscribed", store.sim.now() - 1000) };
    let customer = named(&address(number));
    let first_name = Some(format!("Name{number}"));
    let customer =
        store.shop.add_customer(segmentd_simulators::shopify::CustomerChange { first_name, email_consent, ..customer });
    let customer = customer.unwrap();
    (customer, store.shop.create_order(bought(customer, "Shirt", 100)).unwrap())
}

fn agreed(numbers: std::ops::Range<u32>) -> impl Iterator<Item = u32> {
    numbers.filter(|number| number % 10 != 9)
}

/// Every kind of failure once, then one call in twenty.
fn troubles() -> Faults {
    use Fault::{DropAfter, DropBefore, Internal, LostAnswer, None, TooMany, Unavailable};
    let script = [None, LostAnswer, None, DropAfter, TooMany(1), None, Internal, DropBefore, None, Unavailable];
    Faults { script: script.into(), of_1000: 50, seed: 8 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_becomes_exactly_the_list_whatever_fails_and_nobodys_consent_changes() {
    let both = Both::open(40).await;
    let new = |number: u32| NewProfile { email: address(number), ..NewProfile::default() };
    both.klaviyo.add_profile(NewProfile { suppressed: Some("HARD_BOUNCE".to_owned()), ..new(1) });
    both.klaviyo.add_profile(NewProfile { consent: "UNSUBSCRIBED".to_owned(), ..new(2) });
    let stranger = NewProfile { email: "stranger@example.com".to_owned(), ..NewProfile::default() };
    let stranger = both.klaviyo.add_profile(NewProfile { consent: "SUBSCRIBED".to_owned(), ..stranger });
    both.klaviyo.put_member(LIST, &stranger);
    both.klaviyo.refuse(&address(3), "invalid", "Invalid email address");
    both.klaviyo.set_job_step(Duration::from_millis(150));
    both.klaviyo.cancel_next_job();
    both.klaviyo.set_faults(troubles());
    both.list().await;
    let may = |numbers: std::ops::Range<u32>| agreed(numbers).filter(|number| *number != 3);
    both.holds(may(0..40)).await;
    let status = both.status(|status| status["refused_count"] == 1 && status["to_add"] == 0).await;
    let why = status["refused"][address(3)].as_str().unwrap();
    assert!(why.contains("not taken by Klaviyo") && why.contains("Invalid email address"), "{status}");
    assert_eq!(
        (both.profile(1).suppressed.as_deref(), both.profile(2).consent.as_str()),
        (Some("HARD_BOUNCE"), "UNSUBSCRIBED")
    );
    assert_eq!(
        (both.profile(20).consent.as_str(), &both.profile(20).attributes["first_name"]),
        ("NEVER_SUBSCRIBED", &json!("Name20"))
    );
    assert_eq!(both.klaviyo.profile("stranger@example.com").unwrap().consent, "SUBSCRIBED");

    // The list follows what happens in the store, also when its token ends amid.
    both.klaviyo.expire_tokens();
    let more: Vec<u64> = (40..60).map(|number| buyer(&both.store, number).1).collect();
    both.holds(may(0..60)).await;
    for order in &more[10..] {
        both.store.shop.delete_order(*order).unwrap();
    }
    both.holds(may(0..50)).await;

    // The segment is edited: who bought twice.
    for customer in both.store.shop.truth().iter().filter(|one| one.email.as_deref() < Some("c2")) {
        both.store.shop.create_order(bought(customer.id, "Cap", 10)).unwrap();
    }
    both.store.segment("buyers", json!({"event": "Order Completed", "count": {"at_least": 2}})).await;
    both.holds(may(0..50).filter(|number| address(*number).as_str() < "c2")).await;
    both.status(|status| status["to_add"] == 0 && status["to_remove"] == 0 && status["failures"] == 0).await;
    assert_eq!(
        (both.profile(1).suppressed.as_deref(), both.profile(2).consent.as_str()),
        (Some("HARD_BOUNCE"), "UNSUBSCRIBED")
    );
    assert!(both.klaviyo.faulted() >= 4, "{} faults", both.klaviyo.faulted());
    assert_eq!(both.klaviyo.violations(), [""; 0]);
    assert_eq!(both.klaviyo.throttled(), 0);
    both.store.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_taken_out_is_told_and_after_a_new_consent_the_list_goes_on() {
    let both = Both::open(4).await;
    both.list().await;
    both.holds(0..4).await;
    both.klaviyo.revoke_tokens();
    buyer(&both.store, 4);
    both.store.alerted(&["authorization", "destination"]).await;
    assert_eq!(both.store.show("kl").await["token"]["state"], "revoked");
    let said = both.store.cli(&["connection", "reauthorize", "kl"]);
    let page = Browser::default().agree(said.trim_end().lines().last().unwrap()).await;
    assert_eq!(page.status, 200, "{page:?}");
    both.holds(0..5).await;
    both.store.alerted(&[]).await;
    assert_eq!(both.klaviyo.violations(), [""; 0]);
}
