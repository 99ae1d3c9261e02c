//! Answers of the API, and what it says when it refuses.

use serde_json::{Map, Value, json};

/// An answer before it is written.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Json(Value),
    Html(String),
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Reply {
        Reply { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(super) fn html(status: u16, body: &str) -> Reply {
        let page = format!("<!DOCTYPE html><html><body>{body}</body></html>");
        Reply { status, headers: Vec::new(), body: Body::Html(page) }
    }

    pub(super) fn redirect(to: String) -> Reply {
        Reply::html(302, "").with("location", to)
    }

    /// Whether it says that there is no such route.
    pub(super) fn is_no_route(&self) -> bool {
        matches!(&self.body, Body::Json(body) if body["code"] == "rest_no_route")
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Reply {
        self.headers.push((name, value));
        self
    }
}

/// A refusal of the API.
pub(super) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, json!({"code": code, "message": message, "data": {"status": status}}))
}

/// Parameters that can't be.
pub(super) fn invalid(parameters: &[(&str, String)]) -> Reply {
    let names: Vec<&str> = parameters.iter().map(|(name, _)| *name).collect();
    let details: Map<String, Value> =
        parameters.iter().map(|(name, why)| ((*name).to_owned(), why.clone().into())).collect();
    let message = format!("Invalid parameter(s): {}", names.join(", "));
    let data = json!({"status": 400, "params": details});
    Reply::json(400, json!({"code": "rest_invalid_param", "message": message, "data": data}))
}

pub(super) fn no_route() -> Reply {
    refusal(404, "rest_no_route", "No route was found matching the URL and request method.")
}
