//! Arithmetic of expressions: on decimals, never on doubles.

use rust_decimal::Decimal;

/// Currencies whose smallest unit is not the hundredth (ISO 4217).
const WHOLE: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
];
const THOUSANDTHS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// A number as it is written; what no decimal can hold exactly is none.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { Decimal::from_str_exact(text).ok() }
}

/// Moves the point by so many places: to the left for more than 0.
pub(super) fn shifted(number: Decimal, places: i32) -> Option<Decimal> {
    let power = Decimal::from_scientific(&format!("1e-{}", places.unsigned_abs())).ok()?;
    if places >= 0 { number.checked_mul(power) } else { number.checked_div(power) }
}

/// The amount of which this is the number of smallest units.
pub(super) fn of_minor(number: Decimal, currency: &str) -> Option<Decimal> {
    let currency = currency.trim().to_uppercase();
    let places = match currency.as_str() {
        code if WHOLE.contains(&code) => 0,
        code if THOUSANDTHS.contains(&code) => 3,
        _ => 2,
    };
    shifted(number, places)
}

/// The sum; `None` when it does not fit.
pub(super) fn sum(mut numbers: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    numbers.try_fold(Decimal::ZERO, |sum, number| sum.checked_add(number))
}
