//! Bulk operations as they run: a part at a time, so that the API goes on beside them and memory stays flat.

use super::super::graphql::{self, Connection, Field, Object, Out, Plan, Run};
use super::super::rest::gid;
use super::super::time;
use super::super::world::World;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Something to run.
#[derive(Debug)]
pub(in super::super) enum Job {
    Query { shop: String, id: u64, plan: Plan, grouped: bool },
    Mutation { shop: String, id: u64, text: String, lines: Bytes },
}

/// Lines of a mutation that run at once.
const MUTATIONS: usize = 50;

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A part of the result.
#[derive(Default)]
struct Part {
    lines: Vec<String>,
    roots: u64,
    /// Where the next part begins.
    after: Option<String>,
    /// An error code.
    failed: Option<String>,
}

/// An operation under way.
struct Operation<'w> {
    world: &'w Mutex<World>,
    shop: String,
    id: u64,
    out: BufWriter<File>,
    begun: Instant,
    written: u64,
    fails: Option<String>,
}

/// Runs a job to its end. It blocks.
pub(in super::super) fn run(world: &Mutex<World>, job: Job) {
    let (shop, id) = match &job {
        Job::Query { shop, id, .. } | Job::Mutation { shop, id, .. } => (shop.clone(), *id),
    };
    let Ok(file) = tempfile::tempfile() else {
        return finish(world, &shop, id, "FAILED", Some("INTERNAL_SERVER_ERROR".to_owned()), None);
    };
    let Ok(readable) = file.try_clone() else {
        return finish(world, &shop, id, "FAILED", Some("INTERNAL_SERVER_ERROR".to_owned()), None);
    };
    let (wait, fails) = {
        let mut world = lock(world);
        let faults = &mut world.faults.bulk;
        let fails = (faults.fail_next > 0).then(|| {
            faults.fail_next -= 1;
            if faults.code.is_empty() { "INTERNAL_SERVER_ERROR".to_owned() } else { faults.code.clone() }
        });
        (world.options.bulk.created_ms, fails)
    };
    std::thread::sleep(Duration::from_millis(wait));
    let out = BufWriter::with_capacity(1 << 20, file);
    let mut operation = Operation { world, shop: shop.clone(), id, out, begun: Instant::now(), written: 0, fails };
    let (state, code) = match job {
        Job::Query { plan, grouped, .. } => operation.query(&plan, grouped),
        Job::Mutation { text, lines, .. } => operation.mutation(&text, &lines),
    };
    let whole = operation.out.flush().is_ok();
    if whole {
        finish(world, &shop, id, state, code, Some(readable));
    } else {
        finish(world, &shop, id, "FAILED", Some("INTERNAL_SERVER_ERROR".to_owned()), None);
    }
}

fn finish(world: &Mutex<World>, shop: &str, id: u64, state: &'static str, code: Option<String>, file: Option<File>) {
    let mut world = lock(world);
    world.begin_action();
    let now = world.now();
    let Ok(shop_state) = world.shop_mut(shop) else { return };
    let zone = shop_state.zone.clone();
    let Some(bulk) = shop_state.bulks.get_mut(&id) else { return };
    (bulk.state, bulk.error_code, bulk.finished_at) = (state, code.clone(), Some(now));
    bulk.file = file.map(Arc::new);
    let body = json!({
        "admin_graphql_api_id": gid("BulkOperation", id),
        "completed_at": time::in_zone(now, &zone),
        "created_at": time::in_zone(bulk.created_at, &zone),
        "error_code": code.map(|code| code.to_lowercase()),
        "status": state.to_lowercase(),
        "type": if bulk.mutation { "mutation" } else { "query" },
    });
    world.fire(shop, "bulk_operations/finish", body);
}

impl Operation<'_> {
    /// Whether it was cancelled; else it runs.
    fn cancelled(&self) -> bool {
        let mut world = lock(self.world);
        let Ok(state) = world.shop_mut(&self.shop) else { return true };
        let Some(bulk) = state.bulks.get_mut(&self.id) else { return true };
        if bulk.state == "CREATED" {
            bulk.state = "RUNNING";
        }
        bulk.state == "CANCELING"
    }

    fn write(&mut self, part: &Part) -> std::io::Result<()> {
        let mut bytes = 0;
        for line in &part.lines {
            self.out.write_all(line.as_bytes())?;
            self.out.write_all(b"\n")?;
            bytes += line.len() as u64 + 1;
        }
        self.written += part.roots;
        let per_s = {
            let mut world = lock(self.world);
            let per_s = world.options.bulk.objects_per_s;
            if let Some(bulk) = world.shop_mut(&self.shop).ok().and_then(|state| state.bulks.get_mut(&self.id)) {
                bulk.objects += part.lines.len() as u64;
                bulk.roots += part.roots;
                bulk.bytes += bytes;
            }
            per_s
        };
        if let Some(due) = (self.written * 1000).checked_div(per_s) {
            std::thread::sleep(Duration::from_millis(due).saturating_sub(self.begun.elapsed()));
        }
        Ok(())
    }

    fn query(&mut self, plan: &Plan, grouped: bool) -> (&'static str, Option<String>) {
        let Some(field) = plan.fields.first() else { return ("COMPLETED", None) };
        let mut field = field.clone();
        // By number, so that what changes meanwhile is neither missed nor there twice.
        field.arguments.insert("sortKey".to_owned(), "ID".into());
        field.arguments.remove("reverse");
        loop {
            if self.cancelled() {
                return ("CANCELED", None);
            }
            let mut part = part(&mut lock(self.world), &self.shop, &field, grouped);
            if let Some(code) = part.failed.take() {
                return ("FAILED", Some(code));
            }
            if let Some(code) = self.fails.take() {
                part.lines.truncate(part.lines.len().div_ceil(2));
                part.roots = part.roots.min(part.lines.len() as u64);
                let written = self.write(&part);
                return ("FAILED", Some(if written.is_ok() { code } else { "INTERNAL_SERVER_ERROR".to_owned() }));
            }
            if self.write(&part).is_err() {
                return ("FAILED", Some("INTERNAL_SERVER_ERROR".to_owned()));
            }
            match part.after {
                Some(after) => drop(field.arguments.insert("after".to_owned(), after.into())),
                None => return ("COMPLETED", None),
            }
        }
    }

    fn mutation(&mut self, text: &str, lines: &[u8]) -> (&'static str, Option<String>) {
        let lines: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        for (number, group) in lines.chunks(MUTATIONS).enumerate() {
            if self.cancelled() {
                return ("CANCELED", None);
            }
            let mut part = Part::default();
            for (at, line) in group.iter().enumerate() {
                let mut answer = one_mutation(&mut lock(self.world), &self.shop, text, line);
                answer["__lineNumber"] = (number * MUTATIONS + at).into();
                part.lines.push(answer.to_string());
                part.roots += 1;
            }
            if self.write(&part).is_err() {
                return ("FAILED", Some("INTERNAL_SERVER_ERROR".to_owned()));
            }
        }
        ("COMPLETED", None)
    }
}

fn one_mutation(world: &mut World, shop: &str, text: &str, line: &[u8]) -> Value {
    let wrong = |why: String| json!({"errors": [{"message": why}]});
    let variables: Map<String, Value> = match serde_json::from_slice(line) {
        Ok(variables) => variables,
        Err(why) => return wrong(why.to_string()),
    };
    match graphql::read_bulk(world, text, &variables) {
        Ok(plan) => graphql::run_line(world, shop, &plan),
        Err(why) => wrong(why),
    }
}

/// A part of the rows of the root, with what belongs to them.
fn part(world: &mut World, shop: &str, field: &Field, grouped: bool) -> Part {
    let mut run = Run::new(world, shop, true);
    let page = match graphql::root(&mut run, field) {
        Ok(Out::Page(page)) => page,
        Ok(_) => return Part { failed: Some("INTERNAL_SERVER_ERROR".to_owned()), ..Part::default() },
        Err(_) => return Part { failed: Some("ACCESS_DENIED".to_owned()), ..Part::default() },
    };
    let mut part = Part { after: next(&page), ..Part::default() };
    let fields = field.node_fields();
    let mut later = Vec::new();
    for (_, object) in &page.nodes {
        let mut children = Vec::new();
        let row = flat(&mut run, object, &fields, &mut children);
        part.lines.push(Value::Object(row).to_string());
        part.roots += 1;
        // Without grouping children come later than their parents, not behind them.
        if grouped { part.lines.append(&mut children) } else { later.append(&mut children) }
    }
    part.lines.append(&mut later);
    let denied = |error: &Value| error.pointer("/extensions/code").and_then(Value::as_str) == Some("ACCESS_DENIED");
    if run.errors.iter().any(denied) {
        part.failed = Some("ACCESS_DENIED".to_owned());
    } else if !run.errors.is_empty() {
        part.failed = Some("INTERNAL_SERVER_ERROR".to_owned());
    }
    part
}

fn next(page: &Connection) -> Option<String> {
    page.next.then(|| page.nodes.last().map(|(cursor, _)| cursor.clone())).flatten()
}

/// A row without its connections, whose nodes become lines of their own.
fn flat(run: &mut Run, object: &Object, fields: &[&Field], lines: &mut Vec<String>) -> Map<String, Value> {
    let mut row = Map::new();
    let id = Field { key: "id".to_owned(), name: "id".to_owned(), arguments: Map::new(), on: None, fields: Vec::new() };
    let parent = match run.field(object, &id) {
        Ok(Out::Leaf(parent)) => parent,
        _ => Value::Null,
    };
    for field in fields.iter().filter(|field| field.on.as_deref().is_none_or(|kind| object.is(kind))) {
        if field.name == "__typename" {
            row.insert(field.key.clone(), object.kind().into());
            continue;
        }
        match run.field(object, field) {
            Ok(Out::Page(page)) => {
                let inner = field.node_fields();
                for (_, node) in &page.nodes {
                    let mut deeper = Vec::new();
                    let mut child = flat(run, node, &inner, &mut deeper);
                    child.insert("__parentId".to_owned(), parent.clone());
                    lines.push(Value::Object(child).to_string());
                    lines.append(&mut deeper);
                }
            }
            Ok(out) => drop(row.insert(field.key.clone(), run.show(out, field))),
            Err(failure) => {
                run.fail(field, failure);
                row.insert(field.key.clone(), Value::Null);
            }
        }
    }
    row
}
