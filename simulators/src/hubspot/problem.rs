//! Errors, as the API tells them.

use serde_json::{Value, json};

/// An error.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub status: u16,
    pub category: &'static str,
    pub message: String,
    /// Further fields of the body.
    pub more: Value,
}

impl Problem {
    pub fn new(status: u16, category: &'static str, message: impl Into<String>) -> Problem {
        Problem { status, category, message: message.into(), more: json!({}) }
    }

    pub fn invalid(message: impl Into<String>) -> Problem {
        Problem::new(400, "VALIDATION_ERROR", message)
    }

    pub fn not_found(message: impl Into<String>) -> Problem {
        Problem::new(404, "OBJECT_NOT_FOUND", message)
    }

    pub fn internal() -> Problem {
        Problem::new(500, "INTERNAL_ERROR", "There was a problem with the request.")
    }

    pub fn scopes(scope: &str) -> Problem {
        let why = "This app hasn't been granted all required scopes to make this call.";
        let detail = json!([{ "message": "One or more of the following scopes are required.",
            "context": { "requiredGranularScopes": [scope] } }]);
        Problem { more: json!({ "errors": detail }), ..Problem::new(403, "MISSING_SCOPES", why) }
    }

    pub fn limit(policy: &str) -> Problem {
        let why = format!("You have reached your {} limit.", policy.to_lowercase());
        let more = json!({ "errorType": "RATE_LIMIT", "policyName": policy });
        Problem { more, ..Problem::new(429, "RATE_LIMITS", why) }
    }

    /// The body; `number` names the call.
    pub fn json(&self, number: &str) -> Value {
        let mut body = json!({ "status": "error", "message": self.message, "correlationId": number,
            "category": self.category });
        if let (Some(body), Some(more)) = (body.as_object_mut(), self.more.as_object()) {
            body.extend(more.clone());
        }
        body
    }
}
