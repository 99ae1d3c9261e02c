//! Thin clients of the administration API for the daily questions.

use super::definitions::definition;
use super::show;
use super::target::{ClientError, Target};
use super::tasks::{LinkTask, ListArg, PersonTask, SegmentFile, SegmentTask, SyncTask, TailArgs};
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

type Done = Result<(), ClientError>;

/// Bytes of a line of the live stream.
const LINE_BYTES_MAX: usize = 4 << 20;

/// Segments.
pub async fn segments(target: &Target, task: Option<&SegmentTask>) -> Done {
    match task.unwrap_or(&SegmentTask::List) {
        SegmentTask::List => {
            let answer = target.ask(Method::GET, &["segments"], None).await?;
            if target.json {
                return show::json(&answer);
            }
            show::table(&answer, &["id", "name", "state", "version", "members", "unknown"])
        }
        SegmentTask::Show { segment } => {
            let answer = target.ask(Method::GET, &["segments", segment], None).await?;
            if target.json { show::json(&answer) } else { show::segment(&answer) }
        }
        SegmentTask::Create(file) => put_segment(target, file, false).await,
        SegmentTask::Edit(file) => put_segment(target, file, true).await,
        SegmentTask::Delete { segment } => {
            target.ask(Method::DELETE, &["segments", segment], None).await?;
            show::line(&format!("{segment} is deleted"))
        }
        SegmentTask::Preview { file } => {
            let (_, definition) = definition(file)?;
            preview(target, &definition).await
        }
    }
}

/// Tells an estimate at once and the exact count after it.
async fn preview(target: &Target, definition: &Value) -> Done {
    let mut body = json!({ "definition": definition, "exact": target.json });
    let mut answer = target.ask(Method::POST, &["preview"], Some(&body)).await?;
    if target.json {
        return show::json(&answer);
    }
    let number = |answer: &Value, name: &str| show::cell(answer.get(name));
    if answer.get("exact").and_then(Value::as_bool) == Some(false) {
        let (count, people) = (number(&answer, "count"), number(&answer, "people"));
        let (low, high) = (number(&answer, "low"), number(&answer, "high"));
        show::line(&format!("about {count} of {people} people match ({low} to {high}); counting ..."))?;
        body = json!({ "definition": definition, "exact": true });
        answer = target.ask(Method::POST, &["preview"], Some(&body)).await?;
    }
    show::line(&format!("{} of {} people match", number(&answer, "count"), number(&answer, "people")))
}

async fn put_segment(target: &Target, file: &SegmentFile, known: bool) -> Done {
    let (named, definition) = definition(&file.file)?;
    let parts = ["segments", file.segment.as_str()];
    let before = match target.ask(Method::GET, &parts, None).await {
        Ok(before) => Some(before),
        Err(ClientError::Refused { status: 404, .. }) => None,
        Err(why) => return Err(why),
    };
    match (&before, known) {
        (Some(_), false) => return Err(ClientError::BadInput(format!("{} is there already: edit it", file.segment))),
        (None, true) => return Err(ClientError::BadInput(format!("there is no segment {}: create it", file.segment))),
        _ => {}
    }
    let old_name = before.and_then(|before| before.get("name").and_then(Value::as_str).map(str::to_owned));
    let name = file.name.clone().or(named).or(old_name).unwrap_or_else(|| file.segment.clone());
    let body = json!({"name": name, "definition": definition});
    let answer = target.ask(Method::PUT, &parts, Some(&body)).await?;
    if target.json {
        return show::json(&answer);
    }
    show::line(&format!("{} is being built: see it with segmentd segments show {0}", file.segment))
}

/// Explains one person's membership.
pub async fn explain(target: &Target, segment: &str, person: &str) -> Done {
    let answer = target.ask(Method::GET, &["segments", segment, "explain", person], None).await?;
    if target.json { show::json(&answer) } else { show::explanation(&answer, segment) }
}

/// Lists every member, page by page.
pub async fn members(target: &Target, segment: &str) -> Done {
    let mut after = None;
    loop {
        let mut query = vec![("limit", "1000")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let page = target.ask_with(Method::GET, &["segments", segment, "members"], &query, None).await?;
        for member in page.get("members").and_then(Value::as_array).into_iter().flatten() {
            show::line(&show::cell(Some(member)))?;
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

/// Lists: where they stand, and the operator's word.
pub async fn sync(target: &Target, task: Option<&SyncTask>) -> Done {
    let (list, command) = match task {
        None | Some(SyncTask::Show { list: None }) => {
            let answer = target.ask(Method::GET, &["lists"], None).await?;
            if target.json {
                return show::json(&answer);
            }
            let columns =
                ["list", "segment", "state", "desired", "confirmed", "to_add", "to_remove", "reason", "last_error"];
            return show::table(&answer, &columns);
        }
        Some(SyncTask::Show { list: Some(list) }) => {
            let answer = target.ask(Method::GET, &["lists", list], None).await?;
            return if target.json { show::json(&answer) } else { show::fields(&answer) };
        }
        Some(SyncTask::ConfirmClock) => {
            target.send(Method::POST, &["clock", "confirm"], &[], None).await?;
            return show::line("confirmed");
        }
        Some(SyncTask::Hold(ListArg { list })) => (list, "hold"),
        Some(SyncTask::Release(ListArg { list })) => (list, "release"),
        Some(SyncTask::Confirm(ListArg { list })) => (list, "confirm"),
        Some(SyncTask::Start(ListArg { list })) => (list, "start"),
        Some(SyncTask::Snapshot(ListArg { list })) => (list, "snapshot"),
        Some(SyncTask::Retry(ListArg { list })) => (list, "retry"),
        Some(SyncTask::Reconcile(ListArg { list })) => (list, "reconcile"),
        Some(SyncTask::Resync(ListArg { list })) => (list, "resync"),
    };
    let answer = target.ask(Method::POST, &["lists", list, command], None).await?;
    if target.json {
        return show::json(&answer);
    }
    let status = answer.get("status").unwrap_or(&answer);
    show::line(&format!("{list} is {}", show::cell(status.get("state"))))
}

/// Takes a backup.
pub async fn backup(target: &Target, out: &Path) -> Done {
    let path = std::path::absolute(out).map_err(|why| ClientError::BadInput(why.to_string()))?;
    let body = json!({ "path": path });
    let taken = target.read(target.send(Method::POST, &["backup"], &[], Some(&body)).await?).await?;
    let count = |key: &str| show::cell(taken.get(key));
    show::line(&format!("{} entries and {} records are in {}", count("entries"), count("records"), path.display()))
}

/// Shows alerts.
pub async fn alerts(target: &Target) -> Done {
    let answer = target.read(target.send(Method::GET, &["alerts"], &[], None).await?).await?;
    if target.json {
        return show::json(&answer);
    }
    show::table(&answer, &["since", "kind", "workspace", "what", "what_to_do"])
}

/// People.
pub async fn people(target: &Target, task: &PersonTask) -> Done {
    match task {
        PersonTask::Show { person } => {
            let mut answer = target.ask(Method::GET, &["people", person], None).await?;
            if target.json {
                return show::json(&answer);
            }
            let recent = answer.get_mut("recent").map(Value::take).unwrap_or_default();
            show::fields(&answer)?;
            recent.as_array().into_iter().flatten().try_for_each(event)
        }
        PersonTask::Events { person } => {
            let mut after: Option<String> = None;
            loop {
                let mut query = vec![("limit", "1000")];
                query.extend(after.as_deref().map(|after| ("after", after)));
                let page = target.ask_with(Method::GET, &["people", person, "events"], &query, None).await?;
                for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
                    if target.json { show::line(&item.to_string())? } else { event(item)? }
                }
                match page.get("next").and_then(Value::as_str) {
                    Some(next) => after = Some(next.to_owned()),
                    None => return Ok(()),
                }
            }
        }
        PersonTask::Erase { person, yes } => {
            if !yes {
                let why = "this can't be undone: say --yes to erase the person and all that is known of them";
                return Err(ClientError::BadInput(why.to_owned()));
            }
            target.ask(Method::DELETE, &["people", person], None).await?;
            show::line("erased")
        }
    }
}

fn event(item: &Value) -> Done {
    let text = |key: &str| show::cell(item.get(key));
    show::line(&format!("{}  {}  from {}  {}", text("time"), text("name"), text("source"), text("properties")))
}

/// Short links.
pub async fn links(target: &Target, task: &LinkTask) -> Done {
    let answer = match task {
        LinkTask::Create { to, campaign, subscribers } => {
            let body = json!({"url": to, "campaign": campaign, "subscribers": subscribers});
            target.ask(Method::POST, &["links"], Some(&body)).await?
        }
        LinkTask::List { campaign } => {
            let query = [("campaign", campaign.as_str()), ("limit", "1000")];
            target.ask_with(Method::GET, &["links"], &query, None).await?
        }
    };
    if target.json {
        return show::json(&answer);
    }
    show::table(&answer, &["code", "subscriber", "clicks", "bot_clicks", "url"])
}

/// Follows what happens until it is interrupted.
pub async fn tail(target: &Target, args: &TailArgs) -> Done {
    let named = [("kind", &args.kind), ("name", &args.name), ("segment", &args.segment), ("person", &args.person)];
    let query: Vec<(&str, &str)> =
        named.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?))).collect();
    let answer = target.send(Method::GET, &["workspaces", &target.workspace, "live"], &query, None).await?;
    let mut stream = answer.bytes_stream();
    let (mut rest, mut name): (Vec<u8>, String) = (Vec::new(), String::new());
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| ClientError::Unreachable { url: target.url.clone() })?;
        rest.extend_from_slice(&part);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if let Some(event) = line.strip_prefix("event:") {
                event.trim().clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data:") {
                let data = data.trim();
                show::line(&if target.json { data.to_owned() } else { show::live(&name, data) })?;
            }
        }
        if rest.len() > LINE_BYTES_MAX {
            return Err(ClientError::Unreadable("a line is too long".to_owned()));
        }
    }
    Err(ClientError::Unreachable { url: target.url.clone() })
}
