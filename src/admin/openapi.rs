//! The routes, and the OpenAPI 3.1 document made from the code that serves them.

use super::problem::Problem;
use super::{
    AdminState, alerts, apps, backup, clock, connections, document, exports, keys, links, list_commands, lists, live,
    people, rates, segments, sources, transitions, versions, workspaces,
};
use axum::Json;
use axum::routing::{MethodRouter, delete, get, post, put};
use serde_json::Value;
use std::sync::OnceLock;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "segmentd", description = "Customer segments, exact at every instant."),
    servers((url = "/api/v1")),
    components(schemas(Problem)),
    paths(
        openapi, workspaces::list, workspaces::show, workspaces::put, workspaces::refused, rates::list, rates::put,
        alerts::list, alerts::confirm_clock, sources::list, sources::put, sources::delete, sources::rotate,
        segments::list, segments::show, segments::put, segments::delete, segments::preview, segments::members,
        segments::explain, transitions::of_segment, transitions::of_person, transitions::all, versions::list,
        versions::preview, versions::activate, versions::cancel, people::show, people::erase,
        people::events, people::unlink, people::redact, live::stream, lists::list, lists::show, lists::put,
        lists::delete, list_commands::command, list_commands::resync, list_commands::rotate, keys::list,
        keys::create, keys::delete, clock::advance, backup::take, links::create, links::list, links::show,
        links::lead, links::delete, apps::list, apps::put, connections::list, connections::show,
        connections::create, connections::change, connections::reauthorize, connections::retry, connections::delete,
        exports::list, exports::show, exports::delete
    )
)]
struct Api;

/// This document.
#[utoipa::path(get, path = "/openapi.json",
    responses((status = 200, description = "the document", body = serde_json::Value)))]
async fn openapi() -> Json<&'static Value> {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    Json(DOCUMENT.get_or_init(whole))
}

/// The document with what holds for every route.
pub fn whole() -> Value {
    let mut whole = serde_json::to_value(Api::openapi()).unwrap_or_default();
    document::complete(&mut whole);
    whole
}

/// Every route below `/api/v1`.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<AdminState>)> {
    vec![
        ("/openapi.json", get(openapi)),
        ("/workspaces", get(workspaces::list)),
        ("/workspaces/{workspace}", get(workspaces::show).put(workspaces::put)),
        ("/workspaces/{workspace}/rates", get(rates::list).post(rates::put)),
        ("/workspaces/{workspace}/refused-events", get(workspaces::refused)),
        ("/workspaces/{workspace}/live", get(live::stream)),
        ("/workspaces/{workspace}/sources", get(sources::list)),
        ("/workspaces/{workspace}/sources/{source}", put(sources::put).delete(sources::delete)),
        ("/workspaces/{workspace}/sources/{source}/rotate-key", post(sources::rotate)),
        ("/workspaces/{workspace}/segments", get(segments::list)),
        ("/workspaces/{workspace}/segments/{segment}", get(segments::show).put(segments::put).delete(segments::delete)),
        ("/workspaces/{workspace}/segments/{segment}/members", get(segments::members)),
        ("/workspaces/{workspace}/segments/{segment}/explain/{person}", get(segments::explain)),
        ("/workspaces/{workspace}/segments/{segment}/transitions", get(transitions::of_segment)),
        ("/workspaces/{workspace}/segments/{segment}/preview", post(versions::preview)),
        ("/workspaces/{workspace}/segments/{segment}/versions", get(versions::list)),
        ("/workspaces/{workspace}/segments/{segment}/versions/{version}", delete(versions::cancel)),
        ("/workspaces/{workspace}/segments/{segment}/versions/{version}/activate", post(versions::activate)),
        ("/workspaces/{workspace}/transitions", get(transitions::all)),
        ("/workspaces/{workspace}/preview", post(segments::preview)),
        ("/workspaces/{workspace}/people/{person}", get(people::show).delete(people::erase)),
        ("/workspaces/{workspace}/people/{person}/events", get(people::events)),
        ("/workspaces/{workspace}/people/{person}/transitions", get(transitions::of_person)),
        ("/workspaces/{workspace}/people/{person}/redact", post(people::redact)),
        ("/workspaces/{workspace}/unlink", post(people::unlink)),
        ("/workspaces/{workspace}/lists", get(lists::list)),
        ("/workspaces/{workspace}/lists/{list}", get(lists::show).put(lists::put).delete(lists::delete)),
        ("/workspaces/{workspace}/lists/{list}/resync", post(list_commands::resync)),
        ("/workspaces/{workspace}/lists/{list}/rotate-secret", post(list_commands::rotate)),
        ("/workspaces/{workspace}/lists/{list}/{command}", post(list_commands::command)),
        ("/workspaces/{workspace}/links", get(links::list).post(links::create)),
        ("/workspaces/{workspace}/links/{code}", get(links::show).put(links::lead).delete(links::delete)),
        ("/workspaces/{workspace}/connections", get(connections::list)),
        (
            "/workspaces/{workspace}/connections/{connection}",
            get(connections::show).post(connections::create).patch(connections::change).delete(connections::delete),
        ),
        ("/workspaces/{workspace}/connections/{connection}/reauthorize", post(connections::reauthorize)),
        ("/workspaces/{workspace}/connections/{connection}/retry", post(connections::retry)),
        ("/workspaces/{workspace}/exports", get(exports::list)),
        ("/workspaces/{workspace}/exports/{export}", get(exports::show).delete(exports::delete)),
        ("/apps", get(apps::list)),
        ("/apps/{connector}", put(apps::put)),
        ("/alerts", get(alerts::list)),
        ("/keys", get(keys::list).post(keys::create)),
        ("/keys/{key}", delete(keys::delete)),
        ("/clock", post(clock::advance)),
        ("/clock/confirm", post(alerts::confirm_clock)),
        ("/backup", post(backup::take)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;

    /// What axum shows of a method router names its methods.
    fn methods(router: &MethodRouter<AdminState>) -> Vec<String> {
        let shown = format!("{router:?}");
        let wanted = [Method::GET, Method::PUT, Method::POST, Method::PATCH, Method::DELETE];
        let has = |method: &Method| {
            let name = method.as_str().to_lowercase();
            !shown.contains(&format!(" {name}: None"))
        };
        wanted.iter().filter(|method| has(method)).map(|method| method.as_str().to_lowercase()).collect()
    }

    #[test]
    fn the_document_lists_exactly_the_routes_and_methods_that_are_served() {
        let document = whole();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut documented: Vec<(String, String)> = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                documented.push((path.clone(), method.clone()));
            }
        }
        let mut served: Vec<(String, String)> = Vec::new();
        for (path, router) in routes() {
            served.extend(methods(&router).into_iter().map(|method| (path.to_owned(), method)));
        }
        documented.sort();
        served.sort();
        assert_eq!(documented, served);
    }

    #[test]
    fn every_operation_has_what_a_client_generator_needs() {
        let document = whole();
        let mut ids = std::collections::BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let place = format!("{method} {path}");
                assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{place}: its id is not its own");
                assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{place}: no summary");
                let named: Vec<&str> = operation["parameters"].as_array().map_or(Vec::new(), |all| {
                    all.iter().filter(|one| one["in"] == "path").map(|one| one["name"].as_str().unwrap()).collect()
                });
                for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                    assert!(named.contains(&part), "{place}: {part} is not described");
                }
                for one in operation["parameters"].as_array().into_iter().flatten() {
                    assert!(one["description"].is_string(), "{place}: {} has no description", one["name"]);
                }
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{place} {status}");
                    let empty = matches!(status.as_str(), "204");
                    assert!(empty || answer["content"].is_object(), "{place} {status}: no schema");
                }
            }
        }
    }
}
