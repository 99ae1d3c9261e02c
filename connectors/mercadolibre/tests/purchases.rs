//! What orders, carts, payments, refunds and cancellations come to.

mod support;

use model::{Event, EventKind};
use rust_decimal::Decimal;
use segmentd_simulators::mercadolibre::{NewOrder, SellerOptions, SimOptions};
use support::{World, named, text};

fn amount(number: i64) -> Decimal {
    Decimal::from(number)
}

/// Orders, refunds and cancellations, by how many there are of each.
fn counts(events: &[Event]) -> [usize; 4] {
    ["Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"].map(|name| named(events, name).len())
}

#[tokio::test]
async fn a_paid_order_is_a_purchase_of_what_was_paid_without_interest() {
    let world = World::start().await;
    let order = world.sim.place(NewOrder { quantity: 2, price: "440.50".parse().unwrap(), ..NewOrder::default() });
    let facts = world.fetch("order", order).await;
    assert_eq!(counts(&facts.events), [1, 1, 0, 0]);
    let state = named(&facts.events, "Order Updated")[0];
    assert_eq!(text(state, "order_id"), order.to_string());
    let told =
        ["total", "received", "currency", "status", "payment_method", "source_name"].map(|name| text(state, name));
    assert_eq!(told, ["881", "881", "MXN", "paid", "visa", "marketplace"]);
    let products = state.properties["products"].to_json();
    assert_eq!(products[0]["product_id"], "MLM823798303");
    assert_eq!((&products[0]["sku"], &products[0]["quantity"]), (&"SKU-1".into(), &2.into()));
    let who: Vec<String> = state.identities.iter().map(|one| one.canonical()).collect();
    assert_eq!(who, ["meli:6427433"]);
    assert!(facts.events.iter().all(|event| event.consent.is_empty() && event.time <= event.received));
    assert_eq!(facts.versions.len(), 1);
    // The same again says the same, under the same ids.
    let again = world.fetch("order", order).await;
    let ids = |events: &[Event]| events.iter().map(|event| event.message_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&again.events), ids(&facts.events));
}

#[tokio::test]
async fn an_order_that_is_not_paid_is_no_purchase_until_it_is() {
    let world = World::start().await;
    let order = world.sim.place(NewOrder { paid: false, ..NewOrder::default() });
    let facts = world.fetch("order", order).await;
    assert_eq!(counts(&facts.events), [0, 1, 0, 0]);
    assert_eq!(text(named(&facts.events, "Order Updated")[0], "received"), "0");
    world.sim.cancel(order);
    let facts = world.fetch("order", order).await;
    assert_eq!(counts(&facts.events), [0, 1, 0, 1]);
    assert_eq!(text(named(&facts.events, "Order Cancelled")[0], "order_id"), "", "no more than a happening");
    let other = world.sim.place(NewOrder { paid: false, ..NewOrder::default() });
    world.sim.pay(other);
    assert_eq!(counts(&world.fetch("order", other).await.events), [1, 1, 0, 0]);
}

#[tokio::test]
async fn money_that_goes_back_is_a_refund_and_all_of_it_a_cancellation() {
    let world = World::start().await;
    let order = world.sim.place(NewOrder::default());
    world.sim.refund(order, amount(30));
    let facts = world.fetch("order", order).await;
    assert_eq!(counts(&facts.events), [1, 1, 1, 0]);
    let first = named(&facts.events, "Order Refunded")[0].clone();
    assert_eq!((text(&first, "total"), text(&first, "order_id")), ("30".to_owned(), order.to_string()));
    assert_eq!(text(named(&facts.events, "Order Updated")[0], "received"), "100", "before refunds");
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    world.sim.refund(order, amount(20));
    let facts = world.fetch("order", order).await;
    let second = named(&facts.events, "Order Refunded")[0].clone();
    // The payment tells the sum alone: it takes the place of what was told of it before.
    assert_eq!((text(&second, "total"), text(&second, "refund_id")), ("50".to_owned(), text(&first, "refund_id")));
    assert!(second.time > first.time && second.message_id != first.message_id);
    world.sim.refund(order, amount(50));
    let facts = world.fetch("order", order).await;
    assert_eq!(counts(&facts.events), [1, 1, 1, 1]);
    assert_eq!(text(named(&facts.events, "Order Refunded")[0], "total"), "100");
    assert_eq!(text(named(&facts.events, "Order Cancelled")[0], "order_id"), order.to_string());
}

#[tokio::test]
async fn what_is_called_off_or_looks_like_fraud_counts_no_more_and_test_orders_never_did() {
    let world = World::start().await;
    let (off, fraud) = (world.sim.place(NewOrder::default()), world.sim.place(NewOrder::default()));
    world.sim.call_off(off);
    world.sim.tag(fraud, "fraud_risk_detected");
    for order in [off, fraud] {
        assert_eq!(counts(&world.fetch("order", order).await.events), [1, 1, 0, 1]);
    }
    let test = world.sim.place(NewOrder { tags: vec!["test_order".to_owned()], ..NewOrder::default() });
    assert_eq!(counts(&world.fetch("order", test).await.events), [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_cart_is_one_purchase_of_this_sellers_orders_whichever_of_them_is_pointed_at() {
    let mut options = SimOptions::default();
    options.sellers.push(SellerOptions { id: 7, nickname: "OTHER".to_owned(), site: "MLM".to_owned() });
    let world = World::with(options).await;
    let pack = world.sim.new_pack();
    let of_pack =
        |price: i64, seller: u64| NewOrder { pack: Some(pack), price: amount(price), seller, ..NewOrder::default() };
    let (one, two) = (world.sim.place(of_pack(100, 0)), world.sim.place(of_pack(50, 0)));
    let theirs = world.sim.place(of_pack(999, 7));
    for (kind, id) in [("order", one), ("order", two), ("pack", pack)] {
        let facts = world.fetch(kind, id).await;
        assert_eq!(counts(&facts.events), [1, 1, 0, 0], "{kind}");
        let state = named(&facts.events, "Order Updated")[0];
        assert_eq!((text(state, "order_id"), text(state, "name")), (format!("pack:{pack}"), pack.to_string()));
        assert_eq!((text(state, "total"), text(state, "received")), ("150".to_owned(), "150".to_owned()));
        let asked = usize::from(kind == "order");
        assert_eq!(facts.versions.len(), asked, "only what was pointed at tells of notifications");
    }
    assert_eq!(world.fetch("order", theirs).await.events, Vec::new(), "another seller's");
    // One of both is given back: the purchase stays, with less.
    world.sim.refund(one, amount(100));
    let facts = world.fetch("order", two).await;
    assert_eq!(counts(&facts.events), [1, 1, 1, 0]);
    let state = named(&facts.events, "Order Updated")[0];
    assert_eq!((text(state, "total"), text(state, "received")), ("50".to_owned(), "150".to_owned()));
    world.sim.refund(two, amount(50));
    assert_eq!(counts(&world.fetch("pack", pack).await.events), [1, 1, 2, 1]);
}

#[tokio::test]
async fn payments_and_claims_lead_to_the_order_whose_amounts_they_change() {
    let world = World::start().await;
    let order = world.sim.place(NewOrder::default());
    let claim = world.sim.claim(order);
    assert_eq!(counts(&world.fetch("claim", claim).await.events), [1, 1, 0, 0]);
    world.sim.settle_claim(claim, amount(40));
    let facts = world.fetch("claim", claim).await;
    assert_eq!(text(named(&facts.events, "Order Refunded")[0], "total"), "40");
    let payment = text(named(&facts.events, "Order Refunded")[0], "refund_id").parse().unwrap();
    assert_eq!(counts(&world.fetch("payment", payment).await.events), [1, 1, 1, 0]);
    // Several that point at one order come to one reading of it.
    world.sim.take_calls();
    let pointers =
        [("order", order), ("payment", payment), ("claim", claim)].map(|(kind, id)| support::point(kind, id));
    support::poll().fetch(&world.connection(), &pointers, support::now()).await.unwrap();
    assert_eq!(world.sim.calls(&format!("/orders/{order}")), 1);
}

#[tokio::test]
async fn a_forged_pointer_costs_one_call_and_says_nothing() {
    let world = World::start().await;
    for (kind, id) in [("order", 1), ("payment", 2), ("claim", 3), ("question", 4), ("pack", 5)] {
        world.sim.take_calls();
        let facts = world.fetch(kind, id).await;
        assert_eq!((facts.events.len(), facts.pointers.len(), world.sim.take_calls().len()), (0, 0, 1), "{kind}");
    }
    // What is another seller's is refused, and says nothing either.
    let mut options = SimOptions::default();
    options.sellers.push(SellerOptions { id: 7, nickname: "OTHER".to_owned(), site: "MLM".to_owned() });
    let world = World::with(options).await;
    let theirs = world.sim.place(NewOrder { seller: 7, ..NewOrder::default() });
    let claim = world.sim.claim(theirs);
    for (kind, id) in [("order", theirs), ("claim", claim)] {
        assert_eq!(world.fetch(kind, id).await.events, Vec::new(), "{kind}");
    }
    world.sim.take_calls();
    let strange = [kit::receive::Pointer { kind: "order".to_owned(), id: "../users/me".to_owned() }];
    let facts = support::poll().fetch(&world.connection(), &strange, support::now()).await.unwrap();
    assert_eq!((facts.events.len(), world.sim.take_calls().len()), (0, 0));
}

#[tokio::test]
async fn an_order_without_its_buyer_is_read_again() {
    let world = World::start().await;
    let order = world.sim.place(NewOrder::default());
    world.sim.hide_buyers(1);
    let pointers = [support::point("order", order)];
    let came = support::poll().fetch(&world.connection(), &pointers, support::now()).await;
    assert!(matches!(came, Err(kit::failure::Failure::Retry { .. })), "{came:?}");
    assert_eq!(counts(&world.fetch("order", order).await.events), [1, 1, 0, 0]);
}

#[tokio::test]
async fn questions_are_actions_of_whoever_asked() {
    let world = World::start().await;
    let question = world.sim.ask(55, "MLM823798303", "Hay en rojo?");
    let facts = world.fetch("question", question).await;
    let asked = named(&facts.events, "Question Asked")[0];
    assert_eq!(asked.identities[0].canonical(), "meli:55");
    assert_eq!(
        ["product_id", "question_id", "text"].map(|name| text(asked, name)),
        ["MLM823798303".to_owned(), question.to_string(), "Hay en rojo?".to_owned()]
    );
    assert!(named(&facts.events, "Question Answered").is_empty());
    world.sim.answer(question);
    let facts = world.fetch("question", question).await;
    assert_eq!(named(&facts.events, "Question Answered").len(), 1);
    assert!(facts.events.iter().all(|event| matches!(event.kind, EventKind::Activity(_))));
}
