//! Alerts are told at the operator's address, through the real binary.

mod support;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::Daemon;

type Heard = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

/// Fails the first request, keeps the others.
async fn hear(State(heard): State<Heard>, headers: HeaderMap, body: axum::body::Bytes) -> StatusCode {
    let mut heard = heard.lock().unwrap();
    heard.push((headers, body.to_vec()));
    if heard.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_person_is_told_signed_and_again_until_it_is_heard() {
    let heard = Heard::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let routes = axum::Router::new().route("/alerts", axum::routing::post(hear)).with_state(Arc::clone(&heard));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let extra = format!("[alerts]\nwebhook_url = {url:?}\n[clock]\nsimulated_start = \"2026-03-01T00:00:00Z\"\n");
    let daemon = Daemon::start(&extra).await;
    let leap = json!({"advance_ms": 3_600_000, "leap": true});
    assert_eq!(daemon.send(reqwest::Method::POST, "/clock", leap).await.0, 200);
    assert_eq!(daemon.send(reqwest::Method::POST, "/clock/confirm", Value::Null).await.0, 204);
    let began = Instant::now();
    while heard.lock().unwrap().len() < 3 {
        assert!(began.elapsed() < Duration::from_secs(20), "{} heard", heard.lock().unwrap().len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let secret = std::fs::read_to_string(daemon.dir.path().join("data/alert-webhook-secret")).unwrap();
    let verifier = standardwebhooks::Webhook::new(secret.trim()).unwrap();
    let heard = heard.lock().unwrap();
    let mut told = Vec::new();
    for (headers, body) in heard.iter() {
        verifier.verify(body, headers).unwrap();
        let message: Value = serde_json::from_slice(body).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        told.push((text(&message["type"]), text(&message["data"]["kind"])));
        assert!(text(&message["data"]["what_to_do"]).contains("confirm-clock"));
    }
    let (raised, cleared) = ("alert.raised".to_owned(), "alert.cleared".to_owned());
    assert_eq!(
        told.into_iter()
            .map(|(kind, of)| {
                assert_eq!(of, "clock");
                kind
            })
            .collect::<Vec<_>>(),
        [raised.clone(), raised, cleared]
    );
    let id = |place: usize| heard[place].0["webhook-id"].clone();
    assert!(id(0) == id(1) && id(1) != id(2));
}
