//! Tells of alerts at an address of the operator's, by messages signed with Standard Webhooks.

use super::{Alert, Alerts};
use crate::control::vault::write_private;
use kit::backoff::{Backoff, random};
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::standard_webhooks::{Secret, signature};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tries of one message; the alert itself stays in the API.
const TRIES_MAX: u32 = 8;
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(60) };

/// Where alerts are told.
pub struct AlertHook {
    url: String,
    secret: Secret,
    client: HttpClient,
}

impl AlertHook {
    /// A hook whose signing secret is in a file, which is made when it is missing.
    pub fn open(url: &str, secret_file: &Path) -> Result<AlertHook, String> {
        let failed = |why: String| format!("{}: {why}", secret_file.display());
        if !secret_file.exists() {
            let (_, text) = Secret::generate().map_err(|why| failed(why.to_string()))?;
            write_private(secret_file, &format!("{text}\n")).map_err(failed)?;
        }
        let text = std::fs::read_to_string(secret_file).map_err(|why| failed(why.to_string()))?;
        let secret = Secret::parse(text.trim()).map_err(|why| failed(why.to_string()))?;
        // The operator's own setting, not a user's: it may lie inside the network.
        let client = HttpClient::new(true).map_err(|why| why.to_string())?;
        client.check(url).map_err(|why| format!("alerts.webhook_url: {why}"))?;
        Ok(AlertHook { url: url.to_owned(), secret, client })
    }

    /// Tells what is raised and cleared from now on, in order. Ends when the alerts are gone.
    pub fn start(self, alerts: &Arc<Alerts>) {
        let mut changes = alerts.watch();
        tokio::spawn(async move {
            while let Some((raised, alert)) = changes.recv().await {
                self.tell(raised, &alert).await;
            }
        });
    }

    async fn tell(&self, raised: bool, alert: &Alert) {
        let id = format!("msg_{}", uuid::Uuid::now_v7().simple());
        let kind = if raised { "alert.raised" } else { "alert.cleared" };
        let happened = jiff::Timestamp::now().to_string();
        let body = json!({"type": kind, "timestamp": happened, "data": alert}).to_string().into_bytes();
        for failures in 1..=TRIES_MAX {
            match self.post(&id, &body).await {
                Ok(()) => return,
                Err(why) if failures == TRIES_MAX => tracing::error!(%why, alert = %alert.id, "an alert was not told"),
                Err(why) => {
                    let asked = if let Failure::Retry { after, .. } = &why { *after } else { None };
                    tokio::time::sleep(BACKOFF.wait(failures, asked, random()).min(BACKOFF.longest)).await;
                }
            }
        }
    }

    async fn post(&self, id: &str, body: &[u8]) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", now.to_string()),
            ("webhook-signature", signature(std::slice::from_ref(&self.secret), id, now, body)),
        ];
        self.client.post(&self.url, &headers, body.to_vec()).await?.success().map(drop)
    }
}
