//! The HTTP client of all connectors: bounded in time and size, no redirects, no way inside.

use crate::failure::Failure;
use crate::guard::{PublicOnly, is_public};
use futures_util::StreamExt;
use http::HeaderMap;
use reqwest::{Client, Method, Response, StatusCode, Url, redirect::Policy};
use std::sync::Once;
use std::time::{Duration, SystemTime};

/// Bytes read of an answer, after unpacking, unless a request asks for more.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;
/// A whole request may take this long.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// A streamed answer may take this long as a whole.
const STREAM_TIMEOUT: Duration = Duration::from_secs(12 * 3600);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

static PROVIDER: Once = Once::new();

/// A client that sends nothing to addresses inside unless the operator allows it.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client,
    allow_private: bool,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Where it goes.
    pub url: String,
    /// Its headers. Secrets among them are never logged.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Bytes read of the answer, after unpacking.
    pub answer_bytes_max: usize,
    /// The whole request may take this long.
    pub timeout: Duration,
}

impl Request {
    /// A request without a body.
    pub fn new(method: Method, url: impl Into<String>) -> Request {
        let url = url.into();
        let (answer_bytes_max, timeout) = (ANSWER_BYTES_MAX, REQUEST_TIMEOUT);
        Request { method, url, headers: Vec::new(), body: Vec::new(), answer_bytes_max, timeout }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Request {
        Request::new(Method::GET, url)
    }

    /// A request with a JSON body.
    pub fn json<T: serde::Serialize>(method: Method, url: impl Into<String>, body: &T) -> Result<Request, Failure> {
        let body =
            serde_json::to_vec(body).map_err(|why| Failure::Refused(format!("can't be written as JSON: {why}")))?;
        let headers = vec![("content-type", "application/json".to_owned())];
        Ok(Request { headers, body, ..Request::new(method, url) })
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// How long `Retry-After` asks to wait, given in seconds or as a date.
    pub retry_after: Option<Duration>,
    /// The beginning of the body, as text.
    pub body: String,
    /// Whether the body was longer.
    pub cut: bool,
}

impl HttpClient {
    /// Builds a client. `allow_private` lets it reach loopback and private networks.
    pub fn new(allow_private: bool) -> Result<HttpClient, Failure> {
        PROVIDER.call_once(|| {
            // An error only says that a provider is installed already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let builder = Client::builder()
            .redirect(Policy::none())
            // A proxy of the environment would resolve names itself, past the guard.
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("segmentd/", env!("CARGO_PKG_VERSION")));
        let builder = if allow_private { builder } else { builder.dns_resolver(PublicOnly) };
        let client = builder.build().map_err(|why| Failure::Refused(format!("no HTTP client: {why}")))?;
        Ok(HttpClient { client, allow_private })
    }

    /// Checks an address given by a user: http or https, and no literal inner address.
    pub fn check(&self, address: &str) -> Result<Url, Failure> {
        let url = Url::parse(address).map_err(|why| Failure::Refused(format!("not a URL: {why}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::Refused("expected an http or https address".to_owned()));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if !self.allow_private && host.parse().is_ok_and(|address| !is_public(address)) {
            return Err(Failure::Refused("the address is inside the network; the operator has to allow it".to_owned()));
        }
        Ok(url)
    }

    /// Posts a body with headers.
    pub async fn post(
        &self,
        address: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        let headers = headers.to_vec();
        self.send(Request { headers, body, ..Request::new(Method::POST, address) }).await
    }

    /// Sends a request.
    pub async fn send(&self, request: Request) -> Result<Answer, Failure> {
        let (bytes_max, timeout) = (request.answer_bytes_max, request.timeout);
        let response = self.open(request, Some(timeout)).await?;
        read(response, bytes_max).await
    }

    /// Sends a request and hands its answer on before the body is read. Without `timeout` the body may take
    /// as long as it goes on.
    pub(crate) async fn open(&self, request: Request, timeout: Option<Duration>) -> Result<Response, Failure> {
        let url = self.check(&request.url)?;
        let mut building = self.client.request(request.method, url).body(request.body);
        for (name, value) in &request.headers {
            building = building.header(*name, value);
        }
        building = building.timeout(timeout.unwrap_or(STREAM_TIMEOUT));
        building.send().await.map_err(|why| Failure::retry(reason(&why), None))
    }
}

/// What went wrong, without the address: it may carry a secret in its path.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "could not connect"
    } else {
        "the connection failed"
    };
    what.to_owned()
}

/// Reads `Retry-After`: whole seconds, or an HTTP date (RFC 9110, 10.2.3).
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

pub(crate) async fn read(response: Response, bytes_max: usize) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let header = headers.get(reqwest::header::RETRY_AFTER);
    let retry_after = header.and_then(|value| value.to_str().ok()).and_then(|text| wait(text, SystemTime::now()));
    let (mut body, mut cut) = (Vec::new(), false);
    let mut stream = response.bytes_stream();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|why| Failure::retry(reason(&why), None))?;
        let room = bytes_max.saturating_sub(body.len());
        body.extend_from_slice(part.get(..room).unwrap_or(&part));
        if part.len() > room {
            cut = true;
            break;
        }
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status, headers, retry_after, body, cut })
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body, read as JSON. What can't be read is [`Failure::PlatformChanged`].
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        if self.cut {
            return Err(Failure::PlatformChanged(format!("an answer of more than {} bytes", self.body.len())));
        }
        // The reason alone: the body may hold personal data.
        serde_json::from_str(&self.body).map_err(|why| {
            Failure::PlatformChanged(format!(
                "not the JSON that was expected, at line {} column {}",
                why.line(),
                why.column()
            ))
        })
    }

    /// The usual reading of a status: 2xx is success, everything else a typed failure.
    pub fn success(self) -> Result<Answer, Failure> {
        let Ok(status) = StatusCode::from_u16(self.status) else {
            return Err(Failure::PlatformChanged(format!("status {}", self.status)));
        };
        match self.status {
            200..=299 => Ok(self),
            401 | 403 => Err(Failure::NeedsAuthorization(format!("status {status}"))),
            410 => Err(Failure::Gone(format!("status {status}"))),
            408 | 425 | 429 | 500..=599 => Err(Failure::retry(format!("status {status}"), self.retry_after)),
            300..=399 => Err(Failure::retry(format!("status {status}: redirects are not followed"), None)),
            _ => Err(Failure::Refused(format!("status {status}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Tue, 24 Nov 2026 10:00:00 GMT").unwrap();
        assert_eq!(wait(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(wait("Tue, 24 Nov 2026 10:01:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(wait("Tue, 24 Nov 2026 09:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(wait("soon", now), None);
        assert_eq!(wait("-5", now), None);
    }

    #[test]
    fn inner_addresses_are_refused_in_any_writing_unless_allowed() {
        let (closed, open) = (HttpClient::new(false).unwrap(), HttpClient::new(true).unwrap());
        for address in
            ["http://127.0.0.1/", "http://0x7f.1/", "http://2130706433/", "http://[::1]:80/", "https://10.0.0.1"]
        {
            assert!(matches!(closed.check(address), Err(Failure::Refused(_))), "{address}");
            assert!(open.check(address).is_ok(), "{address}");
        }
        for address in ["ftp://example.com/", "file:///etc/passwd", "not a url"] {
            assert!(matches!(open.check(address), Err(Failure::Refused(_))), "{address}");
        }
        assert!(closed.check("https://example.com/hook").is_ok());
    }
}
