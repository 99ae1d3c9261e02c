//! The Admin GraphQL API.

mod cost;
mod customer_fields;
mod execute;
mod listing;
mod mutations;
mod objects;
mod official;
mod order_fields;
mod plan;
mod roots;
mod rows;
pub(super) mod search;
mod shop_fields;
mod subscribe;

pub(super) use cost::Bucket;
pub(super) use execute::Run;
pub(super) use objects::{Connection, Object, Out};
pub(super) use official::Official;
pub(super) use plan::{Field, Plan};

use super::world::World;
use serde_json::{Map, Value, json};

/// Versions that are served, oldest first.
pub(super) const VERSIONS: [&str; 6] = ["2026-01", "2026-04", "2026-07", "2026-10", "2027-01", "unstable"];

/// The version that answers for the one that is asked: a retired one falls forward to the oldest.
pub(super) fn version(asked: &str) -> Option<&'static str> {
    if let Some(known) = VERSIONS.iter().find(|known| **known == asked) {
        return Some(known);
    }
    let quarter = |month: &str| ["01", "04", "07", "10"].contains(&month);
    let (year, month) = asked.split_once('-')?;
    let dated = year.len() == 4 && year.parse::<u16>().is_ok() && quarter(month);
    (dated && asked < VERSIONS[0]).then_some(VERSIONS[0])
}

/// An answer, with what the record says of it.
pub(super) struct Answer {
    pub(super) body: Value,
    /// Status, when it is not 200.
    pub(super) status: u16,
    /// Root fields.
    pub(super) what: String,
    pub(super) cost: Option<u64>,
    pub(super) refused: Option<&'static str>,
}

fn refused(errors: Vec<Value>, why: &'static str) -> Answer {
    Answer { body: json!({"errors": errors}), status: 200, what: String::new(), cost: None, refused: Some(why) }
}

/// A document that is right, as a plan.
fn read(world: &World, text: &str, name: Option<&str>, variables: &Map<String, Value>) -> Result<Plan, Vec<Value>> {
    let document = official::parse(text)?;
    if let Some(official) = &world.official {
        official.check(text, name, variables)?;
    }
    let said = |why: String| vec![json!({"message": why, "extensions": {"code": "INVALID_VARIABLE"}})];
    let operation = plan::operation(&document, name).map_err(said)?;
    plan::plan(&document, operation, variables).map_err(said)
}

/// Reads a document of a bulk operation, which is judged as any other.
pub(super) fn read_bulk(world: &World, text: &str, variables: &Map<String, Value>) -> Result<Plan, String> {
    read(world, text, None, variables).map_err(|errors| {
        let messages: Vec<&str> = errors.iter().filter_map(|one| one.get("message")?.as_str()).collect();
        messages.join("; ")
    })
}

/// Runs a mutation of a bulk operation: the answer of one line.
pub(super) fn run_line(world: &mut World, shop: &str, plan: &Plan) -> Value {
    let (data, errors, ..) = execute(world, shop, plan, true);
    let mut line = json!({"data": data});
    if !errors.is_empty() {
        line["errors"] = Value::Array(errors);
    }
    line
}

type Executed = (Value, Vec<Value>, u64, Vec<Value>);

fn execute(world: &mut World, shop: &str, plan: &Plan, bulk: bool) -> Executed {
    let mut run = Run::new(world, shop, bulk);
    let mut data = Map::new();
    for field in &plan.fields {
        if field.name == "__typename" {
            data.insert(field.key.clone(), if plan.mutation { "Mutation" } else { "QueryRoot" }.into());
            continue;
        }
        let found = if plan.mutation { mutations::mutation(&mut run, field) } else { roots::query(&mut run, field) };
        let value = match found {
            Ok(out) => run.show(out, field),
            Err(failure) => {
                run.fail(field, failure);
                Value::Null
            }
        };
        data.insert(field.key.clone(), value);
    }
    let data = if run.whole { Value::Null } else { Value::Object(data) };
    (data, run.errors, run.cost, run.warnings)
}

/// The nodes of the root connection of a bulk query, from a cursor on: the page of a field.
pub(super) fn root(run: &mut Run, field: &Field) -> Result<Out, String> {
    roots::query(run, field).map_err(|failure| failure.message)
}

/// Why errors of fields count as a refusal, for the record.
fn reason(errors: &[Value]) -> Option<&'static str> {
    let code = errors.first()?.pointer("/extensions/code").and_then(Value::as_str).unwrap_or_default();
    Some(match code {
        "ACCESS_DENIED" => "access_denied",
        "NOT_SIMULATED" => "not_simulated",
        _ => "bad_request",
    })
}

/// Answers a request.
pub(super) fn answer(world: &mut World, shop: &str, body: &Value) -> Answer {
    let Some(text) = body.get("query").and_then(Value::as_str) else {
        let error = json!({"message": "Required parameter missing or invalid: query"});
        return Answer { status: 400, ..refused(vec![error], "invalid_document") };
    };
    let name = body.get("operationName").and_then(Value::as_str);
    let variables = body.get("variables").and_then(Value::as_object).cloned().unwrap_or_default();
    let plan = match read(world, text, name, &variables) {
        Ok(plan) => plan,
        Err(errors) => return refused(errors, "invalid_document"),
    };
    let what = plan.fields.iter().map(|field| field.name.as_str()).collect::<Vec<&str>>().join(",");
    let (requested, options) = (cost::requested(&plan), world.options.cost);
    if requested > options.single_max {
        let message = format!(
            "Query cost is {requested}, which exceeds the single query max cost limit ({}).\n\nSee \
             https://shopify.dev/concepts/about-apis/rate-limits for more information on how the\ncost of a query is \
             calculated.",
            options.single_max
        );
        let extensions = json!({"code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": options.single_max});
        let answer = refused(vec![json!({"message": message, "extensions": extensions})], "max_cost");
        return Answer { what, cost: Some(requested), ..answer };
    }
    let (maximum, restore) = (options.maximum, options.restore_per_s);
    let Ok(state) = world.shop_mut(shop) else { return refused(Vec::new(), "no_shop") };
    if !state.bucket.take(requested, maximum, restore) {
        let cost = state.bucket.throttle(maximum, restore).cost(requested, None);
        let error = json!({"message": "Throttled", "extensions": {"code": "THROTTLED"}});
        let status = if options.throttled_is_429 { 429 } else { 200 };
        let body = json!({"errors": [error], "extensions": {"cost": cost}});
        return Answer { body, status, what, cost: Some(requested), refused: Some("throttled") };
    }
    let (data, errors, used, warnings) = execute(world, shop, &plan, false);
    let actual = if plan.mutation { requested } else { used.min(requested) };
    let mut body = json!({"data": data});
    if let Ok(state) = world.shop_mut(shop) {
        state.bucket.give(requested - actual, maximum);
        body["extensions"] = json!({"cost": state.bucket.throttle(maximum, restore).cost(requested, Some(actual))});
    }
    if !warnings.is_empty() {
        body["extensions"]["search"] = Value::Array(warnings);
    }
    let refused = reason(&errors);
    if !errors.is_empty() {
        body["errors"] = Value::Array(errors);
    }
    Answer { body, status: 200, what, cost: Some(requested), refused }
}
