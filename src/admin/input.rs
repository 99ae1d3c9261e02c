//! What requests carry, read so that every refusal is a problem that says where and what.

use super::{BODY_BYTES_MAX, Problem};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use engine::language::error::distance;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

/// A JSON body.
pub(super) struct Body<T>(pub T);

/// The query of an address.
pub(super) struct Asked<T>(pub T);

/// The parts of a path.
pub(super) struct Named<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Body<T>, Problem> {
        let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = given.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "application/json" && !kind.ends_with("+json") {
            let why = "expected a body of content-type application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        let read = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
        let bytes = read.map_err(|why| match why.downcast_ref::<LengthLimitError>() {
            Some(_) => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {BODY_BYTES_MAX} bytes"))
            }
            None => Problem::new(StatusCode::BAD_REQUEST, "the body broke off"),
        })?;
        json(&bytes.to_bytes()).map(Body)
    }
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let status = match inner.classify() {
            serde_json::error::Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_REQUEST,
        };
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        Problem::new(status, format!("{place}{}", with_nearest(&inner.to_string())))
    })?;
    reader.end().map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why.to_string()))?;
    Ok(value)
}

/// Adds the nearest known word to serde's "unknown field `x`, expected one of `a`, `b`".
fn with_nearest(message: &str) -> String {
    let Some((_, told)) = message.split_once("unknown ") else { return message.to_owned() };
    let mut words = told.split('`').skip(1).step_by(2);
    let Some(given) = words.next() else { return message.to_owned() };
    match words.min_by_key(|known| distance(given, known)) {
        Some(nearest) => format!("{message}; did you mean `{nearest}`?"),
        None => message.to_owned(),
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Asked<T>, Problem> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        let read = read.map_err(|why| Problem::new(StatusCode::BAD_REQUEST, with_nearest(&why.body_text())))?;
        Ok(Asked(read.0))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named<T>, Problem> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let read = read.map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why.body_text()))?;
        Ok(Named(read.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Outer {
        name: String,
        inner: Inner,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        calls_per_second: u32,
        dry_run: bool,
    }

    #[test]
    fn a_refusal_says_where_and_names_the_nearest_key() {
        let refused = |text: &str| json::<Outer>(text.as_bytes()).unwrap_err();
        let unknown = refused(r#"{"nmae": "x"}"#);
        assert_eq!(unknown.status, 422);
        assert!(unknown.detail.contains("did you mean `name`?"), "{unknown:?}");
        let deep = refused(r#"{"name": "x", "inner": {"call_per_second": 1}}"#).detail;
        assert!(deep.starts_with("inner") && deep.contains("did you mean `calls_per_second`?"), "{deep}");
        assert_eq!(refused("{").status, 400);
        assert_eq!(refused(r#"{"name": "x", "inner": {"calls_per_second": 1, "dry_run": true}} x"#).status, 400);
    }
}
