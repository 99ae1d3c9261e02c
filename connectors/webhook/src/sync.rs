//! The destination's role.

use crate::api::post;
use crate::config::WebhookConfig;
use crate::wire;
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::sync::{Batch, Destination, Refusal, SnapshotPart, SyncCapabilities};

/// Changes of one message: with identifiers of usual length it stays below 20 kB.
const CHANGES_MAX: usize = 80;
/// Members of one part of a snapshot.
const SNAPSHOT_MEMBERS_MAX: usize = 200;

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
        SyncCapabilities {
            batch_changes_max: CHANGES_MAX,
            snapshot_members_max: SNAPSHOT_MEMBERS_MAX,
            read_back: false,
        }
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
