//! How a browser comes back from a platform's page by RFC 6749, 4.1.2: with a code, or with the merchant's "no".

use crate::failure::Failure;
use crate::install::Callback;

/// Characters of a code, or of a state; longer ones are none.
const TEXT_CHARS_MAX: usize = 2_048;
/// Characters that are repeated of a platform's reason.
const REASON_CHARS_MAX: usize = 60;

/// The only value of a parameter; `None` where it is absent or empty.
///
/// # Errors
/// [`Failure::Refused`] when it came twice: who reads the first value and who reads the last would see two things.
pub fn only<'a>(query: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, Failure> {
    let mut values = query.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (value, None) => Ok(value.filter(|value| !value.is_empty())),
        _ => Err(Failure::Refused(format!("{name} came twice"))),
    }
}

/// Reads code and state of a browser that came back; `platform` is its name for people. Of a platform that signs what
/// it sends the browser back with, the signature is the connector's to check.
///
/// # Errors
/// [`Failure::NeedsAuthorization`] when the merchant said no, [`Failure::Refused`] when something is missing, twice
/// or too long.
pub fn returned(platform: &str, query: &[(String, String)]) -> Result<Callback, Failure> {
    let short = |text: &&str| text.len() <= TEXT_CHARS_MAX;
    let state = only(query, "state")?.filter(short);
    if let Some(error) = only(query, "error")? {
        let error: String = error.chars().filter(char::is_ascii_graphic).take(REASON_CHARS_MAX).collect();
        return Err(Failure::NeedsAuthorization(format!("{platform} says {error}")));
    }
    match (only(query, "code")?.filter(short), state) {
        (Some(code), Some(state)) => Ok(Callback { code: code.into(), state: state.to_owned(), account: None }),
        _ => Err(Failure::Refused("expected code and state".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn read(pairs: &[(&str, &str)]) -> Result<Callback, Failure> {
        let query: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        returned("Corner", &query)
    }

    #[test]
    fn what_the_browser_brings_back_is_checked() {
        let back = read(&[("code", "c"), ("state", "st"), ("extra", "x"), ("extra", "y")]).unwrap();
        assert_eq!((back.code.expose_secret(), back.state.as_str(), back.account), ("c", "st", None));
        let long = "x".repeat(TEXT_CHARS_MAX + 1);
        for pairs in [
            &[("code", "c")][..],
            &[("state", "st")],
            &[("code", ""), ("state", "st")],
            &[("code", "c"), ("code", "d"), ("state", "st")],
            &[("code", "c"), ("state", "st"), ("state", "st")],
            &[("code", long.as_str()), ("state", "st")],
            &[("code", "c"), ("state", long.as_str())],
        ] {
            assert!(matches!(read(pairs), Err(Failure::Refused(_))), "{pairs:?}");
        }
    }

    #[test]
    fn a_merchants_no_is_told_shortly() {
        for error in ["access_denied", "access\n denied", "x".repeat(100).as_str()] {
            let Err(Failure::NeedsAuthorization(why)) = read(&[("error", error), ("state", "st")]) else {
                panic!("{error}")
            };
            assert!(why.starts_with("Corner says ") && why.len() <= 72 && !why.contains('\n'), "{why}");
        }
    }
}
