//! What the listener answers with: nothing but health until the daemon is ready and once it
//! stops, its routes in between.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tower::ServiceExt;

/// What senders are told to wait while the daemon starts or stops, seconds.
const RETRY_S: u32 = 2;

struct Inner {
    router: RwLock<Router>,
    running: AtomicUsize,
    ended: Notify,
}

/// The front of the daemon; clones share it.
#[derive(Clone)]
pub struct Front {
    inner: Arc<Inner>,
}

/// A request that runs.
struct Running<'a>(&'a Inner);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

impl Default for Front {
    fn default() -> Front {
        let inner =
            Inner { router: RwLock::new(not_now("starting")), running: AtomicUsize::new(0), ended: Notify::new() };
        Front { inner: Arc::new(inner) }
    }
}

impl Front {
    /// A front that serves these routes.
    pub fn open(router: Router) -> Front {
        let front = Front::default();
        front.ready(router);
        front
    }

    /// From now on requests go to these routes.
    pub fn ready(&self, router: Router) {
        *self.inner.router.write().unwrap_or_else(PoisonError::into_inner) = router;
    }

    /// From now on requests are sent away; those that run may end.
    pub fn stop(&self) {
        self.ready(not_now("stopping"));
    }

    /// Returns when no request runs any more, or after `at_most`; whether all have ended.
    pub async fn drained(&self, at_most: Duration) -> bool {
        let ended = async {
            loop {
                let mut heard = std::pin::pin!(self.inner.ended.notified());
                heard.as_mut().enable();
                if self.inner.running.load(Ordering::Acquire) == 0 {
                    return;
                }
                heard.await;
            }
        };
        tokio::time::timeout(at_most, ended).await.is_ok()
    }

    /// Answers a request. One that has been answered no longer runs, even if its body goes on.
    pub(super) async fn answer(&self, request: Request<Body>) -> Response {
        self.inner.running.fetch_add(1, Ordering::AcqRel);
        let _running = Running(&self.inner);
        let router = self.inner.router.read().unwrap_or_else(PoisonError::into_inner).clone();
        match router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Alive, but not ready: `word` says why.
fn not_now(word: &'static str) -> Router {
    let refuse = move || async move {
        let body = format!("{{\"success\":false,\"message\":\"{word}\"}}");
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::RETRY_AFTER, HeaderValue::from(RETRY_S)),
        ];
        (StatusCode::SERVICE_UNAVAILABLE, headers, body).into_response()
    };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(move || async move { (StatusCode::SERVICE_UNAVAILABLE, format!("{word}\n")) }))
        .fallback(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(front: &Front, path: &str) -> Response {
        front.answer(Request::get(path).body(Body::empty()).unwrap()).await
    }

    #[tokio::test]
    async fn requests_are_sent_away_until_it_is_ready_and_once_it_stops() {
        let front = Front::default();
        for word in ["starting", "stopping"] {
            assert_eq!(ask(&front, "/healthz").await.status(), 200, "{word}");
            assert_eq!(ask(&front, "/readyz").await.status(), 503, "{word}");
            let refused = ask(&front, "/v1/track").await;
            assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].as_bytes()), (503, &b"2"[..]));
            if word == "starting" {
                front.ready(Router::new().route("/v1/track", get(|| async { "here" })));
                assert_eq!(ask(&front, "/v1/track").await.status(), 200);
                front.stop();
            }
        }
    }

    #[tokio::test]
    async fn it_is_drained_when_the_last_request_has_ended() {
        let slow = || async { tokio::time::sleep(Duration::from_millis(200)).await };
        let front = Front::open(Router::new().route("/", get(slow)));
        let running = front.clone();
        let asked = tokio::spawn(async move { ask(&running, "/").await.status() });
        tokio::time::sleep(Duration::from_millis(50)).await;
        front.stop();
        assert!(!front.drained(Duration::from_millis(20)).await);
        assert!(front.drained(Duration::from_secs(5)).await);
        assert_eq!(asked.await.unwrap(), 200);
    }
}
