//! A load generator: keep-alive connections that each send one request after the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Rest before a request that was pushed back is sent again.
const SENT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What came of a load.
pub(super) struct Loaded {
    /// Requests answered 2xx.
    pub(super) done: u64,
    /// Requests answered otherwise, or not at all.
    pub(super) failed: u64,
    /// How long it took.
    pub(super) took: Duration,
    /// Times to the answer, microseconds, sorted.
    pub(super) latencies: Vec<u32>,
}

impl Loaded {
    pub(super) fn per_second(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }

    /// A percentile of the times to the answer, milliseconds.
    pub(super) fn percentile(&self, percent: f64) -> f64 {
        let place = (self.latencies.len() as f64 * percent / 100.0) as usize;
        let micros = self.latencies.get(place.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default();
        f64::from(micros) / 1000.0
    }
}

/// What to send.
pub(super) struct Load<'a> {
    pub(super) port: u16,
    pub(super) path: &'a str,
    pub(super) write_key: &'a str,
    pub(super) connections: usize,
    pub(super) duration: Duration,
    /// Requests a second over all connections; `None` for as many as go.
    pub(super) rate: Option<f64>,
    /// Stops after this many requests, each of which is sent until it is taken, as SDKs do.
    pub(super) requests_max: u64,
}

/// Sends what `body` makes of the number of each request.
pub(super) async fn run(load: Load<'_>, body: impl Fn(u64) -> String + Send + Sync + 'static) -> Loaded {
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Basic {}\r\ncontent-type: application/json\r\n",
        load.path,
        STANDARD.encode(format!("{}:", load.write_key))
    );
    let (head, body) = (Arc::new(head), Arc::new(body));
    let (next, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let (port, duration, rate, requests_max) = (load.port, load.duration, load.rate, load.requests_max);
    let mut tasks = Vec::new();
    for _ in 0..load.connections {
        let (head, body, next) = (Arc::clone(&head), Arc::clone(&body), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            let mut failed = 0;
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return (latencies, 1) };
            let _ = stream.set_nodelay(true);
            let mut answer = vec![0u8; 4096];
            while began.elapsed() < duration {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests_max {
                    break;
                }
                let mut due = Instant::now();
                if let Some(rate) = rate {
                    due = began + Duration::from_secs_f64(number as f64 / rate);
                    tokio::time::sleep_until(due.into()).await;
                }
                let body = body(number);
                let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
                let mut taken = exchange(&mut stream, request.as_bytes(), &mut answer).await;
                while taken == Some(false) && requests_max < u64::MAX && began.elapsed() < duration {
                    tokio::time::sleep(SENT_AGAIN_AFTER).await;
                    taken = exchange(&mut stream, request.as_bytes(), &mut answer).await;
                }
                match taken {
                    Some(true) => latencies.push(due.elapsed().as_micros().min(u128::from(u32::MAX)) as u32),
                    Some(false) => failed += 1,
                    None => return (latencies, failed + 1),
                }
            }
            (latencies, failed)
        }));
    }
    let (mut latencies, mut failed) = (Vec::new(), 0);
    for task in tasks {
        if let Ok((some, not)) = task.await {
            latencies.extend(some);
            failed += not;
        }
    }
    latencies.sort_unstable();
    Loaded { done: latencies.len() as u64, failed, took: began.elapsed(), latencies }
}

/// Sends a request and reads the whole answer; whether it was 2xx. `None` when the connection broke.
async fn exchange(stream: &mut TcpStream, request: &[u8], answer: &mut [u8]) -> Option<bool> {
    stream.write_all(request).await.ok()?;
    let mut have = 0;
    loop {
        let read = stream.read(answer.get_mut(have..)?).await.ok().filter(|read| *read > 0)?;
        have += read;
        let text = std::str::from_utf8(answer.get(..have)?).ok()?;
        let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if rest.len() >= length.unwrap_or(0) {
            return Some(head.get(9..10) == Some("2"));
        }
    }
}
