//! A quota that connections share: turns in order, and waits that hold one account alone.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use segmentd_kit::api::{ApiClient, bearer};
use segmentd_kit::connector::Limits;
use segmentd_kit::http::{HttpClient, Request};
use segmentd_kit::quota::Quota;
use segmentd_kit::token::FixedToken;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Came = Arc<Mutex<Vec<String>>>;

async fn answer(State(came): State<Came>, uri: Uri) -> (StatusCode, HeaderMap) {
    came.lock().unwrap().push(uri.path().to_owned());
    match uri.path() {
        "/busy" => {
            let headers = HeaderMap::from_iter([("retry-after".parse().unwrap(), "1".parse().unwrap())]);
            (StatusCode::TOO_MANY_REQUESTS, headers)
        }
        _ => (StatusCode::OK, HeaderMap::new()),
    }
}

async fn platform() -> (String, Came) {
    let came = Came::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(Arc::clone(&came));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (base, came)
}

fn client(limits: Limits) -> ApiClient {
    ApiClient::new(HttpClient::new(true).unwrap(), Arc::new(FixedToken("t".into())), limits)
}

async fn call(client: &ApiClient, url: String) -> u16 {
    client.send(Request::get(url), bearer).await.unwrap().status
}

#[tokio::test]
async fn connections_of_one_account_take_turns_however_much_one_of_them_has_to_do() {
    let (base, came) = platform().await;
    let limits = Limits { calls_per_second: 50, calls_at_once: 4 };
    let quota = Quota::new(limits);
    for lane in [None, Some("search")] {
        came.lock().unwrap().clear();
        let of = |client: ApiClient| match lane {
            Some(lane) => client.in_lane(lane, Duration::from_millis(25)),
            None => client,
        };
        let much = of(client(limits).sharing(Arc::clone(&quota)));
        let little = of(client(limits).sharing(Arc::clone(&quota)));
        let begun = Instant::now();
        let many = futures_util::future::join_all((0..30).map(|_| call(&much, format!("{base}/much"))));
        let few = async {
            for _ in 0..10 {
                call(&little, format!("{base}/little")).await;
            }
            begun.elapsed()
        };
        let (_, took) = tokio::join!(many, few);
        assert!(took < Duration::from_millis(700), "ten turns of twenty, of 25 ms at most, took {took:?}");
        assert!(begun.elapsed() >= Duration::from_millis(780), "together they keep to the rate of the account");
        let came = came.lock().unwrap().clone();
        let little = came.iter().take(21).filter(|path| *path == "/little").count();
        assert!((9..=10).contains(&little), "{came:?}");
    }
}

#[tokio::test]
async fn a_wait_that_one_account_asks_for_holds_all_its_connections_and_no_others() {
    let (base, _) = platform().await;
    let limits = Limits { calls_per_second: 1_000, calls_at_once: 4 };
    let quota = Quota::new(limits);
    let [one, two] = [(); 2].map(|()| client(limits).sharing(Arc::clone(&quota)));
    let other = client(limits).sharing(Quota::new(limits));
    assert_eq!(call(&one, format!("{base}/busy")).await, 429);
    let begun = Instant::now();
    assert_eq!(call(&other, format!("{base}/free")).await, 200);
    assert!(begun.elapsed() < Duration::from_millis(700), "another account was held, too");
    assert_eq!(call(&two, format!("{base}/free")).await, 200);
    assert!(begun.elapsed() >= Duration::from_millis(900), "the other connection of the account was not held");
}

#[tokio::test]
async fn a_lane_that_is_held_takes_no_place_from_other_calls() {
    let (base, _) = platform().await;
    let client = client(Limits { calls_per_second: 1_000, calls_at_once: 1 });
    let lane = client.in_lane("search", Duration::from_millis(1));
    assert_eq!(call(&lane, format!("{base}/busy")).await, 429);
    let begun = Instant::now();
    let (held, free) = tokio::join!(call(&lane, format!("{base}/free")), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        call(&client, format!("{base}/free")).await;
        begun.elapsed()
    });
    assert_eq!(held, 200);
    assert!(free < Duration::from_millis(700), "it waited for the lane: {free:?}");
}
