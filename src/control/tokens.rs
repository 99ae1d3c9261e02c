//! Tokens of connections, sealed at rest. A pair is written in one step; a refresh is noted before it is asked for.

use super::{Control, ControlError};
use kit::token::Grant;
use model::{SourceId, Time, WorkspaceId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const PREFIX: &str = "token/";

#[derive(Serialize, Deserialize)]
struct TokenRecord {
    access: String,
    refresh: Option<String>,
    expires: Option<i64>,
    refresh_expires: Option<i64>,
    generation: u64,
    issued: i64,
    refresh_begun: bool,
    refused: Option<String>,
    #[serde(default)]
    revoked: bool,
    scopes: Option<Vec<String>>,
}

/// A connection's tokens, opened. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct StoredTokens {
    /// The access token, or an API key.
    pub access: SecretString,
    /// The token for the next refresh.
    pub refresh: Option<SecretString>,
    /// When the access token ends.
    pub expires: Option<Time>,
    /// When the refresh token ends.
    pub refresh_expires: Option<Time>,
    /// Grows with every new access token.
    pub generation: u64,
    /// When it came.
    pub issued: Time,
    /// A refresh was asked for, and its answer is not known.
    pub refresh_begun: bool,
    /// Why it is not used any more.
    pub refused: Option<String>,
    /// Whether that is because the platform takes it no more.
    pub revoked: bool,
    /// The scopes that came with it.
    pub scopes: Option<Vec<String>>,
}

impl StoredTokens {
    /// What a grant gives, after `before`.
    pub fn of(grant: &Grant, before: Option<&StoredTokens>, now: Time) -> StoredTokens {
        let end = |lasts: Duration| now.plus_micros(i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX));
        let kept = before.filter(|_| grant.refresh.is_none());
        StoredTokens {
            access: grant.access.clone(),
            refresh: grant.refresh.clone().or_else(|| kept.and_then(|before| before.refresh.clone())),
            expires: grant.expires_in.map(end),
            refresh_expires: grant
                .refresh_expires_in
                .map(end)
                .or_else(|| kept.and_then(|before| before.refresh_expires)),
            generation: before.map_or(1, |before| before.generation + 1),
            issued: now,
            refresh_begun: false,
            refused: None,
            revoked: false,
            scopes: grant.scopes.clone().or_else(|| before.and_then(|before| before.scopes.clone())),
        }
    }
}

fn key(workspace: &WorkspaceId, id: &SourceId) -> String {
    format!("{PREFIX}{workspace}/{id}")
}

impl Control {
    /// Keeps the tokens of a connection, in one step.
    pub fn put_tokens(
        &self,
        workspace: &WorkspaceId,
        id: &SourceId,
        tokens: &StoredTokens,
    ) -> Result<(), ControlError> {
        let key = key(workspace, id);
        let seal = |secret: &SecretString| self.vault.seal(&key, secret.expose_secret());
        let record = TokenRecord {
            access: seal(&tokens.access)?,
            refresh: tokens.refresh.as_ref().map(seal).transpose()?,
            expires: tokens.expires.map(|time| time.0),
            refresh_expires: tokens.refresh_expires.map(|time| time.0),
            generation: tokens.generation,
            issued: tokens.issued.0,
            refresh_begun: tokens.refresh_begun,
            refused: tokens.refused.clone(),
            revoked: tokens.revoked,
            scopes: tokens.scopes.clone(),
        };
        self.put(&key, &record)
    }

    /// The tokens of a connection.
    pub fn tokens(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<Option<StoredTokens>, ControlError> {
        let key = key(workspace, id);
        let Some(record) = self.get::<TokenRecord>(&key)? else { return Ok(None) };
        let open = |sealed: &String| self.vault.unseal(&key, sealed).map(SecretString::from);
        Ok(Some(StoredTokens {
            access: open(&record.access)?,
            refresh: record.refresh.as_ref().map(open).transpose()?,
            expires: record.expires.map(Time),
            refresh_expires: record.refresh_expires.map(Time),
            generation: record.generation,
            issued: Time(record.issued),
            refresh_begun: record.refresh_begun,
            refused: record.refused,
            revoked: record.revoked,
            scopes: record.scopes,
        }))
    }

    /// Forgets the tokens of a connection.
    pub fn delete_tokens(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<(), ControlError> {
        self.remove(&key(workspace, id)).map(|_| ())
    }
}
