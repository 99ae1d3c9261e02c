//! The HTTP server: which store a request is for, what its host does to it, and what answers.

use super::access::{Caller, may};
use super::problem::{Body, Reply, no_route};
use super::query::{Query, decode};
use super::rest::{After, answer, index};
use super::world::Shop;
use super::{Shared, control, deliver, grant};
use axum::Router;
use axum::body::{Body as HttpBody, to_bytes};
use axum::http::{Request, Response, header};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Bytes of a body.
const BODY_BYTES_MAX: usize = 8 << 20;

pub(super) fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new().fallback(move |request: Request<HttpBody>| handle(Arc::clone(&shared), request));
    tokio::spawn(async move { axum::serve(listener, router).await });
}

struct Call {
    method: String,
    path: String,
    /// Behind the store's folder.
    inside: String,
    query: Query,
    authorization: Option<String>,
    logged_in: bool,
    body: Vec<u8>,
}

fn written(reply: Reply, half: bool) -> Response<HttpBody> {
    let (kind, mut text) = match reply.body {
        Body::Json(value) => ("application/json; charset=UTF-8", value.to_string()),
        Body::Html(page) => ("text/html; charset=UTF-8", page),
    };
    if half {
        text.truncate(text.len() / 2);
    }
    let mut response = Response::builder().status(reply.status).header(header::CONTENT_TYPE, kind);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(HttpBody::from(text)).unwrap_or_default()
}

async fn handle(shared: Arc<Shared>, request: Request<HttpBody>) -> Response<HttpBody> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return written(Reply::html(413, "too large"), false);
    };
    let whole = head.uri.path().to_owned();
    if let Some(rest) = whole.strip_prefix("/_sim/") {
        return written(control::over_http(&shared, head.method.as_str(), rest, &body), false);
    }
    let path = {
        let world = shared.world();
        let mut paths: Vec<&String> = world.shops.keys().collect();
        paths.sort_by_key(|path| std::cmp::Reverse(path.len()));
        // A store whose path is empty lies at the root.
        let lies = |path: &str| {
            path.is_empty()
                || whole.strip_prefix(&format!("/{path}")).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        paths.into_iter().find(|path| lies(path)).cloned()
    };
    let Some(path) = path else { return written(Reply::html(404, "no such host"), false) };
    let folder = if path.is_empty() { String::new() } else { format!("/{path}") };
    let inside = whole.get(folder.len()..).unwrap_or_default().to_owned();
    let text = |name: header::HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let call = Call {
        method: head.method.to_string(),
        inside,
        query: decode(head.uri.query().unwrap_or_default()),
        authorization: text(header::AUTHORIZATION).map(str::to_owned),
        logged_in: text(header::COOKIE).is_some_and(|cookie| cookie.contains("wordpress_logged_in=1")),
        body: body.to_vec(),
        path,
    };
    if call.inside.starts_with("/wc-auth/v1/") {
        return written(authorize(&shared, &call, &folder).await, false);
    }
    let (reply, half) = api(&shared, &call).await;
    written(reply, half)
}

async fn authorize(shared: &Shared, call: &Call, folder: &str) -> Reply {
    let route = call.inside.trim_start_matches("/wc-auth/v1/").to_owned();
    let shown = {
        let mut world = shared.world();
        let Some(shop) = world.shops.get_mut(&call.path) else { return Reply::html(404, "") };
        if shop.faults.down {
            return down();
        }
        if route == "login" && call.method == "POST" {
            let query: Vec<(&String, &String)> = call.query.iter().collect();
            let back = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            let cookie = "wordpress_logged_in=1; Path=/".to_owned();
            return Reply::redirect(format!("{folder}/wc-auth/v1/authorize?{back}")).with("set-cookie", cookie);
        }
        grant::page(shop, folder, &route, &call.query, call.logged_in)
    };
    match shown {
        Some(page) => page,
        None => grant::grant(shared, &call.path, &call.query).await,
    }
}

fn down() -> Reply {
    Reply::html(503, "Briefly unavailable for scheduled maintenance. Check back in a minute.")
}

/// The route of a call, if it is one of the API.
fn route(shop: &Shop, call: &Call) -> Option<String> {
    let route = match shop.options.plain_permalinks {
        true if call.inside.trim_end_matches('/').is_empty() => call.query.get("rest_route")?.clone(),
        true => return None,
        false => call.inside.strip_prefix("/wp-json")?.to_owned(),
    };
    Some(route.trim_matches('/').to_owned())
}

/// What the host does before WordPress hears of a call.
fn host(shop: &mut Shop) -> Option<Reply> {
    if shop.faults.down {
        return Some(down());
    }
    let throttled = shop.faults.throttled;
    if !shop.lets_through() || shop.random.happens(throttled) {
        shop.counters.throttled += 1;
        return Some(Reply::html(429, "Too Many Requests").with("retry-after", "1".to_owned()));
    }
    let (unavailable, page, critical) = (shop.faults.unavailable, shop.faults.page, shop.faults.critical);
    let fault = if shop.random.happens(unavailable) {
        Some(Reply::html(503, "Service Unavailable"))
    } else if shop.random.happens(page) {
        Some(Reply::html(200, "Checking your browser"))
    } else {
        shop.random.happens(critical).then(super::lists::crash)
    };
    shop.counters.faulted += u64::from(fault.is_some());
    fault
}

async fn api(shared: &Arc<Shared>, call: &Call) -> (Reply, bool) {
    let latency = {
        let mut world = shared.world();
        let Some(shop) = world.shops.get_mut(&call.path) else { return (no_route(), false) };
        shop.at_once += 1;
        shop.counters.at_once_max = shop.counters.at_once_max.max(shop.at_once);
        shop.options.latency
    };
    if latency > Duration::ZERO {
        tokio::time::sleep(latency).await;
    }
    let (reply, after, half) = {
        let mut world = shared.world();
        let Some(shop) = world.shops.get_mut(&call.path) else { return (no_route(), false) };
        shop.at_once -= 1;
        judged(shop, call)
    };
    if let After::Ping(id, url) = after {
        deliver::ping(shared, id, &url).await;
    }
    (reply, half)
}

fn judged(shop: &mut Shop, call: &Call) -> (Reply, After, bool) {
    if let Some(reply) = host(shop) {
        return (reply, After::Nothing, false);
    }
    shop.counters.calls += 1;
    let Some(route) = route(shop, call) else { return (Reply::html(404, "Page not found"), After::Nothing, false) };
    let shown: Vec<String> = call
        .query
        .iter()
        .filter(|(name, _)| !name.contains("consumer"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let line = format!("{} {route}?{}", call.method, shown.join("&"));
    shop.remember(line.clone());
    let caller = Caller {
        method: &call.method,
        path: if call.inside.is_empty() { "/" } else { &call.inside },
        query: &call.query,
        authorization: call.authorization.as_deref(),
    };
    let done = match route.strip_prefix("wc/v3/") {
        _ if route.is_empty() => Ok((index(shop), After::Nothing)),
        None => Err(no_route()),
        Some(inside) => may(shop, &caller).and_then(|()| answer(shop, &call.method, inside, &call.query, &call.body)),
    };
    match done {
        Ok((reply, after)) => {
            let (lost, half) = (shop.faults.lost_answer, shop.faults.half);
            if shop.random.happens(lost) {
                shop.counters.faulted += 1;
                return (Reply::html(504, "Gateway Timeout"), after, false);
            }
            let half = shop.random.happens(half);
            shop.counters.faulted += u64::from(half);
            (reply, after, half)
        }
        Err(reply) => {
            // To ask for what is gone is no fault of the caller's.
            if matches!(reply.status, 400 | 501) || reply.is_no_route() {
                shop.counters.wrong.push(format!("{line}: {}", reply.status));
            }
            (reply, After::Nothing, false)
        }
    }
}
