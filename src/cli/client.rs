//! Thin clients of the administration API for the daily questions.

use clap::Args;
use futures_util::StreamExt;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which daemon, as whom, about what.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// The daemon's address.
    #[arg(long, default_value = "http://127.0.0.1:8787", env = "SEGMENTD_URL")]
    pub url: String,
    /// A file with an API key.
    #[arg(long, default_value = "data/admin-key", env = "SEGMENTD_KEY_FILE")]
    pub key_file: PathBuf,
    /// The workspace.
    #[arg(long, default_value = "main", env = "SEGMENTD_WORKSPACE")]
    pub workspace: String,
    /// Print JSON as it comes.
    #[arg(long)]
    pub json: bool,
}

/// Why an answer could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No key.
    #[error("no API key: set SEGMENTD_API_KEY, or name a file with --key-file ({0})")]
    NoKey(String),
    /// No connection.
    #[error("{url} can't be reached: is the daemon running?")]
    Unreachable {
        /// Its address.
        url: String,
    },
    /// An error of the API.
    #[error("{0}")]
    Refused(String),
}

impl Target {
    fn key(&self) -> Result<String, ClientError> {
        if let Ok(key) = std::env::var("SEGMENTD_API_KEY") {
            return Ok(key);
        }
        let read = std::fs::read_to_string(&self.key_file);
        let key = read.map_err(|why| ClientError::NoKey(format!("{}: {why}", self.key_file.display())))?;
        Ok(key.trim().to_owned())
    }

    async fn send(&self, path: &str) -> Result<reqwest::Response, ClientError> {
        self.request(path, None).await
    }

    async fn request(&self, path: &str, body: Option<Value>) -> Result<reqwest::Response, ClientError> {
        // An error only says that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).build();
        let client = client.map_err(|why| ClientError::Refused(why.to_string()))?;
        let url = format!("{}/api/v1{path}", self.url);
        let request = match body {
            Some(body) => client.post(url).json(&body),
            None => client.get(url),
        };
        let request = request.bearer_auth(self.key()?);
        let answer = request.send().await.map_err(|_| ClientError::Unreachable { url: self.url.clone() })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let problem: Value = answer.json().await.unwrap_or_default();
        let detail = problem.get("detail").and_then(Value::as_str).unwrap_or("no detail").to_owned();
        Err(ClientError::Refused(format!("{status}: {detail}")))
    }

    async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.send(path).await?.json().await.map_err(|why| ClientError::Refused(why.to_string()))
    }

    fn print(&self, answer: &Value, columns: &[&str]) {
        if self.json {
            println!("{answer:#}");
            return;
        }
        println!("{}", columns.join("\t"));
        for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
            let cells: Vec<String> = columns.iter().map(|column| cell(item.get(*column))).collect();
            println!("{}", cells.join("\t"));
        }
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Lists segments.
pub async fn segments(target: &Target) -> Result<(), ClientError> {
    let answer = target.get(&format!("/workspaces/{}/segments", target.workspace)).await?;
    target.print(&answer, &["id", "name", "state", "version", "members", "unknown"]);
    Ok(())
}

/// Explains one person's membership.
pub async fn explain(target: &Target, segment: &str, person: &str) -> Result<(), ClientError> {
    let path = format!("/workspaces/{}/segments/{segment}/explain/{person}", target.workspace);
    println!("{:#}", target.get(&path).await?);
    Ok(())
}

/// Lists every member, page by page.
pub async fn members(target: &Target, segment: &str) -> Result<(), ClientError> {
    let mut after = String::new();
    loop {
        let path = format!("/workspaces/{}/segments/{segment}/members?limit=1000{after}", target.workspace);
        let page = target.get(&path).await?;
        for member in page.get("members").and_then(Value::as_array).into_iter().flatten() {
            println!("{}", cell(Some(member)));
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(()),
        }
    }
}

/// Shows lists.
pub async fn sync(target: &Target) -> Result<(), ClientError> {
    let answer = target.get(&format!("/workspaces/{}/lists", target.workspace)).await?;
    target.print(&answer, &["list", "segment", "state", "desired", "confirmed", "to_add", "to_remove", "last_error"]);
    Ok(())
}

/// Takes a backup.
pub async fn backup(target: &Target, out: &Path) -> Result<(), ClientError> {
    let path = std::path::absolute(out).map_err(|why| ClientError::Refused(why.to_string()))?;
    let answer = target.request("/backup", Some(serde_json::json!({"path": path}))).await?;
    let taken: Value = answer.json().await.map_err(|why| ClientError::Refused(why.to_string()))?;
    println!("{} entries and {} records are in {}", taken["entries"], taken["records"], path.display());
    Ok(())
}

/// Shows alerts.
pub async fn alerts(target: &Target) -> Result<(), ClientError> {
    let answer = target.get("/alerts").await?;
    target.print(&answer, &["since", "kind", "workspace", "what", "what_to_do"]);
    Ok(())
}

/// Follows what happens until it is interrupted.
pub async fn tail(target: &Target) -> Result<(), ClientError> {
    let answer = target.send(&format!("/workspaces/{}/live", target.workspace)).await?;
    let mut stream = answer.bytes_stream();
    let mut rest = String::new();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| ClientError::Unreachable { url: target.url.clone() })?;
        rest.push_str(&String::from_utf8_lossy(&part));
        while let Some((line, after)) = rest.split_once('\n') {
            if let Some(data) = line.strip_prefix("data:") {
                println!("{}", data.trim());
            }
            rest = after.to_owned();
        }
    }
    Ok(())
}
