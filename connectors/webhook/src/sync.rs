//! The destination's role.

use crate::api::post;
use crate::config::WebhookConfig;
use crate::wire;
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::sync::{Batch, Destination, Refusal, SnapshotPart, SyncCapabilities};
use std::sync::Arc;

/// What an endpoint takes. A message stays below the 20 kB that Standard Webhooks recommends.
pub(crate) const CAPABILITIES: SyncCapabilities = SyncCapabilities {
    batch_changes_max: 100,
    batch_side_max: 100,
    batch_bytes_max: 19_000,
    snapshot_members_max: 120,
    read_back: false,
    fields: false,
    read_lag_s: 0,
};

/// Makes a destination of what an operator gave.
pub(crate) fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    Ok(Arc::new(WebhookDestination::new(WebhookConfig::read(setup)?)?))
}

/// An endpoint that takes signed messages.
#[derive(Clone, Debug)]
pub struct WebhookDestination {
    config: WebhookConfig,
    client: HttpClient,
}

impl WebhookDestination {
    /// Checks the address and builds the client.
    pub fn new(config: WebhookConfig) -> Result<WebhookDestination, Failure> {
        let client = HttpClient::new(config.allow_private)?;
        client.check(&config.url)?;
        Ok(WebhookDestination { config, client })
    }
}

#[async_trait::async_trait]
impl Destination for WebhookDestination {
    fn capabilities(&self) -> SyncCapabilities {
        CAPABILITIES
    }

    fn identity(&self) -> String {
        format!("webhook {}", self.config.url)
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let body = encode(&wire::changes(batch))?;
        post(&self.client, &self.config, &batch.id, body).await.map(|()| Vec::new())
    }

    async fn snapshot(&self, part: &SnapshotPart) -> Result<(), Failure> {
        let body = encode(&wire::snapshot(part))?;
        post(&self.client, &self.config, &part.id, body).await
    }
}

fn encode<T: serde::Serialize>(message: &T) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(message).map_err(|why| Failure::Refused(format!("can't be written as JSON: {why}")))
}
