//! The client of all connectors against a server that misbehaves.

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use segmentd_kit::failure::Failure;
use segmentd_kit::http::{ANSWER_BYTES_MAX, HttpClient};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

async fn serve(hits: Arc<AtomicUsize>) -> String {
    let counted = Arc::clone(&hits);
    let router = Router::new()
        .route(
            "/target",
            post(move || async move {
                counted.fetch_add(1, Ordering::SeqCst);
                StatusCode::OK
            }),
        )
        .route("/away", post(|| async { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/target")]) }))
        .route("/busy", post(|| async { (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")]) }))
        .route("/gone", post(|| async { StatusCode::GONE }))
        .route("/endless", post(endless));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn endless() -> Response {
    let parts = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 64 * 1024]));
    Body::from_stream(parts).into_response()
}

#[tokio::test]
async fn redirects_are_failures_and_are_not_followed() {
    let hits = Arc::new(AtomicUsize::new(0));
    let base = serve(Arc::clone(&hits)).await;
    let client = HttpClient::new(true).unwrap();
    let answer = client.post(&format!("{base}/away"), &[], Vec::new()).await.unwrap();
    assert_eq!(answer.status, 307);
    assert!(matches!(answer.success(), Err(Failure::Retry { .. })));
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn answers_are_read_up_to_the_limit_only() {
    let base = serve(Arc::default()).await;
    let client = HttpClient::new(true).unwrap();
    let answer = client.post(&format!("{base}/endless"), &[], Vec::new()).await.unwrap();
    assert_eq!(answer.body.len(), ANSWER_BYTES_MAX);
}

#[tokio::test]
async fn statuses_become_typed_failures() {
    let base = serve(Arc::default()).await;
    let client = HttpClient::new(true).unwrap();
    let busy = client.post(&format!("{base}/busy"), &[], Vec::new()).await.unwrap().success();
    assert!(matches!(busy, Err(Failure::Retry { after: Some(after), .. }) if after == Duration::from_secs(7)));
    let gone = client.post(&format!("{base}/gone"), &[], Vec::new()).await.unwrap().success();
    assert!(matches!(gone, Err(Failure::Gone(_))));
}

#[tokio::test]
async fn names_that_lead_inside_are_not_reached() {
    let hits = Arc::new(AtomicUsize::new(0));
    let base = serve(Arc::clone(&hits)).await;
    let by_name = base.replace("127.0.0.1", "localhost");
    let refused = HttpClient::new(false).unwrap().post(&format!("{by_name}/target"), &[], Vec::new()).await;
    assert!(refused.is_err());
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    let allowed = HttpClient::new(true).unwrap().post(&format!("{by_name}/target"), &[], Vec::new()).await;
    assert_eq!(allowed.map(|answer| answer.status), Ok(200));
}
