//! The engine alone: that what one event costs stays flat, whatever grows. Every ratio is of two worlds measured by
//! turns in this one run, and each figure is the best of several rounds.
//!
//! `cargo bench --bench engine`, or with the names of parts: `cargo bench --bench engine -- history segments`; `size`,
//! which takes some GiB, is measured when it is named alone. The daemon as a whole is measured by `segmentd bench`.

#![allow(missing_docs)]

#[path = "engine/world.rs"]
mod world;

use std::time::Instant;
use world::{DAY, SECOND, World};

/// Rounds of which the best counts.
const ROUNDS: usize = 5;

/// Microseconds that one step takes in each of several worlds: the best of some rounds, by turns.
fn by_turns(worlds: &mut [World], steps: u64, step: &mut dyn FnMut(&mut World, u64)) -> Vec<f64> {
    let mut best = vec![f64::MAX; worlds.len()];
    for round in 0..ROUNDS as u64 {
        for (world, best) in worlds.iter_mut().zip(&mut best) {
            let began = Instant::now();
            (0..steps).for_each(|number| step(world, round * steps + number));
            *best = best.min(began.elapsed().as_secs_f64() * 1e6 / steps as f64);
        }
    }
    best
}

fn print(what: &[String], micros: &[f64]) {
    let first = micros.first().copied().unwrap_or(1.0);
    for (what, micros) in what.iter().zip(micros) {
        println!("  {what:<44} {micros:>9.1} us, {:>6.2} of the first", micros / first);
    }
}

/// One event of a person with a short and a long past, in order and late.
fn history() {
    let lengths: Vec<u64> = match std::env::var("SEGMENTD_BENCH_HISTORY").ok().and_then(|text| text.parse().ok()) {
        Some(longest) => vec![10, longest],
        None => vec![10, 1_000, 10_000, 100_000],
    };
    println!("one event by the length of the person's past, 20 segments");
    let mut worlds: Vec<World> = lengths.iter().map(|length| World::with_past(*length, 20)).collect();
    let what: Vec<String> = lengths.iter().map(|length| format!("a past of {length}, in order")).collect();
    // A person with a past of ten is another one each time, or the past would not stay that short.
    let in_order = by_turns(&mut worlds, 400, &mut |world, number| world.event_of_past(number, 0));
    print(&what, &in_order);
    let what: Vec<String> = lengths.iter().map(|length| format!("a past of {length}, two hours late")).collect();
    let late = by_turns(&mut worlds, 400, &mut |world, number| world.event_of_past(10_000 + number, 7_200 * SECOND));
    print(&what, &late);
}

/// One event with 20 and with 10,000 segments, of which it can change 20 in either.
fn segments() {
    println!("one event that can change 20 segments, of so many");
    let mut worlds: Vec<World> = [20, 10_000].iter().map(|count| World::with_past(10, *count)).collect();
    let what: Vec<String> = ["20 segments", "10,000 segments"].map(str::to_owned).to_vec();
    let known = by_turns(&mut worlds, 2_000, &mut |world, number| world.event_of_past(number, 0));
    print(&what, &known);
    println!("the event that makes a new person");
    print(&what, &by_turns(&mut worlds, 500, &mut |world, number| world.new_person(number)));
    println!("a change by time alone");
    let mut each = Vec::new();
    for world in &mut worlds {
        let (before, began) = (world.fired, Instant::now());
        world.let_pass(2 * DAY);
        each.push(began.elapsed().as_secs_f64() * 1e6 / (world.fired - before).max(1) as f64);
    }
    print(&what, &each);
}

/// A day of timers at once, as after a day without the daemon; and all at one instant.
fn timers() {
    for (what, spread) in [("spread over a day", DAY), ("at one instant", 1)] {
        let mut world = World::with_renewals(200_000, spread);
        let began = Instant::now();
        world.let_pass(3 * DAY);
        let seconds = began.elapsed().as_secs_f64();
        println!("{} timers {what}: {:.0} a second", world.fired, world.fired as f64 / seconds);
    }
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() * 1_024
}

/// What 10,000 segments take with a million people: memory, beside a world of 20 segments, and in the store.
fn size() {
    let people = std::env::var("SEGMENTD_BENCH_PEOPLE").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    println!(
        "{people} people, each in one of 9,980 campaigns that a segment asks for; a third of these is \"has not\""
    );
    let mut worlds = Vec::new();
    let mut taken = Vec::new();
    for segments in [20, 10_000] {
        let before = resident();
        let mut world = World::with_past(1, segments);
        let defined = resident().saturating_sub(before);
        world.campaign(people, segments.max(10_000) as u64);
        let whole = resident().saturating_sub(before);
        let stored = world.stored_segments();
        println!(
            "  {segments:>6} segments: {:>6.1} MiB before anybody came, {:>7.1} MiB with them; stored {:.2} MiB",
            defined as f64 / 1_048_576.0,
            whole as f64 / 1_048_576.0,
            stored as f64 / 1_048_576.0
        );
        taken.push(whole);
        // Kept, so that the second finds no memory that the first gave back.
        worlds.push(world);
    }
    if let [few, many] = taken[..] {
        println!("  10,000 segments take {:.1} MiB more than 20", (many as f64 - few as f64) / 1_048_576.0);
    }
}

pub fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|one| one == name);
    if wanted("history") {
        history();
    }
    if wanted("segments") {
        segments();
    }
    if wanted("timers") {
        timers();
    }
    if asked.iter().any(|one| one == "size") {
        size();
    }
}
