//! DuckDB: all segments computed anew, by a script under Python.

use crate::members::Sets;
use crate::memory::Memory;
use crate::outcome::Outcome;
use crate::parts::Failure;
use crate::segments;
use crate::spread::Percentiles;
use crate::world::{END, Size};
use serde::Deserialize;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const SCRIPT: &str = include_str!("../duckdb/recompute.py");
const ROUNDS: usize = 3;
const THREADS: usize = 2;

/// What the script says.
#[derive(Deserialize)]
struct Said {
    version: String,
    loaded: f64,
    seconds: Vec<f64>,
    peak: u64,
    sets: Sets,
}

/// Runs it over the files of a folder.
pub fn run(python: &Path, data: &Path, size: Size) -> Result<Outcome, Failure> {
    let there = Command::new(python).args(["-c", "import duckdb"]).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        return Err(Failure::Missing(format!("DuckDB: {} has none (make compare installs it)", python.display())));
    }
    let said = ask(python, data).map_err(|why| Failure::Failed(format!("DuckDB: {why}")))?;
    let best = said.seconds.iter().copied().fold(f64::MAX, f64::min);
    Ok(Outcome {
        part: "duckdb".to_owned(),
        mode: "recompute".to_owned(),
        what: format!(
            "DuckDB {}, all 20 computed anew, {THREADS} threads, in memory, best of {ROUNDS} (loading: {:.1} s)",
            said.version, said.loaded
        ),
        events: size.events,
        seconds: best,
        recompute: true,
        step: Some(Percentiles::of_few(&said.seconds)),
        to_membership: Some(Percentiles::of_few(&said.seconds)),
        memory: Some(Memory { whole: said.peak, net: None }),
        compared: Some((END, size.events)),
        sets: said.sets,
        ..Outcome::default()
    })
}

fn ask(python: &Path, data: &Path) -> Result<Said, String> {
    let list: Vec<serde_json::Value> = segments::all()
        .iter()
        .map(|segment| serde_json::json!({"number": segment.number, "query": segment.query(END)}))
        .collect();
    let plan = serde_json::json!({"data": data, "threads": THREADS, "rounds": ROUNDS, "segments": list});
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().map_err(|why| why.to_string())?;
    // Dropped at once, so that the script sees its end.
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(plan.to_string().as_bytes()));
    let ended = child.wait_with_output().map_err(|why| why.to_string())?;
    if !ended.status.success() || written.is_none_or(|written| written.is_err()) {
        return Err(format!("the script ended with {}", ended.status));
    }
    serde_json::from_slice(&ended.stdout).map_err(|why| why.to_string())
}
