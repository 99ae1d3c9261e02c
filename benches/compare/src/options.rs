//! What can be said on the command line.

use crate::world::{EVENTS, PEOPLE, Size};
use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Part {
    /// segmentd's engine alone, in memory.
    Engine,
    /// differential-dataflow, in memory.
    Dd,
    /// PostgreSQL: full recompute, and event by event.
    Postgres,
    /// DuckDB: full recompute.
    Duckdb,
    /// segmentd as a whole, durable.
    Daemon,
}

/// segmentd beside PostgreSQL, DuckDB and differential-dataflow, over one world.
#[derive(Parser, Debug)]
pub struct Options {
    /// The parts to run; all of them if none is named.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Events of the world.
    #[arg(long, default_value_t = EVENTS)]
    events: u64,
    /// People of the world.
    #[arg(long, default_value_t = PEOPLE)]
    people: u32,
    /// Runs of each in-memory engine at each size of a step, by turns; the best counts.
    #[arg(long, default_value_t = 3)]
    pub rounds: u32,
    /// Records in a step of the in-memory engines.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1_000])]
    pub steps: Vec<usize>,
    /// Events of the runs in steps of one: differential-dataflow takes long for all.
    #[arg(long, default_value_t = 100_000)]
    pub single_events: u64,
    /// Days for which segmentd's engine alone keeps events other than orders; segmentd's default if not said.
    #[arg(long, default_value_t = 1_095)]
    pub retention_days: u32,
    /// Where the world, the databases and the table are put.
    #[arg(long, default_value = "target/compare")]
    pub out: PathBuf,
    /// segmentd's binary.
    #[arg(long, default_value = "target/release/segmentd")]
    pub binary: PathBuf,
    /// Python with DuckDB.
    #[arg(long, default_value = "target/compare/venv/bin/python")]
    pub python: PathBuf,
    /// Where PostgreSQL's programs are; looked for if not given.
    #[arg(long)]
    pub postgres_bin: Option<PathBuf>,
    /// For the process of a runner.
    #[arg(long, hide = true)]
    pub run: Option<String>,
}

impl Options {
    /// How large the world is.
    pub fn size(&self) -> Size {
        Size { events: self.events, people: self.people.max(1) }
    }

    /// The parts in the order in which they are run. The two engines go by turns: both are one part.
    pub fn parts(&self) -> Vec<Vec<Part>> {
        let all = [Part::Engine, Part::Dd, Part::Postgres, Part::Duckdb, Part::Daemon];
        let asked = |part: &Part| self.parts.is_empty() || self.parts.contains(part);
        let (by_turns, others): (Vec<Part>, Vec<Part>) =
            all.into_iter().filter(asked).partition(|part| matches!(part, Part::Engine | Part::Dd));
        let others = others.into_iter().map(|part| vec![part]);
        [by_turns].into_iter().filter(|parts| !parts.is_empty()).chain(others).collect()
    }
}
