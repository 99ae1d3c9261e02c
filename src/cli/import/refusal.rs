//! Why a row is not sent: what was wrong, and what was expected.

/// Why a row is refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Refusal {
    /// The column or field; empty for the row as a whole.
    pub column: String,
    /// What was wrong and what was expected; without the value, which may be personal.
    pub reason: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(column: &str, reason: impl Into<String>) -> Refusal {
        Refusal { column: column.to_owned(), reason: reason.into() }
    }

    /// What the daemon would count under this reason.
    pub fn of_intake(reason: &str) -> Refusal {
        let (column, what) = match reason {
            "no_identity" => {
                ("", "names nobody: expected a user id, an anonymous id, an e-mail address or a phone number")
            }
            "no_event_name" => ("event", "is missing: expected the event's name"),
            "event_name_too_long" => ("event", "is longer than intake.name_chars_max"),
            "unknown_type" => ("type", "expected track, page, screen, identify, group, alias or merge"),
            "alias_incomplete" => ("previousId", "an alias needs userId and previousId"),
            "id_too_long" => ("", "an id is longer than 512 bytes"),
            "message_id_too_long" => ("message_id", "is longer than intake.message_id_chars_max"),
            "malformed_event" => ("", "is no JSON object"),
            "malformed_properties" => ("", "properties and traits have to be objects"),
            "event_too_large" => ("", "is larger than intake.event_bytes_max"),
            "too_deep" => ("", "is nested deeper than intake.depth_max"),
            "too_many_values" => ("", "has more values than intake.values_max"),
            "text_too_long" => ("", "a text is longer than intake.text_bytes_max"),
            "name_too_long" => ("", "a name is longer than intake.name_chars_max"),
            "time_unreadable" => ("timestamp", "is no time: expected one such as 2026-03-01T12:00:00Z"),
            "time_in_future" => ("timestamp", "lies in the future"),
            "amount_unusable" => {
                ("", "total and revenue have to be plain numbers that are not negative, such as 1299.00")
            }
            "unknown_consent_channel" => ("channel", "expected email or sms"),
            "consent_without_address" => ("", "says Subscribed or Unsubscribed, but not of which address"),
            other => ("", other),
        };
        Refusal::new(column, what)
    }
}
