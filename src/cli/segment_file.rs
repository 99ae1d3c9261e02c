//! Segments in files: one segment a file, TOML with the keys `id`, `name` and `definition`.

use engine::language::error::{DefinitionError, Position, distance};
use engine::language::{self, DEFINITION_BYTES_MAX, Definition};
use model::ids::{PLAIN_ID, is_plain_id};
use serde_json::{Map, Value, json};
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes of a file: a definition, with room for comments and escapes.
const FILE_BYTES_MAX: u64 = 4 * DEFINITION_BYTES_MAX as u64;
const KEYS: &[&str] = &["id", "name", "definition"];

/// A segment of a file.
pub struct SegmentFile {
    /// Where it stands.
    pub path: PathBuf,
    /// Its id: the file's name unless it is given.
    pub id: String,
    /// Shown name: the id unless it is given.
    pub name: String,
    /// What it says.
    pub definition: Definition,
    /// Each reference to another segment, with its place in the file.
    pub references: Vec<(String, Position)>,
    /// Where the definition stands.
    pub at: Position,
}

/// What is wrong with a file, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub at: Option<Position>,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(at) = self.at {
            write!(f, "{}:{}:", at.line, at.column)?;
        }
        write!(f, " {}", self.message)
    }
}

impl SegmentFile {
    /// A mistake in this file.
    pub fn wrong(&self, at: Position, message: impl Into<String>) -> FileError {
        FileError { path: self.path.clone(), at: Some(at), message: message.into() }
    }
}

/// Reads a text from the disk, up to a bound.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    use std::io::Read;
    let wrong = |message: String| FileError { path: path.to_owned(), at: None, message };
    let mut text = String::new();
    let reading: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(|why| wrong(why.to_string()))?)
    };
    reading.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|why| wrong(why.to_string()))?;
    match text.len() as u64 > FILE_BYTES_MAX {
        true => Err(wrong(format!("longer than {FILE_BYTES_MAX} bytes"))),
        false => Ok(text),
    }
}

/// Reads a segment file.
pub fn read(path: &Path) -> Result<SegmentFile, FileError> {
    parse(path, &read_text(path)?)
}

/// Reads the text of a segment file.
pub fn parse(path: &Path, text: &str) -> Result<SegmentFile, FileError> {
    let wrong = |at: usize, message: String| FileError { path: path.to_owned(), at: Some(position(text, at)), message };
    let start = |span: Option<Range<usize>>| span.map_or(0, |span| span.start);
    let table = DeTable::parse(text).map_err(|why| wrong(start(why.span()), why.message().to_owned()))?;
    let table = table.get_ref();
    for key in table.keys() {
        let name: &str = key.get_ref();
        if !KEYS.contains(&name) {
            let near = KEYS.iter().min_by_key(|known| distance(name, known)).unwrap_or(&"definition");
            return Err(wrong(key.span().start, format!("unknown key \"{name}\"; did you mean \"{near}\"?")));
        }
    }
    let word = |key: &str| match table.get(key).map(|value| (value.get_ref(), value.span().start)) {
        None => Ok(None),
        Some((DeValue::String(word), at)) => Ok(Some((word.to_string(), at))),
        Some((_, at)) => Err(wrong(at, format!("{key}: expected text"))),
    };
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let (id, id_at) = word("id")?.unwrap_or((stem, 0));
    if !is_plain_id(&id) {
        return Err(wrong(id_at, format!("\"{id}\" can't be the id of a segment: {PLAIN_ID}")));
    }
    let name = word("name")?.map_or_else(|| id.clone(), |(name, _)| name);
    let Some(value) = table.get("definition") else { return Err(wrong(0, "\"definition\" is missing".to_owned())) };
    let at = position(text, value.span().start);
    let (definition, references) = match value.get_ref() {
        DeValue::String(written) => {
            let raw = text.get(value.span()).unwrap_or_default();
            let inside = |at: Position| place_inside(text, value.span().start, raw, written, at);
            definition_of(written, at, &inside).map_err(|(at, message)| FileError {
                path: path.to_owned(),
                at: Some(at),
                message,
            })?
        }
        DeValue::Table(_) => {
            let json = json_of(value).map_err(|(at, why)| wrong(at, why))?;
            definition_of(&json.to_string(), at, &|_| at).map_err(|(at, message)| FileError {
                path: path.to_owned(),
                at: Some(at),
                message,
            })?
        }
        _ => return Err(wrong(value.span().start, "definition: expected text or a table".to_owned())),
    };
    Ok(SegmentFile { path: path.to_owned(), id, name, definition, references, at })
}

type References = Vec<(String, Position)>;

/// A definition with its references; `inside` says where in the file a place of the text is.
fn definition_of(
    written: &str,
    at: Position,
    inside: &dyn Fn(Position) -> Position,
) -> Result<(Definition, References), (Position, String)> {
    let told = |why: DefinitionError| match why.position {
        Some(place) => (inside(place), why.message),
        None => (at, why.to_string()),
    };
    if language::is_json(written) {
        let definition = language::parse(written).map_err(told)?;
        let references = definition.refers_to().into_iter().map(|id| (id.to_owned(), at)).collect();
        return Ok((definition, references));
    }
    let read = language::parse_text(written).map_err(told)?;
    Ok((read.definition, read.references.into_iter().map(|(id, place)| (id, inside(place))).collect()))
}

/// A table as the JSON form; days and instants are text there.
fn json_of(value: &Spanned<DeValue<'_>>) -> Result<Value, (usize, String)> {
    let wrong = |why: &str| (value.span().start, why.to_owned());
    Ok(match value.get_ref() {
        DeValue::String(text) => json!(text),
        DeValue::Boolean(flag) => json!(flag),
        DeValue::Integer(number) if number.radix() == 10 => {
            let digits = number.as_str().trim_start_matches('+');
            Value::Number(serde_json::from_str(digits).map_err(|_| wrong("expected a decimal number"))?)
        }
        DeValue::Float(number) => {
            let digits = number.as_str().trim_start_matches('+');
            Value::Number(serde_json::from_str(digits).map_err(|_| wrong("expected a decimal number"))?)
        }
        DeValue::Integer(_) => return Err(wrong("expected a decimal number")),
        DeValue::Datetime(time) => json!(time.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(json_of).collect::<Result<_, _>>()?),
        DeValue::Table(table) => {
            let mut object = Map::new();
            for (key, value) in table {
                object.insert(key.get_ref().to_string(), json_of(value)?);
            }
            Value::Object(object)
        }
    })
}

/// The line and column of a byte.
fn position(text: &str, at: usize) -> Position {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    Position { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

/// Where a place of a string's value is in the file; its beginning if that can't be told.
fn place_inside(text: &str, start: usize, raw: &str, value: &str, at: Position) -> Position {
    let (decoded, places) = decoded(raw);
    if decoded.iter().copied().ne(value.chars()) {
        return position(text, start);
    }
    let before: usize = value.split_inclusive('\n').take(at.line - 1).map(|line| line.chars().count()).sum();
    let place = places.get(before + at.column - 1).copied().unwrap_or(raw.len());
    position(text, start + place)
}

/// The characters of a TOML string, and the byte at which each is written; one more for its end.
fn decoded(raw: &str) -> (Vec<char>, Vec<usize>) {
    let (mark, literal) = match raw {
        _ if raw.starts_with("'''") => ("'''", true),
        _ if raw.starts_with("\"\"\"") => ("\"\"\"", false),
        _ => (raw.get(..1).unwrap_or_default(), raw.starts_with('\'')),
    };
    let mut at = mark.len();
    let end = raw.len().saturating_sub(mark.len());
    if mark.len() == 3 {
        at += ["\r\n", "\n"]
            .iter()
            .find(|newline| raw.get(at..).is_some_and(|rest| rest.starts_with(**newline)))
            .map_or(0, |newline| newline.len());
    }
    let (mut chars, mut places) = (Vec::new(), Vec::new());
    while let Some(next) = raw.get(at..end).and_then(|rest| rest.chars().next()) {
        let rest = raw.get(at + next.len_utf8()..end).unwrap_or_default();
        let (said, length) = match next {
            '\\' if !literal => escaped(rest),
            _ => (Some(next), 0),
        };
        if let Some(said) = said {
            chars.push(said);
            places.push(at);
        }
        at += next.len_utf8() + length;
    }
    places.push(end);
    (chars, places)
}

/// What an escape says, and its bytes after the backslash.
fn escaped(rest: &str) -> (Option<char>, usize) {
    let hex = |length: usize| {
        let digits = rest.get(1..=length).unwrap_or_default();
        (u32::from_str_radix(digits, 16).ok().and_then(char::from_u32), length + 1)
    };
    match rest.chars().next() {
        Some('n') => (Some('\n'), 1),
        Some('r') => (Some('\r'), 1),
        Some('t') => (Some('\t'), 1),
        Some('b') => (Some('\u{8}'), 1),
        Some('f') => (Some('\u{c}'), 1),
        Some('e') => (Some('\u{1b}'), 1),
        Some('x') => hex(2),
        Some('u') => hex(4),
        Some('U') => hex(8),
        Some(other) if other.is_whitespace() => (None, rest.len() - rest.trim_start().len()),
        Some(other) => (Some(other), other.len_utf8()),
        None => (None, 0),
    }
}

/// A segment as the text of a file.
pub fn write(name: &str, definition: &Definition) -> String {
    let text = definition.to_text();
    let (mark, text) = match text.contains("'''") {
        false => ("'''", text),
        true => ("\"\"\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    format!("name = {}\ndefinition = {mark}\n{text}\n{mark}\n", toml::Value::String(name.to_owned()))
}
