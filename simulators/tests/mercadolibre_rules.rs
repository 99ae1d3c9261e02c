//! The rules of Mercado Libre that its simulator keeps.

use reqwest::Client;
use segmentd_simulators::mercadolibre::{Delivery, MeliSim, NewOrder, SellerOptions, SimOptions};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const BACK: &str = "https://a.mx/cb";

struct World {
    sim: MeliSim,
    client: Client,
    token: String,
}

impl World {
    async fn start(options: SimOptions) -> World {
        let sim = MeliSim::start(options).await.unwrap();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let token = sim.issue().0;
        World { sim, client, token }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let request = self.client.get(format!("{}{path}", self.sim.base())).bearer_auth(&self.token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// The orders that a search shows, or the status that it is refused with.
    async fn found(&self, query: &str) -> Result<u64, u16> {
        match self.get(&format!("/orders/search?seller={}&{query}", seller())).await {
            (200, page) => Ok(page["paging"]["total"].as_u64().unwrap()),
            (status, _) => Err(status),
        }
    }

    async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let app = [("client_id", "5503910054141466"), ("client_secret", "meli-app-secret")];
        let form: Vec<(&str, &str)> = app.iter().chain(form).copied().collect();
        let request = self.client.post(format!("{}/oauth/token", self.sim.base())).form(&form);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Agrees; the code.
    async fn code(&self, more: &str) -> String {
        let base = self.sim.base();
        let url = format!(
            "{base}/authorization?response_type=code&client_id=5503910054141466&redirect_uri={BACK}&state=s\
             &sim_approve=1{more}"
        );
        let answer = self.client.get(url).send().await.unwrap();
        let to: reqwest::Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
        to.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
    }

    async fn settled(&self) {
        for _ in 0..600 {
            if self.sim.under_way() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("notifications are still under way");
    }
}

fn seller() -> u64 {
    SimOptions::default().sellers[0].id
}

/// An address that answers after a while with a status; how often it was called.
async fn endpoint(status: u16, wait: Duration) -> (String, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let answer = move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(wait).await;
        axum::http::StatusCode::from_u16(status).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/hook", axum::routing::post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, calls)
}

#[tokio::test]
async fn codes_and_refresh_tokens_are_good_once_and_pkce_is_asked_for() {
    let world = World::start(SimOptions::default()).await;
    // RFC 7636, appendix B.
    let (verifier, challenge) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let pkce = format!("&code_challenge={challenge}&code_challenge_method=S256");
    let exchange = async |code: &str, verifier: &str| {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)];
        let mut form = form.to_vec();
        form.extend((!verifier.is_empty()).then_some(("code_verifier", verifier)));
        world.token(&form).await
    };
    let code = world.code(&pkce).await;
    let (status, grant) = exchange(&code, verifier).await;
    assert_eq!((status, &grant["user_id"]), (200, &seller().into()));
    assert_eq!(exchange(&code, verifier).await.1["error"], "invalid_grant");
    assert_eq!(exchange(&world.code(&pkce).await, "other").await.1["error"], "invalid_grant");
    assert_eq!(exchange(&world.code("").await, "").await.1["error"], "invalid_request");
    let refresh = async |token: &str| world.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await;
    let old = grant["refresh_token"].as_str().unwrap();
    let (status, next) = refresh(old).await;
    assert_eq!((status, refresh(old).await.0), (200, 400));
    assert_eq!(refresh(next["refresh_token"].as_str().unwrap()).await.0, 200);
}

#[tokio::test]
async fn searches_cut_dates_to_the_hour_and_hide_what_is_cancelled() {
    let world = World::start(SimOptions::default()).await;
    let order = world.sim.place(NewOrder::default());
    world.sim.place(NewOrder { days_ago: 400, ..NewOrder::default() });
    assert_eq!(world.found("").await, Ok(1), "no further than twelve months");
    let at = |hours: i64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        let hour = (now / 3_600 + hours) * 3_600 + 3_540;
        jiff::Timestamp::from_second(hour).unwrap().strftime("%Y-%m-%dT%H:%M:%S.000-00:00").to_string()
    };
    let last = "order.date_last_updated";
    // At one minute to the hour the hour alone counts.
    assert_eq!(world.found(&format!("{last}.from={}", at(0))).await, Ok(1));
    assert_eq!(world.found(&format!("{last}.to={}", at(0))).await, Ok(0));
    assert_eq!(world.found(&format!("{last}.to={}", at(1))).await, Ok(1));
    world.sim.refund(order, 100.into());
    assert_eq!((world.found("").await, world.found("order.status=cancelled").await), (Ok(0), Ok(1)));
    assert_eq!(world.found("order.status=paid,cancelled").await, Ok(1));
    for refused in [
        format!("{last}.from=2026-11-01T00:00:00Z"),
        format!("{last}.from=2026-11-01T00:00:00.000+00:00"),
        "limit=51".to_owned(),
        "offset=9990&limit=20".to_owned(),
        "sort=last_updated".to_owned(),
        "modified_since=x".to_owned(),
    ] {
        assert_eq!(world.found(&refused).await, Err(400), "{refused}");
    }
    let (status, problem) = world.get("/orders/search?seller=8").await;
    assert_eq!((status, &problem["error"]), (403, &"caller.id.invalid".into()));
    assert_eq!(world.get("/orders/x").await.1["error"], "invalid_order_id");
    assert_eq!(world.get("/orders/1").await.0, 404);
}

#[tokio::test]
async fn a_cart_may_hold_orders_of_another_seller() {
    let mut options = SimOptions::default();
    options.sellers.push(SellerOptions { id: 7, nickname: "OTHER".to_owned(), site: "MLM".to_owned() });
    let world = World::start(options).await;
    let pack = world.sim.new_pack();
    let place = |seller| world.sim.place(NewOrder { seller, pack: Some(pack), ..NewOrder::default() });
    let (ours, theirs) = (place(0), place(7));
    let (_, shown) = world.get(&format!("/packs/{pack}")).await;
    assert_eq!(shown["orders"].as_array().unwrap().len(), 2);
    assert!(shown["date_created"].as_str().unwrap().ends_with("-0400"));
    assert_eq!(world.get(&format!("/orders/{ours}")).await.0, 200);
    let (status, problem) = world.get(&format!("/orders/{theirs}")).await;
    assert_eq!((status, &problem["error"]), (403, &"not_owned_order".into()));
}

#[tokio::test]
async fn parts_may_be_missing_and_too_many_calls_are_refused_in_two_forms() {
    let world = World::start(SimOptions { calls_per_second: 3, ..SimOptions::default() }).await;
    let order = world.sim.place(NewOrder::default());
    world.sim.hide_buyers(1);
    let (status, shown) = world.get(&format!("/orders/{order}")).await;
    assert_eq!((status, &shown["buyer"]), (206, &Value::Null));
    let (mut json, mut text) = (0, 0);
    for _ in 0..12 {
        match world.get(&format!("/orders/{order}")).await {
            (429, Value::Null) => text += 1,
            (429, problem) => json += usize::from(problem["error"] == "local_rate_limited"),
            _ => {}
        }
    }
    assert!(json > 0 && text > 0, "{json} {text}");
    world.sim.expire_tokens();
    assert_eq!(world.get("/users/me").await.0, 401);
}

#[tokio::test]
async fn claims_and_questions_are_searched_by_their_rules() {
    let world = World::start(SimOptions::default()).await;
    let order = world.sim.place(NewOrder::default());
    world.sim.claim(order);
    let claims = async |query: &str| world.get(&format!("/post-purchase/v1/claims/search?{query}")).await;
    let who = format!("players.user_id={}&players.role=respondent", seller());
    assert_eq!(claims(&who).await.1["paging"]["total"], 1);
    let range = "range=last_updated:after:2026-01-01T00:00:00.000-00:00,before:2099-01-01T00:00:00.000-00:00";
    assert_eq!(claims(&format!("{who}&{range}&sort=last_updated:asc")).await.1["paging"]["total"], 1);
    for refused in ["", "players.role=respondent", "limit=101", "offset=9980&limit=20", "range=last_updated:after:x"] {
        let query = if refused.starts_with("players") { refused.to_owned() } else { format!("{who}&{refused}") };
        let expected = if refused.is_empty() { 200 } else { 400 };
        assert_eq!(claims(&query).await.0, expected, "{refused}");
    }
    let question = world.sim.ask(5, "MLM1", "?");
    let (_, found) = world.get(&format!("/questions/search?seller_id={}&api_version=4", seller())).await;
    assert_eq!((&found["total"], &found["questions"][0]["from"]["id"]), (&1.into(), &5.into()));
    let (_, one) = world.get(&format!("/questions/{question}?api_version=4")).await;
    assert_eq!((&one["buyer_id"], &one["from"]), (&5.into(), &Value::Null));
    assert_eq!(world.get(&format!("/questions/search?seller_id={}", seller())).await.0, 400);
}

#[tokio::test]
async fn a_notification_is_sent_eight_times_and_then_shown_as_missed() {
    let options = SimOptions { retry_first: Duration::from_millis(2), ..SimOptions::default() };
    let world = World::start(options).await;
    let (url, calls) = endpoint(500, Duration::ZERO).await;
    world.sim.set_callback(&url);
    let order = world.sim.place(NewOrder { paid: false, ..NewOrder::default() });
    world.settled().await;
    assert_eq!(calls.load(Ordering::SeqCst), 8);
    let sent = world.sim.sent().remove(0);
    assert_eq!((sent.attempts, sent.status, sent.lost), (8, Some(500), true));
    let (_, missed) = world.get("/missed_feeds?app_id=5503910054141466").await;
    let message = &missed["messages"][0];
    assert!(message["resource"].as_str().unwrap().ends_with(&format!("orders/{order}")));
    assert_eq!((&message["attempts"], &message["response"]["http_code"]), (&8.into(), &500.into()));
    assert_eq!(world.get("/missed_feeds?app_id=1").await.0, 400);
    assert_eq!(world.get("/missed_feeds?app_id=5503910054141466&topic=items").await.0, 400);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_none_and_a_topic_is_switched_off_for_it() {
    let options = SimOptions {
        attempts_max: 2,
        answer_max: Duration::from_millis(60),
        retry_first: Duration::from_millis(1),
        switch_off_after: 2,
        ..SimOptions::default()
    };
    let world = World::start(options).await;
    let (url, calls) = endpoint(200, Duration::from_millis(200)).await;
    world.sim.set_callback(&url);
    for _ in 0..2 {
        world.sim.place(NewOrder { paid: false, ..NewOrder::default() });
        world.settled().await;
    }
    assert_eq!((calls.load(Ordering::SeqCst), world.sim.switched_off()), (4, vec!["orders_v2".to_owned()]));
    world.sim.place(NewOrder { paid: false, ..NewOrder::default() });
    world.settled().await;
    assert_eq!(calls.load(Ordering::SeqCst), 4, "nothing is sent, and nothing is kept");
    assert_eq!(world.get("/missed_feeds?app_id=5503910054141466").await.1["messages"].as_array().unwrap().len(), 2);
    world.sim.set_delivery(Delivery::Missed);
    world.sim.ask(1, "MLM1", "?");
    assert_eq!(world.get("/missed_feeds?app_id=5503910054141466").await.1["messages"].as_array().unwrap().len(), 3);
}
