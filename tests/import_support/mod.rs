//! Files to import, the importer as a process, and an intake that is as busy or as picky as it is told.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// The line, status and column of a report's row, with its reason.
pub type Reported = (u64, String, String, String);

/// A file in a folder of its own, and where it is imported to.
pub struct Import {
    pub dir: tempfile::TempDir,
    pub file: PathBuf,
    url: String,
    key: String,
}

impl Import {
    pub fn new(url: &str, key: &str, name: &str, text: impl AsRef<[u8]>) -> Import {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        Import { dir, file, url: url.to_owned(), key: key.to_owned() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segmentd"));
        command.env("SEGMENTD_URL", &self.url).env("SEGMENTD_API_KEY", &self.key).stdin(Stdio::null());
        command.arg("import").arg(&self.file).args(args);
        if !args.contains(&"--source") {
            command.args(["--source", "web"]);
        }
        command
    }

    /// Runs it to its end: exit code, standard output, standard error.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// Starts it.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// A file beside the imported one.
    pub fn beside(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.file.display()))
    }

    /// The rows of the report.
    pub fn report(&self) -> Vec<Reported> {
        report(&self.beside(".import-report.csv"))
    }

    /// The line at which it would go on, 0 before the first.
    pub fn line(&self) -> u64 {
        let Ok(text) = std::fs::read(self.beside(".import-progress")) else { return 0 };
        serde_json::from_slice::<Value>(&text).unwrap()["line"].as_u64().unwrap()
    }

    /// Waits until it is behind a line.
    pub async fn behind(&self, line: u64) {
        let began = Instant::now();
        while self.line() <= line {
            assert!(began.elapsed() < PATIENCE, "the import stays at line {}", self.line());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Reads a report.
pub fn report(path: &Path) -> Vec<Reported> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("line,status,column,reason"));
    let row = |line: &str| {
        let mut parts = line.splitn(4, ',').map(str::to_owned);
        let mut part = || parts.next().unwrap();
        (part().parse().unwrap(), part(), part(), part())
    };
    lines.map(row).collect()
}

/// Waits for a process: its exit code, and the most memory that it took, KiB.
pub fn peak(mut child: Child) -> (Option<i32>, u64) {
    let (status, mut most) = (PathBuf::from(format!("/proc/{}/status", child.id())), 0);
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        most = most.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), most);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Events of CSV, each another one: of `users` people, a purchase of 0.10 in every tenth.
pub fn events(rows: u64, users: u64) -> String {
    let mut text = "event,timestamp,user_id,order_id,total,currency,note\n".to_owned();
    for row in 0..rows {
        let (user, second) = (row % users, row % 60);
        let time = format!("2026-03-{:02}T{:02}:{:02}:{second:02}Z", 1 + row % 28, row / 60 % 24, row / 1_440 % 60);
        if row % 10 == 0 {
            writeln!(text, "Order Completed,{time},u{user},o{row},0.10,MXN,").unwrap();
        } else {
            writeln!(text, "Quiz Taken,{time},u{user},,,,\"number {row},\"").unwrap();
        }
    }
    text
}

/// In place of a status: the calls are lost, and no answer comes.
pub const SILENT: u16 = 0;
/// In place of a status: the calls are taken, and no answer comes.
pub const SILENT_AFTER: u16 = 1;

/// An intake for a test: answers as it is told, and counts the calls that it took by message id.
#[derive(Clone, Default)]
pub struct Intake {
    /// Statuses of the next answers, with `Retry-After`; or one of the silences below.
    pub next: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    pub taken: Arc<Mutex<BTreeMap<String, u64>>>,
    pub largest: Arc<Mutex<(usize, usize)>>,
    /// Calls of a batch beyond which it answers 413.
    pub calls_max: Option<usize>,
}

impl Intake {
    /// Serves it; its address.
    pub async fn serve(&self) -> String {
        let list =
            json!({"items": [{"id": "web", "kind": "server", "enabled": true, "region": null, "write_key": "k"}]});
        let workspace = json!({"id": "main", "as_of": "2026-06-01T00:00:00Z", "retention_days": 1095});
        let json = |value: Value| move || async move { axum::Json(value) };
        let router = Router::new()
            .route("/api/v1/workspaces/main", get(json(workspace)))
            .route("/api/v1/workspaces/main/sources", get(json(list)))
            .route("/v1/batch", post(batch))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn take(&self, calls: &[Value], bytes: usize) {
        let mut largest = self.largest.lock().unwrap();
        *largest = (largest.0.max(calls.len()), largest.1.max(bytes));
        let mut taken = self.taken.lock().unwrap();
        for call in calls {
            *taken.entry(call["messageId"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
}

async fn batch(State(intake): State<Intake>, headers: HeaderMap, body: Bytes) -> Response {
    // `k:` in Base64.
    if headers.get("authorization").is_none_or(|value| value != "Basic azo=") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let next = intake.next.lock().unwrap().pop_front();
    if let Some((SILENT, _)) = next {
        return std::future::pending().await;
    }
    if let Some((status, wait)) = next.filter(|(status, _)| *status != SILENT_AFTER) {
        let headers = (!wait.is_empty()).then_some([("retry-after", wait)]);
        return (StatusCode::from_u16(status).unwrap(), headers.map_or(HeaderMap::new(), retry)).into_response();
    }
    let read: Value = serde_json::from_slice(&body).unwrap();
    let calls = read["batch"].as_array().unwrap();
    if intake.calls_max.is_some_and(|most| calls.len() > most) {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    if calls.iter().any(|call| call["userId"] == "poison") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    intake.take(calls, body.len());
    if next.is_some() {
        return std::future::pending().await;
    }
    axum::Json(json!({"success": true})).into_response()
}

fn retry(headers: [(&'static str, &'static str); 1]) -> HeaderMap {
    headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}
