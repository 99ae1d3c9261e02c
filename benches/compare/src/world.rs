//! The world that is compared over: people and a month of events, the same bytes each time.

use crate::chance::Chance;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Error, Write};
use std::path::{Path, PathBuf};

/// Milliseconds of 2026-01-01T00:00:00Z, when the world begins.
pub const BEGIN: i64 = 1_767_225_600_000;
/// Milliseconds of a day.
pub const DAY: i64 = 86_400_000;
/// Milliseconds of the instant at which the world ends and its segments are counted.
pub const END: i64 = BEGIN + DAYS * DAY;
/// Size of the world whose bytes and segments are known.
pub const EVENTS: u64 = 1_000_000;
/// See [`EVENTS`].
pub const PEOPLE: u32 = 100_000;

const DAYS: i64 = 30;
const SEED: u32 = 20_260_101;
const EVENTS_HASH: &str = "14ca83a31ca297b38c8e3f12d5f0bbeb97a164a972ff6bbac674c4695f1b5db9";
const PEOPLE_HASH: &str = "30dcdaaf709701be955465f09282550c4285956404b0830e537b025a97b0b4f5";

/// What happens, each with the part of draws up to which it is meant.
const NAMES: [(&str, f64); 5] = [
    ("Page Viewed", 0.50),
    ("Product Viewed", 0.78),
    ("Product Added", 0.88),
    ("Link Clicked", 0.95),
    ("Order Completed", 1.0),
];
const COUNTRIES: [(&str, f64); 8] =
    [("MX", 0.35), ("US", 0.55), ("BR", 0.70), ("AR", 0.80), ("CO", 0.87), ("CL", 0.92), ("ES", 0.97), ("PE", 1.0)];
/// Empty: not known.
const GENDERS: [(&str, f64); 3] = [("female", 0.50), ("male", 0.94), ("", 1.0)];

/// How large a world is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Events in it.
    pub events: u64,
    /// People in it.
    pub people: u32,
}

impl Size {
    /// Whether it is the one whose bytes and segments are known.
    pub fn is_known(self) -> bool {
        self == Size { events: EVENTS, people: PEOPLE }
    }
}

/// Where people and events of a folder are.
pub fn files(dir: &Path) -> (PathBuf, PathBuf) {
    (dir.join("people.csv"), dir.join("events.csv"))
}

/// Writes both files; an error if the bytes of the known world are others than they should be.
pub fn write(dir: &Path, size: Size) -> Result<(), String> {
    let (people, events) = files(dir);
    let why = |error: Error| format!("{}: {error}", dir.display());
    std::fs::create_dir_all(dir).map_err(why)?;
    let mut people = Hashed::create(&people).map_err(why)?;
    let mut events = Hashed::create(&events).map_err(why)?;
    generate(size, &mut people, &mut events).map_err(why)?;
    let hashes = [people.finish().map_err(why)?, events.finish().map_err(why)?];
    if size.is_known() && hashes != [PEOPLE_HASH, EVENTS_HASH] {
        return Err(format!("the world has other bytes than it should have: SHA-256 {}, {}", hashes[0], hashes[1]));
    }
    Ok(())
}

/// The first of the choices whose bound is above the draw.
fn choose(choices: &[(&'static str, f64)], draw: f64) -> &'static str {
    choices.iter().find(|(_, bound)| draw < *bound).map_or("", |(name, _)| name)
}

fn generate(size: Size, people: &mut impl Write, events: &mut impl Write) -> Result<(), Error> {
    let mut chance = Chance::new(SEED);
    people.write_all(b"person,country,gender\n")?;
    for person in 0..size.people {
        let country = choose(&COUNTRIES, chance.draw());
        let gender = choose(&GENDERS, chance.draw());
        writeln!(people, "{person},{country},{gender}")?;
    }
    // Few are very busy, most are not: a shifted law of Zipf.
    let mut weight = 0.0;
    let weights: Vec<f64> = (0..size.people)
        .map(|rank| {
            weight += (f64::from(rank) + 10.0).powf(-0.9);
            weight
        })
        .collect();
    let mut by_rank: Vec<u32> = (0..size.people).collect();
    for place in (1..by_rank.len()).rev() {
        let other = chance.below(place as u64 + 1) as usize;
        by_rank.swap(place, other);
    }
    let span = (DAYS * DAY) as u64;
    let mut times: Vec<i64> = (0..size.events).map(|_| BEGIN + chance.below(span) as i64).collect();
    times.sort_unstable();
    events.write_all(b"id,person,name,ts,total_cents,product,page\n")?;
    for (id, time) in times.into_iter().enumerate() {
        let drawn = chance.draw() * weight;
        let person = by_rank[weights.partition_point(|bound| *bound <= drawn)];
        let name = choose(&NAMES, chance.draw());
        let (first, second) = (chance.draw(), chance.draw());
        write!(events, "{id},{person},{name},{time},")?;
        match name {
            "Order Completed" => writeln!(events, "{},,", 500 + (first * first * first * 40_000.0) as u64)?,
            "Link Clicked" => writeln!(events, ",,{}", (second * 50.0) as u64)?,
            "Page Viewed" => writeln!(events, ",,{}", (first * 200.0) as u64)?,
            _ => writeln!(events, ",{},", (first * first * 5_000.0) as u64)?,
        }
    }
    Ok(())
}

/// A file that is hashed while it is written.
struct Hashed {
    file: BufWriter<File>,
    hash: Sha256,
}

impl Hashed {
    fn create(path: &Path) -> Result<Hashed, Error> {
        Ok(Hashed { file: BufWriter::new(File::create(path)?), hash: Sha256::new() })
    }

    fn finish(mut self) -> Result<String, Error> {
        self.file.flush()?;
        Ok(hex(&self.hash.finalize()))
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.file.flush()
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{EVENTS, PEOPLE, Size, generate};

    fn lines(size: Size) -> (Vec<String>, Vec<String>) {
        let (mut people, mut events) = (Vec::new(), Vec::new());
        generate(size, &mut people, &mut events).unwrap();
        let lines = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
        (lines(people), lines(events))
    }

    #[test]
    fn the_known_world_begins_as_it_should() {
        let (people, events) = lines(Size { events: EVENTS, people: PEOPLE });
        assert_eq!(people[..3], ["person,country,gender", "0,MX,female", "1,MX,male"]);
        assert_eq!(
            events[..3],
            [
                "id,person,name,ts,total_cents,product,page",
                "0,45688,Page Viewed,1767225610314,,,104",
                "1,51006,Product Viewed,1767225610453,,1262,",
            ]
        );
        assert_eq!((people.len(), events.len()), (100_001, 1_000_001));
    }

    #[test]
    fn a_small_world_has_so_many_of_both_and_its_times_never_fall() {
        let (people, events) = lines(Size { events: 500, people: 50 });
        assert_eq!((people.len(), events.len()), (51, 501));
        let times: Vec<&str> = events[1..].iter().map(|line| line.split(',').nth(3).unwrap()).collect();
        assert!(times.is_sorted());
    }
}
