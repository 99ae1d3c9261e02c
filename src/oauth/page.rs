//! Plain pages for a merchant's browser.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Text as it may stand in HTML.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

/// Headers of every answer to a browser here: nothing is kept, nothing is told to the next site.
pub(super) const QUIET: [(header::HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
];

/// A page of a heading and a body that is HTML already.
pub(super) fn page(status: StatusCode, heading: &str, body: &str) -> Response {
    let heading = escaped(heading);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{heading}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color:#1d2327}}\
         input,button{{font:inherit;padding:.5rem .8rem}}input{{width:20rem;max-width:100%}}\
         </style></head><body><h1>{heading}</h1>{body}</body></html>"
    );
    (status, QUIET, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

/// A page that says something.
pub(super) fn said(status: StatusCode, heading: &str, text: &str) -> Response {
    page(status, heading, &format!("<p>{}</p>", escaped(text)))
}
