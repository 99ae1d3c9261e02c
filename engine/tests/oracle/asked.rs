//! What the oracle answers about a script, for tests that know the answer.

#![allow(dead_code)]

use crate::oracle::Oracle;
use crate::script::{Script, person, time};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

pub const START: &str = "2026-01-10T12:00:00Z";

pub fn script() -> Script {
    Script::new(START, "America/Mexico_City", false)
}

pub fn oracle(script: &Script) -> Oracle {
    let mut oracle = Oracle::new();
    script.records.iter().for_each(|record| oracle.record(record));
    oracle
}

/// Members and undecided people of a definition, named by the given identities.
pub fn ask(script: &Script, definition: Json, at: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut asked = script.clone();
    asked.now = time(START);
    asked.segment("asked", 1, &definition);
    oracle(&asked).members("asked", time(at))
}

#[track_caller]
pub fn expect(script: &Script, definition: Json, at: &str, members: &str) {
    let expected: BTreeSet<String> = members.split_whitespace().map(person).collect();
    assert_eq!(ask(script, definition.clone(), at).0, expected, "{definition} at {at}, expected {members}");
}

pub fn anyone() -> Json {
    json!({"not": {"property": "nobody has this", "exists": true}})
}
