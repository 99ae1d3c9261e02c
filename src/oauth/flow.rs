//! The authorization-code flow: sends a browser to a platform, and judges what comes back.

use crate::connections::{ConnectError, Connections};
use crate::control::pending::{Begun, Ended, For};
use crate::control::rotation::now;
use crate::control::{ConnectionRecord, Way};
use kit::failure::Failure;
use kit::install::{AuthorizeRequest, Callback, Install};
use kit::platform::Platform;
use model::SourceId;
use reqwest::Url;
use std::sync::Arc;

/// Where a browser is sent, and with what.
#[derive(Debug)]
pub(super) struct Departure {
    /// The platform's page.
    pub(super) url: Url,
    /// State and session.
    pub(super) begun: Begun,
}

/// What an invitation leads to.
pub(super) enum Invited {
    /// The browser is sent to the platform.
    Go(Departure),
    /// The account has to be named first.
    AskAccount {
        /// The platform's name.
        connector: String,
        /// What was wrong with the last one.
        wrong: Option<String>,
    },
}

/// The address a platform sends browsers back to.
pub fn redirect_uri(platform: &Platform, connector: &str) -> String {
    format!("{}/oauth/callback/{connector}", platform.public_url)
}

/// Follows an invitation; `typed` is the account as the merchant wrote it.
pub(super) fn follow(connections: &Connections, secret: &str, typed: Option<&str>) -> Result<Invited, ConnectError> {
    let invited = connections.control().invited(secret, now())?;
    let wanted = invited.ok_or(ConnectError::BadInvitation)?;
    let record = connections.record(&wanted.workspace, &wanted.id)?;
    let (install, platform) = connections.installer(&record.connector)?;
    let mut account = record.account.clone();
    if account.is_empty() && install.capabilities().account_first {
        let connector = record.connector.clone();
        let Some(typed) = typed else { return Ok(Invited::AskAccount { connector, wrong: None }) };
        match install.account(typed) {
            Ok(spelled) => account = spelled,
            Err(why) => return Ok(Invited::AskAccount { connector, wrong: Some(why.to_string()) }),
        }
    }
    depart(connections, &wanted, &record, &account, (install, platform)).map(Invited::Go)
}

/// Follows a visit that the platform itself signed: an account that is connected, or was, is authorized anew.
pub(super) fn arrive(
    connections: &Connections,
    connector: &str,
    query: &[(String, String)],
) -> Result<Departure, ConnectError> {
    let (install, platform) = connections.installer(connector)?;
    let checked = install.arrival(&platform, query, now().0 / 1_000_000).ok_or(ConnectError::NoSuchThing)?;
    let account = checked.map_err(ConnectError::Platform)?;
    let mut known = connections.of_account(connector, &account);
    // One that was taken down comes back by an invitation alone.
    known.retain(ConnectionRecord::is_live);
    known.sort_by_key(|record| !connections.needs_merchant(record));
    let record = known.into_iter().next().ok_or(ConnectError::NotInvited)?;
    let wanted = For { workspace: record.workspace(), id: record.source() };
    depart(connections, &wanted, &record, &account, (install, platform))
}

fn depart(
    connections: &Connections,
    wanted: &For,
    record: &ConnectionRecord,
    account: &str,
    (install, platform): (&'static dyn Install, Arc<Platform>),
) -> Result<Departure, ConnectError> {
    if record.way != Way::Oauth {
        return Err(ConnectError::NotByOauth);
    }
    let begun = connections.control().begin_authorization(wanted, (&record.connector, account), now())?;
    let redirect = redirect_uri(&platform, &record.connector);
    let settings = &record.settings;
    let request = AuthorizeRequest { account, redirect_uri: &redirect, state: &begun.state, settings };
    let url = install.authorize(&platform, &request).map_err(ConnectError::Platform)?;
    Ok(Departure { url, begun })
}

/// Judges what a browser came back with, exchanges the code and keeps the tokens. The connection goes on by itself.
pub(super) async fn finish(
    connections: &Arc<Connections>,
    connector: &str,
    query: &[(String, String)],
    session: impl Fn(&str) -> Option<String>,
) -> Result<SourceId, ConnectError> {
    let (install, platform) = connections.installer(connector)?;
    let Callback { code, state, account: came } =
        install.callback(&platform, query, now().0 / 1_000_000).map_err(ConnectError::Platform)?;
    let session = session(&state).ok_or(ConnectError::OtherBrowser)?;
    let ended = connections.control().end_authorization(&state, (connector, &session), now())?;
    let Ended { r#for: wanted, account, posted } = ended.ok_or(ConnectError::OtherBrowser)?;
    if came.as_ref().is_some_and(|came| *came != account) {
        return Err(ConnectError::OtherAccount);
    }
    let redirect = redirect_uri(&platform, connector);
    let settings = &connections.record(&wanted.workspace, &wanted.id)?.settings;
    let begun = AuthorizeRequest { account: &account, redirect_uri: &redirect, state: &state, settings };
    let grant = match posted {
        Some(grant) => Ok(grant),
        None => install.exchange(&platform, &code, &begun).await,
    };
    let grant = grant.map_err(ConnectError::Platform)?;
    let account = match install.granted_account(&grant) {
        Some(granted) if !account.is_empty() && granted != account => return Err(ConnectError::OtherAccount),
        Some(granted) => granted,
        None => account,
    };
    connections.granted(&wanted, &account, &grant).await?;
    Ok(wanted.id)
}

/// Keeps what a platform's server posted until the browser that it is for comes back.
pub(super) fn post(connections: &Connections, connector: &str, body: &[u8]) -> Result<(), ConnectError> {
    let (install, platform) = connections.installer(connector)?;
    let posted = install.posted(&platform, body).ok_or(ConnectError::NoSuchThing)?;
    let posted = posted.map_err(ConnectError::Platform)?;
    match connections.control().keep_posted(&posted.state, connector, &posted.grant, now())? {
        true => Ok(()),
        false => Err(ConnectError::OtherBrowser),
    }
}

/// What a merchant reads of an error.
pub(super) fn explained(error: &ConnectError) -> String {
    match error {
        ConnectError::Platform(Failure::Retry { .. }) => "The platform did not answer. Please try again.".to_owned(),
        ConnectError::Platform(Failure::NeedsAuthorization(_)) => {
            "The platform says that access was not given.".to_owned()
        }
        other => other.to_string(),
    }
}
