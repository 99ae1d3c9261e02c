//! What the operator and the merchant set.

use crate::format::{Format, Layout};
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Characters of a file's name, and columns of a file.
const NAME_CHARS_MAX: usize = 100;
const COLUMNS_MAX: usize = 50;
/// The column of the identifier, unless it is set.
const IDENTIFIER: &str = "identifier";

/// Where a list is written, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FileConfig {
    pub(crate) path: PathBuf,
    pub(crate) layout: Layout,
}

fn refused(why: impl Into<String>) -> Failure {
    Failure::Refused(why.into())
}

fn text<'a>(settings: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Failure> {
    match settings.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim())),
        Some(_) => Err(refused(format!("{name} is to be text"))),
    }
}

/// A name without a folder, that no tool takes for a hidden file or an option.
fn is_plain(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    begins && name.len() <= NAME_CHARS_MAX && name.chars().all(fine)
}

impl FileConfig {
    /// Reads what was set; touches nothing.
    pub(crate) fn read(setup: &DestinationSetup) -> Result<FileConfig, Failure> {
        const KNOWN: [&str; 3] = ["file", "identifier", "columns"];
        if let Some(unknown) = setup.settings.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(refused(format!("there is no setting {unknown:?}; there is {}", KNOWN.join(", "))));
        }
        let folder = text(&setup.operator, "folder")?.map(Path::new).filter(|folder| folder.is_absolute());
        let folder = folder.ok_or_else(|| {
            refused("no folder for lists: the operator sets it in config.toml, settings = { files = { folder = \"/...\" } }")
        })?;
        if !is_plain(&setup.workspace) {
            return Err(refused(format!("the workspace {:?} can't name a folder", setup.workspace)));
        }
        let name =
            text(&setup.settings, "file")?.ok_or_else(|| refused("file is missing: vip.csv or vip.jsonl, say"))?;
        let format = Format::of(name).filter(|_| is_plain(name)).ok_or_else(|| {
            refused(format!("{name:?} is no name for a list: letters, digits, . _ - and .csv or .jsonl at its end"))
        })?;
        let identifier = text(&setup.settings, "identifier")?.unwrap_or(IDENTIFIER).to_owned();
        let columns = columns(&setup.settings, &identifier)?;
        let layout = Layout { format, identifier, columns };
        Ok(FileConfig { path: folder.join(&setup.workspace).join(name), layout })
    }
}

/// Columns and their properties: `{ "First name": "first_name" }`, by the name of the column.
fn columns(settings: &Map<String, Value>, identifier: &str) -> Result<Vec<(String, String)>, Failure> {
    let Some(columns) = settings.get("columns") else { return Ok(Vec::new()) };
    let expected =
        || refused("columns is to tell a property for each column, as in { \"First name\": \"first_name\" }");
    let columns = columns.as_object().ok_or_else(expected)?;
    let pair = |(column, property): (&String, &Value)| {
        let property = property.as_str().filter(|property| !property.is_empty())?;
        (!column.is_empty() && column != identifier).then(|| (column.clone(), property.to_owned()))
    };
    let mut columns: Vec<(String, String)> = columns.iter().map(pair).collect::<Option<_>>().ok_or_else(expected)?;
    columns.sort();
    if columns.len() > COLUMNS_MAX {
        return Err(refused(format!("more than {COLUMNS_MAX} columns")));
    }
    Ok(columns)
}
