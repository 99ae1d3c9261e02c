//! A list is brought to what is asked, and read back.

mod support;

use kit::failure::Failure;
use segmentd_simulators::hubspot::{Fault, Faults};
use serde_json::json;
use std::collections::BTreeSet;
use support::{LIST, PORTAL, World, batch, both, change, contact, contacts, held, reasons};

const UPSERT: &str = "POST /crm/v3/objects/contacts/batch/upsert";
const READ: &str = "POST /crm/v3/objects/contacts/batch/read";

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn contacts_are_found_made_put_in_and_taken_out() {
    let world = World::quick().await;
    world.sim.import(PORTAL, &[contact("ana@x.mx"), contact("luis@x.mx")]);
    let list = world.list(json!({ "properties": { "firstname": "first_name" } }));
    let mut eva = change("eva@x.mx", true);
    eva.fields.insert("first_name".to_owned(), "Eva".to_owned());
    assert_eq!(list.push(&batch(vec![change("ana@x.mx", true), eva])).await.unwrap(), []);
    assert_eq!(world.members(), set(&["ana@x.mx", "eva@x.mx"]));
    let made = world.sim.contacts(PORTAL).into_iter().find(|one| one.properties["email"] == "eva@x.mx").unwrap();
    assert_eq!(made.properties["firstname"], "Eva");
    let named = "GET /crm/v3/lists/object-type-id/0-1/name/VIP";
    let change = "PUT /crm/v3/lists/42/memberships/add-and-remove";
    assert_eq!(world.calls(), [READ, UPSERT, named, "POST /crm/v3/lists", change]);
    // Twice is as once.
    for _ in 0..2 {
        assert_eq!(list.push(&both(&["luis@x.mx"], &["ana@x.mx", "nobody@x.mx"])).await.unwrap(), []);
    }
    assert_eq!(world.members(), set(&["eva@x.mx", "luis@x.mx"]));
    assert!(!world.calls().contains(&UPSERT.to_owned()), "a removal makes no contact");
    assert_eq!(held(list.as_ref()).await, world.members());
    let asked = ["eva@x.mx", "ana@x.mx", "nobody@x.mx"].map(str::to_owned);
    assert_eq!(list.holds(&asked).await.unwrap(), ["eva@x.mx"]);
    world.assert_right();
}

#[tokio::test]
async fn one_that_is_refused_keeps_nobody_out() {
    let world = World::quick().await;
    let blocked = world.sim.add(PORTAL, &[("email", "never@x.mx")]);
    world.sim.delete_for_good(PORTAL, blocked);
    let two = world.sim.import(PORTAL, &[contact("main@x.mx"), contact("old@x.mx")]);
    world.sim.merge(PORTAL, two[0], two[1]);
    let list = world.list(json!({ "properties": { "unknown_one": "x" } }));
    let mut eva = change("eva@x.mx", true);
    eva.fields.insert("x".to_owned(), "1".to_owned());
    let changes = ["never@x.mx", "no..address@x", "old@x.mx", "luis@x.mx"].map(|one| change(one, true));
    let refused = list.push(&batch(changes.into_iter().chain([eva]).collect())).await.unwrap();
    let why = reasons(&refused);
    assert_eq!(why.keys().copied().collect::<Vec<_>>(), ["never@x.mx", "no..address@x", "old@x.mx"]);
    assert!(why["never@x.mx"].contains("deleted for good"), "{why:?}");
    assert!(why["no..address@x"].contains("invalid"), "{why:?}");
    assert!(why["old@x.mx"].contains("another address"), "{why:?}");
    assert_eq!(world.members(), set(&["eva@x.mx", "luis@x.mx"]));
    let list = world.list(json!({ "list": "Others", "add_contacts": false }));
    let refused = list.push(&both(&["main@x.mx", "stranger@x.mx"], &[])).await.unwrap();
    assert_eq!(reasons(&refused), [("stranger@x.mx", "not a contact of the account")].into());
    world.assert_right();
}

#[tokio::test]
async fn contacts_that_went_or_moved_since_are_told_from_those_who_are_there() {
    let world = World::quick().await;
    let ids = world.sim.import(PORTAL, &[contact("ana@x.mx"), contact("luis@x.mx"), contact("eva@x.mx")]);
    let list = world.list(json!({}));
    list.push(&both(&["ana@x.mx", "luis@x.mx", "eva@x.mx"], &[])).await.unwrap();
    list.push(&both(&[], &["ana@x.mx", "eva@x.mx"])).await.unwrap();
    world.sim.delete(PORTAL, ids[0]);
    world.sim.change(PORTAL, ids[2], "email", "moved@x.mx");
    assert_eq!(list.push(&both(&["ana@x.mx"], &[])).await.unwrap(), []);
    assert_eq!(world.members(), set(&["ana@x.mx", "luis@x.mx"]));
    let contacts = world.sim.contacts(PORTAL);
    assert_eq!(contacts.iter().filter(|one| one.properties["email"] == "ana@x.mx").count(), 2, "a new one");
    // One that was merged since takes nobody out.
    let more = world.sim.import(PORTAL, &[contact("first@x.mx"), contact("second@x.mx")]);
    list.push(&both(&["first@x.mx", "second@x.mx"], &[])).await.unwrap();
    world.sim.merge(PORTAL, more[0], more[1]);
    list.push(&both(&[], &["second@x.mx"])).await.unwrap();
    assert_eq!(world.members(), set(&["ana@x.mx", "first@x.mx", "luis@x.mx"]));
    // A list that was deleted is made again.
    world.sim.delete_list(PORTAL, LIST);
    assert_eq!(list.push(&both(&["luis@x.mx"], &[])).await.unwrap(), []);
    assert_eq!(world.members(), set(&["luis@x.mx"]));
    world.assert_right();
}

#[tokio::test]
async fn a_list_that_is_not_ours_to_keep_is_refused() {
    let world = World::quick().await;
    world.sim.add_dynamic_list(PORTAL, LIST);
    let refused = world.list(json!({})).push(&both(&["ana@x.mx"], &[])).await;
    assert!(matches!(&refused, Err(Failure::Refused(why)) if why.contains("by filters")), "{refused:?}");
    let mut connection = world.connection();
    connection.scopes.retain(|scope| scope != "crm.lists.write");
    let refused = support::destination(connection, json!({ "list": LIST })).err();
    assert!(matches!(&refused, Some(Failure::Refused(why)) if why.contains("crm.lists.write")), "{refused:?}");
    world.assert_right();
}

#[tokio::test]
async fn who_is_erased_is_deleted_as_the_list_says() {
    for (erase, left, blocked) in [("leave", 2, false), ("archive", 1, false), ("delete", 1, true)] {
        let world = World::quick().await;
        world.sim.import(PORTAL, &[contact("ana@x.mx"), contact("luis@x.mx")]);
        let list = world.list(json!({ "erase": erase }));
        list.push(&both(&["ana@x.mx", "luis@x.mx"], &[])).await.unwrap();
        let mut gone = change("ana@x.mx", false);
        gone.cause = "erasure".to_owned();
        for _ in 0..2 {
            list.push(&batch(vec![gone.clone()])).await.unwrap();
        }
        let alive = world.sim.contacts(PORTAL).iter().filter(|one| !one.archived).count();
        assert_eq!((alive, world.members()), (left, set(&["luis@x.mx"])), "{erase}");
        let again = list.push(&both(&["ana@x.mx"], &[])).await.unwrap();
        assert_eq!(!again.is_empty(), blocked, "{erase}");
        world.assert_right();
    }
}

#[tokio::test]
async fn large_lists_take_the_fewest_calls_and_end_equal_through_faults() {
    let world = World::quick().await;
    world.sim.import(PORTAL, &contacts(0..1_500));
    let list = world.list(json!({}));
    let names: Vec<String> = (0..2_000).map(|number| format!("p{number:05}@example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for part in names[..1_000].chunks(1_000) {
        list.push(&both(part, &[])).await.unwrap();
    }
    let calls = world.calls();
    let count = |calls: &[String], part: &str| calls.iter().filter(|call| call.contains(part)).count();
    assert_eq!((count(&calls, "batch/read"), count(&calls, "add-and-remove")), (10, 1));
    // The other half in, the first out: 1,000 and 1,000 in one call.
    list.push(&both(&names[1_000..], &names[..1_000])).await.unwrap();
    let calls = world.calls();
    let made = (count(&calls, "batch/read"), count(&calls, "batch/upsert"), count(&calls, "add-and-remove"));
    assert_eq!(made, (20, 5, 1));
    let faults = Faults { seed: 3, internal: 30, lost_answer: 30, drop_after: 20, ..Faults::default() };
    world.sim.set_faults(Faults { script: vec![Fault::LostAnswer, Fault::DropAfter], ..faults });
    let mut tries = 0;
    while let Err(why) = list.push(&both(&names[..1_000], &names[1_000..])).await {
        assert!(matches!(why, Failure::Retry { .. }), "{why}");
        tries += 1;
        assert!(tries < 50);
    }
    world.sim.set_faults(Faults::default());
    // What failed is made again, and nothing else with it.
    let (failed, done): (Vec<_>, Vec<_>) = world.exchanges().into_iter().partition(|one| one.faulted);
    assert!(!failed.is_empty(), "nothing failed");
    assert_eq!((tries, done.len()), (0, 21));
    let wanted: BTreeSet<String> = names[..1_000].iter().map(|name| (*name).to_owned()).collect();
    assert_eq!((world.members(), held(list.as_ref()).await), (wanted.clone(), wanted));
    world.assert_right();
}

#[tokio::test]
async fn strangers_in_the_list_are_told_by_address_or_number_and_can_be_taken_out() {
    let world = World::quick().await;
    let nameless = world.sim.add(PORTAL, &[("firstname", "Nobody")]);
    let id = world.sim.add(PORTAL, &[("email", "Stranger@X.mx")]);
    world.sim.edit_list(PORTAL, LIST, &[nameless, id], &[]);
    let list = world.list(json!({}));
    let found = held(list.as_ref()).await;
    assert_eq!(found, BTreeSet::from([format!("contact:{nameless}"), "stranger@x.mx".to_owned()]));
    let found: Vec<String> = found.into_iter().collect();
    assert_eq!(list.holds(&found).await.unwrap(), found);
    let removes: Vec<&str> = found.iter().map(String::as_str).collect();
    list.push(&both(&[], &removes)).await.unwrap();
    assert!(world.members().is_empty() && held(list.as_ref()).await.is_empty());
    world.assert_right();
}
