//! A proxy in front of the daemon that fails on purpose: as an overloaded daemon would, or as a network.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// What becomes of a POST.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// It gets through.
    Pass,
    /// The proxy answers for the daemon, with `Retry-After` in seconds if there is one.
    Answer(u16, Option<u32>),
    /// The daemon gets it, and the connection is cut before the sender hears of it.
    CutAfter,
    /// The connection is cut before the daemon gets it.
    CutBefore,
}

/// What went over the proxy.
#[derive(Default)]
pub struct Seen {
    fates: Mutex<VecDeque<Fate>>,
    /// Path and headers of every request.
    requests: Mutex<Vec<(Method, String, HeaderMap)>>,
}

impl Seen {
    /// Requests of a method whose path begins so.
    pub fn count(&self, method: &Method, path: &str) -> usize {
        self.headers(method, path).len()
    }

    /// Headers of requests of a method whose path begins so.
    pub fn headers(&self, method: &Method, path: &str) -> Vec<HeaderMap> {
        let requests = self.requests.lock().unwrap();
        let wanted = requests.iter().filter(|(seen, to, _)| seen == method && to.starts_with(path));
        wanted.map(|(_, _, headers)| headers.clone()).collect()
    }

    /// Fates that nobody met yet.
    pub fn fates_left(&self) -> usize {
        self.fates.lock().unwrap().len()
    }

    /// Fates of the next POSTs.
    pub fn decide(&self, fates: &[Fate]) {
        self.fates.lock().unwrap().extend(fates);
    }
}

/// Starts a proxy on a port of its own before the daemon at `upstream`.
pub async fn start(port: u16, upstream: String) -> Arc<Seen> {
    let seen = Arc::new(Seen::default());
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (shared, client) = (Arc::clone(&seen), crate::support::client());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (seen, client, upstream) = (Arc::clone(&shared), client.clone(), upstream.clone());
            let service = service_fn(move |request| {
                let (seen, client, upstream) = (Arc::clone(&seen), client.clone(), upstream.clone());
                async move { pass(request, &seen, &client, &upstream).await }
            });
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    seen
}

/// An error cuts the connection without an answer.
async fn pass(
    request: Request<Incoming>,
    seen: &Seen,
    client: &reqwest::Client,
    upstream: &str,
) -> Result<Response<Body>, &'static str> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    seen.requests.lock().unwrap().push((head.method.clone(), path.clone(), head.headers.clone()));
    let body: Bytes = body.collect().await.map_err(|_| "the sender went away")?.to_bytes();
    let post = head.method == Method::POST;
    let fate = post.then(|| seen.fates.lock().unwrap().pop_front()).flatten().unwrap_or(Fate::Pass);
    match fate {
        Fate::CutBefore => return Err("cut before"),
        Fate::Answer(status, wait) => return Ok(answer(status, wait)),
        Fate::Pass | Fate::CutAfter => {}
    }
    let mut headers = head.headers;
    for hop in [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING] {
        headers.remove(hop);
    }
    let forwarded = client.request(head.method, format!("{upstream}{path}")).headers(headers).body(body).send().await;
    let got = forwarded.map_err(|_| "the daemon is down")?;
    let (status, mut headers) = (got.status(), got.headers().clone());
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    let body = got.bytes().await.map_err(|_| "the daemon went away")?;
    if matches!(fate, Fate::CutAfter) {
        return Err("cut after");
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// As the daemon answers, with what lets a browser's script read it.
fn answer(status: u16, wait: Option<u32>) -> Response<Body> {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .header(header::ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after");
    if let Some(wait) = wait {
        response = response.header(header::RETRY_AFTER, wait);
    }
    response.body(Body::empty()).unwrap()
}
