//! A Mailman core with one list. It sends no mail: of its runners only that of the REST API is started.

use super::process::Process;
use crate::support::{client, free_port};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// The posting address of the list.
pub const LIST: &str = "vip@example.com";
const LIST_ID: &str = "vip.example.com";
const NAME: &str = "restadmin";
const PASSWORD: &str = "p4ss-of-the-core";
/// Runners that the REST API does not need.
const OTHER_RUNNERS: [&str; 12] =
    ["archive", "bounces", "command", "digest", "in", "lmtp", "nntp", "out", "pipeline", "retry", "task", "virgin"];

pub struct Core {
    pub address: String,
    _process: Process,
}

/// What connects it.
pub fn key() -> String {
    format!("{NAME}:{PASSWORD}")
}

fn settings(folder: &Path, port: u16) -> String {
    let var = folder.display();
    let mut text = format!(
        "[mailman]\nlayout: here\n[paths.here]\nvar_dir: {var}\n\
         [database]\nclass: mailman.database.sqlite.SQLiteDatabase\nurl: sqlite:///{var}/mailman.db\n\
         [webservice]\nhostname: 127.0.0.1\nport: {port}\nadmin_user: {NAME}\nadmin_pass: {PASSWORD}\nworkers: 1\n\
         [mta]\nincoming: mailman.mta.null.NullMTA\nsmtp_host: 127.0.0.1\nsmtp_port: {}\n",
        free_port()
    );
    for runner in OTHER_RUNNERS {
        let _ = write!(text, "[runner.{runner}]\nstart: no\n");
    }
    text
}

impl Core {
    /// Starts it with an empty list.
    pub async fn start(installed: &Path, folder: &Path) -> Core {
        let (var, port) = (folder.join("core"), free_port());
        std::fs::create_dir_all(&var).unwrap();
        let file = var.join("mailman.cfg");
        std::fs::write(&file, settings(&var, port)).unwrap();
        let mut command = Command::new(installed.join("core/venv/bin/master"));
        command.arg("-C").arg(&file).arg("--force").current_dir(&var);
        let mut process = Process::start(&mut command, &folder.join("core.log"));
        let address = format!("http://127.0.0.1:{port}");
        let versions = format!("{address}/3.1/system/versions");
        process.ready(async || client().get(&versions).basic_auth(NAME, Some(PASSWORD)).send().await.is_ok()).await;
        let core = Core { address, _process: process };
        core.call(Method::POST, "/domains", json!({"mail_host": "example.com"}), 201).await;
        core.call(Method::POST, "/lists", json!({"fqdn_listname": LIST}), 201).await;
        let quiet = json!({"send_welcome_message": false, "send_goodbye_message": false, "admin_immed_notify": false});
        core.call(Method::PATCH, &format!("/lists/{LIST_ID}/config"), quiet, 204).await;
        core
    }

    async fn call(&self, method: Method, path: &str, body: Value, expected: u16) -> Value {
        let request = client().request(method, format!("{}/3.1{path}", self.address));
        let request = request.basic_auth(NAME, Some(PASSWORD));
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, StatusCode::from_u16(expected).unwrap(), "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Members, as the core itself tells.
    pub async fn members(&self) -> BTreeSet<String> {
        let path = format!("/lists/{LIST_ID}/roster/member?count=1000&page=1");
        let roster = self.call(Method::GET, &path, Value::Null, 200).await;
        let entries = roster["entries"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["email"].as_str().unwrap().to_owned()).collect()
    }

    /// Somebody who came by another way.
    pub async fn joins(&self, email: &str) {
        let member = json!({
            "list_id": LIST_ID, "subscriber": email, "pre_verified": true, "pre_confirmed": true, "pre_approved": true,
        });
        self.call(Method::POST, "/members", member, 201).await;
    }

    /// Somebody leaves the list by themselves.
    pub async fn leaves(&self, email: &str) {
        self.call(Method::DELETE, &format!("/lists/{LIST_ID}/member/{email}"), Value::Null, 204).await;
    }

    /// Nobody is ever to become a member of whom the list says no.
    pub async fn bans(&self, email: &str) {
        self.call(Method::POST, &format!("/lists/{LIST_ID}/bans"), json!({"email": email}), 201).await;
    }
}
