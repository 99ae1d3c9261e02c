//! What a receiver of signed messages keeps of a list, by the rules that the messages document.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A message of either type, as it comes over the wire.
#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Message {
    /// People entered or left.
    #[serde(rename = "segment.members.changed")]
    Changed {
        /// The list.
        list: String,
        /// Who, and what.
        changes: Vec<Change>,
    },
    /// A part of everything that the list holds.
    #[serde(rename = "segment.members.snapshot")]
    Snapshot(Part),
}

/// One change.
#[derive(Deserialize)]
pub struct Change {
    identifier: String,
    person: String,
    change: Kind,
    sequence: u64,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Entered,
    Left,
}

/// A part of a snapshot.
#[derive(Deserialize)]
pub struct Part {
    list: String,
    snapshot_id: String,
    sequence: u64,
    part: usize,
    parts: usize,
    members: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    identifier: String,
    person: String,
    sequence: u64,
}

/// The last that was applied for an identifier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Known {
    /// Whether it is a member.
    pub member: bool,
    /// The person last named with it.
    pub person: String,
    /// Sequence of the newest applied change.
    pub sequence: u64,
}

/// A list as the receiver holds it.
#[derive(Default)]
pub struct List {
    known: BTreeMap<String, Known>,
    /// Sequence of the newest snapshot: what is older and was not in it is over.
    floor: u64,
    /// Parts of snapshots that are not complete.
    parts: BTreeMap<String, BTreeMap<usize, Part>>,
    /// Changes applied.
    pub applied: u64,
    /// Changes that were older than what was known.
    pub ignored: u64,
    /// Snapshots applied.
    pub snapshots: u64,
    /// Members that a snapshot had to repair.
    pub repaired: u64,
}

impl List {
    /// Applies changes that are newer than what is known.
    pub fn change(&mut self, changes: Vec<Change>) {
        for change in changes {
            let known = self.known.get(&change.identifier).map_or(self.floor, |known| known.sequence);
            if change.sequence <= known {
                self.ignored += 1;
                continue;
            }
            let member = change.change == Kind::Entered;
            self.applied += 1;
            self.known.insert(change.identifier, Known { member, person: change.person, sequence: change.sequence });
        }
    }

    /// Keeps a part; applies the snapshot once all are there.
    pub fn part(&mut self, part: Part) {
        let (id, count) = (part.snapshot_id.clone(), part.parts);
        let parts = self.parts.entry(id.clone()).or_default();
        parts.insert(part.part, part);
        if parts.len() < count {
            return;
        }
        let whole = self.parts.remove(&id).unwrap_or_default();
        self.restore(whole.into_values().collect());
    }

    fn restore(&mut self, parts: Vec<Part>) {
        let sequence = parts.first().map_or(0, |part| part.sequence);
        if sequence < self.floor {
            return;
        }
        let mut listed = BTreeSet::new();
        for member in parts.into_iter().flat_map(|part| part.members) {
            listed.insert(member.identifier.clone());
            let newest = self.known.get(&member.identifier).map_or(0, |known| known.sequence);
            if newest > sequence {
                continue;
            }
            let known = Known { member: true, person: member.person, sequence: member.sequence.max(newest) };
            let before = self.known.insert(member.identifier, known);
            self.repaired += u64::from(!before.is_some_and(|before| before.member));
        }
        let repaired = &mut self.repaired;
        self.known.retain(|identifier, known| {
            let stays = listed.contains(identifier) || known.sequence > sequence;
            *repaired += u64::from(!stays && known.member);
            stays
        });
        self.floor = sequence;
        self.snapshots += 1;
    }

    /// Loses a member, as a damaged receiver would; false if there is none such.
    pub fn lose(&mut self, identifier: &str) -> bool {
        self.known.remove(identifier).is_some()
    }

    /// Holds a member that nobody told of, as a damaged receiver would.
    pub fn invent(&mut self, identifier: &str) {
        let known = Known { member: true, person: "p_invented".to_owned(), sequence: 0 };
        self.known.insert(identifier.to_owned(), known);
    }

    /// Its members: identifier and person.
    pub fn members(&self) -> BTreeMap<String, String> {
        let members = self.known.iter().filter(|(_, known)| known.member);
        members.map(|(identifier, known)| (identifier.clone(), known.person.clone())).collect()
    }

    /// The list that a message is about.
    pub fn of(message: &Message) -> &str {
        match message {
            Message::Changed { list, .. } => list,
            Message::Snapshot(part) => &part.list,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(json: &str) -> Vec<Change> {
        serde_json::from_str(json).unwrap()
    }

    fn part(part: usize, parts: usize, sequence: u64, members: &str) -> Part {
        let json = format!(
            r#"{{"list":"l","snapshot_id":"s{sequence}","sequence":{sequence},"part":{part},"parts":{parts},"members":{members}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn an_older_change_never_undoes_a_newer_one() {
        let mut list = List::default();
        list.change(changes(r#"[{"identifier":"a","person":"p","change":"left","sequence":5}]"#));
        list.change(changes(r#"[{"identifier":"a","person":"p","change":"entered","sequence":4}]"#));
        assert!(list.members().is_empty());
        assert_eq!((list.applied, list.ignored), (1, 1));
    }

    #[test]
    fn a_snapshot_repairs_once_all_its_parts_are_there_and_keeps_what_is_newer() {
        let mut list = List::default();
        list.change(changes(
            r#"[{"identifier":"old","person":"p","change":"entered","sequence":2},
                {"identifier":"new","person":"p","change":"entered","sequence":12},
                {"identifier":"gone","person":"p","change":"left","sequence":11}]"#,
        ));
        list.part(part(2, 2, 10, r#"[{"identifier":"gone","person":"p","sequence":4}]"#));
        assert!(list.members().contains_key("old"), "half a snapshot changes nothing");
        list.part(part(1, 2, 10, r#"[{"identifier":"lost","person":"p","sequence":3}]"#));
        let held: Vec<String> = list.members().into_keys().collect();
        assert_eq!(held, ["lost", "new"]);
        list.change(changes(r#"[{"identifier":"old","person":"p","change":"entered","sequence":2}]"#));
        assert!(!list.members().contains_key("old"), "a late change older than the snapshot is over");
    }
}
