//! The bytes of a request: unpacked if they are gzip, whatever the headers say.

use super::IntakeLimits;
use axum::body::{Body, Bytes, HttpBody};
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::io::Read;
use std::time::Duration;

/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(60);

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
}

/// Reads a body as it comes, never beyond the limit.
pub(super) async fn read(body: Body, body_bytes_max: usize) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > body_bytes_max as u64 {
        return Err(BodyError::TooLarge);
    }
    match tokio::time::timeout(BODY_WAIT, Limited::new(body, body_bytes_max).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        _ => Err(BodyError::Lost),
    }
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
