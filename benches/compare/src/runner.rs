//! A runner in a process of its own, so that its memory is its own.

use crate::outcome::Outcome;
use crate::{differential, engine};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a process is started for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// segmentd's engine.
    Engine(engine::Asked),
    /// differential-dataflow.
    Differential(differential::Asked),
}

/// What a process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Where the files are.
    pub data: PathBuf,
    /// What to do.
    pub run: Run,
}

/// Does what an order says and prints what came of it.
pub fn obey(order: &str) -> Result<(), String> {
    let order: Order = serde_json::from_str(order).map_err(|why| why.to_string())?;
    match order.run {
        Run::Engine(asked) => tell(engine::run(&order.data, asked).map(|outcome| vec![outcome])),
        Run::Differential(asked) => {
            differential::run(&order.data, asked, |outcome| tell(outcome.map(|outcome| vec![outcome])))?
        }
    }
    Ok(())
}

fn tell(outcomes: Result<Vec<Outcome>, String>) {
    if let Ok(text) = serde_json::to_string(&outcomes) {
        println!("{text}");
        let _ = std::io::stdout().flush();
    }
}

/// Runs it in another process.
pub fn apart(data: &Path, run: Run) -> Result<Vec<Outcome>, String> {
    let order = serde_json::to_string(&Order { data: data.to_owned(), run }).map_err(|why| why.to_string())?;
    let own = std::env::current_exe().map_err(|why| why.to_string())?;
    let mut command = Command::new(own);
    let ran = command.arg("--run").arg(order).stderr(Stdio::inherit()).output().map_err(|why| why.to_string())?;
    let text = String::from_utf8_lossy(&ran.stdout);
    let line = text.lines().last().ok_or_else(|| format!("a runner said nothing: {}", ran.status))?;
    serde_json::from_str::<Result<Vec<Outcome>, String>>(line).map_err(|why| format!("{why}: {line}"))?
}
