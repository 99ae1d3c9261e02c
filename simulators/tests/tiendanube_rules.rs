//! The rules that Tiendanube's simulator keeps: who may call, pages, the bucket, the app's authorization, webhooks.

use reqwest::{Client, Method, RequestBuilder};
use segmentd_simulators::tiendanube::{Faults, NewOrder, SimOptions, TiendanubeSim};
use serde_json::{Value, json};

struct Caller {
    sim: TiendanubeSim,
    http: Client,
    token: String,
}

impl Caller {
    async fn start(options: SimOptions) -> Caller {
        let sim = TiendanubeSim::start(options, 7).await.unwrap();
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let token = sim.new_token();
        Caller { sim, http, token }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/2025-03/7/{path}", self.sim.base()));
        request.header("authentication", format!("bearer {}", self.token)).header("user-agent", "Test (a@example.com)")
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.ask(Method::GET, path).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

fn wide() -> SimOptions {
    SimOptions { bucket: (10_000.0, 10_000.0), ..SimOptions::default() }
}

#[tokio::test]
async fn calls_need_a_name_a_token_and_a_type() {
    let caller = Caller::start(wide()).await;
    assert_eq!(caller.get("store").await.0, 200);
    let url = format!("{}/2025-03/7/store", caller.sim.base());
    let bare = caller.http.get(&url).header("authentication", format!("bearer {}", caller.token));
    assert_eq!(bare.send().await.unwrap().status(), 400, "without a user agent");
    let named = |value: &str| {
        caller.http.get(&url).header("user-agent", "x (a@b.c)").header("authentication", value.to_owned())
    };
    assert_eq!(named("bearer other").send().await.unwrap().status(), 401);
    let plain = caller.ask(Method::POST, "webhooks").body("{}");
    assert_eq!(plain.send().await.unwrap().status(), 415);
    let broken = caller.ask(Method::POST, "webhooks").header("content-type", "application/json").body("{");
    assert_eq!(broken.send().await.unwrap().status(), 400);
    let wrong =
        caller.ask(Method::POST, "webhooks").json(&json!({"event": "cart/created", "url": "https://localhost/x"}));
    let answer = wrong.send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let answer: Value = answer.json().await.unwrap();
    assert!(answer["event"].is_array() && answer["url"].is_array(), "{answer}");
    caller.sim.set_faults(Faults { unpaid: true, ..Faults::default() });
    assert_eq!(caller.get("orders").await.0, 402);
    let again = caller.sim.new_token();
    assert_ne!(again, caller.token);
    caller.sim.set_faults(Faults::default());
    assert_eq!(caller.get("store").await.0, 401, "a new token ends the old one");
}

#[tokio::test]
async fn pages_end_with_404_and_show_ten_thousand_at_most() {
    let caller = Caller::start(wide()).await;
    assert_eq!(caller.get("orders").await.0, 404, "nothing is a page beyond the end");
    for _ in 0..3 {
        caller.sim.placed_before(&NewOrder { email: "a@x.ar".to_owned(), ..NewOrder::default() }, 100);
    }
    let answer = caller.ask(Method::GET, "orders?per_page=2&page=2").send().await.unwrap();
    assert_eq!(answer.headers()["x-total-count"], "3");
    let rows: Value = answer.json().await.unwrap();
    assert!(rows[0]["id"].is_u64() && rows[0]["total"].is_string() && rows[0]["store_id"].is_string(), "{rows}");
    assert!(rows[0]["created_at"].as_str().unwrap().ends_with("+0000"), "{rows}");
    let (status, gone) = caller.get("orders?per_page=2&page=3").await;
    assert_eq!((status, &gone["description"]), (404, &json!("Last page is 2")));
    assert_eq!(caller.get("orders?per_page=201").await.0, 422);
    assert_eq!(caller.get("orders?per_page=200&page=51").await.0, 422, "beyond 10,000");
    assert_eq!(caller.get("orders?updated_at_min=2999-01-01T00:00:00%2B00:00").await.0, 404);
    assert_eq!(caller.get("orders?updated_at_min=yesterday").await.0, 422);
    let (_, customers) = caller.get("customers").await;
    assert_eq!(customers.as_array().unwrap().len(), 1, "a guest is a customer, once");
}

#[tokio::test]
async fn the_bucket_holds_forty_and_leaks_two_a_second() {
    let caller = Caller::start(SimOptions::default()).await;
    let mut answers = Vec::new();
    for _ in 0..43 {
        answers.push(caller.ask(Method::GET, "store").send().await.unwrap());
    }
    let refused = answers.iter().find(|answer| answer.status() == 429).expect("the bucket is never full");
    assert_eq!(refused.headers()["x-rate-limit-limit"], "40");
    assert!(refused.headers().get("retry-after").is_none());
    let reset: u64 = refused.headers()["x-rate-limit-reset"].to_str().unwrap().parse().unwrap();
    assert!((15_000..=20_000).contains(&reset), "milliseconds until it is empty: {reset}");
}

#[tokio::test]
async fn a_code_is_good_once_and_refusals_come_with_200() {
    let caller = Caller::start(SimOptions { redirect_uri: "https://ours.example/back".to_owned(), ..wide() }).await;
    let authorize = format!("{}/apps/4321/authorize?state=s1", caller.sim.base());
    let answer = caller.http.get(authorize).send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(back.starts_with("https://ours.example/back?code=") && back.ends_with("&state=s1"), "{back}");
    let code = back.split(['=', '&']).nth(1).unwrap().to_owned();
    let fields = |code: &str, secret: &str| json!({"client_id": "4321", "client_secret": secret, "grant_type": "authorization_code", "code": code});
    let exchange = async |fields: Value| {
        let url = format!("{}/apps/authorize/token", caller.sim.base());
        let answer = caller.http.post(url).json(&fields).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()
    };
    let secret = SimOptions::default().client_secret;
    assert_eq!(exchange(fields(&code, "wrong")).await["error"], "invalid_client");
    let granted = exchange(fields(&code, &secret)).await;
    assert_eq!((&granted["user_id"], &granted["token_type"]), (&json!("7"), &json!("bearer")), "{granted}");
    assert_eq!(exchange(fields(&code, &secret)).await["error"], "invalid_grant");
}
