//! The dictionary of a workspace: event and property names by number.

use crate::table::Table;
use std::collections::BTreeSet;

/// Names a workspace may use; a sender of random names can't fill the memory.
pub const NAMES_MAX: usize = 50_000;

/// Names in order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct Names {
    list: Vec<String>,
    numbers: Table<String, u32>,
}

impl Names {
    /// From stored names. Nobody who sends names is to know the seed.
    pub fn new(list: Vec<String>, seed: u64) -> Names {
        let mut numbers = Table::seeded(seed);
        for (number, name) in list.iter().enumerate() {
            numbers.insert(name.clone(), number as u32);
        }
        Names { list, numbers }
    }

    /// The number of a name, given now if it is new; `None` when the dictionary is full.
    pub fn intern(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        if self.list.len() >= NAMES_MAX {
            return None;
        }
        let number = self.list.len() as u32;
        self.list.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        Some(number)
    }

    /// The number of a known name.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name of a number.
    pub fn name(&self, number: u32) -> Option<&str> {
        self.list.get(number as usize).map(String::as_str)
    }

    /// A dictionary of some of them under their numbers; the others are blank.
    pub fn only(&self, numbers: &BTreeSet<u32>) -> Names {
        let name = |(number, name): (usize, &String)| match numbers.contains(&(number as u32)) {
            true => name.clone(),
            false => String::new(),
        };
        Names { list: self.list.iter().enumerate().map(name).collect(), numbers: Table::default() }
    }

    /// All names from a number on.
    pub fn since(&self, number: u32) -> &[String] {
        self.list.get(number as usize..).unwrap_or_default()
    }
}
