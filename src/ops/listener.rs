//! The HTTP listener: bounded connections, bounded waits, a graceful end.

use super::PEER_ADDRESS;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A client may take this long to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests that run when the daemon stops may take this long.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept (no file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How the listener treats connections.
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    /// Connections at the same time.
    pub max_connections: usize,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Serves until `stop`, then lets running requests end.
pub async fn serve(listener: TcpListener, router: Router, options: ListenerOptions, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(options.max_connections.max(1)));
    let options = Arc::new(options);
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (router, options) = (router.clone(), Arc::clone(&options));
        let service = service_fn(move |mut request: Request<Incoming>| {
            mark_peer(&mut request, peer, &options);
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A broken connection is the client's affair.
            let _ = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open at the end and are cut");
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(why) => {
            tracing::warn!(%why, "a connection was not accepted");
            None
        }
    }
}

/// Notes who sent a request: the peer, or behind a believed proxy the last address it added.
fn mark_peer(request: &mut Request<Incoming>, peer: SocketAddr, options: &ListenerOptions) {
    let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let claimed = forwarded.and_then(|list| list.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    let believed = claimed.filter(|_| options.trusted_proxies.contains(&peer.ip()));
    let address = believed.unwrap_or(peer.ip()).to_string();
    if let Ok(value) = HeaderValue::from_str(&address) {
        request.headers_mut().insert(PEER_ADDRESS, value);
    }
}
