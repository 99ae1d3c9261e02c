//! One signed request.

use crate::config::WebhookConfig;
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::standard_webhooks::signature;
use std::time::{SystemTime, UNIX_EPOCH};

/// Posts a message; its id stays the same over retries, the timestamp is that of the attempt.
pub(crate) async fn post(client: &HttpClient, config: &WebhookConfig, id: &str, body: Vec<u8>) -> Result<(), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", now.to_string()),
        ("webhook-signature", signature(&config.secrets, id, now, &body)),
    ];
    let answer = client.post(&config.url, &headers, body).await?;
    match answer.status {
        // An endpoint that refuses a message may be mended; what it refused is still to be told.
        400..=409 | 411..=424 => Err(Failure::retry(format!("status {}", answer.status), answer.retry_after)),
        _ => answer.success().map(|_| ()),
    }
}
