//! Results of bulk operations as files, in ranges; and files that are put up for bulk mutations.

use super::super::world::World;
use super::VARIABLES_BYTES_MAX;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const CHUNK: u64 = 64 << 10;

fn refused(status: StatusCode, code: &str) -> Response {
    let body = format!("<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code></Error>");
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

/// The bytes that a `Range` asks for, of so many; `Err` when there are none such.
fn range(headers: &HeaderMap, length: u64) -> Result<Option<(u64, u64)>, ()> {
    let Some(text) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Ok(None) };
    let Some((from, to)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let (begin, end) = match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) => (from, to.min(length.saturating_sub(1))),
        (Ok(from), Err(_)) if to.is_empty() => (from, length.saturating_sub(1)),
        (Err(_), Ok(last)) if from.is_empty() => (length.saturating_sub(last), length.saturating_sub(1)),
        _ => return Ok(None),
    };
    if begin >= length || begin > end { Err(()) } else { Ok(Some((begin, end + 1))) }
}

/// `GET` of a signed address.
pub(in super::super) fn serve(
    world: &mut World,
    shop: &str,
    id: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
) -> Response {
    let text = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let now = world.now();
    let expires = text("Expires").and_then(|expires| expires.parse::<i64>().ok()).unwrap_or_default();
    let known = id.parse().ok().and_then(|id: u64| world.shop(shop).ok()?.bulks.get(&id));
    let Some(bulk) = known else { return refused(StatusCode::NOT_FOUND, "NoSuchKey") };
    if text("Signature") != Some(bulk.signature(expires).as_str()) {
        return refused(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
    }
    if now >= expires {
        return refused(StatusCode::BAD_REQUEST, "ExpiredToken");
    }
    let Some(file) = bulk.file.clone() else { return refused(StatusCode::NOT_FOUND, "NoSuchKey") };
    let (length, tag) = (bulk.bytes, format!("\"{}\"", bulk.id));
    let cut = cut(world);
    let Ok(range) = range(headers, length) else {
        return (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, format!("bytes */{length}"))])
            .into_response();
    };
    let (begin, end) = range.unwrap_or((0, length));
    let body = Body::from_stream(stream(file, begin, end, cut.map(|bytes| begin + bytes)));
    let fixed = [
        (header::CONTENT_TYPE, "application/jsonl".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_LENGTH, (end - begin).to_string()),
        (header::ETAG, tag),
    ];
    let mut response = (fixed, body).into_response();
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        if let Ok(value) = format!("bytes {begin}-{}/{length}", end - 1).parse() {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
    }
    response
}

/// After how many bytes this download breaks off.
fn cut(world: &mut World) -> Option<u64> {
    let faults = &mut world.faults.bulk;
    if faults.cut_after_bytes == 0 {
        return None;
    }
    let bytes = faults.cut_after_bytes;
    if faults.cut_times == 1 {
        faults.cut_after_bytes = 0;
    }
    faults.cut_times = faults.cut_times.saturating_sub(1);
    Some(bytes)
}

fn stream(
    file: Arc<File>,
    begin: u64,
    end: u64,
    cut: Option<u64>,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::unfold(Some(begin), move |at| {
        let file = file.clone();
        async move {
            let at = at?;
            if at >= end {
                return None;
            }
            if cut.is_some_and(|cut| at >= cut) {
                // What was sent before goes out first.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                return Some((Err(std::io::Error::other("cut off")), None));
            }
            let upto = end.min(at + CHUNK).min(cut.unwrap_or(u64::MAX));
            let mut buffer = vec![0; usize::try_from(upto - at).unwrap_or_default()];
            Some(match file.read_exact_at(&mut buffer, at) {
                Ok(()) => (Ok(Bytes::from(buffer)), Some(upto)),
                Err(why) => (Err(why), None),
            })
        }
    })
}

/// `POST` of a form with `key` and `file`, as the parameters of a staged upload say.
pub(in super::super) fn upload(world: &mut World, content_type: &str, body: &[u8]) -> Response {
    let Some(boundary) = content_type.split("boundary=").nth(1).map(|text| text.trim_matches('"')) else {
        return refused(StatusCode::BAD_REQUEST, "MalformedPOSTRequest");
    };
    let (mut key, mut file) = (None, None);
    for part in split(body, format!("--{boundary}").as_bytes()) {
        let Some(at) = find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..at]);
        let content = part[at + 4..].strip_suffix(b"\r\n").unwrap_or(&part[at + 4..]);
        if head.contains("name=\"key\"") {
            key = String::from_utf8(content.to_vec()).ok();
        } else if head.contains("name=\"file\"") {
            file = Some(Bytes::copy_from_slice(content));
        }
    }
    match (key, file) {
        (Some(key), Some(file)) if file.len() <= VARIABLES_BYTES_MAX => {
            world.uploads.insert(key, file);
            StatusCode::CREATED.into_response()
        }
        _ => refused(StatusCode::BAD_REQUEST, "MalformedPOSTRequest"),
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len().max(1)).position(|window| window == wanted)
}

fn split<'b>(mut text: &'b [u8], mark: &[u8]) -> Vec<&'b [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = find(text, mark) {
        parts.push(&text[..at]);
        text = &text[at + mark.len()..];
    }
    parts.push(text);
    parts
}
