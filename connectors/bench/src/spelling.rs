//! Other spellings of a signature that stands somewhere in a header.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// A MAC of SHA-256 as text: 64 hex digits, or 44 characters of base64.
const HEX_CHARS: usize = 64;
const BASE64_CHARS: usize = 44;

/// The header with its signature spelled otherwise, in each way that is another text.
pub fn others(header: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |from: &str, to: String| {
        if from != to {
            found.push(header.replace(from, &to));
        }
    };
    if let Some((text, bytes)) = hex(header) {
        add(text, text.to_uppercase());
        add(text, STANDARD.encode(&bytes));
    } else if let Some((text, bytes)) = base64(header) {
        add(text, bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        add(text, URL_SAFE_NO_PAD.encode(&bytes));
    }
    found
}

/// The header with one character of its signature changed.
pub fn changed(header: &str) -> Option<String> {
    let text = hex(header).or_else(|| base64(header))?.0;
    let first = text.chars().next()?;
    let other = if first == '0' { '1' } else { '0' };
    let rest = text.get(first.len_utf8()..)?;
    Some(header.replace(text, &format!("{other}{rest}")))
}

fn hex(header: &str) -> Option<(&str, Vec<u8>)> {
    let digit = |c: char| c.is_ascii_hexdigit();
    let text = header.split(|c: char| !digit(c)).find(|run| run.len() == HEX_CHARS)?;
    let byte = |at: usize| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok();
    Some((text, (0..HEX_CHARS / 2).map(byte).collect::<Option<_>>()?))
}

fn base64(header: &str) -> Option<(&str, Vec<u8>)> {
    let letter = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let runs = header.split(|c: char| !letter(c)).filter(|run| run.len() >= BASE64_CHARS);
    let text = runs.filter_map(|run| run.get(run.len() - BASE64_CHARS..)).next_back()?;
    Some((text, STANDARD.decode(text).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_found_in_headers_and_spelled_otherwise() {
        let bytes = [0xfb_u8; 32];
        let plain = STANDARD.encode(bytes);
        assert_eq!(others(&plain), ["fb".repeat(32), URL_SAFE_NO_PAD.encode(bytes)]);
        assert_eq!(others(&format!("v1,{plain}")).len(), 2);
        let header = format!("t=12,v1={}", "ab".repeat(32));
        assert_eq!(others(&header)[0], format!("t=12,v1={}", "AB".repeat(32)));
        assert_eq!(changed(&header).unwrap(), format!("t=12,v1=0b{}", "ab".repeat(31)));
        assert!(others("nothing").is_empty());
    }
}
