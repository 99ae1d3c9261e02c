//! segmentd beside PostgreSQL, DuckDB and differential-dataflow: one world, one run, one table. See README.md.

mod chance;
mod clients;
mod clock;
mod count;
mod cpu;
mod daemon;
mod daemon_server;
mod differential;
mod disk;
mod duckdb;
mod engine;
mod feed;
mod http;
mod input;
mod judge;
mod members;
mod memory;
mod options;
mod outcome;
mod parts;
mod postgres;
mod postgres_server;
mod ratios;
mod requests;
mod runner;
mod segments;
mod spread;
mod table;
mod world;

use clap::Parser;
use options::Options;
use std::process::ExitCode;

/// The daemon's allocator, for everything that is measured in this program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match &options.run {
        Some(order) => runner::obey(order).map(|()| true),
        None => compare(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all parts that are asked for; whether every segment held whom it should.
fn compare(options: &Options) -> Result<bool, String> {
    let size = options.size();
    let data = options.out.join("data");
    println!("{} events of {} people, 20 segments", size.events, size.people);
    world::write(&data, size)?;
    let mut judge = judge::Judge::new(&data, size)?;
    let mut outcomes = Vec::new();
    let mut all_right = true;
    for part in options.parts() {
        for outcome in parts::run(part, options, &data) {
            match outcome {
                Ok(outcome) => {
                    all_right &= judge.is_right(&outcome);
                    println!("{}", table::progress(&outcome));
                    outcomes.push(outcome);
                }
                Err(parts::Failure::Missing(why)) => println!("left out: {why}"),
                Err(parts::Failure::Failed(why)) => {
                    println!("failed: {why}");
                    all_right = false;
                }
            }
        }
    }
    let text = table::whole(size, &outcomes, judge.verdict());
    println!("\n{text}");
    let path = options.out.join("table.md");
    std::fs::write(&path, text).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(all_right)
}
