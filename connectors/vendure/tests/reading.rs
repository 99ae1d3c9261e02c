//! What orders and customers say, and that walks bring all of them, whatever their times.

mod support;

use kit::failure::Failure;
use kit::receive::{Pointer, Request};
use model::{ConsentState, Identity, IdentityKind, Time, Value as Property};
use serde_json::json;
use support::server::Store;
use support::{Kept, cancelled, connected, customer, named, order, poll, refunded, time, with};

async fn fetched(store: &Store, kind: &str, id: &str) -> kit::receive::Facts {
    let pointers = [Pointer { kind: kind.to_owned(), id: id.to_owned() }];
    poll().fetch(&connected(store), &pointers, time("2026-03-10T00:00:00Z")).await.unwrap()
}

fn number(text: &str) -> Property {
    Property::Number(text.parse().unwrap())
}

#[tokio::test]
async fn an_order_says_who_bought_what_and_when_and_who_agreed_to_mail() {
    let store = Store::start().await;
    store.held().orders.push(order(7));
    let facts = fetched(&store, "order", "7").await;
    let (completed, updated) = (named(&facts.events, "Order Completed"), named(&facts.events, "Order Updated"));
    assert_eq!((completed.len(), completed[0].time), (1, time("2026-03-01T10:00:05.059Z")));
    let properties = &updated[0].properties;
    for (name, wanted) in [("total", "377.40"), ("received", "377.40"), ("tax", "38.40"), ("shipping", "99.00")] {
        assert_eq!(properties[name], number(wanted), "{name}");
    }
    assert_eq!(
        (&properties["currency"], &properties["status"]),
        (&Property::text("USD"), &Property::text("PaymentSettled"))
    );
    let Property::List(products) = &properties["products"] else { panic!("{properties:?}") };
    let Property::Map(line) = &products[0] else { panic!("{products:?}") };
    assert_eq!(
        (&line["price"], &line["quantity"], &line["sku"]),
        (&number("139.20"), &number("2"), &Property::text("C250"))
    );
    let identities = &completed[0].identities;
    for identity in [
        Identity::scoped(IdentityKind::Platform, "shop", "7"),
        Identity::email("c7@example.com"),
        Identity::phone("+525512340007"),
        Identity::scoped(IdentityKind::Cart, "shop", "7"),
    ] {
        assert!(identities.contains(&identity), "{identity:?} of {identities:?}");
    }
    let said: Vec<_> = facts.events.iter().flat_map(|event| &event.consent).collect();
    assert_eq!(
        (said.len(), said[0].state, said[0].time),
        (1, ConsentState::Subscribed, time("2026-03-01T10:00:01.147Z"))
    );
    // Its own time of change is that of before it was paid.
    assert_eq!(facts.versions[0].updated, time("2026-03-01T10:00:05.059Z"));
}

#[tokio::test]
async fn money_that_is_given_back_counts_once_it_is_and_a_cancelled_order_keeps_what_was_paid() {
    let store = Store::start().await;
    store.held().orders = vec![refunded(order(1), "Pending"), refunded(order(2), "Settled"), cancelled(order(3))];
    assert!(named(&fetched(&store, "order", "1").await.events, "Order Refunded").is_empty());
    let facts = fetched(&store, "order", "2").await;
    let back = named(&facts.events, "Order Refunded");
    assert_eq!((back.len(), back[0].time), (1, time("2026-03-02T12:00:00Z")));
    assert_eq!(
        (&back[0].properties["total"], &back[0].properties["refund_id"]),
        (&number("100.00"), &Property::text("9"))
    );
    let facts = fetched(&store, "order", "3").await;
    let over = named(&facts.events, "Order Cancelled");
    assert_eq!((over.len(), over[0].time), (1, time("2026-03-03T10:00:00Z")));
    let properties = &named(&facts.events, "Order Updated")[0].properties;
    assert_eq!((&properties["total"], &properties["received"]), (&number("377.40"), &number("377.40")));
    assert!(!properties.contains_key("cancelled"), "it says that it is cancelled by itself");
    let Property::List(products) = &properties["products"] else { panic!() };
    let Property::Map(line) = &products[0] else { panic!() };
    assert_eq!(line["quantity"], number("2"), "what was bought");
}

#[tokio::test]
async fn of_two_states_of_one_second_the_later_holds() {
    let store = Store::start().await;
    let before = with(order(4), json!({"state": "PaymentAuthorized", "history": {"totalItems": 9, "items": []}}));
    let after = with(order(4), json!({"state": "PaymentSettled", "history": {"totalItems": 10, "items": []}}));
    let mut states = Vec::new();
    for state in [before, after] {
        store.held().orders = vec![state];
        let facts = fetched(&store, "order", "4").await;
        let event = named(&facts.events, "Order Updated")[0].clone();
        states.push((event.time, event.message_id, event.properties["status"].clone()));
    }
    assert_eq!(states[0].0, states[1].0);
    assert!(states[0] < states[1] && states[1].2 == Property::text("PaymentSettled"));
}

#[tokio::test]
async fn a_cart_is_a_cart_until_it_is_placed_and_drafts_and_sellers_parts_say_nothing() {
    let store = Store::start().await;
    let open = json!({"state": "AddingItems", "active": true, "orderPlacedAt": null, "payments": [], "customer": null});
    store.held().orders = vec![
        with(order(1), open),
        with(order(2), json!({"state": "Draft", "orderPlacedAt": null})),
        with(order(3), json!({"type": "Seller"})),
    ];
    let facts = fetched(&store, "order", "1").await;
    let carts = named(&facts.events, "Cart Updated");
    assert_eq!((facts.events.len(), carts.len()), (1, 1));
    assert_eq!(carts[0].identities, [Identity::scoped(IdentityKind::Cart, "shop", "1")]);
    assert_eq!(carts[0].properties["cart_id"], Property::text("1"));
    for id in ["2", "3", "404"] {
        assert!(fetched(&store, "order", id).await.events.is_empty(), "{id}");
    }
}

#[tokio::test]
async fn a_box_that_was_never_ticked_takes_nothing_back_and_who_is_deleted_is_to_be_forgotten() {
    let store = Store::start().await;
    let said = |state, at| json!({"customFields": {"state": state, "at": at}});
    store.held().customers = vec![
        with(customer(1), said(json!(false), json!(null))),
        with(customer(2), said(json!(false), json!("2026-03-04T00:00:00.000Z"))),
        with(customer(3), said(json!(true), json!(null))),
    ];
    let mut states = Vec::new();
    for id in ["1", "2", "3"] {
        let facts = fetched(&store, "customer", id).await;
        states.push(facts.events[0].consent.first().map(|said| (said.state, said.time)));
    }
    let no = Some((ConsentState::Unsubscribed, time("2026-03-04T00:00:00Z")));
    let yes = Some((ConsentState::Subscribed, time("2026-03-01T10:00:00Z")));
    assert_eq!(states, [None, no, yes]);
    let facts = fetched(&store, "customer", "9").await;
    let identities = vec![Identity::scoped(IdentityKind::Platform, "shop", "9")];
    assert_eq!(facts.requests, [Request::Forget { identities }]);
}

#[tokio::test]
async fn the_past_comes_whole_however_many_orders_share_a_second_and_however_often_it_is_cut_off() {
    let store = Store::start().await;
    // A shop that was brought over: two seconds for all of it.
    let second = |id: u64| if id <= 130 { "2026-03-01T10:00:00.000Z" } else { "2026-03-01T10:00:01.000Z" };
    store.held().orders = (1..=260).map(|id| with(order(id), json!({"createdAt": second(id)}))).collect();
    let mut kept = Kept::new();
    loop {
        kept.limit = kept.pages + 1;
        match poll().backfill(&connected(&store), "orders", &kept.place(), &mut kept).await {
            Ok(()) => break,
            Err(Failure::Retry { .. }) if kept.pages < 100 => {}
            Err(other) => panic!("{other}"),
        }
    }
    let ids = kept.ids();
    for id in 1..=260 {
        assert!(ids.iter().any(|message| message.starts_with(&format!("order:{id}:completed:"))), "order {id}");
    }
    assert!(store.held().asked.len() <= 16, "{} pages", store.held().asked.len());
}

#[tokio::test]
async fn changes_are_found_whichever_time_they_move_or_none() {
    let store = Store::start().await;
    store.held().orders = (1..=3).map(order).collect();
    let mut kept = Kept::new();
    let connection = connected(&store);
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    let before = kept.ids();
    {
        let mut held = store.held();
        // One is refunded, which moves no time of the order; one is placed, which moves one; a line moves another.
        held.orders[0] = refunded(order(1), "Settled");
        held.orders.push(with(order(4), json!({"orderPlacedAt": "2026-03-09T10:00:00.000Z"})));
        let cart = json!({"updatedAt": "2026-03-09T11:00:00.000Z", "orderPlacedAt": null, "active": true,
            "state": "AddingItems"});
        held.orders.push(with(order(5), cart));
    }
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    let new: Vec<String> = kept.ids().difference(&before).cloned().collect();
    for part in ["refund:1:9", "order:4:completed", "cart:5:"] {
        assert!(new.iter().any(|id| id.starts_with(part)), "{part} of {new:?}");
    }
    assert!(kept.facts.events.iter().all(|event| event.time <= Time::MAX && event.source.as_str() == "shop"));
}

#[tokio::test]
async fn customers_that_may_not_be_read_are_left_out() {
    let store = Store::start().await;
    store.held().forbidden.push("customers");
    let mut connection = connected(&store);
    connection.details.insert("customers".to_owned(), json!("hidden"));
    let mut kept = Kept::new();
    poll().backfill(&connection, "customers", &kept.place(), &mut kept).await.unwrap();
    poll().poll(&connection, "customers", &kept.place(), &mut kept).await.unwrap();
    let pointers = [Pointer { kind: "customer".to_owned(), id: "1".to_owned() }];
    let facts = poll().fetch(&connection, &pointers, time("2026-03-10T00:00:00Z")).await.unwrap();
    assert_eq!((kept.pages, facts.requests.len()), (0, 0), "nobody is forgotten because they can't be seen");
}
