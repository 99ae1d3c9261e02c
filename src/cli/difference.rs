//! What a folder of segment files would change in a daemon, and in which order.

use super::segment_file::{FileError, SegmentFile};
use engine::language::Definition;
use engine::language::error::{Position, distance};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A segment that the daemon has.
pub struct Known {
    /// Its id.
    pub id: String,
    /// Shown name.
    pub name: String,
    /// The definition in force, JSON form.
    pub definition: Value,
    /// The same in text form.
    pub text: String,
    /// Members now.
    pub members: u64,
    /// The segments that it refers to.
    pub refers_to: BTreeSet<String>,
}

/// What becomes of a segment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fate {
    /// It is new.
    Created,
    /// Its definition or its name is another one.
    Changed,
    /// It is as its file says.
    Unchanged,
    /// It has no file and is deleted.
    Deleted,
    /// It has no file and is left alone.
    Left,
}

impl Fate {
    /// In a word or two.
    pub fn word(self) -> &'static str {
        match self {
            Fate::Created => "created",
            Fate::Changed => "changed",
            Fate::Unchanged => "unchanged",
            Fate::Deleted => "deleted",
            Fate::Left => "left alone",
        }
    }
}

/// What becomes of one segment.
pub struct Change<'a> {
    /// Its id.
    pub id: &'a str,
    /// What becomes of it.
    pub fate: Fate,
    /// Its file, if it has one.
    pub file: Option<&'a SegmentFile>,
    /// As the daemon has it, if it does.
    pub known: Option<&'a Known>,
}

impl Change<'_> {
    /// Whether the definition becomes another one.
    pub fn is_redefined(&self) -> bool {
        let wanted = self.file.map(|file| file.definition.to_json());
        self.known.is_none_or(|known| wanted.is_none_or(|wanted| wanted != known.definition))
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "segment": self.id,
            "change": self.fate.word(),
            "old_name": self.known.map(|known| &known.name),
            "new_name": self.file.map(|file| &file.name),
            "old": self.known.map(|known| &known.text),
            "new": self.file.map(|file| file.definition.to_text()),
            "members": self.known.map(|known| known.members),
        })
    }
}

type References = BTreeMap<String, BTreeSet<String>>;

/// What becomes of every segment: those of files in the order in which they can be set, then the others.
pub fn difference<'a>(
    files: &'a [SegmentFile],
    known: &'a [Known],
    delete: bool,
) -> Result<Vec<Change<'a>>, Vec<FileError>> {
    let by_id: BTreeMap<&str, &Known> = known.iter().map(|known| (known.id.as_str(), known)).collect();
    let mut of_files: BTreeMap<&str, &SegmentFile> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in files {
        if let Some(other) = of_files.insert(&file.id, file) {
            let why = format!("the segment {} is in {} too", file.id, other.path.display());
            wrong.push(FileError { path: file.path.clone(), at: None, message: why });
        }
    }
    let others: Vec<&Known> = known.iter().filter(|known| !of_files.contains_key(known.id.as_str())).collect();
    let mut references: References = files.iter().map(|file| (file.id.clone(), names(&file.definition))).collect();
    if !delete {
        references.extend(others.iter().map(|known| (known.id.clone(), known.refers_to.clone())));
    }
    for file in files {
        wrong.extend(dangling(file, &references, &by_id));
        wrong.extend(cycle(file, &references));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let change = |file: &'a SegmentFile| {
        let known = by_id.get(file.id.as_str()).copied();
        let mut change = Change { id: &file.id, fate: Fate::Created, file: Some(file), known };
        if let Some(known) = known {
            let same = known.name == file.name && !change.is_redefined();
            change.fate = if same { Fate::Unchanged } else { Fate::Changed };
        }
        change
    };
    let in_order = ordered(of_files.keys().copied().collect(), &references);
    let mut changes: Vec<Change<'_>> =
        in_order.iter().filter_map(|id| of_files.get(id).map(|file| change(file))).collect();
    let had = known.iter().map(|known| (known.id.clone(), known.refers_to.clone())).collect();
    let mut rest = ordered(others.iter().map(|known| known.id.as_str()).collect(), &had);
    rest.reverse();
    let fate = if delete { Fate::Deleted } else { Fate::Left };
    let rest = rest.into_iter().filter_map(|id| by_id.get_key_value(id));
    changes.extend(rest.map(|(id, known)| Change { id, fate, file: None, known: Some(known) }));
    Ok(changes)
}

fn names(definition: &Definition) -> BTreeSet<String> {
    definition.refers_to().into_iter().map(str::to_owned).collect()
}

/// References of a file to segments that will not be there.
fn dangling(file: &SegmentFile, after: &References, before: &BTreeMap<&str, &Known>) -> Vec<FileError> {
    let missing = file.references.iter().filter(|(id, _)| !after.contains_key(id));
    let told = missing.map(|(id, at)| {
        let why = match before.contains_key(id.as_str()) {
            true => format!("the segment {id} has no file and would be deleted"),
            false => {
                let near = after.keys().filter(|known| **known != file.id).min_by_key(|known| distance(id, known));
                let hint = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
                format!("unknown segment \"{id}\"{hint}")
            }
        };
        file.wrong(*at, why)
    });
    told.collect()
}

/// A way from a file's segment back to itself; told by the smallest id of a cycle.
fn cycle(file: &SegmentFile, references: &References) -> Option<FileError> {
    let mut ways: Vec<Vec<&str>> = vec![vec![&file.id]];
    let mut met: BTreeSet<&str> = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in way.last().and_then(|last| references.get(*last)).into_iter().flatten() {
            if *next == file.id {
                let is_told_here = way.iter().all(|id| *id >= file.id.as_str());
                let at = way.get(1).copied().unwrap_or(&file.id);
                let at = file.references.iter().find(|(id, _)| id == at).map_or(file.at, |(_, at): &(_, Position)| *at);
                let why = format!("the segment would refer to itself: {} -> {}", way.join(" -> "), file.id);
                return is_told_here.then(|| file.wrong(at, why));
            }
            if met.insert(next) {
                let mut longer = way.clone();
                longer.push(next);
                ways.push(longer);
            }
        }
    }
    None
}

/// Ids, each after those that it refers to.
fn ordered<'a>(ids: Vec<&'a str>, references: &References) -> Vec<&'a str> {
    let mut waiting: BTreeSet<&str> = ids.into_iter().collect();
    let mut out = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let waits =
            |id: &str| references.get(id).is_some_and(|all| all.iter().any(|other| waiting.contains(other.as_str())));
        let ready: Vec<&str> = waiting.iter().copied().filter(|id| !waits(id)).collect();
        // What the daemon has is without cycles, and files with one are refused: nothing is left over.
        let ready = if ready.is_empty() { waiting.iter().copied().collect() } else { ready };
        for id in ready {
            waiting.remove(id);
            out.push(id);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::segment_file::parse;
    use super::*;
    use std::path::Path;

    fn file(id: &str, text: &str) -> SegmentFile {
        parse(Path::new(&format!("s/{id}.toml")), &format!("definition = '{text}'")).unwrap()
    }

    fn known(id: &str, text: &str) -> Known {
        let definition = engine::language::parse(text).unwrap();
        let refers_to = names(&definition);
        let (json, text) = (definition.to_json(), definition.to_text());
        Known { id: id.to_owned(), name: id.to_owned(), definition: json, text, members: 0, refers_to }
    }

    fn told(files: &[SegmentFile], known: &[Known], delete: bool) -> Vec<String> {
        match difference(files, known, delete) {
            Ok(changes) => changes.iter().map(|change| format!("{} {}", change.id, change.fate.word())).collect(),
            Err(wrong) => wrong.iter().map(FileError::to_string).collect(),
        }
    }

    #[test]
    fn segments_come_after_those_they_refer_to_and_go_before_them() {
        let files = [file("a", "in segment b"), file("b", "in segment c and did X"), file("c", "did X")];
        let had = [known("c", "did X"), known("b", "did Y"), known("x", "did X"), known("w", "in segment x")];
        assert_eq!(
            told(&files, &had, false),
            ["c unchanged", "b changed", "a created", "w left alone", "x left alone"]
        );
        assert_eq!(told(&files, &had, true)[3..], ["w deleted", "x deleted"]);
        assert_eq!(told(&[], &[known("a", "did X"), known("b", "in segment a")], true), ["b deleted", "a deleted"]);
    }

    #[test]
    fn what_would_not_be_there_and_cycles_are_told_with_their_place() {
        let files = [file("vip", "did X"), file("a", "did X and in segment vpi")];
        assert_eq!(told(&files, &[], false), ["s/a.toml:1:36: unknown segment \"vpi\"; did you mean \"vip\"?"]);
        let files = [file("a", "in segment old")];
        assert_eq!(told(&files, &[known("old", "did X")], false), ["a created", "old left alone"]);
        let gone = told(&files, &[known("old", "did X")], true);
        assert_eq!(gone, ["s/a.toml:1:26: the segment old has no file and would be deleted"]);
        let files = [file("b", "in segment c"), file("c", "did X and in segment a"), file("a", "in segment b")];
        let around = "s/a.toml:1:26: the segment would refer to itself: a -> b -> c -> a";
        assert_eq!(told(&files, &[], false), [around]);
        let files = [file("a", "in segment b")];
        let around = "s/a.toml:1:26: the segment would refer to itself: a -> b -> a";
        assert_eq!(told(&files, &[known("b", "in segment a")], false), [around]);
    }

    #[test]
    fn an_id_is_given_once() {
        let mut other = file("b", "did X");
        other.id = "a".to_owned();
        assert_eq!(told(&[file("a", "did X"), other], &[], false), ["s/b.toml: the segment a is in s/a.toml too"]);
    }
}
