//! Stands before a double, hands calls on, and does one thing to one of them.

use crate::faults::Fault;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use futures_util::stream;
use kit::http::HttpClient;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a call that are handed on.
const BODY_BYTES_MAX: usize = 32 << 20;
/// Bytes of an endless answer until the battery gives up: whoever reads so far reads without end.
pub const ENDLESS_BYTES: u64 = 64 << 20;
const ENDLESS_PART: &[u8] = &[b' '; 64 << 10];

#[derive(Debug, Default)]
struct Plan {
    /// At which call, from 1, and what; 0 is never.
    at: usize,
    fault: Option<Fault>,
    /// From that call on, not only once.
    lasts: bool,
    calls: usize,
    met: usize,
}

#[derive(Debug)]
struct Shared {
    target: String,
    address: String,
    client: reqwest::Client,
    plan: Mutex<Plan>,
    poured: AtomicU64,
    hangs: fn(),
}

/// The proxy; it ends with its runtime.
#[derive(Clone, Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts one before `target`, an address without a trailing slash. `hangs` is called when a call gets no answer.
    ///
    /// # Errors
    /// When no port of loopback is free.
    pub async fn start(target: String, hangs: fn()) -> io::Result<Proxy> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        // The kit's own client chooses who does TLS, for the whole process.
        HttpClient::new(true).map_err(io::Error::other)?;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client.build().map_err(io::Error::other)?;
        let (plan, poured) = (Mutex::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { target, address, client, plan, poured, hangs });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Proxy { shared })
    }

    /// Where it listens, without a trailing slash.
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// Counts anew, and does nothing.
    pub fn clear(&self) {
        *self.plan() = Plan::default();
        self.shared.poured.store(0, Ordering::Relaxed);
    }

    /// Counts anew, and does this at the call of a number, from 1; `lasts`: and at those after it.
    pub fn plan_at(&self, at: usize, fault: Fault, lasts: bool) {
        self.clear();
        *self.plan() = Plan { at, fault: Some(fault), lasts, ..Plan::default() };
    }

    /// The calls since it counted anew, and how many of them met the fault.
    pub fn calls(&self) -> (usize, usize) {
        let plan = self.plan();
        (plan.calls, plan.met)
    }

    /// Bytes of endless answers that were taken.
    pub fn poured(&self) -> u64 {
        self.shared.poured.load(Ordering::Relaxed)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.shared.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// The fault of the next call.
    fn next(&self) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.calls += 1;
        let meets = plan.calls == plan.at || (plan.lasts && plan.at > 0 && plan.calls > plan.at);
        plan.met += usize::from(meets);
        plan.fault.filter(|_| meets)
    }

    async fn hand_on(&self, request: Request) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(|why| why.to_string())?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers;
        for name in [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
            headers.remove(name);
        }
        let sent = self.client.request(parts.method, format!("{}{path}", self.target)).headers(headers).body(body);
        let answer = sent.send().await.map_err(|why| why.to_string())?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
            headers.remove(name);
        }
        let body = answer.bytes().await.map_err(|why| why.to_string())?;
        // Addresses in answers lead through here, too.
        let body = match std::str::from_utf8(&body) {
            Ok(text) if text.contains(&self.target) => Bytes::from(text.replace(&self.target, &self.address)),
            _ => body,
        };
        for value in headers.values_mut() {
            if let Some(moved) = value.to_str().ok().filter(|text| text.contains(&self.target))
                && let Ok(moved) = moved.replace(&self.target, &self.address).parse()
            {
                *value = moved;
            }
        }
        Ok((status, headers, body))
    }
}

fn plain(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn page(status: u16) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    plain(status, HeaderMap::new(), Body::from("<html><body>Something is wrong</body></html>"))
}

/// A body that breaks off after some bytes: the server closes the connection then.
fn breaking(first: Bytes) -> Body {
    let parts: Vec<Result<Bytes, io::Error>> = vec![Ok(first), Err(io::Error::other("breaks off"))];
    Body::from_stream(stream::iter(parts))
}

fn endless(shared: Arc<Shared>) -> Body {
    Body::from_stream(stream::unfold(0_u64, move |sent| {
        let shared = Arc::clone(&shared);
        async move {
            if sent >= ENDLESS_BYTES {
                return None;
            }
            shared.poured.fetch_add(ENDLESS_PART.len() as u64, Ordering::Relaxed);
            Some((Ok::<_, Infallible>(Bytes::from_static(ENDLESS_PART)), sent + ENDLESS_PART.len() as u64))
        }
    }))
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let fault = shared.next();
    match fault {
        Some(Fault::TooMany) => return page(429),
        Some(Fault::TooManyFor(seconds)) => {
            let mut response = page(429);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            return response;
        }
        Some(Fault::Status(status)) => return page(status),
        Some(Fault::Unauthorized) => return page(401),
        Some(Fault::LostBefore) => return plain(StatusCode::OK, HeaderMap::new(), breaking(Bytes::new())),
        Some(Fault::Endless) => {
            let headers =
                HeaderMap::from_iter([(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"))]);
            return plain(StatusCode::OK, headers, endless(shared));
        }
        Some(Fault::Hangs) => {
            (shared.hangs)();
            return std::future::pending().await;
        }
        Some(Fault::LostAfter | Fault::EndsAmid | Fault::Half) | None => {}
    }
    let (status, headers, body) = match shared.hand_on(request).await {
        Ok(answer) => answer,
        Err(why) => return plain(StatusCode::BAD_GATEWAY, HeaderMap::new(), Body::from(why)),
    };
    let half = body.slice(..body.len() / 2);
    match fault {
        Some(Fault::LostAfter) => plain(status, HeaderMap::new(), breaking(Bytes::new())),
        Some(Fault::EndsAmid) => plain(status, headers, breaking(half)),
        Some(Fault::Half) => plain(status, headers, Body::from(half)),
        _ => plain(status, headers, Body::from(body)),
    }
}
