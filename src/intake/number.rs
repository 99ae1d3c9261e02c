//! Numbers, with all their digits.

use model::Value;
use rust_decimal::Decimal;

/// Digits that a decimal may have, before and after the point.
const DIGITS_MAX: usize = 29;
/// Digits after the point that a decimal may have.
const SCALE_MAX: i64 = 28;

/// A number from its JSON text; one that a decimal can't hold exactly stays text.
pub(super) fn number(text: &str) -> Value {
    // Nearly all numbers are short and plain.
    if text.len() <= 18
        && let Ok(whole) = text.parse::<i64>()
    {
        return Value::Number(whole.into());
    }
    exact(text).map_or_else(|| Value::text(text), Value::Number)
}

fn exact(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => (true, mantissa),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(Decimal::ZERO);
    }
    // Digits without zeros at either end, and the power of ten that they are multiplied with.
    let significant = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let power = exponent.map_or(Some(0), |exponent| exponent.parse::<i64>().ok())?;
    let power = power.checked_add(zeros)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    if significant.len() > DIGITS_MAX || !(-SCALE_MAX..=DIGITS_MAX as i64).contains(&power) {
        return None;
    }
    let mut value: i128 = significant.parse().ok()?;
    let scale = if power < 0 {
        u32::try_from(power.unsigned_abs()).ok()?
    } else {
        value = value.checked_mul(10i128.checked_pow(u32::try_from(power).ok()?)?)?;
        0
    };
    let value = if negative { -value } else { value };
    Decimal::try_from_i128_with_scale(value, scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for (text, expect) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0e5", "0"),
            ("9007199254740993", "9007199254740993"),
            ("12345678901234567.89", "12345678901234567.89"),
            ("12.50", "12.5"),
            ("1.5e3", "1500"),
            ("1E+2", "100"),
            ("-25e-3", "-0.025"),
            ("100e-2", "1"),
            ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
            ("79228162514264337593543950335", "79228162514264337593543950335"),
            ("1.00000000000000000000000000000000000", "1"),
            ("0e99999999999999999999", "0"),
        ] {
            assert_eq!(number(text), Value::Number(expect.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_a_decimal_cannot_hold_stays_text() {
        for text in [
            "1e400",
            "-1e29",
            "1e-29",
            "0.00000000000000000000000000001",
            "79228162514264337593543950336",
            "1.2345678901234567890123456789012",
            "1e99999999999999999999",
            "123456789012345678901234567890123",
        ] {
            assert_eq!(number(text), Value::text(text));
        }
    }
}
