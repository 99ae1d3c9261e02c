//! Definitions in files: read in every form, checked, printed.

use super::segment_file::{self, read_text};
use super::show;
use super::target::ClientError;
use super::tasks::DefinitionTask;
use engine::language;
use serde_json::Value;
use std::path::Path;

/// Reads a definition in any form, with a name if the file gives one: JSON or text, an object of name and
/// definition, or a segment file; `-` is standard input.
pub fn definition(file: &Path) -> Result<(Option<String>, Value), ClientError> {
    let told = |why: segment_file::FileError| ClientError::BadInput(why.to_string());
    let text = read_text(file).map_err(told)?;
    if file.extension().is_some_and(|extension| extension == "toml") {
        let read = segment_file::parse(file, &text).map_err(told)?;
        return Ok((Some(read.name), read.definition.to_json()));
    }
    let bad = |why: String| ClientError::BadInput(format!("{}: {why}", file.display()));
    if !language::is_json(&text) {
        return checked(file, &text).map(|definition| (None, definition.to_json()));
    }
    let mut value: Value = serde_json::from_str(&text).map_err(|why| bad(format!("not JSON: {why}")))?;
    let name = value.get("name").and_then(Value::as_str).map(str::to_owned);
    match value.get_mut("definition").map(Value::take) {
        Some(Value::String(text)) => Ok((name, checked(file, &text)?.to_json())),
        Some(definition) => Ok((name, checked(file, &definition.to_string())?.to_json())),
        None => Ok((None, checked(file, &text)?.to_json())),
    }
}

fn checked(file: &Path, text: &str) -> Result<language::Definition, ClientError> {
    language::parse(text).map_err(|why| {
        let (place, message) = match why.position {
            Some(at) => (format!("{}:{}:{}", file.display(), at.line, at.column), why.message),
            None => (file.display().to_string(), why.to_string()),
        };
        ClientError::BadInput(format!("{place}: {message}"))
    })
}

/// Checks a definition and prints its canonical form.
pub fn check(task: &DefinitionTask) -> Result<(), ClientError> {
    let DefinitionTask::Check { file, json, .. } = task;
    let (_, definition) = definition(file)?;
    match json {
        true => show::json(&definition),
        false => show::line(&checked(file, &definition.to_string())?.to_text()),
    }
}
