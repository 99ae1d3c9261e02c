//! What an answer of a store means, by what has to happen next.

use kit::failure::Failure;
use kit::http::Answer;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Characters of the store's own words that are kept.
const WORDS_MAX: usize = 200;

/// What a page with status 401 says: it is the server in front of WordPress that asks.
pub(crate) const PASSWORD: &str = "the site asks for a password of its own (status 401)";

/// Why a call did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// What it was about is not there.
    Missing(String),
    /// The store does not like a parameter: it is too old for it, or it is wrong.
    Invalid(String),
    /// The key, or the user it belongs to, may not do this; other things it may.
    Forbidden(String),
    /// The server did not manage: less at once may do.
    TooMuch(Failure),
    /// Anything else.
    Other(Failure),
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        match denied {
            Denied::Missing(why) | Denied::Invalid(why) => Failure::Refused(why),
            Denied::Forbidden(why) => Failure::Blocked(why),
            Denied::TooMuch(failure) | Denied::Other(failure) => failure,
        }
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Denied {
        match failure {
            // Nothing came, or only a part: the server may have died of it.
            Failure::Retry { after: None, .. } => Denied::TooMuch(failure),
            other => Denied::Other(other),
        }
    }
}

/// The body of an error.
#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    code: Option<Box<RawValue>>,
    #[serde(default)]
    message: Option<Box<RawValue>>,
}

impl Problem {
    fn of(answer: &Answer) -> Option<(String, String)> {
        let problem: Problem = serde_json::from_str(&answer.body).ok()?;
        let text = |raw: Option<Box<RawValue>>| raw.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        Some((text(problem.code)?, text(problem.message).unwrap_or_default()))
    }
}

/// The beginning of the store's own words.
pub(crate) fn bounded(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(WORDS_MAX).collect()
}

/// Whether the key may not do this, while it is a right one.
fn lacks_right(message: &str) -> bool {
    message.contains("write permissions") || message.contains("read permissions")
}

/// Whether it is the signature's time or number that is not taken: the next one may be.
fn is_of_the_moment(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("timestamp") || message.contains("nonce")
}

/// Whether an answer says that the store takes the key no more. A store that does not know a key takes the call for an
/// anonymous one.
pub(crate) fn refuses_key(answer: &Answer) -> bool {
    answer.status == 401
        && Problem::of(answer).is_some_and(|(code, message)| {
            code.starts_with("woocommerce_rest_") && !lacks_right(&message) && !is_of_the_moment(&message)
        })
}

/// Hands on what is an answer of the API.
pub(crate) fn classify(answer: Answer) -> Result<Answer, Denied> {
    let status = answer.status;
    if (200..300).contains(&status) {
        let begins = answer.body.trim_start_matches('\u{feff}').trim_start();
        if begins.starts_with(['[', '{']) {
            return Ok(answer);
        }
        let why = "the store answered with a page instead of data: maintenance, a cache or a firewall";
        return Err(Denied::Other(Failure::retry(why, Some(std::time::Duration::from_secs(30)))));
    }
    let told = Problem::of(&answer);
    let text = match &told {
        Some((code, message)) => bounded(&format!("{message} ({code}, status {status})")),
        None => format!("status {status}"),
    };
    let code = told.as_ref().map(|(code, _)| code.as_str()).unwrap_or_default();
    let message = told.as_ref().map(|(_, message)| message.as_str()).unwrap_or_default();
    let later = |text: String| Denied::Other(Failure::retry(text, answer.retry_after.or(Some(SHORT))));
    Err(match status {
        401 if lacks_right(message) => Denied::Forbidden(text),
        401 if is_of_the_moment(message) => later(format!("{text}: do the clocks of store and daemon agree?")),
        401 if told.is_some() => Denied::Other(Failure::NeedsAuthorization(text)),
        401 => Denied::Other(Failure::NeedsAuthorization(PASSWORD.to_owned())),
        403 if told.is_some() => Denied::Forbidden(text),
        403 => later("status 403: a firewall of the store's host".to_owned()),
        404 if told.is_none() || code == "rest_no_route" => {
            later(format!("{text}: WooCommerce's API is not there; is the plugin on, and the address right?"))
        }
        404 | 410 => Denied::Missing(text),
        400 if !code.is_empty() => Denied::Invalid(text),
        300..=399 => later(redirected(&answer)),
        429 | 503 if answer.retry_after.is_some() => later(text),
        429 => later(text),
        408 | 425 | 500..=599 => Denied::TooMuch(Failure::retry(text, None)),
        _ => Denied::Other(Failure::Refused(text)),
    })
}

/// The wait where a store asks for none, but less at once would not help either.
const SHORT: std::time::Duration = std::time::Duration::from_secs(5);

/// Where the site sends callers, without what follows the path.
pub(crate) fn redirected(answer: &Answer) -> String {
    let to = answer.header("location").and_then(|to| to.split('?').next()).map(bounded).unwrap_or_default();
    format!("status {}: the site sends callers on to {to}: connect the address at which it answers", answer.status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), retry_after: None, body: body.to_owned(), cut: false }
    }

    fn told(status: u16, code: &str, message: &str) -> Answer {
        answer(status, &json!({"code": code, "message": message, "data": {"status": status}}).to_string())
    }

    #[test]
    fn a_key_that_is_refused_is_told_from_one_that_may_not() {
        let unknown = told(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.");
        let wrong = told(401, "woocommerce_rest_authentication_error", "Consumer secret is invalid.");
        for refused in [unknown, wrong] {
            assert!(refuses_key(&refused));
            assert!(matches!(classify(refused), Err(Denied::Other(Failure::NeedsAuthorization(_)))));
        }
        let code = "woocommerce_rest_authentication_error";
        let reads = told(401, code, "The API key provided does not have write permissions.");
        assert!(!refuses_key(&reads) && matches!(classify(reads), Err(Denied::Forbidden(_))));
        let late = told(401, code, "Invalid timestamp.");
        assert!(!refuses_key(&late) && matches!(classify(late), Err(Denied::Other(Failure::Retry { .. }))));
        let user = told(403, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.");
        assert!(!refuses_key(&user) && matches!(classify(user), Err(Denied::Forbidden(_))));
        let htpasswd = answer(401, "<html>");
        assert!(
            !refuses_key(&htpasswd) && matches!(classify(htpasswd), Err(Denied::Other(Failure::NeedsAuthorization(_))))
        );
    }

    #[test]
    fn pages_instead_of_data_pass() {
        for (status, body) in [(200, "<html>"), (403, "<html>"), (404, "<html>"), (301, ""), (200, "")] {
            assert!(matches!(classify(answer(status, body)), Err(Denied::Other(Failure::Retry { .. }))), "{status}");
        }
        let off = told(404, "rest_no_route", "No route was found");
        assert!(matches!(classify(off), Err(Denied::Other(Failure::Retry { .. }))));
        let crash = told(500, "internal_server_error", "There has been a critical error on this website.");
        assert!(matches!(classify(crash), Err(Denied::TooMuch(Failure::Retry { .. }))));
        for status in [408, 502, 503, 504, 524] {
            assert!(matches!(classify(answer(status, "")), Err(Denied::TooMuch(_))), "{status}");
        }
        assert!(classify(answer(200, "\u{feff} []")).is_ok());
    }

    #[test]
    fn what_is_wrong_keeps_the_stores_words() {
        let gone = told(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.");
        let said = "Invalid ID. (woocommerce_rest_shop_order_invalid_id, status 404)";
        assert_eq!(classify(gone), Err(Denied::Missing(said.to_owned())));
        assert!(matches!(classify(told(400, "rest_invalid_param", "x")), Err(Denied::Invalid(_))));
        assert!(matches!(classify(answer(429, "")), Err(Denied::Other(Failure::Retry { .. }))));
    }
}
