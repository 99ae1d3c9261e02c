//! Contacts are read: all, those that changed, single ones.

mod support;

use kit::connector::Limits as Pace;
use kit::failure::Failure;
use kit::poll::Poll;
use kit::receive::{Pointer, Request};
use kit::token::FixedToken;
use model::{ConsentState, Time};
use segmentd_connector_hubspot::CONNECTOR;
use segmentd_simulators::hubspot::{Faults, Limits, SimOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{Kept, PORTAL, World, contacts, now_micros, unlimited};

fn role() -> &'static dyn Poll {
    CONNECTOR.poll.unwrap()
}

#[tokio::test]
async fn the_past_is_read_to_its_end_wherever_it_is_cut() {
    let world = World::quick().await;
    world.sim.import(PORTAL, &contacts(0..450));
    let connection = world.connection();
    let mut kept = Kept { limit: 2, ..Kept::default() };
    let cut = role().backfill(&connection, "contacts", &kept.place(0), &mut kept).await;
    assert!(matches!(cut, Err(Failure::Retry { .. })), "{cut:?}");
    kept.limit = usize::MAX;
    let place = kept.place(0);
    role().backfill(&connection, "contacts", &place, &mut kept).await.unwrap();
    assert_eq!((kept.addresses().len(), kept.pages), (450, 5));
    world.assert_right();
}

#[tokio::test]
async fn changes_are_found_beyond_the_window_and_within_one_millisecond() {
    let world = World::quick().await;
    // An import of more than a search shows at all, of one millisecond; and changes about it.
    let since = now_micros();
    world.sim.add(PORTAL, &[("email", "first@x.mx")]);
    let ids = world.sim.import(PORTAL, &contacts(0..10_300));
    world.sim.add(PORTAL, &[("email", "last@x.mx")]);
    let connection = world.connection();
    // The pace of searches is held elsewhere.
    let _ = connection.api.in_lane("search", Duration::from_millis(1));
    let mut kept = Kept::default();
    let place = kept.place(since);
    role().poll(&connection, "contacts", &place, &mut kept).await.unwrap();
    assert_eq!(kept.addresses().len(), 10_302);
    let calls = world.calls().len();
    assert!(calls <= 56, "{calls} calls for 52 pages");
    // What changes while it is read is read, and nothing is skipped for it.
    let before = kept.cursor.clone();
    world.sim.set_faults(Faults::default());
    world.sim.change(PORTAL, ids[7], "firstname", "Ana");
    let mut kept = Kept { cursor: before, ..Kept::default() };
    let place = kept.place(since);
    role().poll(&connection, "contacts", &place, &mut kept).await.unwrap();
    assert!(kept.events.values().any(|event| event.traits.contains_key("first_name")));
    world.assert_right();
}

#[tokio::test]
async fn contacts_that_change_while_they_are_read_hide_no_others() {
    let world = Arc::new(World::quick().await);
    let since = now_micros();
    let mut ids = Vec::new();
    for number in 0..900 {
        ids.push(world.sim.add(PORTAL, &[("email", &format!("p{number}@x.mx"))]));
    }
    let (moving, connection) = (Arc::clone(&world), world.connection());
    let on_page = move |page: usize| {
        for id in ids.iter().skip(page * 50).take(50) {
            moving.sim.change(PORTAL, *id, "city", "Lima");
        }
    };
    let mut kept = Kept { on_page: Box::new(on_page), ..Kept::default() };
    let place = kept.place(since);
    role().poll(&connection, "contacts", &place, &mut kept).await.unwrap();
    assert_eq!(kept.addresses().len(), 900);
    world.assert_right();
}

#[tokio::test]
async fn an_index_that_is_late_is_waited_for() {
    let lag = Duration::from_millis(400);
    let world = World::start(SimOptions { search_lag: lag, ..unlimited() }).await;
    let since = now_micros();
    let (connection, mut kept) = (world.connection(), Kept::default());
    let late = world.sim.add(PORTAL, &[("email", "late@x.mx")]);
    let place = kept.place(since);
    role().poll(&connection, "contacts", &place, &mut kept).await.unwrap();
    assert!(kept.addresses().is_empty());
    tokio::time::sleep(lag).await;
    let place = kept.place(since);
    role().poll(&connection, "contacts", &place, &mut kept).await.unwrap();
    assert!(kept.addresses().contains("late@x.mx"), "{late}");
}

#[tokio::test]
async fn what_is_pointed_at_is_read_and_only_what_is_gone_is_forgotten() {
    let world = World::quick().await;
    let add = |email: &str| world.sim.add(PORTAL, &[("email", email), ("hs_email_optout", "true")]);
    let [here, gone, merged, kept] = ["here@x.mx", "gone@x.mx", "merged@x.mx", "kept@x.mx"].map(add);
    world.sim.delete(PORTAL, gone);
    world.sim.merge(PORTAL, kept, merged);
    let pointer = |kind: &str, id: u64| Pointer { kind: kind.to_owned(), id: id.to_string() };
    let asked = [
        pointer("contact", here),
        pointer("gone_contact", gone),
        pointer("gone_contact", merged),
        pointer("gone_contact", here),
        pointer("contact", 999_999),
    ];
    let facts = role().fetch(&world.connection(), &asked, Time(now_micros())).await.unwrap();
    let who: Vec<String> = facts.events.iter().flat_map(|one| &one.identities).map(|one| one.canonical()).collect();
    for name in [format!("crm:{here}"), format!("crm:{merged}"), "email:merged@x.mx".to_owned()] {
        assert!(who.contains(&name), "{name} in {who:?}");
    }
    let [Request::Forget { identities }] = &facts.requests[..] else { panic!("{:?}", facts.requests) };
    assert_eq!(identities[0].canonical(), format!("crm:{gone}"));
    let said = &facts.events[0].consent[0];
    assert_eq!((said.state, said.address.as_str()), (ConsentState::Unsubscribed, "here@x.mx"));
    assert_eq!(world.calls(), ["POST /crm/v3/objects/contacts/batch/read"]);
    world.assert_right();
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_use_what_the_platform_allows_and_are_not_refused() {
    let world = World::start(SimOptions::default()).await;
    let since = now_micros();
    world.sim.import(PORTAL, &contacts(0..3_000));
    let connection = world.connection_at(
        world.sim.base(),
        Arc::new(FixedToken(world.token.as_str().into())),
        Pace { calls_per_second: 1_000, ..CONNECTOR.limits },
    );
    let (mut kept, began) = (Kept::default(), Instant::now());
    let place = kept.place(since);
    role().poll(&connection, "contacts", &place, &mut kept).await.unwrap();
    let (calls, took) = (world.exchanges(), began.elapsed().as_secs_f64());
    assert_eq!(kept.addresses().len(), 3_000);
    assert!(calls.iter().all(|call| call.status == 200), "one was refused");
    let share = (calls.len() as f64 - 1.0) / took / 5.0;
    assert!((0.90..=1.0).contains(&share), "{share:.3} of 5 a second");
}

#[tokio::test]
async fn an_account_that_others_use_up_is_waited_for() {
    let limits = Limits { ten_seconds: 110, ..Limits::default() };
    let world = World::start(SimOptions { limits, ..SimOptions::default() }).await;
    let ids = world.sim.import(PORTAL, &contacts(0..1));
    let (ours, others) = (world.connection(), world.connection());
    let point = [Pointer { kind: "contact".to_owned(), id: ids[0].to_string() }];
    let received = Time(now_micros());
    for _ in 0..107 {
        role().fetch(&others, &point, received).await.unwrap();
    }
    role().fetch(&ours, &point, received).await.unwrap();
    let wait = ours.api.pace().blocked_for().unwrap_or_default();
    assert!(wait > Duration::from_secs(3) && wait <= Duration::from_secs(5), "{wait:?}");
}
