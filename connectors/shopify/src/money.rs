//! Amounts: decimal text, never floats, in the shop's currency.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An amount given as text or as a number, exact; what can't be read is none.
pub(crate) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(exact(raw.get().trim_matches('"')))
}

fn exact(text: &str) -> Option<Decimal> {
    // The digits as they stand: no way through a float.
    Decimal::from_str_exact(text.trim()).ok()
}

/// An amount with its currency, in the webhooks' or in GraphQL's spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Money {
    /// The amount.
    #[serde(default, deserialize_with = "amount")]
    pub(crate) amount: Option<Decimal>,
}

/// An amount in the shop's currency and in the buyer's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct MoneySet {
    /// In the shop's currency.
    #[serde(default, alias = "shopMoney")]
    pub(crate) shop_money: Option<Money>,
}

/// The amount in the shop's currency.
pub(crate) fn in_shop(set: Option<&MoneySet>) -> Option<Decimal> {
    set?.shop_money.as_ref()?.amount
}

/// What a transaction's plain amount is in the shop's currency: only where its own currency is known to be
/// that one. The plain amount is in the transaction's currency, by default the buyer's.
pub(crate) fn of_transaction(
    amount: Option<Decimal>,
    currency: Option<&str>,
    shop: Option<&str>,
    buyer: Option<&str>,
) -> Option<Decimal> {
    let currency = currency.or(buyer)?;
    shop.is_some_and(|shop| shop.eq_ignore_ascii_case(currency)).then_some(amount?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_in_any_writing() {
        let read = |json: &str| serde_json::from_str::<Money>(&format!("{{\"amount\":{json}}}")).unwrap().amount;
        assert_eq!(read("\"12345678901234567.89\"").unwrap().to_string(), "12345678901234567.89");
        assert_eq!(read("12345678901234567.89").unwrap().to_string(), "12345678901234567.89");
        assert_eq!(read("89.99").unwrap().to_string(), "89.99");
        for none in ["null", "\"\"", "\"abc\"", "true", "\"1e400\"", "[]", "\"1,5\""] {
            assert_eq!(read(none), None, "{none}");
        }
        let set: MoneySet = serde_json::from_str(r#"{"shopMoney":{"amount":"1.0"}}"#).unwrap();
        assert_eq!(in_shop(Some(&set)), Some(Decimal::ONE));
    }

    #[test]
    fn a_transaction_counts_only_in_the_shops_currency() {
        let ten = Some(Decimal::TEN);
        assert_eq!(of_transaction(ten, Some("MXN"), Some("mxn"), Some("USD")), ten);
        assert_eq!(of_transaction(ten, Some("USD"), Some("MXN"), Some("MXN")), None);
        assert_eq!(of_transaction(ten, None, Some("MXN"), Some("MXN")), ten);
        assert_eq!(of_transaction(ten, None, Some("MXN"), Some("USD")), None);
        assert_eq!(of_transaction(ten, None, Some("MXN"), None), None);
        assert_eq!(of_transaction(None, Some("MXN"), Some("MXN"), None), None);
    }
}
