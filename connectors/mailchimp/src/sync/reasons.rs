//! Why Mailchimp does not take somebody, and what passes by itself.

use crate::api::bounded;
use crate::wire::CreateError;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const LATE: Duration = Duration::from_secs(10 * 60);
const DAY: Duration = Duration::from_secs(24 * 3600);

const UNSUBSCRIBED: &str = "unsubscribed at Mailchimp";
const CLEANED: &str = "cleaned at Mailchimp: mail to it bounced";
const PENDING: &str = "pending at Mailchimp: has not confirmed yet";
const TRANSACTIONAL: &str = "transactional at Mailchimp: never opted in to marketing there";
const COMPLIANCE: &str = "in compliance state at Mailchimp";
const FORGOTTEN: &str = "deleted for good at Mailchimp";
const MANY_LISTS: &str = "signed up to many lists lately, Mailchimp says; tried again later";
const NOT_SUBSCRIBED: &str = "not subscribed at Mailchimp";
const NOT_SHOWN: &str = "the tag does not show the contact yet";
const NOT_ON_AUDIENCE: &str = "not on the audience, and this list adds nobody to it";

/// What an error of creating a contact comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It is on the audience already.
    Exists,
    /// A merge field is not liked; without them it may do.
    BadField,
    /// It is not taken.
    Refused(String),
}

/// Reads an error of creating a contact. There are two codes; the reason is in the text.
pub(super) fn verdict(error: &CreateError) -> Verdict {
    let text = error.error.to_lowercase();
    if error.error_code == "ERROR_CONTACT_EXISTS" || text.contains("already a list member") {
        return Verdict::Exists;
    }
    let about_field = !error.field.is_empty() && !error.field.to_lowercase().contains("email");
    let kind = if text.contains("compliance state") {
        COMPLIANCE
    } else if text.contains("permanently deleted") {
        FORGOTTEN
    } else if text.contains("lot of lists") {
        MANY_LISTS
    } else if about_field {
        return Verdict::BadField;
    } else {
        "not taken by Mailchimp"
    };
    let said = [error.error.as_str(), error.field.as_str(), error.field_message.as_str()];
    let said = said.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    Verdict::Refused(bounded(&format!("{kind}: {said}")))
}

/// Why a contact of this status is not mailed; `None` for those who are.
pub(super) fn of_status(status: &str) -> Option<String> {
    let why = match status {
        "subscribed" => return None,
        "unsubscribed" => UNSUBSCRIBED,
        "cleaned" => CLEANED,
        "pending" => PENDING,
        "transactional" => TRANSACTIONAL,
        other => return Some(bounded(&format!("{NOT_SUBSCRIBED}: {other}"))),
    };
    Some(why.to_owned())
}

/// The list adds nobody, and it is not on the audience.
pub(super) fn not_on_audience() -> String {
    NOT_ON_AUDIENCE.to_owned()
}

/// It is on the audience, but the tag is behind, in the platform's words.
pub(super) fn not_shown(said: &str) -> String {
    bounded(&format!("{NOT_SHOWN}: {said}"))
}

/// The platform does not take the address, in its own words.
pub(super) fn not_taken(said: &str) -> String {
    bounded(&format!("not taken by Mailchimp: {said}"))
}

/// After how long another try is worth it. Whoever is not to be mailed may subscribe by a form of Mailchimp's; a try
/// harms nobody, as who is still not to be mailed is taken out again.
pub(super) fn passes_after(reason: &str) -> Option<Duration> {
    const PASSING: [(&str, Duration); 9] = [
        (MANY_LISTS, HOUR.saturating_mul(6)),
        (UNSUBSCRIBED, DAY),
        (CLEANED, DAY),
        (PENDING, DAY),
        (TRANSACTIONAL, DAY),
        (COMPLIANCE, DAY),
        (NOT_SUBSCRIBED, DAY),
        (NOT_ON_AUDIENCE, DAY),
        (NOT_SHOWN, LATE),
    ];
    PASSING.iter().find(|(kind, _)| reason.starts_with(kind)).map(|(_, after)| *after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, code: &str, field: &str) -> Verdict {
        let (error, error_code, field) = (text.to_owned(), code.to_owned(), field.to_owned());
        verdict(&CreateError { error, error_code, field, ..CreateError::default() })
    }

    #[test]
    fn the_reason_is_in_the_text() {
        let exists = "x@y.mx is already a list member, do you want to update?";
        assert_eq!(error(exists, "ERROR_CONTACT_EXISTS", ""), Verdict::Exists);
        assert_eq!(error(exists, "ERROR_GENERIC", ""), Verdict::Exists);
        assert_eq!(error("Please enter a date", "ERROR_GENERIC", "BIRTHDAY"), Verdict::BadField);
        let texts = [
            ("x is in a compliance state due to unsubscribe, bounce, or compliance review", COMPLIANCE, Some(DAY)),
            ("x was permanently deleted and cannot be re-imported.", FORGOTTEN, None),
            ("x has signed up to a lot of lists very recently; we're not allowing", MANY_LISTS, Some(HOUR * 6)),
            ("x looks fake or invalid, please enter a real email address.", "not taken by Mailchimp", None),
        ];
        for (text, kind, passes) in texts {
            let Verdict::Refused(reason) = error(text, "ERROR_GENERIC", "") else { panic!("{text}") };
            assert!(reason.starts_with(kind) && reason.contains(text), "{reason}");
            assert_eq!(passes_after(&reason), passes, "{reason}");
        }
    }

    #[test]
    fn only_who_is_subscribed_is_mailed() {
        assert_eq!(of_status("subscribed"), None);
        for status in ["unsubscribed", "cleaned", "pending", "transactional", "archived", ""] {
            let reason = of_status(status).unwrap();
            assert_eq!(passes_after(&reason), Some(DAY), "who subscribes by a form is sent: {reason}");
        }
        assert_eq!(passes_after(&not_shown("not in the list")), Some(LATE));
        assert_eq!(passes_after(&not_taken("not in the list")), None);
        assert_eq!(passes_after(&not_on_audience()), Some(DAY));
    }
}
