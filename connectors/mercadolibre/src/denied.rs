//! What an answer of the API means, by what has to happen next.

use kit::failure::Failure;
use kit::http::Answer;
use serde::Deserialize;

/// Characters of the platform's own words that are kept.
const WORDS_MAX: usize = 200;
/// Words of a refusal that is about one thing: it is another seller's. So may the last one be, which also says that a
/// permission is missing: searches are refused with it then, too, and that is told.
const OTHERS: [&str; 4] = ["not_owned_order", "caller.id.invalid", "caller.id.is.not.matched", "forbidden"];
/// Words of a 401 after which no other token helps: the app itself is blocked.
const BLOCKED: [&str; 2] = ["unauthorized_scopes", "unauthorized_application"];

/// Why a call did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// What it was about is not there.
    Missing(String),
    /// It is there, and another seller's.
    NotOurs(String),
    /// A parameter is not taken.
    Invalid(String),
    /// Anything else.
    Other(Failure),
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        match denied {
            Denied::Missing(why) | Denied::NotOurs(why) | Denied::Invalid(why) => Failure::Refused(why),
            Denied::Other(failure) => failure,
        }
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Denied {
        Denied::Other(failure)
    }
}

/// The body of an error. It is JSON where it is not plain text.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    #[serde(deserialize_with = "crate::fields::text")]
    error: Option<String>,
    #[serde(deserialize_with = "crate::fields::text")]
    code: Option<String>,
    #[serde(deserialize_with = "crate::fields::text")]
    message: Option<String>,
}

impl Problem {
    fn of(answer: &Answer) -> Problem {
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    fn is(&self, words: &[&str]) -> bool {
        let said = [&self.error, &self.code, &self.message];
        said.into_iter().flatten().any(|said| words.contains(&said.as_str()))
    }

    fn text(&self, status: u16) -> String {
        let said = [&self.message, &self.error, &self.code].map(|said| said.as_deref().unwrap_or_default());
        let words = said.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ");
        let words: String = words.chars().filter(|letter| !letter.is_control()).take(WORDS_MAX).collect();
        format!("{words} (status {status})")
    }
}

/// Whether an answer says that the token is no good.
pub(crate) fn refuses_token(answer: &Answer) -> bool {
    answer.status == 401 && !Problem::of(answer).is(&BLOCKED)
}

/// Hands on what is an answer of the API; of `206` what is there.
pub(crate) fn classify(answer: Answer) -> Result<Answer, Denied> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let problem = Problem::of(&answer);
    let text = problem.text(answer.status);
    Err(match answer.status {
        401 if refuses_token(&answer) => Denied::Other(Failure::NeedsAuthorization(text)),
        401 => Denied::Other(Failure::Blocked(format!("the app is blocked on the platform: {text}"))),
        403 if problem.is(&OTHERS) => Denied::NotOurs(text),
        403 => Denied::Other(Failure::Blocked(format!("a permission of the app is missing: {text}"))),
        404 => Denied::Missing(text),
        400 => Denied::Invalid(text),
        _ => match answer.success() {
            Err(failure) => Denied::Other(failure),
            Ok(answer) => return Ok(answer),
        },
    })
}

/// Whether a part of an answer is missing for now (206): missing is not emptied.
pub(crate) fn lacks(answer: &Answer, parts: &[&str]) -> bool {
    let missing = answer.header("x-content-missing").filter(|_| answer.status == 206).unwrap_or_default();
    missing.split(',').map(str::trim).any(|part| parts.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderValue};

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), retry_after: None, body: body.to_owned(), cut: false }
    }

    fn told(status: u16, error: &str) -> Answer {
        answer(status, &format!(r#"{{"message":"m","error":"{error}","status":{status},"cause":[]}}"#))
    }

    #[test]
    fn a_token_that_is_refused_is_told_from_an_app_that_is_blocked() {
        assert!(refuses_token(&told(401, "not_found")) && refuses_token(&answer(401, "")));
        let blocked = told(401, "unauthorized_scopes");
        assert!(!refuses_token(&blocked));
        assert!(matches!(classify(blocked), Err(Denied::Other(Failure::Blocked(_)))));
        assert!(matches!(classify(told(401, "x")), Err(Denied::Other(Failure::NeedsAuthorization(_)))));
    }

    #[test]
    fn what_is_anothers_is_told_from_what_the_app_may_not() {
        for error in ["not_owned_order", "forbidden"] {
            assert!(matches!(classify(told(403, error)), Err(Denied::NotOurs(_))), "{error}");
        }
        let policies = answer(403, r#"{"code":"PA_UNAUTHORIZED_RESULT_FROM_POLICIES","message":"m"}"#);
        assert!(matches!(classify(policies), Err(Denied::Other(Failure::Blocked(_)))));
        assert_eq!(
            classify(told(404, "order_not_found")),
            Err(Denied::Missing("m, order_not_found (status 404)".to_owned()))
        );
        assert!(matches!(classify(told(400, "invalid_query")), Err(Denied::Invalid(_))));
        for status in [429, 500, 503] {
            assert!(matches!(
                classify(answer(status, "local_rate_limited")),
                Err(Denied::Other(Failure::Retry { .. }))
            ));
        }
    }

    #[test]
    fn what_is_missing_for_now_is_told() {
        let mut partial = answer(206, "{}");
        partial.headers.insert("x-content-missing", HeaderValue::from_static("buyer, feedback"));
        assert!(lacks(&partial, &["buyer"]) && !lacks(&partial, &["payments"]));
        assert!(!lacks(&Answer { status: 200, ..partial }, &["buyer"]));
    }
}
