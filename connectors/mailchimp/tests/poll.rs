//! Contacts that changed are read: unsubscribes, bounces, sign-ups, changes of address.

mod support;

use kit::failure::Failure;
use kit::poll::{Page, Place, Poll, Sink};
use kit::receive::Pointer;
use model::{ConsentState, Event, Identity, Time};
use segmentd_connector_mailchimp::CONNECTOR;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use support::{Fault, LIST, World};

fn role() -> &'static dyn Poll {
    CONNECTOR.poll.unwrap()
}

/// Keeps what comes; fails from the `limit`-th page on.
struct Kept {
    events: BTreeMap<String, Event>,
    cursor: Option<String>,
    pages: usize,
    limit: usize,
    now: Time,
}

impl Kept {
    fn new(now: i64) -> Kept {
        let now = Time(now * 1_000_000);
        Kept { events: BTreeMap::new(), cursor: None, pages: 0, limit: usize::MAX, now }
    }

    fn place(&self, since: i64) -> Place {
        Place { cursor: self.cursor.clone(), since: Time(since * 1_000_000) }
    }

    fn said(&self) -> BTreeSet<(String, ConsentState)> {
        let changes = self.events.values().flat_map(|event| &event.consent);
        changes.map(|change| (change.address.clone(), change.state)).collect()
    }
}

#[async_trait::async_trait]
impl Sink for Kept {
    fn now(&self) -> Time {
        self.now
    }

    async fn put(&mut self, page: Page) -> Result<(), Failure> {
        if self.pages >= self.limit {
            return Err(Failure::retry("full", None));
        }
        self.pages += 1;
        self.events.extend(page.facts.events.into_iter().map(|event| (event.message_id.clone(), event)));
        self.cursor = Some(page.cursor);
        Ok(())
    }
}

#[tokio::test]
async fn a_poll_brings_what_changed_and_goes_on_from_there() {
    let world = World::start().await;
    let connection = world.connection(json!({}));
    let begun = world.state().now;
    world.put("before@x.mx", "unsubscribed");
    world.state().now += 10_000;
    for (email, status) in [("off@x.mx", "unsubscribed"), ("bounced@x.mx", "cleaned"), ("ours@x.mx", "subscribed")] {
        world.put(email, status);
    }
    world.put("hers@x.mx", "subscribed");
    world.state().lists.get_mut(LIST).unwrap().contacts.get_mut("hers@x.mx").unwrap().signup = begun + 9_000;
    let mut kept = Kept::new(begun + 20_000);
    role().poll(&connection, "members", &kept.place(begun + 5_000), &mut kept).await.unwrap();
    let off = |email: &str| (email.to_owned(), ConsentState::Unsubscribed);
    let expected =
        BTreeSet::from([off("off@x.mx"), off("bounced@x.mx"), ("hers@x.mx".to_owned(), ConsentState::Subscribed)]);
    assert_eq!(kept.said(), expected);
    let events = kept.events.len();
    role().poll(&connection, "members", &kept.place(0), &mut kept).await.unwrap();
    assert_eq!(kept.events.len(), events, "read again, said once");
    world.state().now += 100;
    world.put("late@x.mx", "unsubscribed");
    role().poll(&connection, "members", &kept.place(0), &mut kept).await.unwrap();
    assert!(kept.said().contains(&off("late@x.mx")));
    assert!(!kept.said().contains(&off("before@x.mx")));
    world.assert_right();
}

#[tokio::test]
async fn the_past_is_read_only_if_the_connection_says_so() {
    let world = World::start().await;
    world.put("before@x.mx", "unsubscribed");
    let now = world.state().now;
    for (settings, events) in [(json!({}), 0), (json!({ "backfill": true }), 1)] {
        let mut kept = Kept::new(now);
        role().backfill(&world.connection(settings), "members", &kept.place(now), &mut kept).await.unwrap();
        assert_eq!(kept.events.len(), events);
    }
    world.assert_right();
}

#[tokio::test]
async fn thousands_of_one_second_are_all_read_though_pages_are_cut_and_shrink() {
    let world = World::start().await;
    for number in 0..2_500 {
        world.put(&format!("p{number}@x.mx"), "unsubscribed");
    }
    world.state().now += 60;
    for number in 0..1_500 {
        if number % 300 == 0 {
            world.state().now += 1;
        }
        world.put(&format!("q{number}@x.mx"), "unsubscribed");
    }
    let connection = world.connection(json!({ "audiences": [LIST], "backfill": true }));
    let mut kept = Kept::new(world.state().now);
    world.fail("/members", Fault::Instead(504, ""), 1);
    kept.limit = 2;
    let cut = role().backfill(&connection, "members", &kept.place(0), &mut kept).await;
    assert!(matches!(cut, Err(Failure::Retry { .. })));
    kept.limit = usize::MAX;
    role().backfill(&connection, "members", &kept.place(0), &mut kept).await.unwrap();
    assert_eq!(kept.said().len(), 4_000);
    assert_eq!(kept.events.len(), 4_000);
    world.assert_right();
}

#[tokio::test]
async fn an_audience_that_is_not_there_keeps_no_other_from_being_read() {
    let world = World::start().await;
    world.put("off@x.mx", "unsubscribed");
    let now = world.state().now;
    let connection = world.connection(json!({ "audiences": ["0000000000", LIST] }));
    let mut kept = Kept::new(now);
    let answer = role().poll(&connection, "members", &kept.place(now - 60), &mut kept).await;
    assert!(matches!(&answer, Err(Failure::Refused(why)) if why.contains("0000000000")), "{answer:?}");
    assert_eq!(kept.said().len(), 1);
    world.assert_right();
}

fn pointer(kind: &str, id: &str) -> Pointer {
    Pointer { kind: kind.to_owned(), id: format!("{LIST}/{id}") }
}

#[tokio::test]
async fn a_hint_is_believed_only_as_far_as_the_contact_says_it() {
    let world = World::start().await;
    let connection = world.connection(json!({}));
    let received = Time((world.state().now + 60) * 1_000_000);
    world.put("off@x.mx", "unsubscribed");
    world.put("on@x.mx", "subscribed");
    let asked = ["off@x.mx", "on@x.mx", "nobody@x.mx"].map(|email| pointer("member", email));
    let facts = role().fetch(&connection, &asked, received).await.unwrap();
    assert_eq!(facts.events.len(), 1);
    assert_eq!(facts.events[0].consent[0].address, "off@x.mx");
    assert_eq!(facts.versions.len(), 1);
    let now = world.state().now;
    let mut kept = Kept::new(now + 60);
    role().poll(&connection, "members", &kept.place(now - 60), &mut kept).await.unwrap();
    let polled: Vec<&Event> = kept.events.values().collect();
    assert_eq!(polled[0].message_id, facts.events[0].message_id, "whichever brings it, it is the same event");
    world.fail("GET /lists/a1b2c3d4e5/members", Fault::Instead(429, ""), 1);
    assert!(matches!(role().fetch(&connection, &asked, received).await, Err(Failure::Retry { .. })));
    world.assert_right();
}

#[tokio::test]
async fn a_change_of_address_counts_when_the_new_one_is_there_and_the_old_one_is_not() {
    let world = World::start().await;
    let connection = world.connection(json!({}));
    let received = Time((world.state().now + 60) * 1_000_000);
    let change = [pointer("changed_address", "old@x.mx new@x.mx")];
    let fetch = async || role().fetch(&connection, &change, received).await.unwrap().events;
    assert!(fetch().await.is_empty(), "neither is there");
    world.put("old@x.mx", "subscribed");
    assert!(fetch().await.is_empty(), "the old one is there");
    world.put("new@x.mx", "subscribed");
    assert!(fetch().await.is_empty(), "both are there");
    world.state().lists.get_mut(LIST).unwrap().contacts.remove("old@x.mx");
    let events = fetch().await;
    assert_eq!(events.len(), 1);
    assert!(events[0].identities.contains(&Identity::email("old@x.mx")));
    assert_eq!(events[0].traits.get("email"), Some(&model::Value::text("new@x.mx")));
    assert_eq!(fetch().await[0].message_id, events[0].message_id);
    world.assert_right();
}
