//! Addresses and codes in one form, before anything is compared or stored.

mod country;
mod country_table;
mod email;
mod phone;

pub use country::country;
pub use email::email;
pub use phone::{phone, phone_country};

/// An id, trimmed; `None` for what careless senders write when they have none.
pub fn id(text: &str) -> Option<String> {
    const JUNK: [&str; 10] = [
        "null",
        "undefined",
        "0",
        "anonymous",
        "none",
        "nan",
        "nil",
        "[object object]",
        "-1",
        "00000000-0000-0000-0000-000000000000",
    ];
    let id = text.trim();
    let junk = id.is_empty() || JUNK.iter().any(|junk| id.eq_ignore_ascii_case(junk));
    (!junk).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_no_id() {
        for text in ["", " ", "null", "undefined", "0", "anonymous", "NaN", "[object Object]", " Null "] {
            assert_eq!(id(text), None, "{text}");
        }
        for text in [" u1 ", "00", "nullable", "-10"] {
            assert_eq!(id(text).as_deref(), Some(text.trim()));
        }
    }
}
