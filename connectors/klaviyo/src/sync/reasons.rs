//! Why Klaviyo does not take somebody, and what passes by itself.

use crate::denied::{bounded, words};
use crate::wire::ErrorObject;
use std::time::Duration;

const LATE: Duration = Duration::from_secs(5 * 60);
const HOUR: Duration = Duration::from_secs(3600);

const NOT_SHOWN: &str = "imported lately, and Klaviyo does not show the profile yet";
const NOT_TOLD: &str = "the import failed for some without saying for whom, and the list does not show the profile";
const FAILED: &str = "Klaviyo failed to import it";
const NOT_TAKEN: &str = "not taken by Klaviyo";
/// Codes of errors that are Klaviyo's own: another try may do.
const PASSING_CODES: [&str; 4] = ["error", "internal_error", "throttled", "timeout"];

/// The platform does not take it, in its own words.
pub(super) fn not_taken(errors: &[ErrorObject]) -> String {
    let passing = errors.iter().any(|error| PASSING_CODES.contains(&error.code.as_str()));
    bounded(&format!("{}: {}", if passing { FAILED } else { NOT_TAKEN }, words(errors)))
}

/// A removal of somebody who was imported a moment ago and can't be named yet.
pub(super) fn not_shown() -> String {
    NOT_SHOWN.to_owned()
}

/// Of an import more failed than was told of.
pub(super) fn not_told() -> String {
    NOT_TOLD.to_owned()
}

/// After how long another try is worth it.
pub(super) fn passes_after(reason: &str) -> Option<Duration> {
    const PASSING: [(&str, Duration); 3] = [(NOT_SHOWN, LATE), (NOT_TOLD, LATE), (FAILED, HOUR)];
    PASSING.iter().find(|(kind, _)| reason.starts_with(kind)).map(|(_, after)| *after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_klaviyo_itself_failed_at_passes_and_what_is_invalid_does_not() {
        let error = |code: &str| {
            not_taken(&[ErrorObject { code: code.to_owned(), detail: "why".to_owned(), ..ErrorObject::default() }])
        };
        assert_eq!((error("invalid").as_str(), passes_after(&error("invalid"))), ("not taken by Klaviyo: why", None));
        assert_eq!(passes_after(&error("throttled")), Some(HOUR));
        assert_eq!((passes_after(&not_shown()), passes_after(&not_told())), (Some(LATE), Some(LATE)));
    }
}
