//! How values are written: a format version, then postcard.
//!
//! postcard does not describe itself, so what is written must be plain structs without serde
//! attributes, and a change of a struct is a new version here.

use super::db::StoreError;
use crate::encode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;

/// The format that this version writes, first byte of every value.
pub const VALUE_VERSION: u8 = 1;

/// What a thread keeps of the room in which it encodes, bytes.
const SCRATCH_BYTES_MAX: usize = 1 << 20;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Encodes a value.
pub fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    // A checkpoint holds many values at once: each takes as much as it needs, and grows elsewhere.
    SCRATCH.with_borrow_mut(|bytes| {
        bytes.clear();
        bytes.push(VALUE_VERSION);
        let encoded = encode::append(value, bytes).map(|()| bytes.clone());
        bytes.shrink_to(SCRATCH_BYTES_MAX);
        encoded.map_err(|error| StoreError::Unreadable { what, why: format!("it can't be encoded: {error}") })
    })
}

/// Decodes a value; every byte of it has to be used.
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    let body = body(what, bytes)?;
    let unreadable = |why| StoreError::Unreadable { what, why };
    let (value, rest) = postcard::take_from_bytes(body).map_err(|error| unreadable(error.to_string()))?;
    if rest.is_empty() { Ok(value) } else { Err(unreadable(format!("{} bytes too many", rest.len()))) }
}

/// What follows the version byte.
pub fn body<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let unreadable = |why| StoreError::Unreadable { what, why };
    match bytes.split_first() {
        None => Err(unreadable("it is empty".to_owned())),
        Some((&VALUE_VERSION, body)) => Ok(body),
        Some((version, _)) => Err(unreadable(format!("it has format {version}, this version reads {VALUE_VERSION}"))),
    }
}

/// Encodes a block of timers: a bit for each, then the instants of those that are set.
pub fn encode_timers(timers: &[i64]) -> Vec<u8> {
    let mut bytes = vec![VALUE_VERSION];
    bytes.extend_from_slice(&(timers.len() as u32).to_le_bytes());
    for eight in timers.chunks(8) {
        let bits = eight.iter().enumerate().map(|(bit, at)| u8::from(*at != i64::MAX) << bit);
        bytes.push(bits.fold(0, |all, bit| all | bit));
    }
    let set = timers.iter().filter(|at| **at != i64::MAX);
    set.for_each(|at| bytes.extend_from_slice(&at.to_le_bytes()));
    bytes
}

/// Decodes a block of timers.
pub fn decode_timers(bytes: &[u8]) -> Result<Vec<i64>, StoreError> {
    const WHAT: &str = "block of timers";
    let unreadable = || StoreError::Unreadable { what: WHAT, why: "its length does not fit".to_owned() };
    let (len, rest) = body(WHAT, bytes)?.split_first_chunk::<4>().ok_or_else(unreadable)?;
    let len = u32::from_le_bytes(*len) as usize;
    let (bits, rest) = rest.split_at_checked(len.div_ceil(8)).ok_or_else(unreadable)?;
    let (instants, odd) = rest.as_chunks::<8>();
    let mut instants = instants.iter();
    let mut timers = Vec::with_capacity(len.min(bytes.len() * 8));
    for number in 0..len {
        let set = bits.get(number / 8).is_some_and(|byte| byte >> (number % 8) & 1 == 1);
        timers.push(if set { i64::from_le_bytes(*instants.next().ok_or_else(unreadable)?) } else { i64::MAX });
    }
    if odd.is_empty() && instants.next().is_none() { Ok(timers) } else { Err(unreadable()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_another_version_or_bytes_too_many_is_refused() {
        let bytes = encode("number", &7_u32).unwrap();
        assert_eq!(bytes, [VALUE_VERSION, 7]);
        assert_eq!(decode::<u32>("number", &bytes).unwrap(), 7);
        assert!(decode::<u32>("number", &[VALUE_VERSION, 7, 0]).unwrap_err().to_string().contains("too many"));
        assert!(decode::<u32>("number", &[VALUE_VERSION + 1, 7]).unwrap_err().to_string().contains("format 2"));
        assert!(decode::<u32>("number", &[VALUE_VERSION]).is_err());
        assert!(decode::<u32>("number", &[]).is_err());
    }

    #[test]
    fn timers_come_back_and_damaged_blocks_are_refused() {
        for timers in [vec![], vec![i64::MAX; 512], vec![1, i64::MAX, i64::MIN, 0, 5, 6, 7, 8, i64::MAX]] {
            let bytes = encode_timers(&timers);
            assert_eq!(decode_timers(&bytes).unwrap(), timers);
            for end in 0..bytes.len() {
                assert!(decode_timers(&bytes[..end]).is_err(), "{end} of {}", bytes.len());
            }
            assert!(decode_timers(&[&bytes[..], &[0]].concat()).is_err());
        }
        assert_eq!(encode_timers(&[i64::MAX; 512]).len(), 69);
    }
}
