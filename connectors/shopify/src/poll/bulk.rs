//! The past, by bulk operations: the platform writes everything into a file, which is read in a stream. Whoever is
//! killed goes on where the last whole thing ended.

use super::{Kind, add};
use crate::api::{UserError, call, short};
use crate::config::bulk_wait;
use crate::context::{Context, pointer};
use crate::documents;
use crate::fields::{gid_number, is_number};
use crate::graph::{GraphCount, GraphCustomer, GraphLine, GraphOrder};
use kit::failure::Failure;
use kit::lines::Lines;
use kit::platform::Connection;
use kit::poll::{Page, Place, Progress, Sink};
use kit::receive::Facts;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Things of one page.
const PAGE_THINGS: usize = 250;
/// Children of one thing.
const CHILDREN_MAX: usize = 10_000;
/// Operations that fail one after the other before a person is told.
const FAILURES_MAX: u32 = 5;
/// How often an operation is looked at in one call; the next call goes on.
const LOOKS_MAX: u32 = 1_200;
/// How long others' operations are waited for before this is left for later.
const BUSY_LOOKS_MAX: u32 = 20;

/// Where a backfill stands.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The operation whose file is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// Where in its file the next thing begins, bytes.
    #[serde(default)]
    position: u64,
    /// Things read of it.
    #[serde(default)]
    done: u64,
    /// How many there are, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// Operations that failed.
    #[serde(default)]
    failures: u32,
    /// Everything was read.
    #[serde(default)]
    finished: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    bulk_operation_run_query: BegunPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BegunPayload {
    bulk_operation: Option<Id>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Looked {
    bulk_operation: Option<Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    status: String,
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    root_object_count: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    count: Option<GraphCount>,
}

/// What a look at an operation says.
enum Look {
    /// Its file, or that nothing is in it.
    Done(Option<String>),
    /// It came to nothing.
    Lost(String),
    /// It takes longer than one call waits.
    Slow,
}

struct Backfill<'a> {
    connection: &'a Connection,
    kind: Kind,
    state: State,
    sink: &'a mut dyn Sink,
}

pub(super) async fn backfill(
    connection: &Connection,
    kind: Kind,
    place: &Place,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let broken = |why: serde_json::Error| Failure::PlatformChanged(format!("the cursor can't be read: {why}"));
    let state = place.cursor.as_deref().map(serde_json::from_str).transpose().map_err(broken)?.unwrap_or_default();
    Backfill { connection, kind, state, sink }.run().await
}

impl Backfill<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        while !self.state.finished {
            let operation = match self.state.operation.clone() {
                Some(operation) => operation,
                None => self.begin().await?,
            };
            match self.wait(&operation).await? {
                Look::Done(None) => self.finish().await?,
                Look::Done(Some(url)) => match Lines::open(self.connection.api.bare(), &url, self.state.position).await
                {
                    Ok(lines) => self.read(lines).await?,
                    // Files are kept for seven days.
                    Err(Failure::Gone(why) | Failure::Refused(why)) => self.lost(why).await?,
                    Err(other) => return Err(other),
                },
                Look::Lost(why) => self.lost(why).await?,
                Look::Slow => return Err(Failure::retry("the bulk operation takes long", None)),
            }
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress { done: self.state.done, total: self.state.total }
    }

    async fn put(&mut self, facts: Facts) -> Result<(), Failure> {
        // A struct of numbers and texts can be written.
        let cursor = serde_json::to_string(&self.state).unwrap_or_default();
        let progress = Some(self.progress());
        self.sink.put(Page { facts, cursor, progress }).await
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        self.state.finished = true;
        self.state.total = Some(self.state.done);
        self.put(Facts::default()).await
    }

    /// The operation came to nothing: another one is begun, unless that went on too often.
    async fn lost(&mut self, why: String) -> Result<(), Failure> {
        let failures = self.state.failures.saturating_add(1);
        let total = self.state.total;
        self.state = State { failures, total, ..State::default() };
        if failures >= FAILURES_MAX {
            // The next call begins with a clean slate.
            self.state.failures = 0;
            self.put(Facts::default()).await?;
            return Err(Failure::Blocked(format!("{failures} bulk operations came to nothing: {why}")));
        }
        tracing::warn!(why, failures, "a bulk operation came to nothing and is begun anew");
        self.put(Facts::default()).await
    }

    /// Begins an operation; waits while others of this app and shop run.
    async fn begin(&mut self) -> Result<String, Failure> {
        let (query, count) = match self.kind {
            Kind::Customers => (documents::BULK_CUSTOMERS, documents::CUSTOMERS_COUNT),
            Kind::Orders => (documents::BULK_ORDERS, documents::ORDERS_COUNT),
        };
        if self.state.total.is_none() {
            let counted: Counted = call(self.connection, count, json!({})).await?.data;
            self.state.total = counted.count.map(|count| count.count);
        }
        let wait = bulk_wait(&self.connection.platform);
        for _ in 0..BUSY_LOOKS_MAX {
            let begun: Begun = call(self.connection, documents::BULK_RUN, json!({ "query": query })).await?.data;
            let begun = begun.bulk_operation_run_query;
            match (begun.bulk_operation, begun.user_errors.first()) {
                (Some(operation), None) => {
                    (self.state.operation, self.state.position, self.state.done) = (Some(operation.id.clone()), 0, 0);
                    self.put(Facts::default()).await?;
                    return Ok(operation.id);
                }
                (_, Some(error)) if is_busy(error) => tokio::time::sleep(wait).await,
                (_, Some(error)) => {
                    return Err(Failure::Refused(format!("no bulk operation: {}", short(&error.message))));
                }
                (None, None) => return Err(Failure::PlatformChanged("no bulk operation, and no reason".to_owned())),
            }
        }
        Err(Failure::retry("other bulk operations of the app are running", Some(Duration::from_secs(60))))
    }

    /// Waits until the operation is over.
    async fn wait(&mut self, operation: &str) -> Result<Look, Failure> {
        let wait = bulk_wait(&self.connection.platform);
        for _ in 0..LOOKS_MAX {
            let looked: Looked = call(self.connection, documents::BULK_STATE, json!({ "id": operation })).await?.data;
            let Some(now) = looked.bulk_operation else { return Ok(Look::Lost("it is known no more".to_owned())) };
            let code = now.error_code.unwrap_or_default();
            match now.status.as_str() {
                "COMPLETED" => {
                    let count = now.root_object_count.and_then(|count| count.parse().ok());
                    // Its own count holds: things may have come or gone since they were counted.
                    self.state.total = count;
                    return Ok(Look::Done(now.url));
                }
                "FAILED" if code == "ACCESS_DENIED" => {
                    return Err(Failure::NeedsAuthorization("the bulk operation was denied access".to_owned()));
                }
                "FAILED" | "CANCELED" | "EXPIRED" => return Ok(Look::Lost(format!("{} {code}", now.status))),
                _ => tokio::time::sleep(wait).await,
            }
        }
        Ok(Look::Slow)
    }

    /// Reads the file to its end: a thing, then its children, then the next thing.
    async fn read(&mut self, mut lines: Lines) -> Result<(), Failure> {
        let mut facts = Facts::default();
        let mut waiting: Option<Thing> = None;
        loop {
            let begins = lines.position();
            let line = lines.next().await?;
            if let Some(line) = &line
                && let Child { parent: Some(parent) } = parse(line)?
            {
                child(&mut waiting, &parent, line, &mut facts)?;
                continue;
            }
            if let Some(thing) = waiting.take() {
                let context = Context::reading(self.connection, self.sink.now());
                add(&mut facts, thing.facts(&context)?);
                self.state.done += 1;
                if self.state.done.is_multiple_of(PAGE_THINGS as u64) {
                    self.state.position = begins;
                    self.put(std::mem::take(&mut facts)).await?;
                }
            }
            match line {
                Some(line) => waiting = Some(Thing::read(self.kind, &line)?),
                None => break,
            }
        }
        self.state.position = lines.position();
        self.put(facts).await?;
        match self.state.total {
            Some(total) if self.state.done < total => self.lost("its file ended early".to_owned()).await,
            _ => self.finish().await,
        }
    }
}

fn is_busy(error: &UserError) -> bool {
    matches!(error.code.as_deref(), Some("OPERATION_IN_PROGRESS" | "LIMIT_REACHED"))
}

/// A thing of a file, with the children that came after it.
enum Thing {
    Customer(Box<GraphCustomer>),
    Order(Box<GraphOrder>, Vec<GraphLine>),
}

#[derive(Deserialize)]
struct Child {
    #[serde(default, rename = "__parentId")]
    parent: Option<String>,
}

impl Thing {
    fn read(kind: Kind, line: &[u8]) -> Result<Thing, Failure> {
        Ok(match kind {
            Kind::Customers => Thing::Customer(Box::new(parse(line)?)),
            Kind::Orders => Thing::Order(Box::new(parse(line)?), Vec::new()),
        })
    }

    fn facts(self, context: &Context<'_>) -> Result<Facts, Failure> {
        Ok(match self {
            Thing::Customer(customer) => customer.normalized().facts(context),
            Thing::Order(order, lines) => order.normalized(lines)?.facts(context),
        })
    }
}

/// Puts a child to its parent. One that does not stand behind its parent makes the parent be read whole.
fn child(waiting: &mut Option<Thing>, parent: &str, line: &[u8], facts: &mut Facts) -> Result<(), Failure> {
    let unnumbered = || Failure::PlatformChanged("a child without a parent's number".to_owned());
    let parent = gid_number(parent).filter(|number| is_number(number)).ok_or_else(unnumbered)?;
    match waiting {
        Some(Thing::Order(order, lines)) if order.id == parent && lines.len() < CHILDREN_MAX => {
            lines.push(parse(line)?);
        }
        _ => {
            let stray = pointer("order", parent);
            if facts.pointers.last() != Some(&stray) {
                facts.pointers.push(stray);
            }
        }
    }
    Ok(())
}

fn parse<T: serde::de::DeserializeOwned>(line: &[u8]) -> Result<T, Failure> {
    // The reason alone: the line holds personal data.
    serde_json::from_slice(line).map_err(|why| {
        Failure::PlatformChanged(format!("a line of the file can't be read, at column {}", why.column()))
    })
}
