//! Calls that a platform counts apart: their own pace, taken last, and waits that hold them alone.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use segmentd_kit::api::{ApiClient, bearer};
use segmentd_kit::connector::Limits;
use segmentd_kit::http::{HttpClient, Request};
use segmentd_kit::token::FixedToken;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Came = Arc<Mutex<Vec<Instant>>>;

async fn answer(State(came): State<Came>, uri: Uri) -> (StatusCode, HeaderMap) {
    came.lock().unwrap().push(Instant::now());
    if uri.path() != "/busy" {
        return (StatusCode::OK, HeaderMap::new());
    }
    (StatusCode::TOO_MANY_REQUESTS, HeaderMap::from_iter([("retry-after".parse().unwrap(), "1".parse().unwrap())]))
}

async fn platform(calls_per_second: u32) -> (ApiClient, String, Came) {
    let came = Came::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(Arc::clone(&came));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let limits = Limits { calls_per_second, calls_at_once: 4 };
    let client = ApiClient::new(HttpClient::new(true).unwrap(), Arc::new(FixedToken("t".into())), limits);
    (client, base, came)
}

async fn call(client: &ApiClient, url: String) -> u16 {
    client.send(Request::get(url), bearer).await.unwrap().status
}

#[tokio::test]
async fn the_gap_of_a_lane_is_kept_though_calls_wait_for_the_connection_besides() {
    let (client, base, came) = platform(8).await;
    let lane = client.in_lane("search", Duration::from_millis(200));
    let calls: Vec<_> = (0..4).map(|_| call(&lane, format!("{base}/search"))).collect();
    futures_util::future::join_all(calls).await;
    let came = came.lock().unwrap().clone();
    let gaps: Vec<Duration> = came.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_millis(180)), "{gaps:?}");
}

#[tokio::test]
async fn a_wait_that_is_asked_for_in_a_lane_holds_the_lane_alone() {
    let (client, base, _) = platform(1_000).await;
    let lane = client.in_lane("search", Duration::from_millis(1));
    assert_eq!(call(&lane, format!("{base}/busy")).await, 429);
    let begun = Instant::now();
    assert_eq!(call(&client, format!("{base}/other")).await, 200);
    assert!(begun.elapsed() < Duration::from_millis(700), "the connection was held, too");
    assert_eq!(call(&client.in_lane("search", Duration::ZERO), format!("{base}/search")).await, 200);
    assert!(begun.elapsed() >= Duration::from_millis(900), "the lane was not held");
}
