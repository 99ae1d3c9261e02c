//! An account on a simulated platform, and the daemon's connection to it.

use super::LOOK_EVERY;
use crate::browser::Browser;
use crate::daemon::Daemon;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The connection's id.
pub(super) const ID: &str = "store";

/// How the daemon gets to an account.
pub(super) struct Account {
    /// The connector.
    pub(super) connector: &'static str,
    /// Where the platform is.
    pub(super) address: String,
    /// Our app there, where it is connected through one.
    pub(super) app: Option<Value>,
    /// What the connection is made of.
    pub(super) body: Value,
}

impl Account {
    /// The section of the settings, with when it is polled.
    pub(super) fn section(&self, polls: &str, more: &str) -> String {
        format!(
            "[connections]\npoll_schedule = {polls:?}\nregister_schedule = \"\"\n\
             addresses = {{ {} = {:?} }}\n{more}",
            self.connector, self.address
        )
    }
}

/// The address of a workspace's connection in the API.
pub(super) fn path(workspace: &str) -> String {
    format!("/workspaces/{workspace}/connections/{ID}")
}

/// Connects a workspace to an account; the connection goes on by itself from here.
pub(super) async fn connect(daemon: &Daemon, workspace: &str, account: &Account) -> Result<(), String> {
    if let Some(app) = &account.app {
        daemon.put(&format!("/apps/{}", account.connector), app.clone()).await?;
    }
    let made = daemon.post(&path(workspace), account.body.clone()).await?;
    match made["connect_url"].as_str() {
        Some(url) => Browser::new(true)?.agree(url).await,
        None => Ok(()),
    }
}

/// Waits until it runs.
pub(super) async fn until_running(daemon: &Daemon, workspace: &str, limit: Duration) -> Result<(), String> {
    until(daemon, workspace, limit, |connection| connection["step"] == "running").await
}

/// Waits until its past is read and applied.
pub(super) async fn until_read(daemon: &Daemon, workspace: &str, limit: Duration) -> Result<(), String> {
    let read = |connection: &Value| connection["step"] == "running" && connection["reading"]["holds_lists"] == false;
    until(daemon, workspace, limit, read).await
}

async fn until(
    daemon: &Daemon,
    workspace: &str,
    limit: Duration,
    wanted: impl Fn(&Value) -> bool,
) -> Result<(), String> {
    let (began, path) = (Instant::now(), path(workspace));
    loop {
        let connection = daemon.get(&path).await?;
        if wanted(&connection) {
            return Ok(());
        }
        if began.elapsed() > limit || !connection["failure"].is_null() {
            return Err(format!("the connection does not go on: {connection}"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
