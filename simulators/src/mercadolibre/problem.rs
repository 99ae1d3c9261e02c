//! Answers that are errors.

use serde_json::{Value, json};

/// What the API answers instead.
#[derive(Debug)]
pub(super) struct Problem {
    pub status: u16,
    pub error: String,
    message: String,
    /// Not JSON.
    pub plain: Option<&'static str>,
}

impl Problem {
    pub fn new(status: u16, error: &str, message: &str) -> Problem {
        Problem { status, error: error.to_owned(), message: message.to_owned(), plain: None }
    }

    pub fn missing(error: &str) -> Problem {
        Problem::new(404, error, "It was not found.")
    }

    pub fn wrong(error: &str, message: &str) -> Problem {
        Problem::new(400, error, message)
    }

    pub fn throttled() -> Problem {
        Problem::new(429, "local_rate_limited", "Too many requests.")
    }

    pub fn text(status: u16, text: &'static str) -> Problem {
        Problem { plain: Some(text), ..Problem::new(status, "", "") }
    }

    pub fn body(&self) -> Value {
        json!({ "message": self.message, "error": self.error, "status": self.status, "cause": [] })
    }
}
