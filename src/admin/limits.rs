//! How much may be set up, and how long names may be.

use super::Problem;
use axum::http::StatusCode;

/// Workspaces of a daemon.
pub(super) const WORKSPACES_MAX: usize = 10_000;
/// Tracking sources of a workspace.
pub(super) const SOURCES_MAX: usize = 200;
/// Segments of a workspace.
pub(super) const SEGMENTS_MAX: usize = 1_000;
/// Lists of a workspace.
pub(super) const LISTS_MAX: usize = 500;
/// Rates of a workspace.
pub(super) const RATES_MAX: usize = 50_000;
/// Keys of the API.
pub(super) const KEYS_MAX: usize = 1_000;
/// Signing secrets of a list.
pub(super) const SECRETS_MAX: usize = 4;
/// Bytes of a list's address.
pub(super) const ADDRESS_BYTES_MAX: usize = 2_048;
/// Characters of a shown name.
pub(super) const NAME_CHARS_MAX: usize = 200;
/// Streams of live events at the same time.
pub const STREAMS_MAX: usize = 100;
/// Longest time for which an old signing secret stays after a rotation, seconds: 30 days.
pub(super) const OVERLAP_S_MAX: u64 = 30 * 86_400;

/// Whether one more of something fits.
pub(super) fn room(count: usize, max: usize, what: &str) -> Result<(), Problem> {
    if count < max {
        return Ok(());
    }
    Err(Problem::new(StatusCode::CONFLICT, format!("there are {count} {what} and at most {max} may be")))
}

/// Checks a shown name.
pub(super) fn checked_name(name: &str) -> Result<(), Problem> {
    let chars = name.chars().count();
    if chars == 0 || chars > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let why = format!("name: expected 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_on_both_sides() {
        assert!(room(KEYS_MAX - 1, KEYS_MAX, "keys").is_ok());
        assert_eq!(room(KEYS_MAX, KEYS_MAX, "keys").unwrap_err().status, 409);
        assert!(checked_name(&"x".repeat(NAME_CHARS_MAX)).is_ok());
        assert!(checked_name(&"x".repeat(NAME_CHARS_MAX + 1)).is_err());
        assert!(checked_name("").is_err() && checked_name("a\nb").is_err());
    }
}
