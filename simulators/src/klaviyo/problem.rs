//! Errors as the API writes them.

use serde_json::{Value, json};

/// A refusal: status and errors.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub status: u16,
    pub errors: Vec<Value>,
    /// Seconds to wait, of 429.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// One error; `source` is a pointer into the body, or the name of a parameter in brackets or words.
    pub fn new(status: u16, code: &str, title: &str, detail: &str, pointer: &str) -> Problem {
        let source = if pointer.starts_with('/') || pointer.is_empty() {
            json!({ "pointer": if pointer.is_empty() { "/data/" } else { pointer } })
        } else {
            json!({ "parameter": pointer })
        };
        let id = format!("4f0d0000-0000-4000-8000-{:012}", status);
        let error = json!({ "id": id, "status": status, "code": code, "title": title, "detail": detail,
            "source": source,
            "links": {}, "meta": {} });
        Problem { status, errors: vec![error], retry_after: None }
    }

    pub fn invalid(detail: &str, pointer: &str) -> Problem {
        Problem::new(400, "invalid", "Invalid input.", detail, pointer)
    }

    pub fn not_found(what: &str, id: &str, pointer: &str) -> Problem {
        Problem::new(404, "not_found", "Not found.", &format!("A {what} with id {id} does not exist."), pointer)
    }

    pub fn throttled(seconds: u64) -> Problem {
        let detail = format!("Expected available in {seconds} second{}.", if seconds == 1 { "" } else { "s" });
        let problem = Problem::new(429, "throttled", "Request was throttled.", &detail, "");
        Problem { retry_after: Some(seconds), ..problem }
    }

    pub fn internal() -> Problem {
        Problem::new(500, "error", "A server error occurred.", "Try again later.", "")
    }

    pub fn unavailable() -> Problem {
        Problem::new(503, "service_unavailable", "Service unavailable.", "Try again later.", "")
    }

    pub fn body(&self) -> Value {
        json!({ "errors": self.errors })
    }
}
