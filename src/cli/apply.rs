//! Segments made those of a folder of files, and the other way round.

use super::difference::{Change, Fate, Known, difference};
use super::segment_file::{self, FileError, SegmentFile};
use super::show;
use super::target::{ClientError, Target};
use super::tasks::ApplyArgs;
use engine::language;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Files of a folder.
const FILES_MAX: usize = 10_000;
/// How long a definition may take to come into force before the next step is given up, seconds.
const BUILD_WAIT_S: u64 = 600;
/// How long lies between two looks, milliseconds.
const LOOK_MS: u64 = 50;

type Done = Result<(), ClientError>;

/// Makes the segments those of a folder; what will change is shown first.
pub async fn apply(target: &Target, args: &ApplyArgs) -> Done {
    let files = read_folder(&args.dir)?;
    let known = known(target).await?;
    let changes = difference(&files, &known, args.delete).map_err(|wrong| all_told(&wrong))?;
    let mut shown = Vec::new();
    let mut wrong = Vec::new();
    for change in &changes {
        let effect = match effect(target, change, &changes).await {
            Ok(effect) => effect,
            Err(ClientError::Refused { status: 422, detail }) => {
                wrong.extend(change.file.map(|file| file.wrong(file.at, detail)));
                continue;
            }
            Err(why) => return Err(why),
        };
        if target.json {
            let mut one = change.to_json();
            let (matching, moves) = match effect {
                Some(Effect::New { matching, .. }) => (json!(matching), [json!(matching), json!(0)]),
                Some(Effect::Change { enter, leave, stay }) => (json!(enter + stay), [json!(enter), json!(leave)]),
                None => Default::default(),
            };
            one["would_match"] = matching;
            [one["enter"], one["leave"]] = moves;
            shown.push(one);
        } else {
            lines(change, effect).iter().try_for_each(|text| show::line(text))?;
        }
    }
    if !wrong.is_empty() {
        return Err(all_told(&wrong));
    }
    if target.json {
        show::json(&json!({ "items": shown }))?;
    } else {
        show::line(&summary(&changes, args.dry_run))?;
    }
    if args.dry_run { Ok(()) } else { carry_out(target, &changes).await }
}

/// Every segment of a folder, by name of file; every mistake is told.
fn read_folder(dir: &Path) -> Result<Vec<SegmentFile>, ClientError> {
    let bad = |why: String| ClientError::BadInput(format!("{}: {why}", dir.display()));
    let entries = std::fs::read_dir(dir).map_err(|why| bad(why.to_string()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|why| bad(why.to_string()))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
            return Err(bad(format!("more than {FILES_MAX} files")));
        }
    }
    paths.sort();
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        match segment_file::read(&path) {
            Ok(file) => files.push(file),
            Err(why) => wrong.push(why),
        }
    }
    if wrong.is_empty() { Ok(files) } else { Err(all_told(&wrong)) }
}

/// Tells of each file that can't be used.
fn all_told(wrong: &[FileError]) -> ClientError {
    for why in wrong {
        // Whoever reads the errors may have gone; the exit code tells too.
        let _ = writeln!(std::io::stderr(), "{why}");
    }
    let errors = if wrong.len() == 1 { "error" } else { "errors" };
    ClientError::BadInput(format!("{} {errors}: nothing was changed", wrong.len()))
}

/// The segments that the daemon has.
async fn known(target: &Target) -> Result<Vec<Known>, ClientError> {
    let answer = target.ask(Method::GET, &["segments"], None).await?;
    let items = answer.get("items").and_then(Value::as_array);
    let items = items.ok_or_else(|| ClientError::Unreadable("it has no items".to_owned()))?;
    let text = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let refers_to = |item: &Value| {
        let ids = item.get("refers_to").and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let known = items.iter().map(|item| Known {
        id: text(item, "id"),
        name: text(item, "name"),
        definition: item.get("definition").cloned().unwrap_or_default(),
        text: text(item, "text"),
        members: item.get("members").and_then(Value::as_u64).unwrap_or_default(),
        refers_to: refers_to(item),
    });
    Ok(known.collect())
}

/// What a definition comes to.
#[derive(Clone, Copy)]
enum Effect {
    /// Of a new segment: how many of how many people match.
    New { matching: u64, people: u64 },
    /// Of one that is there: how many would enter, leave and stay.
    Change { enter: u64, leave: u64, stay: u64 },
}

/// What a definition comes to, exactly. Nothing where it stays, or can't be asked for yet because it refers to a
/// segment that is to be made.
async fn effect(target: &Target, change: &Change<'_>, changes: &[Change<'_>]) -> Result<Option<Effect>, ClientError> {
    let Some(file) = change.file.filter(|_| change.fate != Fate::Unchanged && change.is_redefined()) else {
        return Ok(None);
    };
    let is_new = |id: &str| changes.iter().any(|other| other.id == id && other.fate == Fate::Created);
    if file.definition.refers_to().into_iter().any(is_new) {
        return Ok(None);
    }
    let number = |answer: &Value, key: &str| answer.get(key).and_then(Value::as_u64).unwrap_or_default();
    let definition = file.definition.to_json();
    if change.known.is_some() {
        let parts = ["segments", change.id, "preview"];
        let answer = target.ask(Method::POST, &parts, Some(&json!({ "definition": definition }))).await?;
        let (enter, leave) = (number(&answer, "enter"), number(&answer, "leave"));
        return Ok(Some(Effect::Change { enter, leave, stay: number(&answer, "stay") }));
    }
    let body = json!({"definition": definition, "exact": true});
    let answer = target.ask(Method::POST, &["preview"], Some(&body)).await?;
    Ok(Some(Effect::New { matching: number(&answer, "count"), people: number(&answer, "people") }))
}

/// What becomes of a segment, for people to read.
fn lines(change: &Change<'_>, effect: Option<Effect>) -> Vec<String> {
    let mark = match change.fate {
        Fate::Created => '+',
        Fate::Changed => '~',
        Fate::Unchanged => '=',
        Fate::Deleted => '-',
        Fate::Left => ' ',
    };
    let mut lines = vec![format!("{mark} {}: {}", change.id, change.fate.word())];
    let (old, new) = (change.known, change.file);
    let mut put = |mark: &str, text: &str| lines.extend(text.lines().map(|line| format!("    {mark} {line}")));
    if let (Fate::Changed, Some(old), Some(new)) = (change.fate, old, new)
        && old.name != new.name
    {
        put("-", &format!("name: {}", old.name));
        put("+", &format!("name: {}", new.name));
    }
    let redefined = matches!(change.fate, Fate::Created | Fate::Changed) && change.is_redefined();
    if let Some(old) = old.filter(|_| redefined || change.fate == Fate::Deleted) {
        put("-", &old.text);
    }
    if let Some(new) = new.filter(|_| redefined) {
        put("+", &new.definition.to_text());
    }
    let members = old.map(|old| old.members).unwrap_or_default();
    match (change.fate, effect) {
        (Fate::Deleted, _) => lines.push(format!("    {members} members now")),
        (_, Some(Effect::Change { enter, leave, stay })) => {
            lines.push(format!("    {members} members now: {enter} enter, {leave} leave, {stay} stay"));
        }
        (_, Some(Effect::New { matching, people })) => {
            lines.push(format!("    {matching} of {people} people match"));
        }
        (_, None) if redefined => {
            lines.push("    can't be counted before the segments it refers to are made".to_owned());
        }
        (_, None) => {}
    }
    lines
}

fn summary(changes: &[Change<'_>], dry_run: bool) -> String {
    let fates = [Fate::Created, Fate::Changed, Fate::Unchanged, Fate::Deleted, Fate::Left];
    let counts = fates.into_iter().map(|fate| (changes.iter().filter(|change| change.fate == fate).count(), fate));
    let counts: Vec<String> =
        counts.filter(|(count, _)| *count > 0).map(|(count, fate)| format!("{count} {}", fate.word())).collect();
    let counts = if counts.is_empty() { "no segments".to_owned() } else { counts.join(", ") };
    if dry_run { format!("{counts} (nothing was written)") } else { counts }
}

/// Sets and deletes, one after another. A definition that was there is waited for until the new one is in force:
/// until then the old one still refers to others.
async fn carry_out(target: &Target, changes: &[Change<'_>]) -> Done {
    let mut done: Vec<&str> = Vec::new();
    let mut waited_for: Vec<&Change<'_>> = Vec::new();
    for change in changes {
        match carry_out_one(target, change).await {
            Ok(false) => {}
            Ok(true) => {
                done.push(change.id);
                waited_for.push(change);
            }
            Err(why) => {
                let before = if done.is_empty() { "nothing".to_owned() } else { done.join(", ") };
                let place = change.file.map_or_else(|| change.id.to_owned(), |file| file.path.display().to_string());
                return Err(ClientError::BadInput(format!("{place}: {why} (done before it: {before})")));
            }
        }
    }
    for file in waited_for.iter().filter_map(|change| change.file) {
        in_force(target, file).await?;
    }
    Ok(())
}

/// Carries out one change; whether there was something to do.
async fn carry_out_one(target: &Target, change: &Change<'_>) -> Result<bool, ClientError> {
    match (change.fate, change.file) {
        (Fate::Created | Fate::Changed, Some(file)) => {
            let body = json!({"name": file.name, "definition": file.definition.to_json()});
            target.ask(Method::PUT, &["segments", change.id], Some(&body)).await?;
            if change.known.is_some_and(|known| !known.refers_to.is_empty()) {
                in_force(target, file).await?;
            }
        }
        (Fate::Deleted, _) => {
            target.ask(Method::DELETE, &["segments", change.id], None).await?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Waits until a segment is as its file says.
async fn in_force(target: &Target, file: &SegmentFile) -> Done {
    let (began, wanted) = (Instant::now(), file.definition.to_json());
    while began.elapsed() < Duration::from_secs(BUILD_WAIT_S) {
        let now = target.ask(Method::GET, &["segments", &file.id], None).await?;
        // Of the version that is to come, else of the one in force: one that failed is what the new one mends.
        let last = now.get("next").filter(|next| next.is_object()).unwrap_or(&now);
        if last.get("state").is_some_and(|state| state == "failed" || state == "stopped") {
            let why = show::cell(last.get("reason"));
            return Err(ClientError::BadInput(format!("{} has failed: {why}", file.id)));
        }
        let is_there = now.get("definition") == Some(&wanted) && now.get("name") == Some(&json!(file.name));
        if is_there && now.get("state").is_some_and(|state| state == "active") {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
    }
    let why = format!("{} is still being built after {BUILD_WAIT_S} s: apply again when it is done", file.id);
    Err(ClientError::BadInput(why))
}

/// Writes a file for each segment; files of others are left alone.
pub async fn export(target: &Target, dir: &Path) -> Done {
    let known = known(target).await?;
    let bad = |path: &Path, why: String| ClientError::BadInput(format!("{}: {why}", path.display()));
    std::fs::create_dir_all(dir).map_err(|why| bad(dir, why.to_string()))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for segment in &known {
        let path = dir.join(format!("{}.toml", segment.id));
        let read = language::parse(&segment.definition.to_string());
        let definition = read.map_err(|why| bad(&path, format!("its definition can't be read: {why}")))?;
        let text = segment_file::write(&segment.name, &definition);
        std::fs::write(&path, text).map_err(|why| bad(&path, why.to_string()))?;
        paths.push(path);
    }
    show::line(&format!("{} segments are in {}", paths.len(), dir.display()))
}
