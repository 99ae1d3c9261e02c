//! Logs: to the journal under systemd, as JSON or text elsewhere.

use std::io::IsTerminal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

/// Changes the level while the daemon runs.
pub type LevelHandle = reload::Handle<EnvFilter, Registry>;

/// Why logs can't be written as asked.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter.
    #[error("log.level: {0}")]
    Level(String),
    /// The journal.
    #[error("log.format: the journal can't be reached: {0}")]
    Journal(std::io::Error),
    /// Set up before.
    #[error("logs are set up already")]
    Twice,
}

/// Starts logging. `format` is `auto`, `journald`, `json` or `text`.
pub fn start(format: &str, level: &str) -> Result<LevelHandle, LoggingError> {
    let filter = EnvFilter::try_new(level).map_err(|why| LoggingError::Level(why.to_string()))?;
    let (filter, handle) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let under_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    let done = match format {
        "json" => registry.with(tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr)).try_init(),
        "journald" => registry.with(tracing_journald::layer().map_err(LoggingError::Journal)?).try_init(),
        "auto" if under_systemd => registry.with(tracing_journald::layer().map_err(LoggingError::Journal)?).try_init(),
        _ => {
            let colours = std::io::stderr().is_terminal();
            let layer = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
            registry.with(layer).try_init()
        }
    };
    done.map_err(|_| LoggingError::Twice)?;
    Ok(handle)
}

/// Sets another level.
pub fn set_level(handle: &LevelHandle, level: &str) -> Result<(), LoggingError> {
    let filter = EnvFilter::try_new(level).map_err(|why| LoggingError::Level(why.to_string()))?;
    handle.reload(filter).map_err(|why| LoggingError::Level(why.to_string()))
}
