//! What Tiendanube's JSON comes to, and how its store is read, by the description.

mod support;

use kit::failure::Failure;
use kit::poll::{Page, Place, Sink};
use kit::receive::{Delivery, Facts, Pointer, Receiver, Rejection, Request};
use model::{Event, EventKind, SourceId, Time};
use secrecy::SecretString;
use segmentd_simulators::tiendanube::{Faults, NewOrder, SimOptions, TiendanubeSim, signature};
use serde_json::{Map, json};
use std::collections::BTreeSet;
use support::{TIENDANUBE, connection, fixed, time};

struct Kept(Vec<Page>);

#[async_trait::async_trait]
impl Sink for Kept {
    fn now(&self) -> Time {
        time("2026-11-24T10:00:00Z")
    }

    async fn put(&mut self, page: Page) -> Result<(), Failure> {
        self.0.push(page);
        Ok(())
    }
}

fn named<'f>(facts: &'f Facts, name: &str) -> Vec<&'f Event> {
    let is = |event: &&Event| matches!(&event.kind, EventKind::Activity(found) if found == name);
    facts.events.iter().filter(is).collect()
}

async fn sim() -> TiendanubeSim {
    let options = SimOptions { bucket: (1e9, 1e9), ..SimOptions::default() };
    TiendanubeSim::start(options, 271_146).await.unwrap()
}

#[tokio::test]
async fn an_order_is_told_with_every_digit_and_for_whom() {
    let sim = sim().await;
    let token = sim.new_token();
    let order = NewOrder {
        email: "Ana@Example.com".to_owned(),
        phone: "11 2665-3230".to_owned(),
        total: "12345678901234567.89".to_owned(),
        ..NewOrder::default()
    };
    let id = sim.placed_before(&order, 60);
    let connection = connection(&TIENDANUBE, sim.base(), "271146", fixed(&token));
    let pointer = Pointer { kind: "order".to_owned(), id: id.to_string() };
    let now = time("2026-11-24T10:00:00Z");
    let facts = TIENDANUBE.poll.unwrap().fetch(&connection, std::slice::from_ref(&pointer), now).await.unwrap();
    let updated = named(&facts, "Order Updated");
    let shown = format!("{:?}", updated[0]);
    assert!(shown.contains("12345678901234567.89"), "{shown}");
    assert!(shown.contains("ana@example.com") && shown.contains("+541126653230"), "{shown}");
    assert!(shown.contains("\"quantity\": Number(1)") && shown.contains("169164456"), "{shown}");
    assert_eq!((named(&facts, "Order Completed").len(), named(&facts, "Order Refunded").len()), (1, 0));
    assert_eq!(facts.versions[0].thing, pointer);
    sim.refund(id);
    let facts = TIENDANUBE.poll.unwrap().fetch(&connection, &[pointer], now).await.unwrap();
    assert_eq!(named(&facts, "Order Refunded").len(), 1);
}

#[tokio::test]
async fn a_store_with_more_orders_than_a_query_shows_is_read_in_windows() {
    let sim = sim().await;
    let token = sim.new_token();
    // Two years, and one busy day.
    let at = |second: i64| {
        let time = time("2024-11-01T00:00:00Z").plus_micros(second * 1_000_000).to_string();
        format!("{}+0000", &time[..19])
    };
    let order = |id: u64| {
        let second = if id < 3_000 { id as i64 * 20_000 } else { 50_000_000 + id as i64 * 2 };
        json!({"id": id, "currency": "ARS", "total": "1.00", "payment_status": "paid", "status": "open",
            "created_at": at(second), "updated_at": at(second), "paid_at": at(second),
            "contact_email": format!("c{id}@x.ar"), "products": []})
    };
    sim.put_orders((1..=10_400).map(order));
    let connection = connection(&TIENDANUBE, sim.base(), "271146", fixed(&token));
    let mut kept = Kept(Vec::new());
    let place = Place { cursor: None, since: time("2026-11-24T10:00:00Z") };
    TIENDANUBE.poll.unwrap().backfill(&connection, "orders", &place, &mut kept).await.unwrap();
    let told = kept.0.iter().flat_map(|page| named(&page.facts, "Order Completed"));
    let told: BTreeSet<&str> = told.map(|event| event.message_id.as_str()).collect();
    assert_eq!(told.len(), 10_400);
    assert_eq!(kept.0[0].progress.unwrap().total, Some(10_400));
    assert_eq!(sim.counters().wrong, Vec::<String>::new());
    // The end is kept: nothing is read twice.
    let calls = sim.counters().calls;
    let place = Place { cursor: Some(kept.0.last().unwrap().cursor.clone()), ..place };
    TIENDANUBE.poll.unwrap().backfill(&connection, "orders", &place, &mut Kept(Vec::new())).await.unwrap();
    assert_eq!(sim.counters().calls, calls);
}

#[tokio::test]
async fn statuses_mean_what_the_platform_says() {
    let sim = sim().await;
    let token = sim.new_token();
    let read = async |token: &str| {
        let connection = connection(&TIENDANUBE, sim.base(), "271146", fixed(token));
        TIENDANUBE.install.unwrap().identify(&connection, Some(&["write_orders".to_owned()])).await
    };
    let found = read(&token).await.unwrap();
    assert_eq!((found.account.as_str(), found.name.as_str()), ("271146", "Tienda"));
    assert_eq!(found.scopes, ["read_orders", "write_orders"]);
    assert!(found.missing.len() == 1 && found.missing[0].starts_with("read_customers: "), "{:?}", found.missing);
    assert_eq!(found.details["currency"], "ARS");
    assert!(matches!(read("another").await, Err(Failure::NeedsAuthorization(_))));
    sim.set_faults(Faults { unpaid: true, ..Faults::default() });
    assert!(matches!(read(&token).await, Err(Failure::Blocked(why)) if why.contains("not paid for")));
    sim.set_faults(Faults { too_many: 1000, ..Faults::default() });
    assert!(matches!(read(&token).await, Err(Failure::Retry { after: Some(_), .. })));
}

#[test]
fn deliveries_are_verified_and_routed() {
    let role = TIENDANUBE.receive.unwrap();
    let secret = SecretString::from("app secret");
    let source = SourceId::from("shop");
    let nothing = Map::new();
    let read = |body: &str, query: Option<&str>| {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-linkedstore-hmac-sha256", signature("app secret", body.as_bytes()).parse().unwrap());
        let delivery = Delivery { headers: &headers, url: "", query, body: body.as_bytes() };
        role.verify(&delivery, std::slice::from_ref(&secret), 0)?;
        assert_eq!(role.account(&delivery).as_deref(), Some("271146"));
        let received = time("2026-11-24T10:00:00Z");
        let (details, settings) = (&nothing, &nothing);
        let receiver = Receiver { source: &source, account: "271146", region: None, details, settings, received };
        role.read(&delivery, &receiver)
    };
    let read_in = read(r#"{"store_id":271146,"event":"order/paid","id":12345678901234567890}"#, None).unwrap();
    assert_eq!(read_in.facts.pointers[0].id, "12345678901234567890");
    assert_eq!(read(r#"{"store_id":271146,"event":"category/updated","id":1}"#, None).unwrap().facts, Facts::default());
    let gone = read(r#"{"store_id":271146,"event":"customer/deleted","id":7}"#, None).unwrap();
    assert!(matches!(&gone.facts.requests[0], Request::Forget { identities } if identities[0].value == "7"));
    let redact = r#"{"store_id":271146,"customer":{"id":1,"email":"Ana@x.ar","phone":"+5491126653230"}}"#;
    let asked = read(redact, Some("topic=customers%2Fredact")).unwrap();
    assert!(matches!(&asked.facts.requests[0], Request::Redact { identities } if identities.len() == 3));
    let asked = read(r#"{"store_id":271146}"#, Some("topic=store/redact")).unwrap();
    assert_eq!(asked.facts.requests, [Request::RedactAccount]);
    let mut headers = http::HeaderMap::new();
    headers.insert("x-linkedstore-hmac-sha256", signature("another", b"{}").parse().unwrap());
    let forged = Delivery { headers: &headers, url: "", query: None, body: b"{}" };
    assert!(matches!(role.verify(&forged, std::slice::from_ref(&secret), 0), Err(Rejection::Signature(_))));
}
