//! What an operator sets for an endpoint.

use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::standard_webhooks::Secret;
use secrecy::ExposeSecret;

/// An endpoint. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where to post, http or https.
    pub url: String,
    /// Signing secrets: the newest first; during a rotation the old one stays for a while.
    pub secrets: Vec<Secret>,
    /// Whether the endpoint may lie inside the network.
    pub allow_private: bool,
}

impl WebhookConfig {
    /// Reads secrets from their text.
    pub fn new(url: &str, secrets: &[String], allow_private: bool) -> Result<WebhookConfig, Failure> {
        let secrets = secrets.iter().map(|text| text.as_str().into()).collect();
        let setup = DestinationSetup { address: url.to_owned(), secrets, allow_private, ..DestinationSetup::default() };
        WebhookConfig::read(&setup)
    }

    /// Reads what an operator gave.
    pub fn read(setup: &DestinationSetup) -> Result<WebhookConfig, Failure> {
        let parsed: Result<Vec<Secret>, _> =
            setup.secrets.iter().map(|text| Secret::parse(text.expose_secret())).collect();
        let secrets = parsed.map_err(|why| Failure::Refused(why.to_string()))?;
        if secrets.is_empty() {
            return Err(Failure::Refused("an endpoint needs a signing secret".to_owned()));
        }
        Ok(WebhookConfig { url: setup.address.clone(), secrets, allow_private: setup.allow_private })
    }
}
