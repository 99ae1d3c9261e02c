//! Whether every runner's segments hold whom they should: those counted by hand, at the same instant.

use crate::members::{KNOWN, Sets, differences};
use crate::outcome::Outcome;
use crate::world::{END, Size};
use crate::{count, input};
use std::collections::BTreeMap;
use std::path::Path;

/// Knows who should be in.
pub struct Judge {
    people: String,
    events: String,
    size: Size,
    counted: BTreeMap<(i64, u64), Sets>,
    compared: u64,
    wrong: Vec<String>,
}

impl Judge {
    /// Of the world in a folder; an error if the count by hand gives other sizes than those of the known world.
    pub fn new(data: &Path, size: Size) -> Result<Judge, String> {
        let (people, events) = input::read(data)?;
        let mut judge = Judge { people, events, size, counted: BTreeMap::new(), compared: 0, wrong: Vec::new() };
        let sizes: Vec<u64> = judge.counted(END, size.events).values().map(|members| members.size).collect();
        if size.is_known() && sizes != KNOWN {
            return Err(format!("counted by hand the segments hold {sizes:?}, not {KNOWN:?}"));
        }
        Ok(judge)
    }

    fn counted(&mut self, now: i64, first: u64) -> &Sets {
        let (people, events) = (&self.people, &self.events);
        self.counted.entry((now, first)).or_insert_with(|| count::sets(people, events, (now, first)))
    }

    /// Whether an outcome's segments hold whom they should; what is wrong is printed.
    pub fn is_right(&mut self, outcome: &Outcome) -> bool {
        let Some((now, first)) = outcome.compared else { return true };
        let differences = differences(&outcome.sets, self.counted(now, first));
        self.compared += 1;
        for difference in &differences {
            self.wrong.push(format!("{}: {difference}", outcome.what));
            println!("WRONG: {}: {difference}", outcome.what);
        }
        differences.is_empty()
    }

    /// What the table says of it.
    pub fn verdict(&self) -> String {
        let sizes = self.counted.get(&(END, self.size.events)).into_iter().flatten();
        let sizes: Vec<String> = sizes.map(|(number, members)| format!("{number}:{}", members.size)).collect();
        let found = match self.wrong.len() {
            0 => format!(
                "In each of the {} runs that were compared every segment held exactly the people it should.",
                self.compared
            ),
            wrong => format!("{wrong} SEGMENTS WERE WRONG: {}", self.wrong.join("; ")),
        };
        format!("{found}\nSizes at the end: {}.", sizes.join(" "))
    }
}
