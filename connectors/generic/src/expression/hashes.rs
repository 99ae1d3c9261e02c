//! Hashes by which some platforms know addresses.

use md5::Md5;
use sha2::{Digest, Sha256};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

pub(super) fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}
