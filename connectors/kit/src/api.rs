//! Calls to a platform in a connection's name: a token that is fresh, at the connection's pace.

use crate::connector::Limits;
use crate::failure::Failure;
use crate::http::{Answer, HttpClient, Request};
use crate::pace::Pace;
use crate::token::{Token, Tokens};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The client of one connection; clones share pace and token. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct ApiClient {
    http: HttpClient,
    tokens: Arc<dyn Tokens>,
    pace: Arc<Pace>,
    at_once: Arc<Semaphore>,
    /// The lane that calls of this clone are in.
    lane: Option<Arc<Pace>>,
    lanes: Arc<Mutex<BTreeMap<&'static str, Arc<Pace>>>>,
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClient").finish_non_exhaustive()
    }
}

impl ApiClient {
    /// A client for one connection.
    pub fn new(http: HttpClient, tokens: Arc<dyn Tokens>, limits: Limits) -> ApiClient {
        let pace = Arc::new(Pace::new(limits.calls_per_second));
        let at_once = Arc::new(Semaphore::new(limits.calls_at_once.max(1)));
        ApiClient { http, tokens, pace, at_once, lane: None, lanes: Arc::default() }
    }

    /// The client for some of the connection's calls that the platform counts apart. Each of them takes a turn of the
    /// lane, too, as the last thing before it is sent, and a wait that is asked for in answer to it holds the lane
    /// alone. The first who asks for a lane sets its gap.
    #[must_use]
    pub fn in_lane(&self, name: &'static str, gap: Duration) -> ApiClient {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = Arc::clone(lanes.entry(name).or_insert_with(|| Arc::new(Pace::every(gap))));
        drop(lanes);
        ApiClient { lane: Some(lane), ..self.clone() }
    }

    /// The pace of the lane, else that of the connection: what an answer says of the platform's limits goes here.
    pub fn pace(&self) -> &Pace {
        self.lane.as_ref().unwrap_or(&self.pace)
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
        let closed = |_| Failure::retry("the connection is closing", None);
        let _turn = self.at_once.acquire().await.map_err(closed)?;
        self.pace.turn().await;
        if let Some(lane) = &self.lane {
            // Last, or what is waited for after it would bring calls that were spread together again.
            lane.turn().await;
        }
        let answer = self.http.send(sign(request, &token.value)).await?;
        if answer.status == 429
            && let Some(wait) = answer.retry_after
        {
            self.pace().block_for(wait);
        }
        Ok(answer)
    }
}

/// Puts a token into `Authorization: Bearer`.
pub fn bearer(request: Request, token: &SecretString) -> Request {
    request.header("authorization", format!("Bearer {}", token.expose_secret()))
}
