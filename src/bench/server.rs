//! The daemon under measurement: this binary, in a process and a folder of its own.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WAIT_MAX: Duration = Duration::from_secs(120);

/// A running daemon.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) write_key: String,
    dir: PathBuf,
    data: PathBuf,
    child: Child,
    client: reqwest::Client,
    key: String,
}

impl Server {
    /// Starts one with a workspace and a source.
    pub(super) async fn start() -> Result<Server, String> {
        Server::start_filled(None, |_| Ok(())).await
    }

    /// Starts one over a data folder that was filled before, its own if none is given.
    pub(super) async fn start_filled(
        data: Option<PathBuf>,
        fill: impl FnOnce(&Path) -> Result<(), String> + Send + 'static,
    ) -> Result<Server, String> {
        let dir = std::env::temp_dir().join(format!("segmentd-bench-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&dir).map_err(|why| format!("{}: {why}", dir.display()))?;
        let data = data.unwrap_or_else(|| dir.join("data"));
        let filled = data.clone();
        tokio::task::spawn_blocking(move || fill(&filled)).await.map_err(|why| why.to_string())??;
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|why| why.to_string())?.port();
        let text =
            format!("[listen]\naddress = \"127.0.0.1:{port}\"\n[data]\ndir = {:?}\n[log]\nlevel = \"warn\"\n", data);
        std::fs::write(dir.join("config.toml"), text).map_err(|why| why.to_string())?;
        let child = spawn(&dir)?;
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build();
        let client = client.map_err(|why| why.to_string())?;
        let (key, write_key) = (String::new(), String::new());
        let mut server = Server { port, write_key, dir, data, child, client, key };
        server.wait_ready().await?;
        let settings = json!({"name": "Bench", "time_zone": "America/Mexico_City", "currency": "MXN"});
        server.put("/workspaces/main", settings).await?;
        let source = server.put("/workspaces/main/sources/web", json!({"kind": "server"})).await?;
        server.write_key = source.get("write_key").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(server)
    }

    async fn wait_ready(&mut self) -> Result<Duration, String> {
        let began = Instant::now();
        while began.elapsed() < READY_WAIT_MAX {
            let asked = self.client.get(format!("http://127.0.0.1:{}/readyz", self.port)).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                let key = std::fs::read_to_string(self.data.join(crate::daemon::ADMIN_KEY_FILE));
                self.key = key.map_err(|why| why.to_string())?.trim().to_owned();
                return Ok(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err("the daemon did not become ready".to_owned())
    }

    /// kill -9 and a new start; how long until it is ready.
    pub(super) async fn crash(&mut self) -> Result<Duration, String> {
        self.stop()?;
        self.restart().await
    }

    /// kill -9.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map(|_| ()).map_err(|why| why.to_string())
    }

    /// A new start; how long until it is ready.
    pub(super) async fn restart(&mut self) -> Result<Duration, String> {
        self.child = spawn(&self.dir)?;
        self.wait_ready().await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Result<Value, String> {
        let url = format!("http://127.0.0.1:{}/api/v1{path}", self.port);
        let sent = self.client.put(url).bearer_auth(&self.key).json(&body).send().await;
        let answer = sent.map_err(|why| why.to_string())?;
        let status = answer.status();
        let value: Value = answer.json().await.unwrap_or_default();
        if status.is_success() { Ok(value) } else { Err(format!("{path}: {status} {value}")) }
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        let url = format!("http://127.0.0.1:{}/api/v1{path}", self.port);
        let sent = self.client.post(url).bearer_auth(&self.key).json(&body).send().await;
        let answer = sent.map_err(|why| why.to_string())?;
        let status = answer.status();
        let value: Value = answer.json().await.unwrap_or_default();
        if status.is_success() { Ok(value) } else { Err(format!("{path}: {status} {value}")) }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        let url = format!("http://127.0.0.1:{}/api/v1{path}", self.port);
        let sent = self.client.get(url).bearer_auth(&self.key).send().await;
        sent.map_err(|why| why.to_string())?.json().await.map_err(|why| why.to_string())
    }

    /// A figure of `/metrics`.
    pub(super) async fn figure(&self, name: &str) -> Result<f64, String> {
        let text = self.metrics().await?;
        let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
        let value = line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok());
        value.ok_or_else(|| format!("there is no figure {name}"))
    }

    /// The buckets of a histogram: bound in seconds, cumulative count; the last one has no bound.
    pub(super) async fn histogram(&self, name: &str) -> Result<Vec<(f64, f64)>, String> {
        let prefix = format!("{name}_bucket");
        let text = self.metrics().await?;
        let lines = text.lines().filter(|line| line.starts_with(&prefix));
        let bucket = |line: &str| {
            let bound = line.split_once("le=\"")?.1.split_once('"')?.0;
            Some((bound.parse().ok()?, line.rsplit(' ').next()?.parse().ok()?))
        };
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (bound, count) in lines.filter_map(bucket) {
            match buckets.iter_mut().find(|(of, _)| *of == bound) {
                Some(known) => known.1 += count,
                None => buckets.push((bound, count)),
            }
        }
        Ok(buckets)
    }

    async fn metrics(&self) -> Result<String, String> {
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        let sent = self.client.get(url).send().await.map_err(|why| why.to_string())?;
        sent.text().await.map_err(|why| why.to_string())
    }

    /// Waits until everything durable is applied.
    pub(super) async fn wait_applied(&self) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(600) {
            let appended = self.figure("segmentd_log_position{").await?;
            if self.figure("segmentd_applied_position{").await? >= appended {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("the log was not applied in ten minutes".to_owned())
    }

    /// Resident memory, MiB: now and at its peak.
    pub(super) fn memory_mib(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0)
        };
        (field("VmRSS:") / 1024, field("VmHWM:") / 1024)
    }
}

fn spawn(dir: &std::path::Path) -> Result<Child, String> {
    let binary = std::env::current_exe().map_err(|why| why.to_string())?;
    let log =
        std::fs::File::options().append(true).create(true).open(dir.join("log")).map_err(|why| why.to_string())?;
    let mut command = Command::new(binary);
    command.arg("--config").arg(dir.join("config.toml")).stdout(Stdio::null()).stderr(log);
    command.spawn().map_err(|why| why.to_string())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
