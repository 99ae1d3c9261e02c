//! The routes, and the OpenAPI 3.1 document made from the code that serves them.

use super::{AdminState, backup, clock, keys, links, lists, live, people, segments, sources, workspaces};
use axum::Json;
use axum::routing::{MethodRouter, delete, get, post, put};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

#[derive(OpenApi)]
#[openapi(
    info(title = "segmentd", description = "Customer segments, exact at every instant."),
    servers((url = "/api/v1")),
    paths(
        openapi, workspaces::list, workspaces::show, workspaces::put, workspaces::put_rate, workspaces::refused,
        workspaces::alerts, sources::list, sources::put, sources::delete, segments::list, segments::show,
        segments::put, segments::delete, segments::preview, segments::members, segments::explain,
        segments::transitions, people::show, people::erase, live::stream, lists::list, lists::show, lists::put,
        lists::delete, lists::command, keys::list, keys::create, keys::delete, clock::advance,
        backup::take, links::create, links::list, links::show
    )
)]
struct Api;

#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "this document")))]
async fn openapi() -> Json<Document> {
    Json(document())
}

/// The document.
pub fn document() -> Document {
    Api::openapi()
}

/// Every route below `/api/v1`.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<AdminState>)> {
    vec![
        ("/openapi.json", get(openapi)),
        ("/workspaces", get(workspaces::list)),
        ("/workspaces/{workspace}", get(workspaces::show).put(workspaces::put)),
        ("/workspaces/{workspace}/rates", post(workspaces::put_rate)),
        ("/workspaces/{workspace}/refused-events", get(workspaces::refused)),
        ("/workspaces/{workspace}/live", get(live::stream)),
        ("/workspaces/{workspace}/sources", get(sources::list)),
        ("/workspaces/{workspace}/sources/{source}", put(sources::put).delete(sources::delete)),
        ("/workspaces/{workspace}/segments", get(segments::list)),
        ("/workspaces/{workspace}/segments/{segment}", get(segments::show).put(segments::put).delete(segments::delete)),
        ("/workspaces/{workspace}/segments/{segment}/members", get(segments::members)),
        ("/workspaces/{workspace}/segments/{segment}/explain/{person}", get(segments::explain)),
        ("/workspaces/{workspace}/segments/{segment}/transitions", get(segments::transitions)),
        ("/workspaces/{workspace}/preview", post(segments::preview)),
        ("/workspaces/{workspace}/people/{person}", get(people::show).delete(people::erase)),
        ("/workspaces/{workspace}/lists", get(lists::list)),
        ("/workspaces/{workspace}/lists/{list}", get(lists::show).put(lists::put).delete(lists::delete)),
        ("/workspaces/{workspace}/lists/{list}/{command}", post(lists::command)),
        ("/workspaces/{workspace}/links", get(links::list).post(links::create)),
        ("/workspaces/{workspace}/links/{code}", get(links::show)),
        ("/alerts", get(workspaces::alerts)),
        ("/keys", get(keys::list).post(keys::create)),
        ("/keys/{key}", delete(keys::delete)),
        ("/clock", post(clock::advance)),
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
        let wanted = [Method::GET, Method::PUT, Method::POST, Method::DELETE];
        let has = |method: &Method| {
            let name = method.as_str().to_lowercase();
            !shown.contains(&format!(" {name}: None"))
        };
        wanted.iter().filter(|method| has(method)).map(|method| method.as_str().to_lowercase()).collect()
    }

    #[test]
    fn the_document_lists_exactly_the_routes_and_methods_that_are_served() {
        let document = serde_json::to_value(document()).unwrap();
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
}
