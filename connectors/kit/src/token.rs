//! Tokens as connectors see them: always fresh, never kept.

use crate::failure::Failure;
use secrecy::SecretString;
use std::time::Duration;

/// An access token. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token, or an API key.
    pub value: SecretString,
    /// Grows with every new token of the connection.
    pub generation: u64,
}

/// What an authorization or a refresh gave. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The access token.
    pub access: SecretString,
    /// For how long it is good; `None` for ever.
    pub expires_in: Option<Duration>,
    /// The token for the next refresh. `None` after a refresh: the old one stays.
    pub refresh: Option<SecretString>,
    /// For how long that one is good; `None` when the platform does not say.
    pub refresh_expires_in: Option<Duration>,
    /// The scopes that were granted, as the platform wrote them; `None` when it did not say.
    pub scopes: Option<Vec<String>>,
    /// Other fields of the answer that are text or numbers.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Grant {
    /// The same, good for the usual time of the platform where its answer did not say for how long.
    #[must_use]
    pub fn lasting(self, usual: Duration) -> Grant {
        Grant { expires_in: self.expires_in.or(Some(usual)), ..self }
    }
}

/// Gives the fresh token of one connection: the vault implements it.
#[async_trait::async_trait]
pub trait Tokens: Send + Sync {
    /// A token that is good now; refreshed before if need be. All who ask meanwhile get the same.
    async fn current(&self) -> Result<Token, Failure>;

    /// The platform refused `token`: another one if there is or can be one, else
    /// [`Failure::NeedsAuthorization`].
    async fn refused(&self, token: &Token, why: &str) -> Result<Token, Failure>;
}

/// A token that never changes: an API key that is being tried, or tests.
#[derive(Clone, Debug)]
pub struct FixedToken(pub SecretString);

#[async_trait::async_trait]
impl Tokens for FixedToken {
    async fn current(&self) -> Result<Token, Failure> {
        Ok(Token { value: self.0.clone(), generation: 0 })
    }

    async fn refused(&self, _token: &Token, why: &str) -> Result<Token, Failure> {
        Err(Failure::NeedsAuthorization(why.to_owned()))
    }
}
