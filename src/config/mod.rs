//! Settings: `config.toml`, annotated, is also the default.

use crate::intake::IntakeLimits;
use model::Time;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The annotated default.
pub const DEFAULT: &str = include_str!("../../config.toml");

/// Why settings can't be used. Every error names the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{path}: {why}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Not TOML, or a value of the wrong type.
    #[error("{key}: {why}")]
    Value {
        /// Which key.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A key that does not exist.
    #[error("{key}: there is no such setting{hint}")]
    Unknown {
        /// Which key.
        key: String,
        /// The nearest known key, if one is near.
        hint: String,
    },
    /// Where in the file it is.
    #[error("line {line}: {what}")]
    At {
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        what: Box<ConfigError>,
    },
}

impl ConfigError {
    /// Adds the line of the text on which its key stands, if it does.
    fn at(self, text: &str) -> ConfigError {
        let key = match &self {
            ConfigError::Value { key, .. } | ConfigError::Unknown { key, .. } => key,
            _ => return self,
        };
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        let (mut inside, mut found) = (false, None);
        for (place, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if let Some(header) = line.strip_prefix('[') {
                inside = header.split(']').next().is_some_and(|header| header.trim() == section);
                found = found.or((inside && name.is_empty()).then_some(place + 1));
            } else if inside && line.split('=').next().is_some_and(|key| key.trim() == name) {
                found = Some(place + 1);
            }
        }
        match found {
            Some(line) => ConfigError::At { line, what: Box::new(self) },
            None => self,
        }
    }
}

/// `[listen]`
#[derive(Clone, Debug, Deserialize)]
pub struct Listen {
    /// Address and port.
    pub address: SocketAddr,
    /// The public address.
    pub public_url: String,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Connections at the same time.
    pub max_connections: usize,
    /// Seconds.
    pub head_wait_s: u64,
}

/// `[data]`
#[derive(Clone, Debug, Deserialize)]
pub struct Data {
    /// Folder.
    pub dir: PathBuf,
    /// sled's cache, MiB.
    pub cache_mib: u64,
    /// People in memory, MiB a workspace.
    pub people_cache_mib: usize,
    /// Reserve of free space, MiB.
    pub free_space_reserve_mib: u64,
    /// Records of one workspace that wait.
    pub workspace_waiting_records_max: usize,
    /// The same, MiB.
    pub workspace_waiting_mib_max: u64,
    /// Days.
    pub log_keep_days: u64,
    /// Seconds.
    pub checkpoint_s: u64,
    /// Shards of a new store.
    pub shards: u32,
}

/// `[geoip]`
#[derive(Clone, Debug, Deserialize)]
pub struct GeoIp {
    /// Path, or empty.
    pub database: String,
}

/// `[phone]`
#[derive(Clone, Debug, Deserialize)]
pub struct Phone {
    /// Path, or empty.
    pub ranges: String,
}

/// `[sync]`
#[derive(Clone, Debug, Deserialize)]
pub struct Sync {
    /// Percent.
    pub brake_percent: u32,
    /// Members.
    pub brake_members_min: u64,
    /// Milliseconds.
    pub retry_first_ms: u64,
    /// Milliseconds.
    pub retry_longest_ms: u64,
    /// Whether destinations may be inside the network.
    pub allow_private_destinations: bool,
}

/// `[connections]`
#[derive(Clone, Debug, Deserialize)]
pub struct ConnectionsConfig {
    /// A cron expression, seconds first, UTC.
    pub poll_schedule: String,
    /// A cron expression, seconds first, UTC.
    pub register_schedule: String,
    /// Files, or folders of files, that describe further platforms.
    pub described: Vec<PathBuf>,
    /// By connector.
    pub addresses: BTreeMap<String, String>,
    /// By connector, in its own words.
    pub settings: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
    /// By connector: where its deliveries come from.
    pub senders: BTreeMap<String, Vec<IpAddr>>,
}

/// Where alerts are told.
#[derive(Clone, Debug, Deserialize)]
pub struct AlertSettings {
    /// An address; empty for none.
    pub webhook_url: String,
}

/// `[secrets]`
#[derive(Clone, Debug, Deserialize)]
pub struct Secrets {
    /// Path, or empty.
    pub master_key_file: String,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    /// `auto`, `journald`, `json` or `text`.
    pub format: String,
    /// Filter.
    pub level: String,
}

/// `[clock]`
#[derive(Clone, Debug, Deserialize)]
pub struct Clock {
    /// Instant, or empty.
    pub simulated_start: String,
}

/// All settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// `[listen]`
    pub listen: Listen,
    /// `[data]`
    pub data: Data,
    /// `[intake]`
    pub intake: IntakeLimits,
    /// `[geoip]`
    pub geoip: GeoIp,
    /// `[phone]`
    pub phone: Phone,
    /// `[sync]`
    pub sync: Sync,
    /// `[connections]`
    pub connections: ConnectionsConfig,
    /// `[alerts]`
    pub alerts: AlertSettings,
    /// `[secrets]`
    pub secrets: Secrets,
    /// `[log]`
    pub log: Log,
    /// `[clock]`
    pub clock: Clock,
}

impl Config {
    /// Reads a file over the defaults; the defaults alone without one.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let text = match path {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|why| ConfigError::File { path: path.display().to_string(), why: why.to_string() })?,
            None => String::new(),
        };
        Config::parse(&text)
    }

    /// Reads text over the defaults.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::read(text).map_err(|why| why.at(text))
    }

    fn read(text: &str) -> Result<Config, ConfigError> {
        let wrong = |why: toml::de::Error| ConfigError::Value { key: "config".to_owned(), why: why.to_string() };
        let mut settings: toml::Table = toml::from_str(DEFAULT).map_err(wrong)?;
        let given: toml::Table = toml::from_str(text).map_err(wrong)?;
        for (section, values) in given {
            let known = settings.get_mut(&section).and_then(toml::Value::as_table_mut);
            let (Some(known), toml::Value::Table(values)) = (known, values) else {
                return Err(unknown(&section, toml::from_str::<toml::Table>(DEFAULT).map_err(wrong)?.keys()));
            };
            for (key, value) in values {
                if !known.contains_key(&key) {
                    let nearest = unknown(&key, known.keys());
                    let ConfigError::Unknown { hint, .. } = nearest else { return Err(nearest) };
                    return Err(ConfigError::Unknown { key: format!("{section}.{key}"), hint });
                }
                known.insert(key, value);
            }
        }
        let config: Config = serde_path_to_error::deserialize(toml::Value::Table(settings))
            .map_err(|why| ConfigError::Value { key: why.path().to_string(), why: why.inner().to_string() })?;
        config.check()
    }

    fn check(self) -> Result<Config, ConfigError> {
        let wrong = |key: &str, why: &str| Err(ConfigError::Value { key: key.to_owned(), why: why.to_owned() });
        if self.listen.public_url.ends_with('/') || !self.listen.public_url.contains("://") {
            return wrong(
                "listen.public_url",
                "expected an address such as https://track.example.com, without a slash",
            );
        }
        if self.listen.head_wait_s == 0 || self.intake.body_wait_s == 0 {
            return wrong("listen.head_wait_s, intake.body_wait_s", "must be at least 1");
        }
        if self.data.shards == 0 || self.data.checkpoint_s == 0 {
            return wrong("data", "shards and checkpoint_s must be at least 1");
        }
        if self.data.workspace_waiting_records_max == 0 || self.data.workspace_waiting_mib_max == 0 {
            return wrong("data", "workspace_waiting_records_max and workspace_waiting_mib_max must be at least 1");
        }
        if self.sync.brake_percent > 100 {
            return wrong("sync.brake_percent", "expected 0 to 100");
        }
        self.check_connections()?;
        if !["auto", "journald", "json", "text"].contains(&self.log.format.as_str()) {
            return wrong("log.format", "expected auto, journald, json or text");
        }
        if !self.clock.simulated_start.is_empty() && self.simulated_start().is_none() {
            return wrong("clock.simulated_start", "expected an instant such as 2026-03-01T00:00:00Z");
        }
        Ok(self)
    }

    fn check_connections(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, why: String| ConfigError::Value { key: format!("connections.{key}"), why };
        let schedules = [
            ("poll_schedule", &self.connections.poll_schedule),
            ("register_schedule", &self.connections.register_schedule),
        ];
        for (key, schedule) in schedules {
            crate::schedule::check(schedule).map_err(|why| wrong(key, why))?;
        }
        let described = crate::connectors::described(&self.connections.described);
        let described = described.map_err(|why| wrong("described", why.to_string()))?;
        let is_described = |name: &str| described.iter().any(|one| one.name() == name);
        let compiled = |name: &str| crate::connectors::CONNECTORS.iter().find(|one| one.name == name);
        for (connector, address) in &self.connections.addresses {
            let known = is_described(connector) || compiled(connector).is_some_and(|one| one.install.is_some());
            if !known || !address.contains("://") || address.ends_with('/') {
                let why =
                    "expected connectors with addresses such as http://127.0.0.1:4010, without a slash at the end";
                return Err(wrong("addresses", why.to_owned()));
            }
        }
        let named = self.connections.settings.keys().map(|connector| ("settings", connector));
        for (key, connector) in named.chain(self.connections.senders.keys().map(|connector| ("senders", connector))) {
            if !is_described(connector) && compiled(connector).is_none() {
                return Err(wrong(key, format!("there is no connector {connector:?}")));
            }
        }
        Ok(())
    }

    /// The sections in which two settings differ.
    pub fn sections_that_differ(&self, other: &Config) -> Vec<&'static str> {
        let texts = |one: &Config| {
            [
                ("listen", format!("{:?}", one.listen)),
                ("data", format!("{:?}", one.data)),
                ("intake", format!("{:?}", one.intake)),
                ("geoip", format!("{:?}", one.geoip)),
                ("phone", format!("{:?}", one.phone)),
                ("sync", format!("{:?}", one.sync)),
                ("connections", format!("{:?}", one.connections)),
                ("secrets", format!("{:?}", one.secrets)),
                ("log", format!("{:?}", one.log)),
                ("clock", format!("{:?}", one.clock)),
            ]
        };
        let pairs = texts(self).into_iter().zip(texts(other));
        pairs.filter(|(mine, others)| mine != others).map(|((name, _), _)| name).collect()
    }

    /// Where a simulated clock begins, when one is set.
    pub fn simulated_start(&self) -> Option<Time> {
        Time::parse(&self.clock.simulated_start)
    }

    /// The file of number ranges, when one is set.
    pub fn phone_ranges(&self) -> Option<&Path> {
        (!self.phone.ranges.is_empty()).then(|| Path::new(&self.phone.ranges))
    }

    /// The GeoIP database, when one is set.
    pub fn geoip(&self) -> Option<&Path> {
        (!self.geoip.database.is_empty()).then(|| Path::new(&self.geoip.database))
    }

    /// Where the master key is.
    pub fn master_key_file(&self) -> PathBuf {
        if !self.secrets.master_key_file.is_empty() {
            return PathBuf::from(&self.secrets.master_key_file);
        }
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|dir| PathBuf::from(dir).join("master-key"));
        credential.filter(|path| path.exists()).unwrap_or_else(|| self.data.dir.join("master-key"))
    }
}

fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> ConfigError {
    let nearest = known.min_by_key(|known| engine::language::error::distance(key, known));
    let hint = nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
    ConfigError::Unknown { key: key.to_owned(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_complete() {
        let config = Config::parse("").unwrap();
        assert!(config.listen.address.ip().is_loopback());
        assert_eq!(config.intake, IntakeLimits::default());
    }

    #[test]
    fn every_error_names_the_key() {
        let cases = [
            ("[listen]\nadress = \"1\"", "listen.adress: there is no such setting; did you mean address?"),
            ("[lisen]\n", "lisen: there is no such setting; did you mean listen?"),
            ("[data]\n\n cache_mib = \"big\"", "line 3: data.cache_mib"),
            ("[log]\nformat = \"xml\"", "log.format: expected auto"),
            ("[clock]\nsimulated_start = \"noon\"", "clock.simulated_start"),
            ("[sync]\nbrake_percent = 200", "line 2: sync.brake_percent"),
        ];
        for (text, expected) in cases {
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
