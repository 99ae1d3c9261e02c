//! The identity at which an event is kept.

use model::Identity;

/// Identities of one event that are looked at; more are left out (and counted by intake).
pub const IDENTITIES_MAX: usize = 16;

/// The identity of the strongest kind; the smallest canonical text among equals.
pub fn anchor(identities: &[Identity]) -> Option<&Identity> {
    match identities {
        // The canonical texts are only worth making where there is something to choose.
        [] | [_] => identities.first(),
        _ => identities.iter().min_by_key(|identity| (identity.kind, identity.canonical())),
    }
}
