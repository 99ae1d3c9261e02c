//! Sends rows to the daemon, in its own time.

use super::error::ImportError;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Waits after a failure without word of how long, the first one; it doubles up to the longest.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LONGEST: Duration = Duration::from_secs(5);
/// The longest wait that the daemon may ask for.
const RETRY_AFTER_MAX_S: u64 = 60;
/// For one request.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);

/// Where rows go.
pub struct Sender {
    client: reqwest::Client,
    address: String,
    key: String,
    give_up_after: Duration,
    rows_per_second: Option<u32>,
    began: Instant,
    rows: u64,
}

/// What came of one request.
enum Answer {
    Taken,
    /// The request as a whole is refused, with this status: one row of it must be why.
    NotTaken(StatusCode),
}

/// What the daemon said last, and how long to wait.
struct Wait {
    why: String,
    at_least: Option<Duration>,
}

impl Sender {
    /// A sender to a daemon's address under a source's write key.
    pub fn new(
        url: &str,
        key: String,
        give_up_after: Duration,
        rows_per_second: Option<u32>,
    ) -> Result<Sender, ImportError> {
        // An error only says that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(ANSWER_WAIT_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let client = client.map_err(|why| ImportError::Options(why.to_string()))?;
        let address = format!("{}/v1/batch", url.trim_end_matches('/'));
        Ok(Sender { client, address, key, give_up_after, rows_per_second, began: Instant::now(), rows: 0 })
    }

    /// Sends rows, each as its calls in JSON with commas between them; returns when all are acknowledged. The rows that
    /// the daemon does not take are those of the answer, by place, with the status.
    pub async fn send(&mut self, rows: &[&str]) -> Result<Vec<(usize, u16)>, ImportError> {
        let mut refused = Vec::new();
        let mut waiting: Vec<Range<usize>> = Vec::new();
        waiting.push(0..rows.len());
        while let Some(range) = waiting.pop() {
            let part = rows.get(range.clone()).unwrap_or_default();
            if part.is_empty() {
                continue;
            }
            match self.until_answered(part).await? {
                Answer::Taken => {}
                Answer::NotTaken(status) if part.len() == 1 => refused.push((range.start, status.as_u16())),
                Answer::NotTaken(_) => {
                    let middle = range.start + part.len() / 2;
                    waiting.push(middle..range.end);
                    waiting.push(range.start..middle);
                }
            }
        }
        self.pace(rows.len() as u64).await;
        Ok(refused)
    }

    /// Waits until so many rows more are due.
    async fn pace(&mut self, rows: u64) {
        self.rows += rows;
        let Some(most) = self.rows_per_second else { return };
        let due = Duration::from_millis(self.rows.saturating_mul(1_000) / u64::from(most.max(1)));
        tokio::time::sleep(due.saturating_sub(self.began.elapsed())).await;
    }

    async fn until_answered(&self, rows: &[&str]) -> Result<Answer, ImportError> {
        let body = format!("{{\"batch\":[{}]}}", rows.join(","));
        let (began, mut delay) = (Instant::now(), RETRY_FIRST);
        loop {
            let wait = match self.once(body.clone()).await? {
                Ok(answer) => return Ok(answer),
                Err(wait) => wait,
            };
            let pause = wait.at_least.unwrap_or(delay);
            if began.elapsed() + pause > self.give_up_after {
                return Err(ImportError::GaveUp { seconds: self.give_up_after.as_secs(), last: wait.why });
            }
            tokio::time::sleep(pause).await;
            delay = (delay * 2).min(RETRY_LONGEST);
        }
    }

    async fn once(&self, body: String) -> Result<Result<Answer, Wait>, ImportError> {
        let request = self.client.post(&self.address).basic_auth(&self.key, Some("")).body(body);
        let answer = match request.header("content-type", "application/json").send().await {
            Ok(answer) => answer,
            Err(why) => {
                let why = if why.is_connect() { "it can't be reached" } else { "no answer came" };
                return Ok(Err(Wait { why: why.to_owned(), at_least: None }));
            }
        };
        let status = answer.status();
        match status {
            status if status.is_success() => Ok(Ok(Answer::Taken)),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Ok(Ok(Answer::NotTaken(status))),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Ok(Err(wait(&answer))),
            status if status.is_server_error() => Ok(Err(wait(&answer))),
            StatusCode::UNAUTHORIZED => Err(refused(status, "the source's write key is another now: run it again")),
            StatusCode::NOT_FOUND => Err(refused(status, "the source is disabled, or --url is not the daemon's")),
            status => Err(refused(status, "is --url the daemon's address?")),
        }
    }
}

fn refused(status: StatusCode, what_to_do: &'static str) -> ImportError {
    ImportError::Refused { status: status.as_u16(), what_to_do }
}

fn wait(answer: &reqwest::Response) -> Wait {
    let said = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let at_least = said.map(|seconds| Duration::from_secs(seconds.min(RETRY_AFTER_MAX_S)));
    Wait { why: format!("it answered {}", answer.status().as_u16()), at_least }
}
