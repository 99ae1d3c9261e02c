//! Bulk operations: begun by the API, run beside it, their results fetched elsewhere.

mod file;
mod run;

pub(super) use file::{serve, upload};
pub(super) use run::{Job, run};

use super::graphql::{self, Field, Plan};
use super::sign;
use super::world::World;
use serde_json::Map;
use std::fs::File;
use std::sync::Arc;

/// Connections of a query.
const CONNECTIONS_MAX: usize = 5;
/// Connections within connections, counted with the outermost.
const LEVELS_MAX: usize = 2;
/// Bytes of the variables of a bulk mutation.
const VARIABLES_BYTES_MAX: usize = 100 << 20;

/// A bulk operation.
#[derive(Clone, Debug)]
pub(super) struct Bulk {
    pub(super) query: String,
    pub(super) mutation: bool,
    /// CREATED, RUNNING, COMPLETED, FAILED, CANCELING, CANCELED.
    pub(super) state: &'static str,
    pub(super) error_code: Option<String>,
    pub(super) created_at: i64,
    pub(super) finished_at: Option<i64>,
    /// Lines.
    pub(super) objects: u64,
    /// Lines that have no parent.
    pub(super) roots: u64,
    pub(super) bytes: u64,
    pub(super) file: Option<Arc<File>>,
    /// How long the result is there, seconds.
    pub(super) result_s: i64,
    id: u64,
    key: String,
}

impl Bulk {
    /// The status as the API shows it.
    pub(super) fn status(&self, now: i64) -> &'static str {
        match self.finished_at {
            Some(at) if self.state == "COMPLETED" && now >= at + self.result_s => "EXPIRED",
            _ => self.state,
        }
    }

    /// The signed address of its result.
    pub(super) fn url(&self, base: &str, shop: &str, result_s: i64) -> String {
        let expires = self.finished_at.unwrap_or_default() + result_s;
        let signature = self.signature(expires);
        format!("{base}/_sim_files/bulk/{shop}/{}?Expires={expires}&Signature={signature}", self.id)
    }

    fn signature(&self, expires: i64) -> String {
        sign::query(&self.key, &[("expires".to_owned(), expires.to_string()), ("id".to_owned(), self.id.to_string())])
    }
}

/// Counts connections, and the deepest within each other; refuses those within lists.
fn connections(fields: &[Field], level: usize, in_list: bool) -> Result<(usize, usize), String> {
    let (mut count, mut deepest) = (0, level);
    for field in fields {
        let is_connection = field.is_connection();
        if is_connection && in_list {
            return Err("Queries that contain a connection field within a list field are not supported.".to_owned());
        }
        let is_list = matches!(field.name.as_str(), "refunds" | "transactions" | "addresses");
        let inner = level + usize::from(is_connection);
        let (more, deep) = connections(&field.fields, inner, in_list || is_list)?;
        count += more + usize::from(is_connection);
        deepest = deepest.max(deep);
    }
    Ok((count, deepest))
}

fn check(plan: &Plan) -> Result<(), String> {
    if plan.mutation {
        return Err("Bulk queries can't be mutations.".to_owned());
    }
    if plan.fields.iter().any(|field| matches!(field.name.as_str(), "node" | "nodes")) {
        return Err("Bulk queries cannot contain a top level `node` or `nodes` field.".to_owned());
    }
    let (count, deepest) = connections(&plan.fields, 0, false)?;
    match count {
        0 => Err("Bulk queries must contain at least one connection.".to_owned()),
        count if count > CONNECTIONS_MAX => {
            Err(format!("Bulk queries cannot contain more than {CONNECTIONS_MAX} connections."))
        }
        _ if deepest > LEVELS_MAX => {
            Err(format!("Bulk queries cannot contain connections with a nesting depth greater than {LEVELS_MAX}."))
        }
        _ if plan.fields.len() != 1 => Err("Bulk queries must have one top level field.".to_owned()),
        _ => Ok(()),
    }
}

/// Whether one more may begin.
fn check_room(world: &World, shop: &str) -> Result<(), (&'static str, String)> {
    let state = world.shop(shop).map_err(|why| ("INVALID", why))?;
    let at_once = world.options.bulk.at_once;
    let running = state.bulks.values().filter(|bulk| bulk.finished_at.is_none()).count();
    if running >= at_once {
        let code = if at_once == 1 { "OPERATION_IN_PROGRESS" } else { "LIMIT_REACHED" };
        let why = format!("A bulk operation for this app and shop is already in progress: {running} of {at_once}.");
        return Err((code, why));
    }
    Ok(())
}

fn begin(world: &mut World, shop: &str, query: &str, mutation: bool) -> u64 {
    let (id, created_at, key) = (world.id(), world.now(), world.dice.hex(16));
    let result_s = world.options.bulk.result_s;
    let bulk = Bulk {
        query: query.to_owned(),
        mutation,
        state: "CREATED",
        error_code: None,
        created_at,
        finished_at: None,
        objects: 0,
        roots: 0,
        bytes: 0,
        file: None,
        result_s,
        id,
        key,
    };
    if let Ok(state) = world.shop_mut(shop) {
        state.bulks.insert(id, bulk);
    }
    id
}

/// A query over everything; an error has the platform's code.
pub(super) fn begin_query(
    world: &mut World,
    shop: &str,
    text: &str,
    grouped: bool,
) -> Result<u64, (&'static str, String)> {
    let invalid = |why: String| ("INVALID", why);
    let plan =
        graphql::read_bulk(world, text, &Map::new()).map_err(|why| invalid(format!("Invalid bulk query: {why}")))?;
    check(&plan).map_err(invalid)?;
    check_room(world, shop)?;
    let id = begin(world, shop, text, false);
    world.begin_job(Job::Query { shop: shop.to_owned(), id, plan, grouped });
    Ok(id)
}

/// A mutation for each line of what was uploaded.
pub(super) fn begin_mutation(
    world: &mut World,
    shop: &str,
    text: &str,
    path: &str,
) -> Result<u64, (&'static str, String)> {
    let Some(lines) = world.uploads.get(path).cloned() else {
        return Err(("NO_SUCH_FILE", "The JSONL file could not be found. Try uploading the file again.".to_owned()));
    };
    let allowed = ["tagsAdd", "tagsRemove", "customerEmailMarketingConsentUpdate", "customerUpdate", "customerCreate"];
    if !allowed.iter().any(|name| text.contains(name)) {
        return Err(("INVALID_MUTATION", "The mutation is not one that can run in bulk.".to_owned()));
    }
    check_room(world, shop)?;
    let id = begin(world, shop, text, true);
    world.begin_job(Job::Mutation { shop: shop.to_owned(), id, text: text.to_owned(), lines });
    Ok(id)
}
