//! The receiver's HTTP side.

use super::{Faults, Outcome, Receiver};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post, put};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes of a message at most.
const BODY_BYTES_MAX: usize = 1 << 20;
/// A silent endpoint keeps a connection open this long.
const SILENT_FOR: Duration = Duration::from_secs(120);

/// What is damaged.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Damage {
    lose: Vec<String>,
    invent: Vec<String>,
}

pub(super) async fn serve(
    receiver: Receiver,
    address: SocketAddr,
) -> std::io::Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/hook", post(hook))
        .route("/members/{list}", get(members))
        .route("/stats", get(stats))
        .route("/faults", put(faults))
        .route("/secrets", put(secrets))
        .route("/damage/{list}", post(damage))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(receiver);
    let task = tokio::spawn(async move {
        if let Err(why) = axum::serve(listener, router).await {
            eprintln!("the receiver ended: {why}");
        }
    });
    Ok((address, task))
}

async fn hook(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    tokio::time::sleep(Duration::from_millis(receiver.slow_ms())).await;
    match receiver.take(&headers, &body) {
        Outcome::Answer(status, retry_after_s) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = status.into_response();
            if retry_after_s > 0 {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
            }
            if status.is_redirection() {
                response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/elsewhere"));
            }
            response
        }
        Outcome::HangUp => {
            // A body that breaks off: the client sees a connection closed in mid-answer.
            let broken = std::io::Error::other("hung up");
            let headers = [(header::CONTENT_LENGTH, "10")];
            (headers, Body::from_stream(Broken(Some(broken)))).into_response()
        }
        Outcome::Silent => {
            tokio::time::sleep(SILENT_FOR).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}

/// A stream that is one error.
struct Broken(Option<std::io::Error>);

impl futures_util::Stream for Broken {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.take().map(Err))
    }
}

async fn members(State(receiver): State<Receiver>, Path(list): Path<String>) -> Response {
    Json(receiver.members(&list)).into_response()
}

async fn stats(State(receiver): State<Receiver>) -> Response {
    Json(receiver.stats()).into_response()
}

async fn faults(State(receiver): State<Receiver>, Json(faults): Json<Faults>) -> StatusCode {
    receiver.set_faults(faults);
    StatusCode::NO_CONTENT
}

async fn secrets(State(receiver): State<Receiver>, Json(secrets): Json<Vec<String>>) -> Response {
    match receiver.set_secrets(&secrets) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    }
}

async fn damage(State(receiver): State<Receiver>, Path(list): Path<String>, Json(damage): Json<Damage>) -> StatusCode {
    receiver.damage(&list, &damage.lose, &damage.invent);
    StatusCode::NO_CONTENT
}
