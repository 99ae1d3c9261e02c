//! Runs what is asked for, each in a process of its own.

use crate::options::{Options, Part};
use crate::outcome::Outcome;
use crate::runner::{self, Run};
use crate::segments::INCREMENTAL;
use crate::{daemon, differential, duckdb, engine, postgres};
use std::path::Path;

/// Why there is no outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// What it needs is not on this machine.
    Missing(String),
    /// It went wrong.
    Failed(String),
}

/// What came of some parts.
pub fn run(parts: Vec<Part>, options: &Options, data: &Path) -> Vec<Result<Outcome, Failure>> {
    match parts.as_slice() {
        [Part::Postgres] => {
            let bin = options.postgres_bin.as_deref();
            postgres::run(bin, (data, &options.out.join("postgres")), options.size())
        }
        [Part::Duckdb] => vec![duckdb::run(&options.python, data, options.size())],
        [Part::Daemon] => daemon::run(&options.binary, (data, &options.out.join("daemon")), options.size()),
        parts => by_turns(parts, options, data),
    }
}

/// The in-memory engines: one after the other, round by round, the best round of each.
fn by_turns(parts: &[Part], options: &Options, data: &Path) -> Vec<Result<Outcome, Failure>> {
    let mut found = Vec::new();
    for step in &options.steps {
        let runs = runs(parts, options, *step);
        let mut best: Vec<Option<Result<Outcome, Failure>>> = vec![None; runs.len()];
        for _ in 0..options.rounds.max(1) {
            for (run, best) in runs.iter().zip(&mut best) {
                let ran = runner::apart(data, run.clone()).map_err(Failure::Failed);
                let ran = ran.and_then(|some| some.into_iter().next().ok_or(Failure::Failed("no outcome".to_owned())));
                *best = Some(better(best.take(), ran));
            }
        }
        found.extend(best.into_iter().flatten());
    }
    found
}

/// The faster one; what failed once has failed.
fn better(best: Option<Result<Outcome, Failure>>, ran: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    match (best, ran) {
        (Some(Err(why)), _) | (_, Err(why)) => Err(why),
        (Some(Ok(best)), Ok(ran)) if best.rate() > ran.rate() => Ok(best),
        (_, ran) => ran,
    }
}

fn runs(parts: &[Part], options: &Options, step: usize) -> Vec<Run> {
    let all = options.size().events;
    let events = if step == 1 { all.min(options.single_events) } else { all };
    let engine =
        |segments| Run::Engine(engine::Asked { segments, step, events, retention_days: options.retention_days });
    let differential = |workers| Run::Differential(differential::Asked { workers, step, events });
    let mut runs = Vec::new();
    if parts.contains(&Part::Engine) {
        runs.push(engine(INCREMENTAL));
    }
    if parts.contains(&Part::Dd) {
        runs.extend([differential(1), differential(2)]);
    }
    if parts.contains(&Part::Engine) {
        runs.push(engine(20));
    }
    runs
}
