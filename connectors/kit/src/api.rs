//! Calls to a platform in a connection's name: a token that is fresh, at the connection's pace.

use crate::connector::Limits;
use crate::failure::Failure;
use crate::http::{Answer, HttpClient, Request};
use crate::pace::Pace;
use crate::quota::Quota;
use crate::token::{Token, Tokens};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The line of a connection's calls, of one kind: its first one alone stands in line with other connections.
type Line = Arc<tokio::sync::Mutex<()>>;

/// The client of one connection; clones share pace and token. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct ApiClient {
    http: HttpClient,
    tokens: Arc<dyn Tokens>,
    quota: Arc<Quota>,
    at_once: Arc<Semaphore>,
    /// The lane that calls of this clone are in.
    lane: Option<Arc<Pace>>,
    line: Line,
    /// Lines of the lanes.
    lines: Arc<Mutex<BTreeMap<&'static str, Line>>>,
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClient").finish_non_exhaustive()
    }
}

impl ApiClient {
    /// A client for one connection, which shares its account's quota with nobody yet.
    pub fn new(http: HttpClient, tokens: Arc<dyn Tokens>, limits: Limits) -> ApiClient {
        let at_once = Arc::new(Semaphore::new(limits.calls_at_once.max(1)));
        let (quota, line, lines) = (Quota::new(limits), Line::default(), Arc::default());
        ApiClient { http, tokens, quota, at_once, lane: None, line, lines }
    }

    /// The quota that its calls count with.
    pub fn quota(&self) -> &Arc<Quota> {
        &self.quota
    }

    /// The same client, whose calls count with those of others who share the quota.
    #[must_use]
    pub fn sharing(&self, quota: Arc<Quota>) -> ApiClient {
        ApiClient { quota, lane: None, ..self.clone() }
    }

    /// The client for some of the connection's calls that the platform counts apart. Each of them takes a turn of the
    /// lane, too, as the last thing before it is sent, and a wait that is asked for in answer to it holds the lane
    /// alone. The first who asks for a lane sets its gap.
    #[must_use]
    pub fn in_lane(&self, name: &'static str, gap: Duration) -> ApiClient {
        let line = Arc::clone(self.lines.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default());
        ApiClient { lane: Some(self.quota.lane(name, gap)), line, ..self.clone() }
    }

    /// The pace of the lane, else that of the account: what an answer says of the platform's limits goes here.
    pub fn pace(&self) -> &Pace {
        self.lane.as_ref().unwrap_or_else(|| self.quota.pace())
    }

    /// The client without a token, for addresses that carry their own right (signed files).
    pub fn bare(&self) -> &HttpClient {
        &self.http
    }

    /// The token as it is now, for what is made of it: a signing secret that both sides can work out, say.
    pub async fn token(&self) -> Result<Token, Failure> {
        self.tokens.current().await
    }

    /// Sends a request with the token, which `sign` puts in its place. Refused with 401, it is sent once more
    /// with another token if there is one.
    pub async fn send(
        &self,
        request: Request,
        sign: impl Fn(Request, &SecretString) -> Request,
    ) -> Result<Answer, Failure> {
        self.send_judged(request, sign, |answer| answer.status == 401).await
    }

    /// As [`ApiClient::send`], for platforms that refuse a token in another way, or whose 401 says other things, too
    /// (that the token may not do this): `refused` tells whether an answer says that the token itself is no good.
    pub async fn send_judged(
        &self,
        request: Request,
        sign: impl Fn(Request, &SecretString) -> Request,
        refused: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, Failure> {
        let token = self.tokens.current().await?;
        let answer = self.attempt(request.clone(), &token, &sign).await?;
        if !refused(&answer) {
            return Ok(answer);
        }
        let status = answer.status;
        let token = self.tokens.refused(&token, &format!("the platform answered {status}")).await?;
        let answer = self.attempt(request, &token, &sign).await?;
        if refused(&answer) {
            let why = format!("the platform answered {} to a token that is new", answer.status);
            self.tokens.refused(&token, &why).await?;
        }
        Ok(answer)
    }

    async fn attempt(
        &self,
        request: Request,
        token: &Token,
        sign: &impl Fn(Request, &SecretString) -> Request,
    ) -> Result<Answer, Failure> {
        let _turn = self.turn().await?;
        let answer = self.http.send(sign(request, &token.value)).await?;
        if answer.status == 429
            && let Some(wait) = answer.retry_after
        {
            self.pace().block_for(wait);
        }
        Ok(answer)
    }

    /// Waits for a call's turn: behind the connection's own calls first, then, as one of them, among others who share
    /// the quota. While nothing may be sent it takes no place from calls of other lanes.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        let _first = self.line.lock().await;
        self.pace().open().await;
        let closed = |_| Failure::retry("the connection is closing", None);
        let place = self.at_once.acquire().await.map_err(closed)?;
        self.quota.pace().turn().await;
        if let Some(lane) = &self.lane {
            // Last, or what is waited for after it would bring calls that were spread together again.
            lane.turn().await;
        }
        Ok(place)
    }
}

/// Puts a token into `Authorization: Bearer`.
pub fn bearer(request: Request, token: &SecretString) -> Request {
    request.header("authorization", format!("Bearer {}", token.expose_secret()))
}
