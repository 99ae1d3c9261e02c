//! The floor for deliveries: a handler that verifies the signature and does nothing else.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

async fn take(headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get("x-shopify-hmac-sha256").and_then(|value| STANDARD.decode(value.as_bytes()).ok());
    let mac = Hmac::<Sha256>::new_from_slice(super::connect::SECRET.as_bytes()).ok();
    match (mac, signature) {
        (Some(mut mac), Some(signature)) => {
            mac.update(&body);
            let fits = mac.verify_slice(&signature).is_ok();
            if fits { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
        }
        _ => StatusCode::UNAUTHORIZED,
    }
}

/// Serves on any free port, and prints it; never ends by itself.
pub async fn serve() -> Result<(), String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|why| why.to_string())?;
    println!("{}", listener.local_addr().map_err(|why| why.to_string())?.port());
    let router = Router::new().route("/hooks/shopify", post(take));
    axum::serve(listener, router).await.map_err(|why| why.to_string())
}
