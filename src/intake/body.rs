//! The bytes of a request: unpacked if they are gzip, whatever the headers say.

use super::IntakeLimits;
use axum::body::Bytes;
use flate2::read::MultiGzDecoder;
use std::io::Read;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a body can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BodyError {
    /// More bytes than allowed after unpacking.
    TooLarge,
    /// Damaged gzip.
    Damaged,
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
