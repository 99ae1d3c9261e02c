//! What a platform's data request is answered with: a file with everything known of a person, for the merchant.

use super::Connections;
use crate::shard::api::{PersonExport, PersonKey, QueryError};
use kit::failure::Failure;
use model::{Identity, SourceId, WorkspaceId};
use serde::Serialize;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

/// What an alert about an export asks for.
const TO_DO: &str = "hand it to the person within 30 days, then delete it: `segmentd export`";
/// Exports of one workspace that are shown.
const SHOWN_MAX: usize = 1_000;

/// An export that waits for the merchant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ExportShown {
    /// Its name.
    pub id: String,
    /// Its size.
    pub bytes: u64,
    /// When it was made, RFC 3339.
    pub made: String,
}

fn later(why: impl std::fmt::Display) -> Failure {
    Failure::retry(format!("an export can't be kept: {why}"), None)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// A name that is a file's name and nothing else.
fn plain(text: &str) -> String {
    text.chars().map(|c| if is_plain(c) { c } else { '-' }).take(64).collect()
}

impl Connections {
    fn exports_of(&self, workspace: &WorkspaceId) -> PathBuf {
        self.settings.exports_dir.join(workspace.as_str())
    }

    /// Writes everything known of a person into a file that the merchant can fetch, and tells. The same
    /// `reference` gives the same file.
    pub(super) async fn export(
        &self,
        (workspace, source): (&WorkspaceId, &SourceId),
        identities: &[Identity],
        reference: &str,
    ) -> Result<(), Failure> {
        let mut known = None;
        for identity in identities {
            match self.core.export(workspace, &PersonKey::Identity(identity.clone())).await {
                Ok(found) => {
                    known = Some(found);
                    break;
                }
                Err(QueryError::NotFound { .. }) => {}
                Err(why) => return Err(later(why)),
            }
        }
        let asked: Vec<String> = identities.iter().map(Identity::canonical).collect();
        let head = json!({"connection": source, "reference": reference, "asked_for": asked,
            "made": jiff::Timestamp::now().to_string()});
        let (dir, id) = (self.exports_of(workspace), format!("{}-{}", plain(source.as_str()), plain(reference)));
        let path = dir.join(format!("{id}.json"));
        let written = tokio::task::spawn_blocking(move || write(&dir, &path, &head, known.as_ref())).await;
        written.map_err(later)?.map_err(later)?;
        self.tell_export(workspace, &id);
        Ok(())
    }

    fn tell_export(&self, workspace: &WorkspaceId, id: &str) {
        let what = format!("a customer asks for what is known of them: export {id} is ready");
        self.alerts.raise("export", id, Some(workspace.as_str()), &what, TO_DO);
    }

    /// Exports of a workspace that wait for the merchant.
    pub fn exports(&self, workspace: &WorkspaceId) -> Vec<ExportShown> {
        let Ok(entries) = fs::read_dir(self.exports_of(workspace)) else { return Vec::new() };
        let one = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let facts = entry.metadata().ok()?;
            let made = facts.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok())?;
            Some(ExportShown { id: name.strip_suffix(".json")?.to_owned(), bytes: facts.len(), made: made.to_string() })
        };
        let mut found: Vec<ExportShown> = entries.flatten().filter_map(one).take(SHOWN_MAX).collect();
        found.sort_by(|left, right| left.made.cmp(&right.made));
        found
    }

    /// The text of an export; `None` if there is none of this name.
    pub fn read_export(&self, workspace: &WorkspaceId, id: &str) -> Option<Vec<u8>> {
        fs::read(self.export_file(workspace, id)?).ok()
    }

    /// Forgets an export; false if there is none of this name.
    pub fn delete_export(&self, workspace: &WorkspaceId, id: &str) -> bool {
        let gone = self.export_file(workspace, id).is_some_and(|path| fs::remove_file(path).is_ok());
        self.alerts.clear("export", id, Some(workspace.as_str()));
        gone
    }

    /// Forgets the exports of a connection: all of them, or those that were asked for by one of these identities.
    pub(super) async fn forget_exports(
        &self,
        workspace: &WorkspaceId,
        source: &SourceId,
        identities: Option<&[Identity]>,
    ) -> Result<(), Failure> {
        let names: Option<Vec<String>> = identities.map(|them| them.iter().map(Identity::canonical).collect());
        let (dir, source) = (self.exports_of(workspace), source.to_string());
        let found = tokio::task::spawn_blocking(move || of_connection(&dir, &source, names.as_deref())).await;
        for id in found.map_err(later)? {
            self.delete_export(workspace, &id);
        }
        Ok(())
    }

    fn export_file(&self, workspace: &WorkspaceId, id: &str) -> Option<PathBuf> {
        let is_name = !id.is_empty() && id.chars().all(is_plain);
        is_name.then(|| self.exports_of(workspace).join(format!("{id}.json")))
    }

    /// Alerts about exports that nobody has deleted.
    pub(super) fn tell_exports_again(&self) {
        let Ok(entries) = fs::read_dir(&self.settings.exports_dir) else { return };
        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            let workspace = WorkspaceId(name);
            for export in self.exports(&workspace) {
                self.tell_export(&workspace, &export.id);
            }
        }
    }
}

/// Names of the exports of a connection, for anybody or for one of `names`.
fn of_connection(dir: &Path, source: &str, names: Option<&[String]>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let one = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        // The request stands in a line of its own, before what is known.
        let mut head = String::new();
        BufReader::new(fs::File::open(entry.path()).ok()?).read_line(&mut head).ok()?;
        let request = head.trim_end().strip_prefix("{\"request\": ")?.trim_end_matches(',');
        let request: Value = serde_json::from_str(request).ok()?;
        let asked = request.get("asked_for").and_then(Value::as_array)?;
        let meets =
            |names: &[String]| asked.iter().filter_map(Value::as_str).any(|one| names.iter().any(|name| name == one));
        let its = request.get("connection").and_then(Value::as_str) == Some(source) && names.is_none_or(meets);
        its.then(|| name.strip_suffix(".json").map(str::to_owned)).flatten()
    };
    entries.flatten().filter_map(one).collect()
}

/// Writes a file that its owner alone can read: whole and durable, or not at all.
fn write(dir: &Path, path: &Path, head: &Value, known: Option<&PersonExport>) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let unfinished = path.with_extension("unfinished");
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    let mut out = std::io::BufWriter::new(file);
    write!(out, "{{\"request\": {head},\n\"known\": ")?;
    match known {
        None => out.write_all(b"null")?,
        Some(known) => {
            let mut failed = None;
            let told = known.tell(&mut |piece| match out.write_all(piece.as_bytes()) {
                Ok(()) => true,
                Err(why) => {
                    failed = Some(why);
                    false
                }
            });
            told.map_err(std::io::Error::other)?;
            failed.map_or(Ok(()), Err)?;
        }
    }
    out.write_all(b"}\n")?;
    out.into_inner()?.sync_all()?;
    fs::rename(&unfinished, path)?;
    fs::File::open(dir)?.sync_all()
}
