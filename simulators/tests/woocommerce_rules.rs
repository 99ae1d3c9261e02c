//! The rules of the REST API that WooCommerce's simulator keeps: keys, lists, pages, what it refuses and how.

mod woocommerce_support;

use reqwest::Method;
use segmentd_simulators::woocommerce::Faults;
use serde_json::{Value, json};
use woocommerce_support::{Caller, PATH, order};

#[tokio::test]
async fn keys_are_shown_in_three_ways_and_may_what_they_may() {
    let caller = Caller::start(|_| {}).await;
    let status = async |url: String, key: Option<(&str, &str)>| {
        let request = caller.http.get(url);
        let request = match key {
            Some((key, secret)) => request.basic_auth(key, Some(secret)),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["code"].clone())
    };
    let (key, secret) = (caller.key.key.as_str(), caller.key.secret.as_str());
    assert_eq!(status(caller.url("orders"), Some((key, secret))).await, (200, Value::Null));
    let query = format!("orders?consumer_key={key}&consumer_secret={secret}");
    assert_eq!(status(caller.url(&query), None).await, (200, Value::Null));
    let cannot = (401, json!("woocommerce_rest_cannot_view"));
    assert_eq!(status(caller.url("orders"), None).await, cannot);
    assert_eq!(status(caller.url("orders"), Some(("ck_other", secret))).await, cannot, "taken for nobody");
    let wrong = (401, json!("woocommerce_rest_authentication_error"));
    assert_eq!(status(caller.url("orders"), Some((key, "cs_other"))).await, wrong);
    let reader = caller.store.make_key("read");
    let answer = caller.http.put(caller.url("webhooks/1")).basic_auth(&reader.key, Some(&reader.secret));
    let answer = answer.json(&json!({})).send().await.unwrap().json::<Value>().await.unwrap();
    assert!(answer["message"].as_str().unwrap().contains("write permissions"), "{answer}");
    caller.store.set_manages(false);
    assert_eq!(status(caller.url("orders"), Some((key, secret))).await, (403, json!("woocommerce_rest_cannot_view")));
    caller.store.revoke_keys();
    assert_eq!(status(caller.url("orders"), Some((key, secret))).await, cannot);
    let index = format!("{}/{PATH}/wp-json/", caller.sim.base());
    let index: Value = caller.http.get(index).send().await.unwrap().json().await.unwrap();
    assert!(index["namespaces"].to_string().contains("wc/v3") && index["home"] == "https://shop.example", "{index}");

    let deaf = Caller::start(|store| store.drops_authorization = true).await;
    assert_eq!(deaf.get("orders").await.0, 401);
    let plain = Caller::start(|store| store.tls = false).await;
    assert_eq!(plain.get("orders").await.0, 401, "a key in the open is not heeded");
    let part = format!("orders?oauth_consumer_key={}", plain.key.key);
    assert_eq!(plain.get(&part).await.1["code"], "woocommerce_rest_authentication_missing_parameter");
}

#[tokio::test]
async fn orders_are_listed_by_time_of_the_site_or_of_utc() {
    let caller = Caller::start(|_| {}).await;
    let first = caller.store.place(order("a@x.mx"));
    caller.store.advance(100);
    let second = caller.store.place(order("b@x.mx"));
    caller.store.advance(100);
    caller.store.touch(first);
    caller
        .store
        .place(segmentd_simulators::woocommerce::NewOrder { status: "checkout-draft".to_owned(), ..order("c@x.mx") });
    assert_eq!(caller.ids("orders").await, [second, first], "the newest first, and no drafts");
    assert_eq!(caller.ids("orders?orderby=modified&order=asc").await, [second, first]);
    let (_, one) = caller.get(&format!("orders/{second}")).await;
    let (gmt, own) = (one["date_modified_gmt"].as_str().unwrap(), one["date_modified"].as_str().unwrap());
    assert_ne!(gmt, own);
    let after = |bound: &str, more: &str| format!("orders?modified_after={bound}&orderby=modified&order=asc{more}");
    assert_eq!(caller.ids(&after(gmt, "&dates_are_gmt=true")).await, [first], "the bound is exclusive");
    assert_eq!(caller.ids(&after(own, "")).await, [first], "without a word they are times of the site");
    assert_eq!(caller.ids(&after(gmt, "")).await, Vec::<u64>::new());
    for (wrong, name) in
        [("per_page=101", "per_page"), ("orderby=total", "orderby"), ("after=soon", "after"), ("status=gone", "status")]
    {
        let (status, refused) = caller.get(&format!("orders?{wrong}")).await;
        assert_eq!((status, &refused["code"]), (400, &json!("rest_invalid_param")), "{wrong}");
        assert!(refused["data"]["params"][name].is_string(), "{refused}");
    }
    caller.store.trash(second);
    assert_eq!(caller.ids("orders").await, [first]);
    assert_eq!(caller.ids("orders?status=trash").await, [second]);
    assert_eq!(caller.get(&format!("orders/{second}")).await.1["status"], "trash");
    caller.store.delete(second);
    let (status, gone) = caller.get(&format!("orders/{second}")).await;
    assert_eq!((status, &gone["code"]), (404, &json!("woocommerce_rest_shop_order_invalid_id")));

    let old = Caller::start(|store| (store.before_5_8, store.before_9_0) = (true, true)).await;
    let id = old.store.place(order("a@x.mx"));
    assert_eq!(old.get("orders?orderby=modified").await.0, 400);
    assert_eq!(old.ids("orders?modified_after=2200-01-01T00:00:00").await, [id], "what is not known is not seen");
    assert_eq!(old.get("refunds").await.1["code"], "rest_no_route");
}

#[tokio::test]
async fn pages_end_and_tell_how_many_there_are() {
    let caller = Caller::start(|_| {}).await;
    for number in 0..23 {
        caller.store.add_customer(&format!("c{number:02}@x.mx"), &format!("N{number:02}"), "", "customer");
    }
    caller.store.add_customer("s@x.mx", "Zoe", "", "subscriber");
    assert_eq!(caller.ids("customers").await.len(), 10);
    assert_eq!(caller.ids("customers?per_page=100").await.len(), 23, "other roles are hidden");
    assert_eq!(caller.ids("customers?per_page=100&role=all").await.len(), 24);
    assert_eq!(caller.ids("customers?page=9").await, Vec::<u64>::new());
    assert_eq!(caller.get("customers?orderby=modified").await.0, 400);
    let url = caller.url("customers?per_page=5&offset=20&_fields=id");
    let answer = caller.http.get(url).basic_auth(&caller.key.key, Some(&caller.key.secret)).send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("x-wp-total"), header("x-wp-totalpages")), ("23".to_owned(), "5".to_owned()));
    let rows: Value = answer.json().await.unwrap();
    assert_eq!((rows.as_array().unwrap().len(), rows[0].as_object().unwrap().len()), (3, 1), "{rows}");
}

#[tokio::test]
async fn money_is_text_and_refunds_stand_apart() {
    let caller = Caller::start(|_| {}).await;
    let id = caller.store.place(order("a@x.mx"));
    let refund = caller.store.refund(id, "4.00".parse().unwrap());
    let (_, shown) = caller.get(&format!("orders/{id}")).await;
    assert_eq!((&shown["total"], &shown["status"]), (&json!("10.00"), &json!("processing")), "the total stays");
    assert!(shown["line_items"][0]["price"].to_string().starts_with("3.3333333"), "{shown}");
    assert_eq!(shown["refunds"], json!([{"id": refund, "reason": "", "total": "-4.00"}]));
    assert_eq!((&shown["customer_id"], shown["date_paid_gmt"].is_string()), (&json!(0), true));
    assert_eq!(shown["shipping"], json!([]), "PHP's empty object");
    let (_, refunds) = caller.get(&format!("orders/{id}/refunds")).await;
    assert_eq!((&refunds[0]["amount"], refunds[0]["parent_id"].is_null()), (&json!("4.00"), true));
    let (_, all) = caller.get("refunds").await;
    assert_eq!((&all[0]["id"], &all[0]["parent_id"]), (&json!(refund), &json!(id)));
    caller.store.refund(id, "6.00".parse().unwrap());
    assert_eq!(caller.get(&format!("orders/{id}")).await.1["status"], "refunded");
}

#[tokio::test]
async fn hosts_throttle_and_fail() {
    let caller = Caller::start(|store| store.calls_per_second = Some(3)).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(caller.get("orders").await.0);
    }
    assert_eq!(statuses[..3], [200; 3]);
    assert!(statuses[3..].contains(&429), "{statuses:?}");
    let caller = Caller::start(|_| {}).await;
    let page = async |faults: Faults| {
        caller.store.set_faults(faults);
        let answer = caller.http.get(caller.url("orders")).basic_auth(&caller.key.key, Some(&caller.key.secret));
        let answer = answer.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap().starts_with("<!DOCTYPE"))
    };
    assert_eq!(page(Faults { down: true, ..Faults::default() }).await, (503, true));
    assert_eq!(page(Faults { page: 1000, ..Faults::default() }).await, (200, true));
    assert_eq!(page(Faults { critical: 1000, ..Faults::default() }).await, (500, false));
    assert_eq!(page(Faults { lost_answer: 1000, ..Faults::default() }).await, (504, true));
    assert_eq!(page(Faults::default()).await, (200, false));
    let bad = caller.store.place(order("a@x.mx"));
    assert_eq!(page(Faults { poisoned_order: Some(bad), ..Faults::default() }).await, (500, false));
    let (status, _) = caller.send(Method::GET, "nothing", Value::Null).await;
    assert_eq!((status, caller.store.counters().wrong.len()), (404, 1));
}
