//! Amounts: decimals, with the currency of the shop and the one that was shown to the buyer.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use std::sync::Arc;

/// An amount in shop currency and the rate at which it was shown to the buyer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Currency {
    /// Currency of the shop.
    pub shop: Arc<str>,
    /// Currency that the buyer saw.
    pub presentment: Arc<str>,
    /// How much of the buyer's currency one of the shop's is.
    pub rate: Decimal,
}

impl Currency {
    /// The shop's currency for both.
    pub fn only(shop: &str) -> Currency {
        Currency { shop: shop.into(), presentment: shop.into(), rate: Decimal::ONE }
    }

    /// An amount of the shop's currency in the buyer's.
    pub fn presented(&self, amount: Decimal) -> Decimal {
        (amount * self.rate).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
    }

    /// A `..._set` of a webhook.
    pub fn set(&self, amount: Decimal) -> Value {
        json!({
            "shop_money": {"amount": text(amount), "currency_code": &*self.shop},
            "presentment_money": {"amount": text(self.presented(amount)), "currency_code": &*self.presentment},
        })
    }
}

/// Two decimals, as bodies of webhooks write amounts.
pub fn text(amount: Decimal) -> String {
    let mut rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(2);
    rounded.to_string()
}

/// At least one decimal and no zeros behind it, as the GraphQL API writes amounts.
pub fn short(amount: Decimal) -> String {
    let mut least = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero).normalize();
    if least.scale() == 0 {
        least.rescale(1);
    }
    least.to_string()
}

/// Amounts in JSON of the control API: text, or a number whose digits count.
pub mod as_text {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use serde_json::Value;

    pub(crate) fn read(value: &Value) -> Option<Decimal> {
        match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.to_string().parse().ok(),
            _ => None,
        }
    }

    /// Writes text.
    pub fn serialize<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&amount.to_string())
    }

    /// Reads text or a number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        let value = Value::deserialize(deserializer)?;
        read(&value).ok_or_else(|| D::Error::custom("an amount must be a decimal, as text"))
    }
}

/// The same where an amount may be absent.
pub mod as_optional_text {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use serde_json::Value;

    /// Writes text or null.
    pub fn serialize<S: Serializer>(amount: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => serializer.serialize_some(&amount.to_string()),
            None => serializer.serialize_none(),
        }
    }

    /// Reads text, a number or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
        let value = Option::<Value>::deserialize(deserializer)?;
        let Some(value) = value else { return Ok(None) };
        super::as_text::read(&value).map(Some).ok_or_else(|| D::Error::custom("an amount must be a decimal, as text"))
    }
}
