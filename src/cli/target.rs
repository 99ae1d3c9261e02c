//! Which daemon is asked, as whom, and how its answers come.

use clap::Args;
use reqwest::{Method, Response, Url};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Which daemon, as whom, about what.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// The daemon's address.
    #[arg(long, global = true, default_value = "http://127.0.0.1:8787", env = "SEGMENTD_URL")]
    pub url: String,
    /// A file with an API key; SEGMENTD_API_KEY, if set, is the key itself.
    #[arg(long, global = true, default_value = "data/admin-key", env = "SEGMENTD_KEY_FILE")]
    pub key_file: PathBuf,
    /// The workspace.
    #[arg(long, global = true, default_value = "main", env = "SEGMENTD_WORKSPACE")]
    pub workspace: String,
    /// Print JSON as it comes.
    #[arg(long, global = true)]
    pub json: bool,
}

/// Why an answer could not be had or shown.
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
    /// The address is none.
    #[error("--url {0}: expected an address such as http://127.0.0.1:8787")]
    BadAddress(String),
    /// An error of the API.
    #[error("{status}: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What the daemon says.
        detail: String,
    },
    /// An answer that can't be read.
    #[error("the answer can't be read: {0}")]
    Unreadable(String),
    /// A file of the operator's can't be read, or what is in it can't be used.
    #[error("{0}")]
    BadInput(String),
    /// Standard output can't be written.
    #[error("standard output: {0}")]
    Output(std::io::Error),
}

impl ClientError {
    /// Whether whoever read our output has gone (`| head`): no failure.
    pub fn is_reader_gone(&self) -> bool {
        matches!(self, ClientError::Output(why) if why.kind() == std::io::ErrorKind::BrokenPipe)
    }
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

    /// An address of the API; each part is written so that it can hold anything.
    fn address(&self, parts: &[&str], query: &[(&str, &str)]) -> Result<Url, ClientError> {
        let bad = || ClientError::BadAddress(self.url.clone());
        let mut url = Url::parse(&self.url).map_err(|_| bad())?;
        url.path_segments_mut().map_err(|()| bad())?.pop_if_empty().extend(["api", "v1"]).extend(parts);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// Sends a request and demands success.
    pub async fn send(
        &self,
        method: Method,
        parts: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Response, ClientError> {
        // An error only says that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).build();
        let client = client.map_err(|why| ClientError::BadInput(why.to_string()))?;
        let mut request = client.request(method, self.address(parts, query)?).bearer_auth(self.key()?);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|_| ClientError::Unreachable { url: self.url.clone() })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let problem: Value = answer.json().await.unwrap_or_default();
        let detail = problem.get("detail").and_then(Value::as_str).unwrap_or("no detail").to_owned();
        Err(ClientError::Refused { status, detail })
    }

    /// Sends a request about the workspace; the JSON of its answer, null if it has none.
    pub async fn ask(&self, method: Method, parts: &[&str], body: Option<&Value>) -> Result<Value, ClientError> {
        self.ask_with(method, parts, &[], body).await
    }

    /// As [`Target::ask`], with a query.
    pub async fn ask_with(
        &self,
        method: Method,
        parts: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let parts: Vec<&str> =
            ["workspaces", self.workspace.as_str()].into_iter().chain(parts.iter().copied()).collect();
        self.read(self.send(method, &parts, query, body).await?).await
    }

    /// The JSON of an answer, null if it is empty.
    pub async fn read(&self, answer: Response) -> Result<Value, ClientError> {
        let unreadable = |why: String| ClientError::Unreadable(why);
        let bytes = answer.bytes().await.map_err(|why| unreadable(why.without_url().to_string()))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|why| unreadable(why.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_can_hold_anything() {
        let target = Target {
            url: "http://h:1/base/".to_owned(),
            key_file: PathBuf::new(),
            workspace: "main".to_owned(),
            json: false,
        };
        let url = target.address(&["people", "user:web:a/b?c#d é"], &[("after", "x&y")]).unwrap();
        assert_eq!(url.as_str(), "http://h:1/base/api/v1/people/user:web:a%2Fb%3Fc%23d%20%C3%A9?after=x%26y");
    }
}
