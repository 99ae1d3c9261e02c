//! Engine and oracle in the same made-up worlds: they must agree at every step and between steps.
//!
//! A failure prints its seed and the shortest script that still fails. `SEGMENTD_SEED=n` plays
//! one world alone, `SEGMENTD_WORLDS=n` as many as wanted (with `--ignored`, for soaking, on all cores; then
//! `SEGMENTD_SEED` is the first of them).

#![allow(missing_docs)]

mod oracle;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use world::generate::{self, Taste, reordered};
use world::play::{Failure, play};
use world::steps::World;

/// Worlds are many small allocations on every core.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the worlds of an ordinary test run may take.
const BUDGET: Duration = Duration::from_secs(4);
const WORLDS_MIN: u64 = 20;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Shortens a failing world and tells everything about it.
fn report(world: &World, failed: &Failure) -> ! {
    std::panic::set_hook(Box::new(|_| ()));
    let fails = |world: &World| play(world).is_err_and(|other| other.kind == failed.kind);
    let shortest = crate::world::shorten::shorten(world, &fails);
    let story = play(&shortest).err().map_or_else(String::new, |failure| failure.story);
    drop(std::panic::take_hook());
    panic!("SEGMENTD_SEED={}\n{story}\nafter\n{shortest}", world.seed);
}

fn agree(seed: u64, taste: Taste) {
    let world = generate::world(seed, taste);
    if let Err(failure) = play(&world) {
        report(&world, &failure);
    }
}

/// Happenings of a world: many are short, for these are easy to read, and some long.
fn taste(seed: u64) -> Taste {
    let happenings = match seed % 10 {
        0..6 => 20,
        6..9 => 60,
        _ => 150,
    };
    Taste { happenings, orderless: false }
}

#[test]
fn engine_and_oracle_agree_at_every_step_and_between_steps() {
    if let Some(seed) = number("SEGMENTD_SEED") {
        return agree(seed, taste(seed));
    }
    let start = Instant::now();
    let mut seed = 0;
    while seed < WORLDS_MIN || start.elapsed() < BUDGET {
        agree(seed, taste(seed));
        seed += 1;
    }
}

#[test]
fn the_order_of_arrival_makes_no_difference() {
    let start = Instant::now();
    let mut seed = 1_000_000;
    while seed < 1_000_000 + WORLDS_MIN || start.elapsed() < BUDGET {
        let first = generate::world(seed, Taste { happenings: 25, orderless: true });
        let again = reordered(&first, seed);
        match (play(&first), play(&again)) {
            (Ok(first), Ok(again)) => assert_eq!(first, again, "SEGMENTD_SEED={seed}"),
            (Err(failed), _) => report(&first, &failed),
            (_, Err(failed)) => report(&again, &failed),
        }
        seed += 1;
    }
}

#[test]
#[ignore = "soaking: as many worlds as SEGMENTD_WORLDS says"]
fn engine_and_oracle_agree_for_long() {
    let worlds = number("SEGMENTD_WORLDS").unwrap_or(1_000);
    let first = number("SEGMENTD_SEED").unwrap_or(2_000_000);
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicU64::new(first);
    // The first seed that failed: those below it are played to their end.
    let failed = AtomicU64::new(u64::MAX);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + worlds || seed > failed.load(Ordering::Relaxed) {
                return;
            }
            if play(&generate::world(seed, taste(seed))).is_err() {
                failed.fetch_min(seed, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    match failed.into_inner() {
        u64::MAX => (),
        seed => {
            agree(seed, taste(seed));
            panic!("SEGMENTD_SEED={seed} failed beside others, and does not alone");
        }
    }
    println!("{worlds} worlds from seed {first} on in {} s", began.elapsed().as_secs());
}
