//! Bulk operations: their life, their files, their limits.

mod shopify_support;

use rust_decimal::Decimal;
use segmentd_simulators::shopify::{
    BulkFaults, BulkOptions, CustomerChange, Faults, Goods, NewOrder, Shop, ShopifySim, SimOptions,
};
use serde_json::{Value, json};
use shopify_support::{Inbox, SCOPES, SHOP, client, data, installed, options, subscribe};
use std::collections::BTreeSet;
use std::time::Duration;

const RUN: &str = "mutation($query: String!, $grouped: Boolean!) { bulkOperationRunQuery(query: $query,
  groupObjects: $grouped) { bulkOperation { id status } userErrors { field message } } }";
const ORDERS: &str = "{ orders { edges { node { id name updatedAt customer { id } refunds(first: 5) { id
  totalRefundedSet { shopMoney { amount } } } lineItems { edges { node { id quantity title } } } } } } }";
const POLL: &str = "query($id: ID!) { bulkOperation(id: $id) { id status errorCode objectCount rootObjectCount fileSize
  url partialDataUrl type completedAt } }";

async fn begin(shop: &Shop, token: &str, query: &str) -> Value {
    let answer = data(shop, token, RUN, json!({"query": query, "grouped": false})).await;
    answer["bulkOperationRunQuery"].clone()
}

async fn end(shop: &Shop, token: &str, begun: &Value) -> Value {
    assert_eq!(begun["userErrors"], json!([]), "{begun}");
    assert_eq!(begun["bulkOperation"]["status"], "CREATED");
    for _ in 0..400 {
        let found = data(shop, token, POLL, json!({"id": begun["bulkOperation"]["id"]})).await["bulkOperation"].clone();
        if !["CREATED", "RUNNING", "CANCELING"].contains(&found["status"].as_str().unwrap()) {
            return found;
        }
        assert_eq!(found["url"], Value::Null);
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{begun} does not end");
}

async fn lines(url: &Value) -> Vec<Value> {
    let text = client().get(url.as_str().unwrap()).send().await.unwrap().text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn play(shop: &Shop, orders: u64) {
    let ana = CustomerChange { email: Some("ana@example.com".to_owned()), ..CustomerChange::default() };
    let ana = shop.add_customer(ana).unwrap();
    for _ in 0..orders {
        let goods = vec![Goods::of("Hat", 1, Decimal::TEN), Goods::of("Shoes", 2, Decimal::ONE)];
        shop.create_order(NewOrder { customer: Some(ana), lines: goods, ..NewOrder::default() }).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_goes_through_all_with_parents_before_children() {
    let (sim, shop, tokens) = installed(options()).await;
    let (token, inbox) = (&tokens.access_token, Inbox::start().await);
    subscribe(&shop, token, "BULK_OPERATIONS_FINISH", json!({"uri": inbox.url})).await;
    play(&shop, 600);
    let done = end(&shop, token, &begin(&shop, token, ORDERS).await).await;
    assert_eq!(
        (&done["status"], &done["objectCount"], &done["rootObjectCount"]),
        (&json!("COMPLETED"), &json!("1800"), &json!("600"))
    );
    let rows = lines(&done["url"]).await;
    let mut known = BTreeSet::new();
    let mut far = 0;
    for (place, row) in rows.iter().enumerate() {
        if let Some(parent) = row.get("__parentId") {
            assert!(known.contains(parent.as_str().unwrap()), "a child before its parent");
            far += usize::from(rows[place - 1]["id"] != *parent && rows[place - 1].get("__parentId") != Some(parent));
        } else {
            assert!(row.get("lineItems").is_none() && row["refunds"] == json!([]), "{row}");
        }
        known.insert(row["id"].as_str().unwrap().to_owned());
    }
    assert_eq!((rows.len(), known.len()), (1800, 1800));
    assert!(far > 500, "children are not behind their parents unless they are grouped");
    let grouped =
        data(&shop, token, RUN, json!({"query": ORDERS, "grouped": true})).await["bulkOperationRunQuery"].clone();
    let rows = lines(&end(&shop, token, &grouped).await["url"]).await;
    assert!(
        rows.chunks(3)
            .all(|three| three[1]["__parentId"] == three[0]["id"] && three[2]["__parentId"] == three[0]["id"])
    );
    assert!(sim.settled(Duration::from_secs(5)).await);
    let told = inbox.all()[0].json();
    assert_eq!(
        (&told["status"], &told["type"], &told["error_code"]),
        (&json!("completed"), &json!("query"), &Value::Null)
    );
    let current =
        data(&shop, token, "{ currentBulkOperation { status } bulkOperations(first: 5) { nodes { id } } }", json!({}))
            .await;
    assert_eq!(
        (&current["currentBulkOperation"]["status"], current["bulkOperations"]["nodes"].as_array().unwrap().len()),
        (&json!("COMPLETED"), 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_in_ranges_and_only_by_their_signature() {
    let (sim, shop, tokens) = installed(options()).await;
    play(&shop, 30);
    let done = end(&shop, &tokens.access_token, &begin(&shop, &tokens.access_token, ORDERS).await).await;
    let url = done["url"].as_str().unwrap();
    let whole = client().get(url).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(whole.len().to_string(), done["fileSize"]);
    let range = async |range: &str| {
        let answer = client().get(url).header("Range", range).send().await.unwrap();
        let told = answer.headers().get("content-range").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), told.unwrap_or_default(), answer.bytes().await.unwrap())
    };
    let length = whole.len();
    assert_eq!(range("bytes=10-19").await, (206, format!("bytes 10-19/{length}"), whole.slice(10..20)));
    let (status, _, rest) = range(&format!("bytes={}-", length - 7)).await;
    assert_eq!((status, rest), (206, whole.slice(length - 7..)));
    assert_eq!(range("bytes=-5").await.2, whole.slice(length - 5..));
    assert_eq!(range(&format!("bytes={length}-")).await.0, 416);
    let forged = url.replace("Signature=", "Signature=0");
    assert_eq!(client().get(&forged).send().await.unwrap().status(), 403);
    let cut = BulkFaults { cut_after_bytes: 100, cut_times: 1, ..BulkFaults::default() };
    sim.set_faults(Faults { bulk: cut, ..Faults::default() });
    assert!(client().get(url).send().await.unwrap().bytes().await.is_err(), "it breaks off");
    assert_eq!(client().get(url).send().await.unwrap().bytes().await.unwrap(), whole);
    sim.advance(7 * 86_400 + 1);
    assert!(client().get(url).send().await.unwrap().status().is_client_error());
    let tokens = shop.install(&SCOPES).unwrap();
    let late = data(&shop, &tokens.access_token, POLL, json!({"id": done["id"]})).await["bulkOperation"].clone();
    assert_eq!((&late["status"], &late["url"]), (&json!("EXPIRED"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn five_run_at_once_and_more_are_refused() {
    let mut options = options();
    options.bulk = BulkOptions { created_ms: 600, ..BulkOptions::default() };
    let (_sim, shop, tokens) = installed(options).await;
    let token = &tokens.access_token;
    let mut begun = Vec::new();
    for _ in 0..5 {
        begun.push(begin(&shop, token, ORDERS).await);
    }
    let more = begin(&shop, token, ORDERS).await;
    assert_eq!(more["bulkOperation"], Value::Null);
    assert!(more["userErrors"][0]["message"].as_str().unwrap().contains("already in progress"), "{more}");
    let cancel =
        "mutation($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { status } userErrors { message } } }";
    let id = &begun[0]["bulkOperation"]["id"];
    let cancelled = data(&shop, token, cancel, json!({"id": id})).await["bulkOperationCancel"].clone();
    assert_eq!(cancelled["bulkOperation"]["status"], "CANCELING");
    for _ in 0..100 {
        let found = data(&shop, token, POLL, json!({"id": id})).await;
        if found["bulkOperation"]["status"] == "CANCELED" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    // Nothing was found: there is no file.
    let empty = end(&shop, token, &begun[1]).await;
    assert_eq!(
        (&empty["status"], &empty["objectCount"], &empty["url"]),
        (&json!("COMPLETED"), &json!("0"), &Value::Null)
    );
    let again = begin(&shop, token, ORDERS).await;
    assert_eq!(again["userErrors"], json!([]));
    let done = data(&shop, token, cancel, json!({"id": empty["id"]})).await["bulkOperationCancel"].clone();
    assert_eq!(done["userErrors"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_queries_and_missing_scopes_fail() {
    let (sim, shop, tokens) = installed(options()).await;
    let token = &tokens.access_token;
    play(&shop, 20);
    let wrong = [
        "{ shop { name } }",
        "{ orders { edges { node { id nonsense } } } }",
        "{ node(id: \"gid://shopify/Order/1\") { id } }",
        "mutation { tagsAdd(id: \"gid://shopify/Order/1\", tags: \"a\") { node { id } } }",
        "{ orders { edges { node { id refunds { refundLineItems { edges { node { quantity } } } } } } } }",
        "{ customers { edges { node { id orders { edges { node { id lineItems { edges { node { id } } } } } } } } } }",
        "{ orders {",
    ];
    for query in &wrong[usize::from(shopify_support::sdl().is_none())..] {
        let refused = begin(&shop, token, query).await;
        assert_eq!(refused["bulkOperation"], Value::Null, "{query}");
        assert_eq!(refused["userErrors"][0]["field"], json!(["query"]), "{refused}");
    }
    let few = shop.install(&["read_products"]).unwrap().access_token;
    let denied = end(&shop, &few, &begin(&shop, &few, ORDERS).await).await;
    assert_eq!((&denied["status"], &denied["errorCode"]), (&json!("FAILED"), &json!("ACCESS_DENIED")));
    let token = &shop.install(&SCOPES).unwrap().access_token;
    let fails = BulkFaults { fail_next: 1, ..BulkFaults::default() };
    sim.set_faults(Faults { bulk: fails, ..Faults::default() });
    let failed = end(&shop, token, &begin(&shop, token, ORDERS).await).await;
    assert_eq!(
        (&failed["status"], &failed["errorCode"], &failed["url"]),
        (&json!("FAILED"), &json!("INTERNAL_SERVER_ERROR"), &Value::Null)
    );
    assert_eq!(lines(&failed["partialDataUrl"]).await.len().to_string(), failed["objectCount"]);
    assert_eq!(end(&shop, token, &begin(&shop, token, ORDERS).await).await["status"], "COMPLETED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_formula_gives_is_read_as_a_whole() {
    let generated = SimOptions { generate_orders: 5_000, generate_customers: 700, ..options() };
    let sim = ShopifySim::start(generated).await.unwrap();
    let shop = sim.shop(SHOP);
    let token = shop.install(&SCOPES).unwrap().access_token;
    let done = end(&shop, &token, &begin(&shop, &token, ORDERS).await).await;
    assert_eq!(done["rootObjectCount"], "5000");
    let rows = lines(&done["url"]).await;
    let roots: BTreeSet<&str> =
        rows.iter().filter(|row| row.get("__parentId").is_none()).map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(roots.len(), 5000);
    let customers = "{ customers { nodes { id numberOfOrders amountSpent { amount } } } }";
    let done = end(&shop, &token, &begin(&shop, &token, customers).await).await;
    let spent: Decimal = lines(&done["url"])
        .await
        .iter()
        .map(|row| row["amountSpent"]["amount"].as_str().unwrap().parse::<Decimal>().unwrap())
        .sum();
    assert_eq!(spent, shop.truth().iter().map(|one| one.net_spent).sum());
    let some = "{ orders(query: \"financial_status:pending\") { nodes { id } } }";
    let done = end(&shop, &token, &begin(&shop, &token, some).await).await;
    let open: usize = done["objectCount"].as_str().unwrap().parse().unwrap();
    assert!((150..350).contains(&open), "{open}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_runs_for_each_line() {
    let (_sim, shop, tokens) = installed(options()).await;
    let token = &tokens.access_token;
    let mut ids = Vec::new();
    for number in 0..120 {
        let email = Some(format!("c{number}@example.com"));
        ids.push(shop.add_customer(CustomerChange { email, ..CustomerChange::default() }).unwrap());
    }
    let staged = "mutation { stagedUploadsCreate(input: [{resource: BULK_MUTATION_VARIABLES, filename: \"v.jsonl\",
      mimeType: \"text/jsonl\", httpMethod: POST}]) { stagedTargets { url parameters { name value } } userErrors { message } } }";
    let staged = data(&shop, token, staged, json!({})).await["stagedUploadsCreate"]["stagedTargets"][0].clone();
    let key = staged["parameters"].as_array().unwrap().iter().find(|one| one["name"] == "key").unwrap()["value"]
        .as_str()
        .unwrap();
    let one = |id: &u64| json!({"id": format!("gid://shopify/Customer/{id}"), "tags": ["mass"]}).to_string();
    let content: Vec<String> = ids.iter().map(one).collect();
    let part = |name: &str, more: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    let body = part("key", "", key) + &part("file", "; filename=\"v.jsonl\"", &content.join("\n")) + "--b--\r\n";
    let request =
        client().post(staged["url"].as_str().unwrap()).header("Content-Type", "multipart/form-data; boundary=b");
    assert_eq!(request.body(body).send().await.unwrap().status(), 201);
    let run = "mutation($text: String!, $path: String!) { bulkOperationRunMutation(mutation: $text, stagedUploadPath: $path) {
      bulkOperation { id status } userErrors { message } } }";
    let text = "mutation call($id: ID!, $tags: [String!]!) { tagsAdd(id: $id, tags: $tags) { node { id } userErrors { message } } }";
    let missing = data(&shop, token, run, json!({"text": text, "path": "tmp/none"})).await;
    assert_eq!(missing["bulkOperationRunMutation"]["userErrors"].as_array().unwrap().len(), 1);
    let begun = data(&shop, token, run, json!({"text": text, "path": key})).await["bulkOperationRunMutation"].clone();
    let done = end(&shop, token, &begun).await;
    let answers = lines(&done["url"]).await;
    assert_eq!((answers.len(), &answers[119]["__lineNumber"], &done["type"]), (120, &json!(119), &json!("MUTATION")));
    assert_eq!(answers[0]["data"]["tagsAdd"]["userErrors"], json!([]));
    assert!(shop.truth().iter().all(|one| one.tags == ["mass"]));
}
