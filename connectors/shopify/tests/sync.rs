//! Membership as customer tags, against a scripted shop that keeps tags.

mod support;

use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::sync::{Batch, Change, Destination};
use segmentd_connector_shopify::CONNECTOR;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Call, Reply, SHOP, Shop, connection};

type Tags = Arc<Mutex<BTreeMap<u64, Vec<String>>>>;

fn number(gid: &str) -> u64 {
    gid.strip_prefix("gid://shopify/Customer/").unwrap().parse().unwrap()
}

/// Does what a document of aliased changes says.
fn change(call: &Call, tags: &mut BTreeMap<u64, Vec<String>>) -> Value {
    let document = call.body["query"].as_str().unwrap();
    let tag = call.variable("tags")[0].as_str().unwrap().to_owned();
    let mut data = Map::new();
    for line in document.lines().filter(|line| line.trim_start().starts_with('m') && line.contains(": tags")) {
        let (alias, rest) = line.trim().split_once(": ").unwrap();
        let variable = rest.split_once("id: $").unwrap().1.split(',').next().unwrap();
        let id = number(call.variable(variable).as_str().unwrap());
        let errors = match tags.get_mut(&id) {
            None => json!([{ "field": ["id"], "message": "Customer does not exist" }]),
            Some(_) if id == 13 => json!([{ "field": ["tags"], "message": "250 tags are too many" }]),
            Some(tags) => {
                tags.retain(|one| !one.eq_ignore_ascii_case(&tag));
                if rest.starts_with("tagsAdd") {
                    tags.push(tag.clone());
                }
                json!([])
            }
        };
        data.insert(alias.to_owned(), json!({ "userErrors": errors }));
    }
    data.into()
}

async fn shop(tags: Tags) -> Shop {
    Shop::start(move |call| {
        let mut tags = tags.lock().unwrap();
        let node = |id: &u64, tags: &Vec<String>| json!({ "id": format!("gid://shopify/Customer/{id}"), "tags": tags });
        match call.operation() {
            "Tags" => Reply::data(change(call, &mut tags)),
            "Tagged" => {
                assert_eq!(call.variable("query"), "tag:'segmentd-vip'");
                let after: u64 = call.variable("after").as_str().map_or(0, |after| after.parse().unwrap());
                let found: Vec<_> = tags.iter().filter(|(id, _)| **id > after).take(2).collect();
                let last = found.last().map(|(id, _)| id.to_string());
                let more = found.last().is_some_and(|(id, _)| tags.range(*id + 1..).next().is_some());
                let nodes: Vec<Value> = found.iter().map(|(id, tags)| node(id, tags)).collect();
                let info = json!({ "hasNextPage": more, "endCursor": last });
                Reply::data(json!({ "customers": { "nodes": nodes, "pageInfo": info } }))
            }
            "TagsById" => {
                let ids = call.variable("ids").as_array().unwrap();
                let found = |gid: &Value| {
                    let id = number(gid.as_str().unwrap());
                    tags.get(&id).map_or(Value::Null, |tags| node(&id, tags))
                };
                Reply::data(json!({ "nodes": ids.iter().map(found).collect::<Vec<_>>() }))
            }
            other => panic!("{other}"),
        }
    })
    .await
}

fn setup(connection: Option<Connection>, settings: Value) -> DestinationSetup {
    DestinationSetup {
        address: String::new(),
        secrets: Vec::new(),
        allow_private: true,
        connection: connection.map(Arc::new),
        settings: settings.as_object().unwrap().clone(),
        ..DestinationSetup::default()
    }
}

fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    (CONNECTOR.sync.unwrap().connect)(setup)
}

fn batch(changes: &[(&str, bool)]) -> Batch {
    let change = |(identifier, member): &(&str, bool)| Change {
        identifier: (*identifier).to_owned(),
        person: "p_1".to_owned(),
        member: *member,
        sequence: 1,
        at: "2026-11-24T10:00:00Z".to_owned(),
        cause: "event".to_owned(),
        fields: BTreeMap::new(),
    };
    let (list, segment) = ("news".to_owned(), "vip".to_owned());
    Batch { id: "b1".to_owned(), list, segment, first_sync: false, changes: changes.iter().map(change).collect() }
}

async fn held(destination: &dyn Destination) -> Vec<String> {
    let (mut held, mut after) = (Vec::new(), None);
    for _ in 0..20 {
        let page = destination.held(after.as_deref()).await.unwrap();
        held.extend(page.held);
        after = page.next;
        if after.is_none() {
            return held;
        }
    }
    panic!("pages without end");
}

#[tokio::test]
async fn members_get_the_tag_and_lose_it() {
    let theirs = || vec!["wholesale".to_owned()];
    let tags: Tags = Arc::new(Mutex::new((1..=5).map(|id| (id, theirs())).collect()));
    tags.lock().unwrap().insert(13, vec!["SEGMENTD-VIP".to_owned()]);
    let shop = shop(tags.clone()).await;
    let destination = connect(&setup(Some(connection(&shop.base)), json!({ "tag": "segmentd-vip" }))).unwrap();
    assert_eq!(destination.identity(), format!("shopify {SHOP} tag segmentd-vip"));
    for _ in 0..2 {
        let refused = destination.push(&batch(&[("1", true), ("2", true), ("3", false), ("4", true)])).await.unwrap();
        assert!(refused.is_empty());
    }
    assert_eq!(held(destination.as_ref()).await, ["1", "2", "4", "13"]);
    assert_eq!(tags.lock().unwrap()[&1], ["wholesale", "segmentd-vip"]);
    let changes = [("1", false), ("2", true), ("13", false), ("99", true), ("98", false), ("x@y.com", true)];
    let refused = destination.push(&batch(&changes)).await.unwrap();
    let reasons: BTreeMap<&str, &str> =
        refused.iter().map(|refusal| (refusal.identifier.as_str(), refusal.reason.as_str())).collect();
    assert_eq!(reasons.keys().copied().collect::<Vec<_>>(), ["13", "99", "x@y.com"], "who is gone has no tag");
    assert_eq!(reasons["99"], "Customer does not exist");
    for refusal in &refused {
        assert_eq!(destination.passes_after(refusal), Some(Duration::from_secs(3600)), "{refusal:?}");
    }
    assert_eq!(held(destination.as_ref()).await, ["2", "4", "13"]);
    let asked = ["1", "2", "13", "99", "x"].map(str::to_owned);
    assert_eq!(destination.holds(&asked).await.unwrap(), ["2", "13"]);
    assert_eq!(tags.lock().unwrap()[&1], ["wholesale"], "tags of others stay");
}

#[tokio::test]
async fn many_changes_are_few_calls() {
    let tags: Tags = Arc::new(Mutex::new((101..=220).map(|id| (id, Vec::new())).collect()));
    let shop = shop(tags).await;
    let destination = connect(&setup(Some(connection(&shop.base)), json!({ "tag": "segmentd-vip" }))).unwrap();
    let ids: Vec<String> = (101..=220).map(|id: u32| id.to_string()).collect();
    let changes: Vec<(&str, bool)> = ids.iter().map(|id| (id.as_str(), true)).collect();
    assert!(destination.push(&batch(&changes)).await.unwrap().is_empty());
    assert_eq!(shop.count("Tags"), 3);
    assert_eq!(destination.holds(&ids).await.unwrap().len(), 120);
    assert_eq!(shop.count("TagsById"), 1);
    let capabilities = destination.capabilities();
    assert!(capabilities.read_back && capabilities.read_lag_s >= 60 && capabilities.batch_changes_max == 50);
}

#[tokio::test]
async fn a_call_that_fails_is_no_refusal() {
    let shop = Shop::start(|_| Reply::status(503, &json!({}))).await;
    let destination = connect(&setup(Some(connection(&shop.base)), json!({ "tag": "segmentd-vip" }))).unwrap();
    let failure = destination.push(&batch(&[("1", true)])).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "{failure}");
    let silent = Shop::start(|_| Reply::data(json!({}))).await;
    let destination = connect(&setup(Some(connection(&silent.base)), json!({ "tag": "segmentd-vip" }))).unwrap();
    let failure = destination.push(&batch(&[("1", true)])).await.unwrap_err();
    assert!(matches!(failure, Failure::PlatformChanged(_)), "{failure}");
}

#[test]
fn setups_say_what_is_wrong_with_them() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let shop = || Some(connection("http://127.0.0.1:1"));
    let mut powerless = connection("http://127.0.0.1:1");
    powerless.scopes.retain(|scope| scope != "write_customers");
    let cases = [
        (setup(None, json!({ "tag": "segmentd-vip" })), "connection"),
        (setup(shop(), json!({})), "tag"),
        (setup(shop(), json!({ "tag": "vip" })), "segmentd-"),
        (setup(shop(), json!({ "tag": "segmentd-vip", "tgas": 1 })), "tgas"),
        (setup(Some(powerless), json!({ "tag": "segmentd-vip" })), "write_customers"),
    ];
    for (setup, named) in cases {
        let failure = connect(&setup).err().unwrap();
        assert!(matches!(&failure, Failure::Refused(why) if why.contains(named)), "{named}: {failure}");
    }
}
