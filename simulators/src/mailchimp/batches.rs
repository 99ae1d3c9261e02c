//! Asynchronous batches of operations.

use super::call::{Answer, Call, Outcome, text};
use super::problem::Problem;
use super::query::{Query, encode};
use super::server::{Shared, execute};
use super::tar::gzip_tar;
use super::world::World;
use bytes::Bytes;
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Operations of a batch at most.
const OPERATIONS_MAX: usize = 1000;
/// Batches that are not finished at most.
const OPEN_MAX: usize = 500;
/// Results in one file of the archive.
const RESULTS_A_FILE: usize = 100;
/// An address of results is good this long.
const ADDRESS_LIVES: Duration = Duration::from_secs(600);

/// One operation of a batch.
#[derive(Clone)]
struct Step {
    method: String,
    path: String,
    query: String,
    body: String,
    id: String,
}

pub(super) struct Batch {
    id: String,
    status: &'static str,
    steps: Vec<Step>,
    finished: usize,
    errored: usize,
    submitted: i64,
    completed: Option<i64>,
    archive: Option<Bytes>,
    address: Option<(String, Instant)>,
}

impl Batch {
    fn json(&self, base: &str) -> Value {
        let address = self.address.as_ref().map(|(token, _)| format!("{base}/_results/{}/{token}.tar.gz", self.id));
        json!({
            "id": self.id,
            "status": self.status,
            "total_operations": self.steps.len(),
            "finished_operations": self.finished,
            "errored_operations": self.errored,
            "submitted_at": super::time::show(self.submitted),
            "completed_at": self.completed.map(super::time::show).unwrap_or_default(),
            "response_body_url": address.unwrap_or_default(),
            "_links": [],
        })
    }
}

fn step(value: &Value) -> Result<Step, Problem> {
    super::call::known(value, &["method", "path", "params", "body", "operation_id"])?;
    let field = |name: &'static str| text(value, name).map(Option::unwrap_or_default);
    let method = field("method")?.to_owned();
    if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
        return Err(Problem::field("method", "Value must be one of GET, POST, PUT, PATCH, DELETE."));
    }
    let path = field("path")?.to_owned();
    if path.trim_matches('/').is_empty() {
        return Err(Problem::field("path", "This value should not be blank."));
    }
    let params = value.get("params").and_then(Value::as_object);
    let pair = |(name, value): (&String, &Value)| {
        (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let query = encode(&params.map(|params| params.iter().map(pair).collect::<Vec<_>>()).unwrap_or_default());
    Ok(Step { method, path, query, body: field("body")?.to_owned(), id: field("operation_id")?.to_owned() })
}

pub(super) fn start(world: &mut World, call: &Call) -> Outcome {
    call.known(&["operations"])?;
    let steps =
        call.array("operations")?.ok_or_else(|| Problem::field("operations", "This value should not be null."))?;
    if steps.is_empty() || steps.len() > OPERATIONS_MAX {
        let why = format!("This array should have 1 to {OPERATIONS_MAX} items.");
        return Err(Problem::field("operations", why));
    }
    let steps = steps.iter().map(step).collect::<Result<Vec<_>, _>>()?;
    if world.batches.values().filter(|batch| batch.status != "finished").count() >= OPEN_MAX {
        return Err(Problem::new(429, "Too Many Requests", "You have more than 500 pending batches."));
    }
    let id = world.random.hex(10);
    let batch = Batch {
        id: id.clone(),
        status: "pending",
        steps,
        finished: 0,
        errored: 0,
        submitted: super::time::now(),
        completed: None,
        archive: None,
        address: None,
    };
    let answer = batch.json("");
    world.batches.insert(id, batch);
    Ok(Answer::Json(answer))
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let page = call.query.page()?;
    let shown: Vec<Value> = page.of(world.batches.values()).map(|batch| batch.json("")).collect();
    Ok(Answer::Json(json!({"batches": shown, "total_items": world.batches.len(), "_links": []})))
}

/// Each reading makes a new address of the results.
pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let (token, base) = (world.random.hex(32), world.base.clone());
    let batch = world.batches.get_mut(&call.list).ok_or_else(Problem::not_found)?;
    batch.address = batch.archive.is_some().then(|| (token, Instant::now()));
    Ok(Answer::Json(batch.json(&base)))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    world.batches.remove(&call.list).ok_or_else(Problem::not_found)?;
    Ok(Answer::Empty)
}

/// The archive behind an address that a reading gave.
pub(super) fn results(world: &World, id: &str, token: &str) -> Option<Bytes> {
    let batch = world.batches.get(id)?;
    let (current, since) = batch.address.as_ref()?;
    (current == token && since.elapsed() < ADDRESS_LIVES).then(|| batch.archive.clone())?
}

/// Sets the status; `false` when the batch was deleted.
fn advance(shared: &Shared, id: &str, status: &'static str) -> bool {
    let mut world = shared.world();
    world.batches.get_mut(id).map(|batch| batch.status = status).is_some()
}

/// Does the operations of a batch, in an order that nobody should rely on.
/// Boxed, since an operation of a batch goes the way of a request again.
pub(super) fn play(shared: Arc<Shared>, id: String) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(play_all(shared, id))
}

async fn play_all(shared: Arc<Shared>, id: String) {
    let pause = shared.options.batch_step;
    for status in ["pending", "preprocessing", "started"] {
        if !advance(&shared, &id, status) {
            return;
        }
        tokio::time::sleep(pause).await;
    }
    let steps = {
        let mut world = shared.world();
        let mut steps = world.batches.get(&id).map(|batch| batch.steps.clone()).unwrap_or_default();
        for at in (1..steps.len()).rev() {
            let other = (world.random.next() % (at as u64 + 1)) as usize;
            steps.swap(at, other);
        }
        steps
    };
    let mut results = Vec::new();
    for step in steps {
        let (status, body) = one(&shared, &step).await;
        let mut world = shared.world();
        let Some(batch) = world.batches.get_mut(&id) else { return };
        batch.finished += 1;
        batch.errored += usize::from(status >= 400);
        results.push(json!({"status_code": status, "operation_id": step.id, "response": body}));
    }
    if !advance(&shared, &id, "finalizing") {
        return;
    }
    tokio::time::sleep(pause).await;
    let now = super::time::now();
    let file = |(at, part): (usize, &[Value])| (format!("{at}.json"), json!(part).to_string().into_bytes());
    let files: Vec<_> = results.chunks(RESULTS_A_FILE).enumerate().map(file).collect();
    let archive = gzip_tar(&files, now).unwrap_or_default();
    if let Some(batch) = shared.world().batches.get_mut(&id) {
        (batch.status, batch.completed, batch.archive) = ("finished", Some(now), Some(archive.into()));
    }
}

async fn one(shared: &Arc<Shared>, step: &Step) -> (u16, String) {
    let path: Vec<&str> = step.path.trim_matches('/').split('/').collect();
    let (name, outcome) = execute(shared, &step.method, &path, Query::read(&step.query), step.body.as_bytes()).await;
    let mut world = shared.world();
    world.counters.count(&format!("batched:{name}"), outcome.is_ok(), false);
    match outcome {
        Ok(Answer::Json(value)) => (200, value.to_string()),
        Ok(Answer::Empty) => (204, String::new()),
        Err(problem) => (problem.status, problem.json(&world.random.instance()).to_string()),
    }
}
