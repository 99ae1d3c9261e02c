//! An open-loop load: requests are due at a steady rate whether or not earlier ones were answered, and the time to an
//! answer counts from when its request was due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANSWER_BYTES_MAX: usize = 8_192;

/// What came of a load.
pub(super) struct Loaded {
    /// Requests answered 2xx.
    pub(super) done: u64,
    /// Requests answered otherwise, or not at all.
    pub(super) failed: u64,
    took: Duration,
    /// Times to the answer, microseconds, sorted.
    latencies: Vec<u64>,
}

impl Loaded {
    pub(super) fn per_second(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }

    /// The time to the answer that so many per mille are within, milliseconds.
    pub(super) fn within(&self, per_mille: usize) -> f64 {
        let place = self.latencies.len() * per_mille / 1_000;
        let micros = self.latencies.get(place.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default();
        micros as f64 / 1_000.0
    }
}

/// Sends the whole requests that `make` makes of numbers from 0 on, at a rate a second over keep-alive connections.
pub(super) async fn run(
    port: u16,
    (connections, rate): (usize, u64),
    requests: u64,
    make: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
) -> Loaded {
    let (next, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (next, make) = (Arc::clone(&next), Arc::clone(&make));
        tasks.push(tokio::spawn(async move {
            let (mut latencies, mut failed, mut answer) = (Vec::new(), 0, vec![0u8; ANSWER_BYTES_MAX]);
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return (latencies, 1) };
            let _ = stream.set_nodelay(true);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return (latencies, failed);
                }
                let request = make(number);
                let due = began + Duration::from_secs_f64(number as f64 / rate as f64);
                tokio::time::sleep_until(due.into()).await;
                match exchange(&mut stream, &request, &mut answer).await {
                    Some(true) => latencies.push(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX)),
                    Some(false) => failed += 1,
                    None => return (latencies, failed + 1),
                }
            }
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
