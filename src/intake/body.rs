//! The bytes of a request: unpacked if they are gzip, whatever the headers say.

use super::IntakeLimits;
use super::room::Taken;
use axum::body::{Body, Bytes, HttpBody};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use std::io::Read;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// So many times the limit are passed over of a body that is too large, before the connection is cut.
const PASSED_OVER_TIMES: usize = 8;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a body can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BodyError {
    /// More bytes than allowed after unpacking.
    TooLarge,
    /// Damaged gzip.
    Damaged,
    /// The connection ended before the body did, or it took too long.
    Lost,
    /// Too many bodies are being received.
    NoRoom,
}

/// Reads a body as it comes, never beyond the limit and only while there is room; what it takes
/// of the room is in `taken`.
pub(super) async fn read(body: Body, limits: &IntakeLimits, taken: &mut Taken<'_>) -> Result<Bytes, BodyError> {
    let wait = Duration::from_secs(limits.body_wait_s);
    let (mut body, bytes_max) = (body, limits.body_bytes_max);
    let mut read = pin!(async {
        let collected = collect(&mut body, bytes_max, taken).await;
        if collected == Err(BodyError::TooLarge) {
            // A sender hears an answer only once it has sent everything.
            pass_over(&mut body, bytes_max.saturating_mul(PASSED_OVER_TIMES)).await;
        }
        collected
    });
    // Most bodies have come with their heads: only one that is awaited needs a timer.
    if let Poll::Ready(done) = futures_util::poll!(read.as_mut()) {
        return done;
    }
    Box::pin(tokio::time::timeout(wait, read)).await.unwrap_or(Err(BodyError::Lost))
}

async fn pass_over(body: &mut Body, bytes_max: usize) {
    let mut passed = 0;
    while let Some(Ok(frame)) = body.frame().await {
        passed += frame.data_ref().map_or(0, Bytes::len);
        if passed > bytes_max {
            return;
        }
    }
}

async fn collect(body: &mut Body, bytes_max: usize, taken: &mut Taken<'_>) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(BodyError::TooLarge);
    }
    let (mut first, mut rest) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Lost)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > bytes_max {
            return Err(BodyError::TooLarge);
        }
        if !taken.more(data.len()) {
            return Err(BodyError::NoRoom);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.reserve(first.len() + data.len());
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.into() })
}

/// Unpacks a body, never beyond the limit.
pub(super) fn unpack(body: Bytes, limits: &IntakeLimits) -> Result<Bytes, BodyError> {
    if !body.starts_with(&GZIP_MAGIC) {
        return if body.len() > limits.unpacked_bytes_max { Err(BodyError::TooLarge) } else { Ok(body) };
    }
    let mut out = Vec::with_capacity(body.len().saturating_mul(4).min(limits.unpacked_bytes_max));
    let mut reader = MultiGzDecoder::new(body.as_ref()).take(limits.unpacked_bytes_max as u64 + 1);
    reader.read_to_end(&mut out).map_err(|_| BodyError::Damaged)?;
    if out.len() > limits.unpacked_bytes_max {
        return Err(BodyError::TooLarge);
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn gzip_is_known_by_its_bytes_and_never_unpacked_beyond_the_limit() {
        let limits = IntakeLimits { unpacked_bytes_max: 1_000, ..IntakeLimits::default() };
        assert_eq!(unpack(gzip(b"{}"), &limits), Ok(Bytes::from_static(b"{}")));
        assert_eq!(unpack(gzip(&[b'x'; 1_000]), &limits).map(|body| body.len()), Ok(1_000));
        assert_eq!(unpack(gzip(&[b'x'; 1_001]), &limits), Err(BodyError::TooLarge));
        assert_eq!(unpack(gzip(&vec![b'x'; 50_000_000]), &limits), Err(BodyError::TooLarge));
        assert_eq!(unpack(Bytes::from_static(b"\x1f\x8bnonsense"), &limits), Err(BodyError::Damaged));
    }
}
