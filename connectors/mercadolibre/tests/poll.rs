//! Reading an account: its past, what changed, and what notifications missed.

mod support;

use model::Time;
use segmentd_simulators::mercadolibre::{Delivery, NewOrder};
use std::time::Duration;
use support::{Kept, World, named, text};

const DAY: i64 = 86_400_000_000;

fn old(days_ago: i64) -> NewOrder {
    NewOrder { days_ago, buyer: 1_000 + u64::try_from(days_ago).unwrap(), ..NewOrder::default() }
}

fn ids(kept: &Kept) -> Vec<String> {
    let mut ids: Vec<String> =
        named(kept.events.values(), "Order Completed").iter().map(|event| text(event, "order_id")).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[tokio::test]
async fn the_past_is_read_in_windows_that_are_small_enough_and_no_further_than_a_year() {
    let world = World::start().await;
    let mut placed: Vec<String> = (0..1_300).map(|number| world.sim.place(old(number % 300)).to_string()).collect();
    world.sim.place(old(400));
    let mut kept = Kept::default();
    world.read("orders", true, &mut kept).await.unwrap();
    placed.sort();
    assert_eq!(ids(&kept), placed);
    assert_eq!(kept.doubles, 0, "what windows have in common is told once");
    let searches = world.searches("/orders/search");
    assert!(searches.iter().all(|call| call.status == 200));
    let deepest = searches.iter().flat_map(|call| &call.query).filter(|(name, _)| name == "offset");
    assert!(deepest.map(|(_, offset)| offset.parse::<u64>().unwrap()).max().unwrap() < 1_000);
    let progress = kept.progress.unwrap();
    assert_eq!((progress.done, progress.total), (1_300, Some(1_300)));
}

#[tokio::test]
async fn a_backfill_that_is_cut_goes_on_where_it_was() {
    let world = World::start().await;
    let mut placed: Vec<String> = (0..1_200).map(|number| world.sim.place(old(number % 100)).to_string()).collect();
    let mut kept = Kept { limit: 7, ..Kept::default() };
    for _ in 0..200 {
        if world.read("orders", true, &mut kept).await.is_ok() {
            break;
        }
        kept.limit += 7;
    }
    placed.sort();
    assert_eq!(ids(&kept), placed);
}

#[tokio::test]
async fn cancelled_orders_are_hidden_from_the_usual_search_and_read_by_their_own() {
    let world = World::start().await;
    let order = world.sim.place(NewOrder::default());
    world.sim.refund(order, 100.into());
    let (mut orders, mut cancelled) = (Kept::default(), Kept::default());
    world.read("orders", false, &mut orders).await.unwrap();
    world.read("cancelled", false, &mut cancelled).await.unwrap();
    assert_eq!((orders.events.len(), named(cancelled.events.values(), "Order Cancelled").len()), (0, 1));
}

#[tokio::test]
async fn polls_tell_what_changed_once_whatever_the_filter_cuts_off() {
    let world = World::start().await;
    let mut kept = Kept { since: Time(support::now().0 - DAY), ..Kept::default() };
    let first = world.sim.place(NewOrder::default());
    world.read("orders", false, &mut kept).await.unwrap();
    assert_eq!(ids(&kept), [first.to_string()]);
    world.read("orders", false, &mut kept).await.unwrap();
    assert_eq!((kept.doubles, kept.facts.versions.len()), (0, 1), "a version is told once");
    let second = world.sim.place(NewOrder::default());
    tokio::time::sleep(Duration::from_millis(3)).await;
    world.sim.refund(first, 10.into());
    world.read("orders", false, &mut kept).await.unwrap();
    assert_eq!(ids(&kept), [first.to_string(), second.to_string()]);
    assert_eq!(named(kept.events.values(), "Order Refunded").len(), 1);
    // Filters are whole hours, and never begin with what was seen last.
    let query = world.searches("/orders/search").pop().unwrap().query;
    let get = |name: &str| query.iter().find(|(found, _)| found == name).unwrap().1.clone();
    let from = get("order.date_last_updated.from");
    assert!(from.ends_with(":00:00.000-00:00"), "{from}");
    let behind = support::now().0 - Time::parse(&from).unwrap().0;
    assert!((3_600_000_000..=2 * 3_600_000_000).contains(&behind), "{behind}");
}

#[tokio::test]
async fn carts_and_orders_without_their_buyers_are_read_by_themselves() {
    let world = World::start().await;
    let pack = world.sim.new_pack();
    for _ in 0..2 {
        world.sim.place(NewOrder { pack: Some(pack), ..NewOrder::default() });
    }
    let alone = world.sim.place(NewOrder::default());
    world.sim.hide_buyers(1);
    let mut kept = Kept::default();
    world.read("orders", true, &mut kept).await.unwrap();
    kept.facts.pointers.dedup();
    assert_eq!((kept.pointers("pack"), kept.pointers("order")), (vec![pack], vec![alone]));
    assert!(kept.events.is_empty());
    let mut kept = Kept::default();
    world.read("orders", true, &mut kept).await.unwrap();
    assert_eq!((ids(&kept), kept.pointers("order").len()), (vec![alone.to_string()], 0));
}

#[tokio::test]
async fn questions_are_read_to_the_first_and_polled_from_the_newest() {
    let world = World::start().await;
    let questions: Vec<u64> = (0..130).map(|number| world.sim.ask(number + 1, "MLM1", "?")).collect();
    let mut past = Kept::default();
    world.read("questions", true, &mut past).await.unwrap();
    assert_eq!(named(past.events.values(), "Question Asked").len(), 130);
    let mut polled = Kept::default();
    world.read("questions", false, &mut polled).await.unwrap();
    let before = polled.events.len();
    world.sim.answer(questions[3]);
    let new = world.sim.ask(7, "MLM1", "?");
    world.read("questions", false, &mut polled).await.unwrap();
    assert_eq!(polled.events.len(), before + 2);
    assert!(polled.events.contains_key(&format!("question:{new}")));
    assert!(polled.events.contains_key(&format!("question:{}:answered", questions[3])));
}

#[tokio::test]
async fn claims_point_at_themselves_once_for_each_change() {
    let world = World::start().await;
    let order = world.sim.place(NewOrder::default());
    let claims: Vec<u64> = (0..70).map(|_| world.sim.claim(order)).collect();
    let mut kept = Kept::default();
    world.read("claims", false, &mut kept).await.unwrap();
    let mut found = kept.pointers("claim");
    found.sort_unstable();
    assert_eq!(found, claims);
    world.sim.settle_claim(claims[0], 5.into());
    world.read("claims", false, &mut kept).await.unwrap();
    assert_eq!(kept.pointers("claim").len(), 71);
    world.read("claims", false, &mut kept).await.unwrap();
    assert_eq!(kept.pointers("claim").len(), 71);
}

#[tokio::test]
async fn lost_notifications_are_read_once_and_only_this_sellers() {
    let world = World::start().await;
    world.sim.set_callback("http://127.0.0.1:9/hooks");
    world.sim.set_delivery(Delivery::Missed);
    let orders: Vec<u64> = (0..13).map(|_| world.sim.place(NewOrder::default())).collect();
    let question = world.sim.ask(1, "MLM1", "?");
    let mut kept = Kept::default();
    world.read("missed", false, &mut kept).await.unwrap();
    let mut found = kept.pointers("order");
    found.sort_unstable();
    assert_eq!((found, kept.pointers("question")), (orders, vec![question]));
    assert_eq!(kept.pointers("payment").len(), 13);
    world.read("missed", false, &mut kept).await.unwrap();
    assert_eq!(kept.facts.pointers.len(), 27, "once");
    // Those of another seller are another connection's.
    let mut other = Kept::default();
    let connection = kit::platform::Connection { account: "7".to_owned(), ..world.connection() };
    let place = kit::poll::Place { cursor: None, since: other.since };
    support::poll().poll(&connection, "missed", &place, &mut other).await.unwrap();
    assert!(other.facts.pointers.is_empty());
}
