//! Errors as the API answers them: `application/problem+json` with the documented titles.

use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Problem {
    pub status: u16,
    pub title: &'static str,
    pub detail: String,
    /// Field and message.
    pub errors: Vec<(String, String)>,
}

impl Problem {
    pub fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, title, detail: detail.into(), errors: Vec::new() }
    }

    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(400, "Bad Request", detail)
    }

    /// `Invalid Resource` with a sentence of its own.
    pub fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(400, "Invalid Resource", detail)
    }

    /// `Invalid Resource` that names a field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem::fields(vec![(field.into(), message.into())])
    }

    pub fn fields(errors: Vec<(String, String)>) -> Problem {
        let detail =
            "The resource submitted could not be validated. For field-specific details, see the 'errors' array.";
        Problem { errors, ..Problem::invalid(detail) }
    }

    pub fn not_found() -> Problem {
        Problem::new(404, "Resource Not Found", "The requested resource could not be found.")
    }

    pub fn compliance(email: &str) -> Problem {
        let why = "is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.";
        Problem::new(400, "Member In Compliance State", format!("{email} {why}"))
    }

    pub fn forgotten(email: &str) -> Problem {
        let why = "was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on \
                   the list.";
        Problem::new(400, "Forgotten Email Not Subscribed", format!("{email} {why}"))
    }

    pub fn exists(email: &str) -> Problem {
        let how = "is already a list member. Use PUT to insert or update list members.";
        Problem::new(400, "Member Exists", format!("{email} {how}"))
    }

    pub fn too_many() -> Problem {
        let why = "You have exceeded the limit of 10 simultaneous connections.";
        Problem::new(429, "Too Many Requests", why)
    }

    pub fn internal() -> Problem {
        Problem::new(500, "Internal Server Error", "An unexpected internal error has occurred.")
    }

    pub fn unavailable() -> Problem {
        Problem::new(503, "Service Unavailable", "The service is temporarily unavailable.")
    }

    /// The body; `instance` tells one answer from another.
    pub fn json(&self, instance: &str) -> Value {
        let mut body = json!({
            "type": "https://mailchimp.com/developer/marketing/docs/errors/",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        });
        if !self.errors.is_empty() {
            let one = |(field, message): &(String, String)| json!({"field": field, "message": message});
            body["errors"] = self.errors.iter().map(one).collect();
        }
        body
    }
}
