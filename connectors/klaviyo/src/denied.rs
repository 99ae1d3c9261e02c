//! What an answer that is no success means.

use crate::wire::{ErrorObject, Errors};
use kit::failure::Failure;
use kit::http::Answer;
use std::time::Duration;

/// Characters of the platform's own words that are kept.
const WORDS_MAX: usize = 300;
/// Codes with which no credential will do, whatever the status.
const NOT_AUTHORIZED: [&str; 4] =
    ["not_authenticated", "authentication_failed", "invalid_api_key", "missing_authentication_credentials"];

/// Why a call did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// What it was about is not there: everything that was said.
    Missing(Vec<ErrorObject>),
    /// The platform does not like what was sent: everything that it said.
    Invalid(Vec<ErrorObject>),
    /// Less at once may do.
    TooLarge(String),
    /// Anything else.
    Other(Failure),
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        match denied {
            Denied::TooLarge(why) => Failure::Refused(why),
            Denied::Missing(errors) | Denied::Invalid(errors) => Failure::Refused(words(&errors)),
            Denied::Other(failure) => failure,
        }
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Denied {
        Denied::Other(failure)
    }
}

/// Reads the status and the errors that are told.
pub(crate) fn classify(answer: Answer) -> Result<Answer, Denied> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let told = serde_json::from_str::<Errors>(&answer.body).unwrap_or_default().errors;
    let text = if told.is_empty() { format!("status {}", answer.status) } else { words(&told) };
    let has = |codes: &[&str]| told.iter().any(|error| codes.contains(&error.code.as_str()));
    let retry = |text| Denied::Other(Failure::retry(text, answer.retry_after));
    Err(match answer.status {
        401 => Denied::Other(Failure::NeedsAuthorization(text)),
        400 | 403 if has(&NOT_AUTHORIZED) => Denied::Other(Failure::NeedsAuthorization(text)),
        403 if told.is_empty() => retry("status 403 without a reason".to_owned()),
        403 => Denied::Other(Failure::Blocked(format!("{text}; does the credential have every scope?"))),
        404 | 410 if !told.is_empty() => Denied::Missing(told),
        // Not Klaviyo's own: something before it.
        404 | 410 => retry(text),
        408 | 425 | 429 | 500..=599 => retry(text),
        300..=399 => retry(format!("{text}: redirects are not followed")),
        413 => Denied::TooLarge(text),
        400 | 409 | 422 => Denied::Invalid(told),
        _ => Denied::Other(Failure::Refused(text)),
    })
}

/// How long a window has no call left, as a successful answer says: seconds to its end.
pub(crate) fn exhausted(answer: &Answer) -> Option<Duration> {
    let number = |name| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let reset = number("ratelimit-reset").filter(|_| number("ratelimit-remaining") == Some(0))?;
    // The longest window of a minute; those of a day are told by 429.
    Some(Duration::from_secs(reset.min(60))).filter(|wait| !wait.is_zero())
}

/// What the platform says, in one line and bounded.
pub(crate) fn words(errors: &[ErrorObject]) -> String {
    let one = |error: &ErrorObject| {
        let parts = [error.title.as_str(), error.detail.as_str()].into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" ")
    };
    let all: Vec<String> = errors.iter().take(3).map(one).filter(|text| !text.is_empty()).collect();
    if all.is_empty() { "refused without a reason".to_owned() } else { bounded(&all.join("; ")) }
}

/// A text of the platform's as it may be shown.
pub(crate) fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    fn of(status: u16, body: &str) -> Denied {
        let headers = HeaderMap::new();
        classify(Answer { status, headers, retry_after: None, body: body.to_owned(), cut: false }).unwrap_err()
    }

    fn error(status: u16, code: &str) -> Denied {
        let body = json!({ "errors": [{ "id": "1", "status": status, "code": code, "title": "Title.", "detail": "why",
            "source": { "pointer": "/data/" } }] });
        of(status, &body.to_string())
    }

    #[test]
    fn lost_authorization_is_told_from_missing_scopes_and_from_a_crowd() {
        let needs = |denied| matches!(denied, Denied::Other(Failure::NeedsAuthorization(_)));
        assert!(needs(error(401, "not_authenticated")));
        assert!(needs(of(401, "")));
        assert!(needs(error(400, "authentication_failed")));
        assert!(matches!(error(403, "permission_denied"), Denied::Other(Failure::Blocked(_))));
        for status in [429, 500, 503, 403, 404, 302] {
            assert!(matches!(of(status, "<html>"), Denied::Other(Failure::Retry { .. })), "{status}");
        }
    }

    #[test]
    fn what_is_wrong_for_good_keeps_the_platforms_words() {
        assert!(matches!(error(404, "not_found"), Denied::Missing(_)));
        let Denied::Invalid(errors) = error(400, "invalid") else { panic!() };
        assert_eq!((words(&errors), errors[0].source.pointer.as_str()), ("Title. why".to_owned(), "/data/"));
        assert!(matches!(error(413, "too_large"), Denied::TooLarge(_)));
        assert!(matches!(error(405, "method_not_allowed"), Denied::Other(Failure::Refused(_))));
    }
}
