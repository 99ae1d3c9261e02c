//! Connecting a shop, against a scripted one.

mod support;

use kit::failure::Failure;
use kit::install::{AuthorizeRequest, Install};
use secrecy::ExposeSecret;
use segmentd_connector_shopify::CONNECTOR;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Reply, SHOP, Shop, connection, platform};

const HOOK: &str = "https://segmentd.example/hooks/shopify";

fn install() -> &'static dyn Install {
    CONNECTOR.install.unwrap()
}

#[test]
fn the_browser_is_sent_to_the_shop() {
    let request = AuthorizeRequest {
        account: SHOP,
        redirect_uri: "https://segmentd.example/back",
        state: "s1",
        settings: &kit::install::NO_SETTINGS,
    };
    let mut platform = platform("http://127.0.0.1:1");
    platform.address = None;
    let url = install().authorize(&platform, &request).unwrap();
    assert_eq!(url.host_str(), Some(SHOP));
    assert_eq!(url.path(), "/admin/oauth/authorize");
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let value = |name: &str| query.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str());
    assert_eq!(value("client_id"), Some("client-id-0001"));
    assert_eq!(value("redirect_uri"), Some("https://segmentd.example/back"));
    assert_eq!(value("state"), Some("s1"));
    assert!(value("scope").unwrap().starts_with("read_orders,read_all_orders,read_customers,"));
    let foreign = AuthorizeRequest { account: "evil.example", ..request };
    assert!(install().authorize(&platform, &foreign).is_err());
    platform.app = None;
    assert!(matches!(install().authorize(&platform, &request), Err(Failure::Refused(_))));
}

#[test]
fn accounts_have_one_spelling() {
    for typed in [SHOP, "Tienda-Ejemplo.myshopify.com", " https://tienda-ejemplo.myshopify.com/ "] {
        assert_eq!(install().account(typed).as_deref(), Ok(SHOP), "{typed}");
    }
    for typed in ["", "tienda", "tienda.example", "a.b.myshopify.com", "x.myshopify.com/admin"] {
        assert!(matches!(install().account(typed), Err(Failure::Refused(_))), "{typed}");
    }
}

#[tokio::test]
async fn codes_and_refresh_tokens_are_exchanged_as_the_platform_wants() {
    let shop = Shop::start(|call| match (call.number, call.body["grant_type"].as_str()) {
        (0, _) => Reply::json(&json!({ "access_token": "shpat_1", "scope": "write_customers,read_orders",
            "expires_in": 3600, "refresh_token": "shprt_1", "refresh_token_expires_in": 7_776_000 })),
        (1, Some("refresh_token")) => {
            Reply::json(&json!({ "access_token": "shpat_2", "scope": "read_orders", "refresh_token": "shprt_2" }))
        }
        (2, _) => Reply::status(400, &json!({ "error": "invalid_grant", "error_description": "used" })),
        (3, _) => Reply::status(401, &json!({ "errors": "no such app" })),
        _ => Reply::status(503, &json!({})),
    })
    .await;
    let platform = platform(&shop.base);
    let code = "0907a61c".into();
    let grant = install().exchange(&platform, &code, &begun(SHOP)).await.unwrap();
    assert_eq!(grant.access.expose_secret(), "shpat_1");
    assert_eq!(grant.expires_in, Some(Duration::from_secs(3_600)));
    assert_eq!(grant.refresh_expires_in, Some(Duration::from_secs(7_776_000)));
    assert_eq!(grant.scopes.as_deref(), Some(&["write_customers".to_owned(), "read_orders".to_owned()][..]));
    let call = shop.calls.lock().unwrap()[0].clone();
    assert_eq!(call.path, format!("/{SHOP}/admin/oauth/access_token"));
    for (name, value) in
        [("client_id", "client-id-0001"), ("client_secret", support::SECRET), ("code", "0907a61c"), ("expiring", "1")]
    {
        assert_eq!(call.body[name], value, "{name}");
    }
    let refresh = "shprt_1".into();
    let grant = install().refresh(&platform, SHOP, &refresh).await.unwrap();
    assert_eq!(grant.expires_in, Some(Duration::from_secs(3_600)), "an answer without its life");
    assert_eq!(grant.refresh.unwrap().expose_secret(), "shprt_2");
    assert_eq!(shop.calls.lock().unwrap()[1].body["refresh_token"], "shprt_1");
    for _ in 0..2 {
        let failure = install().refresh(&platform, SHOP, &refresh).await.unwrap_err();
        assert!(matches!(failure, Failure::NeedsAuthorization(_)), "{failure}");
    }
    let failure = install().refresh(&platform, SHOP, &refresh).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { .. }), "{failure}");
    assert!(install().exchange(&platform, &code, &begun("evil.example/x")).await.is_err());
    assert_eq!(shop.calls.lock().unwrap().len(), 5, "nothing is sent to what is no shop");
}

fn begun(account: &str) -> AuthorizeRequest<'_> {
    AuthorizeRequest {
        account,
        redirect_uri: "https://segmentd.example/back",
        state: "st",
        settings: &kit::install::NO_SETTINGS,
    }
}

fn who(domain: &str, scopes: &[&str]) -> Value {
    let handles: Vec<Value> = scopes.iter().map(|scope| json!({ "handle": scope })).collect();
    json!({ "shop": { "id": "gid://shopify/Shop/954889", "name": "Tienda", "myshopifyDomain": domain,
                      "currencyCode": "MXN", "ianaTimezone": "America/Mexico_City" },
            "currentAppInstallation": { "accessScopes": handles } })
}

#[tokio::test]
async fn the_shop_says_who_it_is_and_what_it_grants() {
    let shop =
        Shop::start(|_| Reply::data(who("Tienda-Ejemplo.myshopify.com", &["read_orders", "write_customers"]))).await;
    let found = install().identify(&connection(&shop.base), None).await.unwrap();
    assert_eq!((found.account.as_str(), found.name.as_str()), (SHOP, "Tienda"));
    assert_eq!(found.details["currency"], "MXN");
    assert_eq!(found.details["shop_id"], "954889");
    assert_eq!(found.details["time_zone"], "America/Mexico_City");
    assert_eq!(found.scopes, ["read_customers", "read_orders", "write_customers"]);
    assert!(found.missing.iter().any(|loss| loss.starts_with("read_all_orders: ")), "{:?}", found.missing);
    let cases = [
        (SHOP, &["read_orders"][..], "read_customers"),
        (SHOP, &["write_customers"][..], "read_orders"),
        ("other.myshopify.com", &["read_orders", "read_customers"][..], "other.myshopify.com"),
    ];
    for (domain, scopes, named) in cases {
        let shop = Shop::start(move |_| Reply::data(who(domain, scopes))).await;
        let failure = install().identify(&connection(&shop.base), None).await.unwrap_err();
        assert!(matches!(&failure, Failure::Refused(why) if why.contains(named)), "{failure}");
    }
}

/// A shop's subscriptions: id, topic, uri, filter.
type Hooks = Arc<Mutex<Vec<(String, String, String, Option<String>)>>>;

async fn hooked(hooks: Hooks) -> Shop {
    Shop::start(move |call| {
        let mut hooks = hooks.lock().unwrap();
        match call.operation() {
            "Hooks" => {
                let hook = |(id, topic, uri, filter): &(String, String, String, Option<String>)| {
                    json!({ "id": id, "topic": topic, "uri": uri, "format": "JSON", "filter": filter, "includeFields": [] })
                };
                // Two pages.
                let second = call.variable("after") == "half";
                let half = hooks.len() / 2;
                let page: Vec<Value> = if second { &hooks[half..] } else { &hooks[..half] }.iter().map(hook).collect();
                let info = json!({ "hasNextPage": !second, "endCursor": if second { "end" } else { "half" } });
                Reply::data(json!({ "webhookSubscriptions": { "nodes": page, "pageInfo": info } }))
            }
            "HookCreate" => {
                let topic = call.variable("topic").as_str().unwrap().to_owned();
                let uri = call.variable("hook")["uri"].as_str().unwrap().to_owned();
                let taken = hooks.iter().any(|(_, one, at, _)| *one == topic && *at == uri);
                let refused = taken || topic == "CUSTOMERS_MERGE";
                let errors = if refused { json!([{ "field": null, "message": "not allowed" }]) } else { json!([]) };
                if !refused {
                    hooks.push((format!("gid://shopify/WebhookSubscription/{}", call.number), topic, uri, None));
                }
                Reply::data(json!({ "webhookSubscriptionCreate": { "webhookSubscription": null, "userErrors": errors } }))
            }
            "HookDelete" => {
                hooks.retain(|(id, ..)| id != call.variable("id").as_str().unwrap());
                Reply::data(json!({ "webhookSubscriptionDelete": { "deletedWebhookSubscriptionId": "x", "userErrors": [] } }))
            }
            other => panic!("{other}"),
        }
    })
    .await
}

fn hook(id: &str, topic: &str, uri: &str, filter: Option<&str>) -> (String, String, String, Option<String>) {
    (id.to_owned(), topic.to_owned(), uri.to_owned(), filter.map(str::to_owned))
}

#[tokio::test]
async fn subscriptions_are_brought_to_what_they_should_be() {
    let hooks: Hooks = Arc::new(Mutex::new(vec![
        hook("right", "ORDERS_CREATE", HOOK, None),
        hook("double", "ORDERS_CREATE", HOOK, None),
        hook("filtered", "ORDERS_PAID", HOOK, Some("total_price:>100")),
        hook("moved", "ORDERS_UPDATED", "https://old.example/hooks/shopify", None),
        hook("foreign", "ORDERS_UPDATED", "https://somebody.example/else", None),
        hook("unwanted", "PRODUCTS_CREATE", HOOK, None),
    ]));
    let shop = hooked(hooks.clone()).await;
    let connection = connection(&shop.base);
    let done = install().register(&connection).await.unwrap();
    assert_eq!(done.kept, 1);
    assert_eq!(done.refused, ["CUSTOMERS_MERGE: not allowed"]);
    assert_eq!(done.made.len(), 20);
    {
        let hooks = hooks.lock().unwrap();
        let ours: Vec<&String> =
            hooks.iter().filter(|(_, _, uri, _)| uri == HOOK).map(|(_, topic, ..)| topic).collect();
        assert_eq!(ours.len(), 21);
        assert_eq!(ours.iter().collect::<BTreeSet<_>>().len(), 21, "one of each");
        assert!(hooks.iter().any(|(id, ..)| id == "right") && hooks.iter().any(|(id, ..)| id == "foreign"));
        assert_eq!(hooks.len(), 22);
    }
    let again = install().register(&connection).await.unwrap();
    assert_eq!((again.kept, again.made.len()), (21, 0), "done twice it changes nothing");
    // The platform deletes what failed too often.
    hooks.lock().unwrap().retain(|(_, topic, ..)| topic != "CARTS_UPDATE");
    assert_eq!(install().register(&connection).await.unwrap().made, ["CARTS_UPDATE"]);
    for _ in 0..2 {
        install().unregister(&connection).await.unwrap();
        assert_eq!(hooks.lock().unwrap().iter().map(|(id, ..)| id.as_str()).collect::<Vec<_>>(), ["foreign"]);
    }
}

#[tokio::test]
async fn topics_follow_the_scopes_and_need_an_address() {
    let hooks: Hooks = Arc::default();
    let shop = hooked(hooks.clone()).await;
    let mut connection = connection(&shop.base);
    connection.scopes = vec!["read_customers".to_owned()];
    let done = install().register(&connection).await.unwrap();
    assert!(done.made.contains(&"CUSTOMERS_UPDATE".to_owned()) && done.made.contains(&"APP_UNINSTALLED".to_owned()));
    assert!(!done.made.iter().any(|topic| topic.starts_with("ORDER") || topic.starts_with("CARTS")), "{:?}", done.made);
    let mut local = (*connection.platform).clone();
    local.public_url = String::new();
    connection.platform = Arc::new(local);
    let calls = shop.calls.lock().unwrap().len();
    let done = install().register(&connection).await.unwrap();
    assert!(done.made.is_empty() && done.refused[0].contains("public_url"));
    assert_eq!(shop.calls.lock().unwrap().len(), calls);
}

#[tokio::test]
async fn an_uninstalled_shop_has_nothing_to_take_back() {
    let shop = Shop::start(|_| Reply::status(401, &json!({ "errors": "[API] Invalid API key or access token" }))).await;
    install().unregister(&connection(&shop.base)).await.unwrap();
    let failure = install().register(&connection(&shop.base)).await.unwrap_err();
    assert!(matches!(failure, Failure::NeedsAuthorization(_)), "{failure}");
}
