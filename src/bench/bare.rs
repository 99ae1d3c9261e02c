//! The floor of the intake: a handler that reads and parses the same JSON and does nothing with it.

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call<'a> {
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    properties: Value,
}

async fn parse(body: Bytes) -> (StatusCode, &'static str) {
    match serde_json::from_slice::<Call<'_>>(&body) {
        Ok(call) if call.properties.is_object() => {
            std::hint::black_box((call.user_id.len(), call.event.len(), call.message_id.len()));
            (StatusCode::OK, "{\"success\":true}")
        }
        _ => (StatusCode::BAD_REQUEST, ""),
    }
}

/// Serves until this process ends; prints its port.
pub(super) async fn serve() -> Result<u16, String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|why| why.to_string())?;
    let port = listener.local_addr().map_err(|why| why.to_string())?.port();
    let router = Router::new().route("/v1/track", post(parse));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(port)
}
