//! The Admin GraphQL API: documents, pages, filters, cost, access.

mod shopify_support;

use rust_decimal::Decimal;
use segmentd_simulators::shopify::{
    Address, Consent, CostOptions, CustomerChange, Goods, NewOrder, NewRefund, Payment, ProtectedData, Shop, ShopifySim,
};
use serde_json::{Value, json};
use shopify_support::{SHOP, ask, client, data, installed, options, sdl};
use std::time::Duration;

const ORDERS: &str = "query($q:String,$c:String){ orders(first:10,after:$c,query:$q,sortKey:UPDATED_AT){
 pageInfo{hasNextPage endCursor} nodes{ id name test createdAt processedAt updatedAt cancelledAt
 displayFinancialStatus sourceName email phone customer{id} cartToken checkoutToken currencyCode
 totalPriceSet{shopMoney{amount} presentmentMoney{amount currencyCode}} netPaymentSet{shopMoney{amount}}
 totalRefundedSet{shopMoney{amount}} lineItems(first:10){nodes{id title sku quantity currentQuantity product{id}
 variant{id} discountedTotalSet{shopMoney{amount}}}} } } }";

const CUSTOMERS: &str = "query($q:String,$c:String){ customers(first:100,after:$c,query:$q,sortKey:UPDATED_AT){
 pageInfo{hasNextPage endCursor} nodes{ id firstName lastName locale state tags createdAt updatedAt numberOfOrders
 amountSpent{amount currencyCode} defaultEmailAddress{emailAddress marketingState marketingOptInLevel
 marketingUpdatedAt} defaultPhoneNumber{phoneNumber smsMarketingConsent{state updatedAt}}
 defaultAddress{countryCodeV2 provinceCode city zip} } } }";

fn money(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn someone(email: &str) -> CustomerChange {
    CustomerChange { email: Some(email.to_owned()), ..CustomerChange::default() }
}

fn order(customer: u64, price: &str) -> NewOrder {
    NewOrder { customer: Some(customer), lines: vec![Goods::of("Shirt", 2, money(price))], ..NewOrder::default() }
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn the_documents_of_the_sheet_run_and_say_what_is_true() {
    let (sim, shop, tokens) = installed(options()).await;
    let token = &tokens.access_token;
    let address = Address {
        city: "Puebla".to_owned(),
        province_code: "PUE".to_owned(),
        country_code: "MX".to_owned(),
        zip: "72000".to_owned(),
        ..Address::default()
    };
    let ana = CustomerChange {
        first_name: Some("Ana".to_owned()),
        phone: Some("+525512345678".to_owned()),
        tags: Some(vec!["vip".to_owned()]),
        email_consent: Some(Consent::since("subscribed", 1_772_366_400)),
        address: Some(address),
        ..someone("ana@example.com")
    };
    let ana = shop.add_customer(ana).unwrap();
    let dollars = NewOrder {
        presentment_currency: Some("USD".to_owned()),
        rate: Some(money("0.05")),
        shipping: money("50"),
        ..order(ana, "100.00")
    };
    let id = shop.create_order(dollars).unwrap();
    let back = NewRefund { amount: Some(money("30")), lines: vec![(0, 1)], ..NewRefund::default() };
    shop.refund_order(id, back).unwrap();
    let answer = ask(&shop, token, ORDERS, json!({})).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    let found = &answer["data"]["orders"]["nodes"][0];
    assert_eq!(found["id"], format!("gid://shopify/Order/{id}"));
    assert_eq!(found["displayFinancialStatus"], "PARTIALLY_REFUNDED");
    assert_eq!(found["totalPriceSet"]["shopMoney"]["amount"], "250.0");
    let shown = json!({"amount": "12.5", "currencyCode": "USD"});
    assert_eq!(found["totalPriceSet"]["presentmentMoney"], shown);
    assert_eq!(found["netPaymentSet"]["shopMoney"]["amount"], "220.0");
    let line = &found["lineItems"]["nodes"][0];
    assert_eq!((&line["quantity"], &line["currentQuantity"]), (&json!(2), &json!(1)));
    assert!(id > 1 << 53, "numbers are beyond what a JavaScript number keeps");
    let cost = &answer["extensions"]["cost"];
    assert!((600..650).contains(&cost["requestedQueryCost"].as_u64().unwrap()), "{cost}");
    assert!(cost["actualQueryCost"].as_u64().unwrap() < 40, "{cost}");
    let found = &data(&shop, token, CUSTOMERS, json!({})).await["customers"]["nodes"][0].clone();
    assert_eq!(found["amountSpent"], json!({"amount": "220.0", "currencyCode": "MXN"}));
    assert_eq!((&found["numberOfOrders"], &found["tags"]), (&json!("1"), &json!(["vip"])));
    assert_eq!(found["defaultEmailAddress"]["marketingState"], "SUBSCRIBED");
    assert_eq!(found["defaultEmailAddress"]["marketingUpdatedAt"], "2026-03-01T12:00:00Z");
    assert_eq!(found["defaultPhoneNumber"]["smsMarketingConsent"]["state"], "NOT_SUBSCRIBED");
    let truth = &shop.truth()[0];
    assert_eq!((truth.net_spent, truth.orders, truth.purchases), (money("220"), 1, Some(1)));
    assert_eq!(sim.requests().refused.len(), 0);
}

#[tokio::test]
async fn aliases_fragments_and_nodes_work() {
    let (_sim, shop, tokens) = installed(options()).await;
    let ana = shop.add_customer(someone("ana@example.com")).unwrap();
    let id = shop.create_order(order(ana, "10")).unwrap();
    let query = "query($ids: [ID!]!, $skip: Boolean = true) {
      here: shop { name @skip(if: $skip) domain: myshopifyDomain currencyCode ...zone }
      nodes(ids: $ids) { __typename id ... on Order { name customer { ...person } } ... on Customer { tags } }
      order(id: \"gid://shopify/Order/1\") { id }
      currentAppInstallation { accessScopes { handle } }
    } fragment zone on Shop { ianaTimezone } fragment person on Customer { email: defaultEmailAddress { emailAddress } }";
    let ids =
        json!([format!("gid://shopify/Order/{id}"), format!("gid://shopify/Customer/{ana}"), "gid://shopify/Order/7"]);
    let found = data(&shop, &tokens.access_token, query, json!({"ids": ids})).await;
    assert_eq!(found["here"], json!({"domain": SHOP, "currencyCode": "MXN", "ianaTimezone": "America/Mexico_City"}));
    assert_eq!(found["nodes"][0]["customer"]["email"]["emailAddress"], "ana@example.com");
    assert_eq!(found["nodes"][1]["__typename"], "Customer");
    assert_eq!((&found["nodes"][2], &found["order"]), (&Value::Null, &Value::Null));
    let scopes = found["currentAppInstallation"]["accessScopes"].as_array().unwrap();
    let handles: Vec<&str> = scopes.iter().map(|scope| scope["handle"].as_str().unwrap()).collect();
    assert!(handles.contains(&"read_customers") && handles.contains(&"write_customers"), "{handles:?}");
}

#[tokio::test]
async fn wrong_documents_are_refused_by_the_official_schema() {
    if sdl().is_none() {
        return;
    }
    let (sim, shop, tokens) = installed(options()).await;
    let wrong = [
        ("{ orders(first: 1) { nodes { id total_price } } }", "undefinedField"),
        ("{ orders(first: 1, sort: \"x\") { nodes { id } } }", "invalid"),
        ("{ orders(first: 1) { nodes } }", "invalid"),
        ("query($q: String) { shop { name } }", "invalid"),
        ("{ orders(first: \"1\") { nodes { id } } }", "invalid"),
        ("mutation { tagsAdd(id: \"gid://shopify/Customer/1\") { node { id } } }", "invalid"),
        ("{ shop { name }", "syntaxError"),
    ];
    for (query, expected) in wrong {
        let answer = ask(&shop, &tokens.access_token, query, json!({})).await;
        assert_eq!(code(&answer), expected, "{query}: {answer}");
        assert!(answer.get("data").is_none());
    }
    let undefined = ask(&shop, &tokens.access_token, wrong[0].0, json!({})).await;
    assert_eq!(undefined["errors"][0]["message"], "Field 'total_price' doesn't exist on type 'Order'");
    assert!(undefined["errors"][0]["locations"][0]["line"].is_number());
    let variable =
        ask(&shop, &tokens.access_token, "query($n: Int!) { orders(first: $n) { nodes { id } } }", json!({"n": "x"}));
    assert_eq!(code(&variable.await), "INVALID_VARIABLE");
    assert_eq!(sim.requests().refused("invalid_document"), wrong.len() as u64 + 2);
}

#[tokio::test]
async fn pages_go_on_from_their_cursors_in_either_direction() {
    let (_sim, shop, tokens) = installed(options()).await;
    let mut all = Vec::new();
    for number in 0..7 {
        all.push(format!(
            "gid://shopify/Customer/{}",
            shop.add_customer(someone(&format!("c{number}@example.com"))).unwrap()
        ));
    }
    let query = "query($first: Int, $last: Int, $after: String, $before: String, $reverse: Boolean) {
      customers(first: $first, last: $last, after: $after, before: $before, reverse: $reverse) {
        edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    for reverse in [false, true] {
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let variables = json!({"first": 3, "after": after, "reverse": reverse});
            let page = data(&shop, &tokens.access_token, query, variables).await["customers"].clone();
            seen.extend(
                page["edges"].as_array().unwrap().iter().map(|edge| edge["node"]["id"].as_str().unwrap().to_owned()),
            );
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        if reverse {
            seen.reverse();
        }
        assert_eq!(seen, all);
    }
    let last = data(&shop, &tokens.access_token, query, json!({"last": 2})).await["customers"].clone();
    assert_eq!((&last["edges"][0]["node"]["id"], &last["edges"][1]["node"]["id"]), (&json!(all[5]), &json!(all[6])));
    assert_eq!(last["pageInfo"]["hasPreviousPage"], true);
    for wrong in [json!({}), json!({"first": 251}), json!({"first": 1, "last": 1}), json!({"first": 1, "after": "x"})] {
        assert_eq!(code(&ask(&shop, &tokens.access_token, query, wrong.clone()).await), "BAD_REQUEST", "{wrong}");
    }
}

/// Numbers of the rows that a filter gives.
async fn found(shop: &Shop, token: &str, list: &str, filter: &str) -> usize {
    let query = format!("query($q: String) {{ rows: {list}(first: 50, query: $q) {{ nodes {{ id }} }} }}");
    let answer = data(shop, token, &query, json!({"q": filter})).await;
    answer["rows"]["nodes"].as_array().unwrap().len()
}

#[tokio::test]
async fn filters_have_the_traps_of_the_platform() {
    let (sim, shop, tokens) = installed(options()).await;
    let token = &tokens.access_token;
    // 2026-11-01 12:00 of the shop, which is at UTC-6.
    sim.set_clock(Some(1_793_556_000));
    let ana =
        shop.add_customer(CustomerChange { tags: Some(vec!["VIP".to_owned()]), ..someone("ana@example.com") }).unwrap();
    shop.create_order(order(ana, "10")).unwrap();
    sim.advance(3600);
    let bea = shop.add_customer(someone("bea@example.com")).unwrap();
    shop.create_order(NewOrder { payment: Payment::Pending, test: true, ..order(bea, "20") }).unwrap();
    for (filter, count) in [
        ("updated_at:>='2026-11-01T18:30:00Z'", 1),
        ("updated_at:>='2026-11-01T12:30:00-06:00'", 1),
        ("updated_at:<'2026-11-01T18:30:00Z'", 1),
        // Without quotes all behind the first colon is lost: 18:00 of the shop is left.
        ("updated_at:>=2026-11-01T18:30:00Z", 0),
        ("financial_status:pending", 1),
        ("test:false", 1),
        (&format!("customer_id:{ana}"), 1),
        ("email:bea*", 1),
        ("-email:bea@example.com", 1),
        ("nonsense:1", 2),
    ] {
        assert_eq!(found(&shop, token, "orders", filter).await, count, "{filter}");
    }
    for (filter, count) in [
        // Whole days of the shop.
        ("updated_at:>='2026-11-01T18:30:00Z'", 2),
        ("updated_at:>='2026-11-02T07:00:00Z'", 0),
        ("customer_date:>='2026-11-01T18:30:00Z'", 1),
        ("tag:vip", 1),
        ("tag:vip OR email:bea@example.com", 2),
        ("orders_count:1", 1),
    ] {
        assert_eq!(found(&shop, token, "customers", filter).await, count, "{filter}");
    }
    let warned = ask(&shop, token, "{ orders(first: 1, query: \"nonsense:1\") { nodes { id } } }", json!({})).await;
    assert_eq!(warned["extensions"]["search"][0]["warnings"][0]["code"], "invalid_field");
    sim.set_index_lag(Duration::from_millis(300));
    shop.add_tags(bea, &["late"]).unwrap();
    assert_eq!(found(&shop, token, "customers", "tag:late").await, 0, "the index lags");
    let now = data(
        &shop,
        token,
        "query($id: ID!) { customer(id: $id) { tags } }",
        json!({"id": format!("gid://shopify/Customer/{bea}")}),
    );
    assert_eq!(now.await["customer"]["tags"], json!(["late"]));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(found(&shop, token, "customers", "tag:late").await, 1);
}

#[tokio::test]
async fn what_scopes_and_approvals_hide_is_hidden() {
    let (sim, shop, _) = installed(options()).await;
    let ana = shop.add_customer(someone("ana@example.com")).unwrap();
    let old = NewOrder { created_at: Some(sim.now() - 61 * 86_400), ..order(ana, "5") };
    let old = shop.create_order(old).unwrap();
    shop.create_order(order(ana, "7")).unwrap();
    let few = shop.install(&["read_orders"]).unwrap().access_token;
    assert_eq!(found(&shop, &few, "orders", "").await, 1, "orders of more than 60 days need read_all_orders");
    let one = "query($id: ID!) { order(id: $id) { id customer { id } } ordersCount { count precision } }";
    let answer = data(&shop, &few, one, json!({"id": format!("gid://shopify/Order/{old}")})).await;
    assert_eq!(answer, json!({"order": null, "ordersCount": {"count": 1, "precision": "EXACT"}}));
    let denied = ask(&shop, &few, "{ customers(first: 1) { nodes { id } } }", json!({})).await;
    assert_eq!((code(&denied), &denied["data"]), ("ACCESS_DENIED", &Value::Null));
    assert_eq!(denied["errors"][0]["extensions"]["requiredAccess"], "`read_customers` access scope.");
    let partly = ask(&shop, &few, "{ orders(first: 1) { nodes { name customer { id } } } }", json!({})).await;
    assert_eq!((code(&partly), &partly["data"]["orders"]["nodes"][0]["customer"]), ("ACCESS_DENIED", &Value::Null));
    let tag = format!(
        "mutation {{ tagsAdd(id: \"gid://shopify/Customer/{ana}\", tags: [\"x\"]) {{ userErrors {{ message }} }} }}"
    );
    assert_eq!(code(&ask(&shop, &few, &tag, json!({})).await), "ACCESS_DENIED");
    let all = shop.install(&shopify_support::SCOPES).unwrap().access_token;
    assert_eq!(found(&shop, &all, "orders", "").await, 2);
    sim.change_app(|app| app.protected_data = ProtectedData::Level1);
    let query = "{ customers(first: 1) { nodes { id numberOfOrders amountSpent { amount } defaultEmailAddress { emailAddress } } } }";
    let person = data(&shop, &all, query, json!({})).await["customers"]["nodes"][0].clone();
    assert_eq!((&person["defaultEmailAddress"], &person["numberOfOrders"]), (&Value::Null, &json!("2")));
    sim.change_app(|app| app.protected_data = ProtectedData::None);
    let refused = ask(&shop, &all, query, json!({})).await;
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("not approved"), "{refused}");
    for status in [402, 403, 423] {
        shop.block(status).unwrap();
        let url = format!("{}/admin/api/2026-10/graphql.json", shop.base());
        let request = client().post(url).header("X-Shopify-Access-Token", &all).json(&json!({"query": query}));
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn the_bucket_pays_and_refuses() {
    let mut options = options();
    options.cost = CostOptions { maximum: 500, restore_per_s: 50, ..CostOptions::default() };
    let (sim, shop, tokens) = installed(options).await;
    let token = &tokens.access_token;
    let dear = "{ orders(first: 250) { nodes { id lineItems(first: 10) { nodes { id } } } } }";
    let answer = ask(&shop, token, dear, json!({})).await;
    assert_eq!(code(&answer), "MAX_COST_EXCEEDED");
    for number in 0..100 {
        shop.add_customer(someone(&format!("c{number}@example.com"))).unwrap();
    }
    let query = "{ customers(first: 200) { nodes { id amountSpent { amount } } } }";
    let first = ask(&shop, token, query, json!({})).await;
    let cost = &first["extensions"]["cost"];
    assert_eq!((&cost["requestedQueryCost"], &cost["actualQueryCost"]), (&json!(402), &json!(202)));
    assert_eq!(cost["throttleStatus"]["currentlyAvailable"], 298);
    assert_eq!(cost["throttleStatus"]["maximumAvailable"].to_string(), "500.0");
    let throttled = ask(&shop, token, query, json!({})).await;
    assert_eq!(throttled["errors"], json!([{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]));
    assert_eq!(throttled["extensions"]["cost"]["actualQueryCost"], Value::Null);
    assert!(throttled.get("data").is_none());
    tokio::time::sleep(Duration::from_millis(2300)).await;
    assert!(ask(&shop, token, query, json!({})).await.get("errors").is_none(), "restored at 50 a second");
    let said = sim.requests();
    assert_eq!((said.refused("max_cost"), said.refused("throttled")), (1, 1));
}

#[tokio::test]
async fn old_versions_fall_forward_and_unknown_ones_are_not_there() {
    let (_sim, shop, tokens) = installed(options()).await;
    let at = async |version: &str| {
        let url = format!("{}/admin/api/{version}/graphql.json", shop.base());
        let body = json!({"query": "{ shop { name } }"});
        let request = client().post(url).header("X-Shopify-Access-Token", &tokens.access_token).json(&body);
        let answer = request.send().await.unwrap();
        let told = answer.headers().get("x-shopify-api-version").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), told.unwrap_or_default())
    };
    assert_eq!(at("2026-10").await, (200, "2026-10".to_owned()));
    assert_eq!(at("2024-07").await, (200, "2026-01".to_owned()));
    assert_eq!(at("2031-01").await.0, 404);
    assert_eq!(at("2026-11").await.0, 404);
    let by_host = client()
        .post(format!("{}/admin/api/2026-10/graphql.json", shop.base().trim_end_matches(&format!("/{SHOP}"))))
        .header("Host", SHOP)
        .header("X-Shopify-Access-Token", &tokens.access_token)
        .json(&json!({"query": "{ shop { myshopifyDomain } }"}));
    let answer: Value = by_host.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["shop"]["myshopifyDomain"], SHOP);
}

const CONSENT: &str = "mutation($input: CustomerEmailMarketingConsentUpdateInput!) {
  customerEmailMarketingConsentUpdate(input: $input) {
    customer { defaultEmailAddress { marketingState } } userErrors { field message } } }";

#[tokio::test]
async fn tags_and_consent_are_written_back() {
    let (_sim, shop, tokens) = installed(options()).await;
    let token = &tokens.access_token;
    let ana = shop.add_customer(someone("ana@example.com")).unwrap();
    let id = format!("gid://shopify/Customer/{ana}");
    let tag = "mutation($id: ID!, $tags: [String!]!) { tagsAdd(id: $id, tags: $tags) { node { id } userErrors { field message } } }";
    let added = ask(&shop, token, tag, json!({"id": id, "tags": ["segmentd-vip", "b"]})).await;
    assert_eq!(added["data"]["tagsAdd"], json!({"node": {"id": id}, "userErrors": []}));
    assert_eq!(added["extensions"]["cost"]["requestedQueryCost"], 10);
    let long = ask(&shop, token, tag, json!({"id": id, "tags": ["x".repeat(256)]})).await;
    assert_eq!(long["data"]["tagsAdd"]["userErrors"].as_array().unwrap().len(), 1);
    let nobody = data(&shop, token, tag, json!({"id": "gid://shopify/Customer/1", "tags": ["a"]})).await;
    assert_eq!(
        (&nobody["tagsAdd"]["node"], nobody["tagsAdd"]["userErrors"].as_array().unwrap().len()),
        (&Value::Null, 1)
    );
    let gone = "mutation($id: ID!) { tagsRemove(id: $id, tags: [\"B\"]) { node { ... on Customer { tags } } userErrors { message } } }";
    let gone = data(&shop, token, gone, json!({"id": id})).await;
    assert_eq!(gone["tagsRemove"]["node"]["tags"], json!(["segmentd-vip"]));
    let consent = |state: &str, at: &str| {
        let consent = json!({"marketingState": state, "marketingOptInLevel": "SINGLE_OPT_IN", "consentUpdatedAt": at});
        json!({"input": {"customerId": id, "emailMarketingConsent": consent}})
    };
    let state = |answer: &Value| {
        answer["customerEmailMarketingConsentUpdate"]["customer"]["defaultEmailAddress"]["marketingState"].clone()
    };
    let set = data(&shop, token, CONSENT, consent("UNSUBSCRIBED", "2026-03-02T00:00:00Z")).await;
    assert_eq!(state(&set), "UNSUBSCRIBED");
    let older = data(&shop, token, CONSENT, consent("SUBSCRIBED", "2026-03-01T00:00:00Z")).await;
    assert_eq!(state(&older), "UNSUBSCRIBED", "the newest wins");
    let refused = data(&shop, token, CONSENT, consent("REDACTED", "2026-03-03T00:00:00Z")).await;
    assert_eq!(refused["customerEmailMarketingConsentUpdate"]["userErrors"].as_array().unwrap().len(), 1);
    let members = "{ customerSegmentMembers(first: 10, query: \"customer_tags CONTAINS 'segmentd-vip'\") {
      totalCount edges { node { id } } pageInfo { hasNextPage } } }";
    assert_eq!(data(&shop, token, members, json!({})).await["customerSegmentMembers"]["totalCount"], 1);
}

#[tokio::test]
async fn a_million_orders_are_there_by_a_formula() {
    let mut options = options();
    (options.generate_orders, options.generate_customers) = (20_000, 3_000);
    let sim = ShopifySim::start(options).await.unwrap();
    let shop = sim.shop(SHOP);
    let token = shop.install(&shopify_support::SCOPES).unwrap().access_token;
    let count = "{ ordersCount(limit: null) { count } customersCount { count precision } }";
    let counted = data(&shop, &token, count, json!({})).await;
    assert_eq!(counted["ordersCount"]["count"], 20_000);
    let query = "query($q: String, $c: String) { orders(first: 3, after: $c, query: $q, sortKey: UPDATED_AT) {
      nodes { id updatedAt } pageInfo { hasNextPage endCursor } } }";
    let middle = sim.now() - 100 * 86_400;
    let since = jiff::Timestamp::from_second(middle).unwrap();
    let (mut seen, mut after, mut last) = (0, Value::Null, String::new());
    while seen < 30 {
        let variables = json!({"q": format!("updated_at:>='{since}'"), "c": after});
        let page = data(&shop, &token, query, variables).await["orders"].clone();
        for node in page["nodes"].as_array().unwrap() {
            let at = node["updatedAt"].as_str().unwrap().to_owned();
            assert!(at >= since.to_string() && at >= last, "{at} after {last}, since {since}");
            last = at;
            seen += 1;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    // One that changes is there once, where it belongs.
    let first = shop.truth()[0].clone();
    let orders = format!(
        "{{ customer(id: \"gid://shopify/Customer/{}\") {{ amountSpent {{ amount }} orders(first: 100) {{ nodes {{ id netPaymentSet {{ shopMoney {{ amount }} }} }} }} }} }}",
        first.id
    );
    let found = data(&shop, &token, &orders, json!({})).await["customer"].clone();
    let nodes = found["orders"]["nodes"].as_array().unwrap().clone();
    let sum: Decimal =
        nodes.iter().map(|node| money(node["netPaymentSet"]["shopMoney"]["amount"].as_str().unwrap())).sum();
    assert_eq!((sum, nodes.len() as u64), (first.net_spent, first.orders));
    let id: u64 = nodes[0]["id"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
    let net = money(nodes[0]["netPaymentSet"]["shopMoney"]["amount"].as_str().unwrap());
    if net > Decimal::ONE {
        shop.refund_order(id, NewRefund { amount: Some(Decimal::ONE), ..NewRefund::default() }).unwrap();
        assert_eq!(shop.truth()[0].net_spent, first.net_spent - Decimal::ONE);
    }
    let counted = data(&shop, &token, count, json!({})).await;
    assert_eq!(
        (&counted["ordersCount"]["count"], &counted["customersCount"]["count"]),
        (&json!(20_000), &json!(3_000))
    );
}
