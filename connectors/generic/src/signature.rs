//! Signatures of deliveries, as a description says how they are made.

use crate::description::{Signature, Timestamp};
use crate::file::{Scheme, Spelling, Unit};
use crate::template::Part;
use kit::receive::{Delivery, Rejection};
use kit::signature::{from_base64, from_hex, verified};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

fn refused(why: &str) -> Rejection {
    Rejection::Signature(why.to_owned())
}

/// A header, or one part of it: of `t=1,v1=ab` the part `v1` is `ab`.
fn header<'d>(delivery: &'d Delivery<'_>, name: &str, part: Option<&str>) -> Option<&'d str> {
    // One that came twice could be read in two ways.
    if delivery.headers.get_all(name).iter().count() != 1 {
        return None;
    }
    let whole = delivery.header(name)?;
    match part {
        None => Some(whole),
        Some(part) => {
            let mut parts = whole.split(',').filter_map(|pair| pair.trim().split_once('='));
            parts.find(|(name, _)| *name == part).map(|(_, value)| value)
        }
    }
}

fn time<'d>(timestamp: &Timestamp, delivery: &'d Delivery<'_>, now: i64) -> Result<&'d str, Rejection> {
    let text = header(delivery, &timestamp.header, timestamp.part.as_deref());
    let text = text.ok_or_else(|| refused("it has no time"))?;
    let digits = !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = if digits { text.parse().ok() } else { None }.ok_or_else(|| refused("its time is no number"))?;
    let seconds = if timestamp.unit == Unit::Milliseconds { number / 1_000 } else { number };
    if now.abs_diff(seconds) > timestamp.good_for_s.unsigned_abs() {
        return Err(refused("its time is too far from now"));
    }
    Ok(text)
}

/// Verifies a delivery with each of the secrets, in constant time.
pub(crate) fn verify(
    signature: &Signature,
    delivery: &Delivery<'_>,
    secrets: &[SecretString],
    now: i64,
) -> Result<(), Rejection> {
    let given = header(delivery, &signature.header, signature.part.as_deref());
    let given = given.and_then(|text| text.strip_prefix(signature.prefix.as_str()));
    let given = given.ok_or_else(|| refused("it has none, or in another form"))?;
    let right = match signature.scheme {
        Scheme::Secret => {
            let same = |secret: &SecretString| bool::from(secret.expose_secret().as_bytes().ct_eq(given.as_bytes()));
            secrets.iter().fold(false, |right, secret| same(secret) | right)
        }
        Scheme::Hmac => {
            let timestamp = signature.timestamp.as_ref().map(|timestamp| time(timestamp, delivery, now)).transpose()?;
            let message = message(signature, delivery, timestamp)?;
            let spelled = match signature.spelling {
                Spelling::Hex => from_hex(given),
                Spelling::Base64 => from_base64(given),
            };
            spelled.is_some_and(|given| verified(secrets, &message, &given))
        }
    };
    if right { Ok(()) } else { Err(refused("not made with our secret")) }
}

/// What is signed, byte for byte.
fn message(signature: &Signature, delivery: &Delivery<'_>, timestamp: Option<&str>) -> Result<Vec<u8>, Rejection> {
    let mut message = Vec::new();
    for part in signature.signed.parts() {
        let bytes = match part {
            Part::Text(text) => text.as_bytes(),
            Part::Hole { name, .. } => match name.as_str() {
                "body" => delivery.body,
                "url" => delivery.url.as_bytes(),
                "timestamp" => timestamp.unwrap_or_default().as_bytes(),
                other => {
                    let name = other.strip_prefix("header.").unwrap_or(other);
                    header(delivery, name, None)
                        .ok_or_else(|| refused("a header that is signed is missing"))?
                        .as_bytes()
                }
            },
        };
        message.extend_from_slice(bytes);
    }
    Ok(message)
}
