//! Connections by what a delivery says: an account, or the address it came to. Answered from memory.

use super::Connections;
use crate::control::{ConnectionRecord, ControlError};
use crate::intake::Customers;
use crate::poll::{Connections as Lookup, Target};
use kit::connector::Connector;
use kit::receive::SignedBy;
use model::{SourceId, WorkspaceId};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// What deliveries are looked up in. Replaced as a whole.
#[derive(Default)]
pub(super) struct Index {
    accounts: BTreeMap<(String, String), Vec<Arc<Target>>>,
    /// By the hash of the address: its time tells nothing of the address.
    tokens: BTreeMap<(String, [u8; 32]), Arc<Target>>,
    apps: BTreeMap<String, Vec<SecretString>>,
    /// Addresses of apps whose deliveries nobody signs, by their hashes.
    app_tokens: BTreeMap<String, [u8; 32]>,
}

impl Connections {
    /// Makes the index anew from the records and apps as they are.
    pub(super) fn reindex(&self) -> Result<(), ControlError> {
        let mut index = Index::default();
        for app in self.control.apps()? {
            if let Some(token) = self.app_hook_token(&app.connector)? {
                index.app_tokens.insert(app.connector.clone(), Sha256::digest(token.as_bytes()).into());
            }
            index.apps.insert(app.connector, app.secrets);
        }
        for live in self.all() {
            let record = live.record();
            let target = Arc::new(self.target(&record, live.connector, &index)?);
            let hashed = Sha256::digest(self.control.hook_token(&record)?.as_bytes()).into();
            index.tokens.insert((record.connector.clone(), hashed), Arc::clone(&target));
            if !record.account.is_empty() {
                index.accounts.entry((record.connector, record.account)).or_default().push(target);
            }
        }
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
        Ok(())
    }

    /// The secret part of the address of an app's hooks, where nobody signs them.
    fn app_hook_token(&self, connector: &str) -> Result<Option<String>, ControlError> {
        let receive = Lookup::connector(self, connector).and_then(|connector| connector.receive);
        let unsigned = receive.is_some_and(|receive| receive.signed_by() == SignedBy::Nobody);
        unsigned.then(|| self.control.app_hook_token(connector)).transpose()
    }

    /// The address for webhooks that are set for all accounts at once.
    pub fn app_hook_url(&self, connector: &str) -> Result<String, ControlError> {
        let url = format!("{}/hooks/{connector}", self.settings.public_url);
        Ok(self.app_hook_token(connector)?.map_or_else(|| url.clone(), |token| format!("{url}/{token}")))
    }

    fn target(&self, record: &ConnectionRecord, connector: &Connector, index: &Index) -> Result<Target, ControlError> {
        let secrets = match connector.receive.map_or(SignedBy::App, |receive| receive.signed_by()) {
            SignedBy::App => index.apps.get(&record.connector).cloned().unwrap_or_default(),
            SignedBy::Connection => self.control.hook_secret(record)?.into_iter().collect(),
            SignedBy::Nobody => Vec::new(),
        };
        Ok(Target {
            workspace: record.workspace(),
            source: record.source(),
            account: record.account.clone(),
            region: record.region.clone(),
            details: record.details.clone(),
            settings: record.settings.clone(),
            secrets,
            // Before it is announced, the workspace does not know the source.
            enabled: record.is_live() && record.announced,
        })
    }

    fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Customers for Connections {
    fn is_connection(&self, workspace: &WorkspaceId, source: &str) -> bool {
        self.find(workspace, &SourceId::from(source)).is_ok()
    }
}

impl Lookup for Connections {
    fn connector(&self, name: &str) -> Option<&'static Connector> {
        self.settings.connectors.iter().find(|connector| connector.name == name)
    }

    fn by_account(&self, connector: &str, account: &str) -> Vec<Arc<Target>> {
        let key = (connector.to_owned(), account.to_owned());
        self.index().accounts.get(&key).cloned().unwrap_or_default()
    }

    fn by_token(&self, connector: &str, token: &str) -> Option<Arc<Target>> {
        let key = (connector.to_owned(), Sha256::digest(token.as_bytes()).into());
        self.index().tokens.get(&key).cloned()
    }

    fn is_app_token(&self, connector: &str, token: &str) -> bool {
        let hashed: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        self.index().app_tokens.get(connector) == Some(&hashed)
    }

    fn app_secrets(&self, connector: &str) -> Vec<SecretString> {
        self.index().apps.get(connector).cloned().unwrap_or_default()
    }
}
