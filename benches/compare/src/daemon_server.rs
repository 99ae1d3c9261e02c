//! segmentd's own binary, in a process and a folder of its own, on a clock that the bench moves.

use crate::engine;
use crate::http::{Connection, basic, bearer};
use crate::members::{Members, Sets};
use crate::segments;
use crate::world::BEGIN;
use model::Time;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WAIT_MAX: Duration = Duration::from_secs(60);
const WAIT_MAX: Duration = Duration::from_secs(600);
const SOURCE: &str = "web";
/// Members that one page has at most.
const PAGE: usize = 1_000;

/// A running daemon.
pub struct Server {
    /// Where it listens.
    pub port: u16,
    /// The source's.
    pub write_key: String,
    key: String,
    dir: PathBuf,
    child: Child,
}

/// As much as PostgreSQL's shared buffers: the world is held in memory there, too.
const CACHES: &str = "cache_mib = 512\npeople_cache_mib = 512\n";

impl Server {
    /// Starts one over an empty folder, with a workspace and a source. Its clock stands where the world begins.
    pub fn start(binary: &Path, dir: &Path) -> Result<Server, String> {
        let why = |error: std::io::Error| format!("{}: {error}", dir.display());
        let _ = std::fs::remove_dir_all(dir);
        std::fs::create_dir_all(dir).map_err(why)?;
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(why)?.port();
        let data = dir.join("data");
        let config = format!(
            "[listen]\naddress = \"127.0.0.1:{port}\"\n[data]\ndir = {data:?}\n{CACHES}[log]\nlevel = \"warn\"\n\
             [clock]\nsimulated_start = \"{}\"\n",
            Time::from_millis(BEGIN)
        );
        let (settings, log) = (dir.join("config.toml"), dir.join("log"));
        std::fs::write(&settings, config).map_err(why)?;
        let log = std::fs::File::create(log).map_err(why)?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().map_err(|why| format!("{}: {why}", binary.display()))?;
        let mut server = Server { port, write_key: String::new(), key: String::new(), dir: dir.to_owned(), child };
        server.wait_ready()?;
        let key = std::fs::read_to_string(data.join("admin-key")).map_err(why)?;
        server.key = key.trim().to_owned();
        let mut admin = server.admin()?;
        let settings = json!({"name": "Compare", "time_zone": "UTC", "currency": "USD"});
        admin.call("PUT", "/workspaces/main", &settings.to_string())?;
        let source = admin.call("PUT", &format!("/workspaces/main/sources/{SOURCE}"), r#"{"kind": "server"}"#)?;
        server.write_key = source.get("write_key").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(server)
    }

    fn wait_ready(&mut self) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < READY_WAIT_MAX {
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                return Err(format!("the daemon ended with {status}: {log}"));
            }
            let mut ready = Connection::open(self.port, String::new());
            if ready
                .as_mut()
                .is_ok_and(|ready| ready.exchange("GET", "/readyz", "").is_ok_and(|(status, _)| status == 200))
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("the daemon did not become ready".to_owned())
    }

    /// A connection to its administration.
    pub fn admin(&self) -> Result<Connection, String> {
        Connection::open(self.port, self.authorization())
    }

    /// Says who asks its administration.
    pub fn authorization(&self) -> String {
        bearer(&self.key)
    }

    /// A connection of the source.
    pub fn sender(&self) -> Result<Connection, String> {
        Connection::open(self.port, basic(&self.write_key))
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Defines all segments and waits until they are in force.
    pub fn define_segments(&self) -> Result<(), String> {
        let mut admin = self.admin()?;
        for segment in segments::all() {
            let (id, text) = (engine::id(&segment), segment.text);
            let body = json!({"name": format!("Segment {}", segment.number), "definition": text});
            admin.call("PUT", &format!("/workspaces/main/segments/{}", id.as_str()), &body.to_string())?;
        }
        until("the segments were not in force", || {
            let answer = admin.call("GET", "/workspaces/main/segments", "")?;
            let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            let active = |item: &Value| item.get("state").and_then(Value::as_str) == Some("active");
            Ok(items.len() == segments::all().len() && items.iter().all(active))
        })
    }

    /// Waits until everything that is durable is applied.
    pub fn wait_applied(&self) -> Result<(), String> {
        let mut connection = self.admin()?;
        until("the log was not applied", || {
            let (_, answer) = connection.exchange("GET", "/metrics", "")?;
            let text = String::from_utf8_lossy(answer);
            let figure = |name: &str| {
                let line = text.lines().find(|line| line.starts_with(name));
                line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            };
            let (appended, applied) = (figure("segmentd_log_position{"), figure("segmentd_applied_position{"));
            Ok(appended.is_some() && applied >= appended)
        })
    }

    /// Waits until answers hold for an instant, milliseconds: all that time changes by then has changed.
    pub fn wait_for(&self, millis: i64) -> Result<(), String> {
        let mut admin = self.admin()?;
        until("answers are of an earlier instant", || {
            let answer = admin.call("GET", "/workspaces/main/segments", "")?;
            let as_of = answer.get("as_of").and_then(Value::as_str).and_then(Time::parse);
            Ok(as_of >= Some(Time::from_millis(millis)))
        })
    }

    /// Whom the segments hold now, page by page.
    pub fn members(&self, people: u32) -> Result<Sets, String> {
        let ids: BTreeMap<String, u32> =
            (0..people).map(|person| (engine::person_id(SOURCE, person), person)).collect();
        let mut admin = self.admin()?;
        let mut sets = Sets::new();
        for segment in segments::all() {
            let (mut members, mut after) = (Vec::new(), String::new());
            loop {
                let id = engine::id(&segment);
                let path = format!("/workspaces/main/segments/{}/members?limit={PAGE}{after}", id.as_str());
                let page = admin.call("GET", &path, "")?;
                let found = page.get("members").and_then(Value::as_array).ok_or("a page without members")?;
                for member in found.iter().filter_map(Value::as_str) {
                    members.push(*ids.get(member).ok_or_else(|| format!("{member} is nobody"))?);
                }
                let Some(next) = page.get("next").and_then(Value::as_str) else { break };
                after = format!("&after={next}");
            }
            sets.insert(segment.number, Members::of(members));
        }
        Ok(sets)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Asks until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let began = Instant::now();
    while began.elapsed() < WAIT_MAX {
        if is_so()? {
            return Ok(());
        }
        // Often enough, and not so often that the daemon is busy with answering it.
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("{what} after {} s", WAIT_MAX.as_secs()))
}
