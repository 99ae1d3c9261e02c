//! What the admin API answers. Every field may be missing: what is there is read.

use crate::fields::{id, minor, soft, text, time};
use model::Time;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Orders {
    pub(crate) orders: List<Order>,
}

#[derive(Deserialize)]
pub(crate) struct Customers {
    pub(crate) customers: List<Customer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<T> {
    pub(crate) total_items: u64,
    pub(crate) items: Vec<T>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Order {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) code: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) state: Option<String>,
    #[serde(deserialize_with = "soft")]
    pub(crate) active: bool,
    #[serde(rename = "type", deserialize_with = "text")]
    pub(crate) kind: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(crate) created_at: Option<Time>,
    #[serde(deserialize_with = "time")]
    pub(crate) updated_at: Option<Time>,
    #[serde(deserialize_with = "time")]
    pub(crate) order_placed_at: Option<Time>,
    #[serde(deserialize_with = "text")]
    pub(crate) currency_code: Option<String>,
    #[serde(deserialize_with = "minor")]
    pub(crate) shipping: Option<i64>,
    #[serde(deserialize_with = "minor")]
    pub(crate) total: Option<i64>,
    #[serde(deserialize_with = "minor")]
    pub(crate) total_with_tax: Option<i64>,
    #[serde(deserialize_with = "soft")]
    pub(crate) coupon_codes: Vec<String>,
    #[serde(deserialize_with = "soft")]
    pub(crate) customer: Option<Customer>,
    #[serde(deserialize_with = "soft")]
    pub(crate) billing_address: OrderAddress,
    #[serde(deserialize_with = "soft")]
    pub(crate) shipping_address: OrderAddress,
    pub(crate) lines: Vec<Line>,
    pub(crate) payments: Option<Vec<Payment>>,
    #[serde(deserialize_with = "soft")]
    pub(crate) history: History,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Line {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "minor")]
    pub(crate) quantity: Option<i64>,
    #[serde(deserialize_with = "minor")]
    pub(crate) order_placed_quantity: Option<i64>,
    #[serde(deserialize_with = "minor")]
    pub(crate) unit_price_with_tax: Option<i64>,
    #[serde(deserialize_with = "minor")]
    pub(crate) prorated_unit_price_with_tax: Option<i64>,
    #[serde(deserialize_with = "soft")]
    pub(crate) product_variant: Variant,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(crate) struct Variant {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) sku: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "soft")]
    pub(crate) product: Product,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(crate) struct Product {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Payment {
    #[serde(deserialize_with = "text")]
    pub(crate) state: Option<String>,
    #[serde(deserialize_with = "minor")]
    pub(crate) amount: Option<i64>,
    #[serde(deserialize_with = "time")]
    pub(crate) updated_at: Option<Time>,
    pub(crate) refunds: Vec<Refund>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Refund {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) state: Option<String>,
    #[serde(deserialize_with = "minor")]
    pub(crate) total: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub(crate) reason: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(crate) created_at: Option<Time>,
    #[serde(deserialize_with = "time")]
    pub(crate) updated_at: Option<Time>,
}

/// What happened to an order, the newest first.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct History {
    pub(crate) total_items: u64,
    pub(crate) items: Vec<Entry>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Entry {
    #[serde(rename = "type", deserialize_with = "text")]
    pub(crate) kind: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(crate) created_at: Option<Time>,
    #[serde(deserialize_with = "soft")]
    pub(crate) data: EntryData,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EntryData {
    #[serde(deserialize_with = "text")]
    pub(crate) to: Option<String>,
    #[serde(deserialize_with = "id")]
    pub(crate) refund_id: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct OrderAddress {
    #[serde(deserialize_with = "text")]
    pub(crate) city: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) province: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) postal_code: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) country_code: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Customer {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(crate) created_at: Option<Time>,
    #[serde(deserialize_with = "time")]
    pub(crate) updated_at: Option<Time>,
    #[serde(deserialize_with = "text")]
    pub(crate) email_address: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) phone_number: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) first_name: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) last_name: Option<String>,
    #[serde(deserialize_with = "soft")]
    pub(crate) addresses: Vec<CustomerAddress>,
    #[serde(deserialize_with = "soft")]
    pub(crate) custom_fields: Said,
}

/// What a customer says of marketing.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(default)]
pub(crate) struct Said {
    #[serde(deserialize_with = "soft")]
    pub(crate) state: Option<bool>,
    #[serde(deserialize_with = "time")]
    pub(crate) at: Option<Time>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CustomerAddress {
    #[serde(deserialize_with = "text")]
    pub(crate) city: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) province: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) postal_code: Option<String>,
    #[serde(deserialize_with = "soft")]
    pub(crate) country: Country,
    #[serde(deserialize_with = "soft")]
    pub(crate) default_billing_address: bool,
    #[serde(deserialize_with = "soft")]
    pub(crate) default_shipping_address: bool,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default)]
pub(crate) struct Country {
    #[serde(deserialize_with = "text")]
    pub(crate) code: Option<String>,
}

impl CustomerAddress {
    /// In the form of an order's.
    pub(crate) fn place(&self) -> OrderAddress {
        OrderAddress {
            city: self.city.clone(),
            province: self.province.clone(),
            postal_code: self.postal_code.clone(),
            country_code: self.country.code.clone(),
        }
    }
}
