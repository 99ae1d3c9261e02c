//! The HTTP listener: bounded connections, bounded waits, a graceful end.

use super::PEER_ADDRESS;
use super::front::Front;
use axum::body::Body;
use axum::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections that are still open at the end (streams of live events) may take this long to close.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// What an HTTP/2 connection begins with.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Rest between two looks at a preface that comes in pieces.
const PREFACE_LOOK: Duration = Duration::from_millis(50);
/// Requests at the same time on one HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 200;
/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Pause after a failed accept (no file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How the listener treats connections.
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    /// Connections at the same time.
    pub max_connections: usize,
    /// A client may take this long to send the head of a request, and be silent this long before it.
    pub head_wait: Duration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

fn builder(head_wait: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_wait).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(head_wait)
        .keep_alive_timeout(head_wait);
    builder
}

/// Serves until `stop`, then lets requests that run end.
pub async fn serve(listener: TcpListener, front: Front, options: ListenerOptions, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(options.max_connections.max(1)));
    let options = Arc::new(options);
    let graceful = GracefulShutdown::new();
    let builder = builder(options.head_wait);
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
        let (front, options, builder) = (front.clone(), Arc::clone(&options), builder.clone());
        let (watcher, stop) = (graceful.watcher(), stop.clone());
        tokio::spawn(async move {
            let spoke = tokio::select! {
                () = stop.cancelled() => false,
                spoke = speaks(&stream, options.head_wait) => spoke,
            };
            if spoke {
                let address = HeaderValue::from_str(&peer.ip().to_string()).ok();
                let believed = options.trusted_proxies.contains(&peer.ip());
                let service = service_fn(move |mut request: Request<Incoming>| {
                    mark_peer(&mut request, address.as_ref(), believed);
                    let front = front.clone();
                    async move { Ok::<_, Infallible>(front.answer(request.map(Body::new)).await) }
                });
                let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
                // A broken connection is the client's affair.
                let _ = watcher.watch(connection.into_owned()).await;
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(CLOSE_WAIT, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open at the end and are cut");
    }
}

/// Whether a client says enough in time to tell which HTTP it speaks: hyper waits for that forever.
async fn speaks(stream: &TcpStream, at_most: Duration) -> bool {
    let speaks = async {
        let mut seen = [0; HTTP2_PREFACE.len()];
        loop {
            let Ok(count) = stream.peek(&mut seen).await else { return false };
            match seen.get(..count).unwrap_or_default() {
                [] => return false,
                part if part.len() < HTTP2_PREFACE.len() && HTTP2_PREFACE.starts_with(part) => {
                    tokio::time::sleep(PREFACE_LOOK).await;
                }
                _ => return true,
            }
        }
    };
    tokio::time::timeout(at_most, speaks).await.unwrap_or(false)
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(why) => {
            tracing::warn!(%why, "a connection was not accepted");
            None
        }
    }
}

/// Notes who sent a request: the peer at `address`, or behind a believed proxy the last address it added.
fn mark_peer<B>(request: &mut Request<B>, address: Option<&HeaderValue>, believed: bool) {
    let claimed = || {
        // Some proxies add a line of their own behind what the client wrote.
        let forwarded = request.headers().get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        let last: IpAddr = forwarded.rsplit(',').next()?.trim().parse().ok()?;
        HeaderValue::from_str(&last.to_string()).ok()
    };
    let shown = if believed { claimed().or_else(|| address.cloned()) } else { address.cloned() };
    match shown {
        Some(shown) => request.headers_mut().insert(PEER_ADDRESS, shown),
        None => request.headers_mut().remove(PEER_ADDRESS),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_believed_proxy_only_what_it_added_itself_counts() {
        let peer = HeaderValue::from_static("10.0.0.1");
        let shown = |lines: &[&str], believed| {
            let mut request = Request::new(());
            for line in lines {
                request.headers_mut().append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
            }
            mark_peer(&mut request, Some(&peer), believed);
            request.headers()[PEER_ADDRESS].to_str().unwrap().to_owned()
        };
        assert_eq!(shown(&["203.0.113.9"], false), "10.0.0.1");
        assert_eq!(shown(&["198.51.100.1, 203.0.113.9"], true), "203.0.113.9");
        assert_eq!(shown(&["198.51.100.1", "203.0.113.9"], true), "203.0.113.9");
        assert_eq!(shown(&["nonsense"], true), "10.0.0.1");
    }
}
