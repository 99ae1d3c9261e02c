//! Orders and customers as the Admin API writes them.

use crate::api::Nodes;
use crate::customer::{Customer, Place, Said};
use crate::fields::{gid_number, is_number, token};
use crate::money::{MoneySet, in_shop};
use crate::order::{Line, Order, Refund, Status};
use kit::failure::Failure;
use model::Time;
use serde::{Deserialize, Deserializer};

/// The number in a thing's `id`.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let gid = String::deserialize(deserializer)?;
    let number = gid_number(&gid).filter(|number| is_number(number)).map(str::to_owned);
    number.ok_or_else(|| serde::de::Error::custom("an id without a number"))
}

/// Something of which only the number counts.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OnlyId {
    #[serde(deserialize_with = "number")]
    pub(crate) id: String,
}

/// An order.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GraphOrder {
    #[serde(deserialize_with = "number")]
    pub(crate) id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    test: bool,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    processed_at: Option<String>,
    updated_at: String,
    #[serde(default)]
    cancelled_at: Option<String>,
    #[serde(default)]
    display_financial_status: Option<String>,
    #[serde(default)]
    source_name: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    discount_codes: Vec<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    cart_token: Option<String>,
    #[serde(default)]
    checkout_token: Option<String>,
    #[serde(default)]
    currency_code: Option<String>,
    #[serde(default)]
    customer: Option<GraphCustomer>,
    #[serde(default)]
    total_price_set: Option<MoneySet>,
    #[serde(default)]
    total_discounts_set: Option<MoneySet>,
    #[serde(default)]
    total_received_set: Option<MoneySet>,
    #[serde(default)]
    transactions_count: Option<GraphCount>,
    #[serde(default)]
    pub(crate) transactions: Vec<GraphTransaction>,
    /// Lines of a bulk operation come after their order.
    #[serde(default)]
    pub(crate) line_items: Option<Nodes<GraphLine>>,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct GraphCount {
    pub(crate) count: u64,
}

/// A transaction of an order.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GraphTransaction {
    #[serde(deserialize_with = "number")]
    id: String,
    kind: String,
    status: String,
    #[serde(default)]
    test: bool,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    processed_at: Option<String>,
    #[serde(default)]
    amount_set: Option<MoneySet>,
}

/// A line of an order.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GraphLine {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    vendor: Option<String>,
    #[serde(default)]
    quantity: Option<u64>,
    #[serde(default)]
    current_quantity: Option<u64>,
    #[serde(default)]
    product: Option<OnlyId>,
    #[serde(default)]
    variant: Option<OnlyId>,
    #[serde(default)]
    original_unit_price_set: Option<MoneySet>,
}

/// A customer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GraphCustomer {
    #[serde(deserialize_with = "number")]
    pub(crate) id: String,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    default_email_address: Option<GraphEmail>,
    #[serde(default)]
    default_phone_number: Option<GraphPhone>,
    #[serde(default)]
    default_address: Option<GraphAddress>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GraphEmail {
    #[serde(default)]
    email_address: Option<String>,
    #[serde(default)]
    marketing_state: Option<String>,
    #[serde(default)]
    marketing_updated_at: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GraphPhone {
    #[serde(default)]
    phone_number: Option<String>,
    #[serde(default)]
    marketing_state: Option<String>,
    #[serde(default)]
    marketing_updated_at: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GraphAddress {
    #[serde(default)]
    city: Option<String>,
    #[serde(default)]
    province: Option<String>,
    #[serde(default)]
    province_code: Option<String>,
    #[serde(default)]
    country_code_v2: Option<String>,
    #[serde(default)]
    zip: Option<String>,
}

fn instant(text: Option<&str>) -> Option<Time> {
    text.and_then(Time::parse)
}

impl GraphTransaction {
    fn moved(&self, kinds: &[&str]) -> bool {
        self.status == "SUCCESS" && !self.test && kinds.contains(&self.kind.as_str())
    }

    fn time(&self) -> Option<Time> {
        instant(self.processed_at.as_deref()).or(instant(self.created_at.as_deref()))
    }

    fn refund(&self) -> Option<Refund> {
        if !self.moved(&["REFUND"]) {
            return None;
        }
        let amount = in_shop(self.amount_set.as_ref()).filter(|amount| !amount.is_sign_negative());
        Some(Refund { id: self.id.clone(), time: self.time()?, amount })
    }
}

impl GraphLine {
    fn normalized(self) -> Line {
        Line {
            product_id: self.product.map(|product| product.id),
            variant_id: self.variant.map(|variant| variant.id),
            sku: self.sku,
            name: self.title,
            vendor: self.vendor,
            price: in_shop(self.original_unit_price_set.as_ref()),
            quantity: self.current_quantity.or(self.quantity),
        }
    }
}

impl GraphOrder {
    /// Whether the order has more transactions than came with it.
    pub(crate) fn lacks_transactions(&self) -> bool {
        self.transactions_count.is_some_and(|there| there.count > self.transactions.len() as u64)
    }

    /// When it was changed.
    pub(crate) fn updated(&self) -> Result<Time, Failure> {
        let unreadable = || Failure::PlatformChanged("an order whose updatedAt is no instant".to_owned());
        Time::parse(&self.updated_at).ok_or_else(unreadable)
    }

    /// The order, with lines that came apart.
    pub(crate) fn normalized(self, more: Vec<GraphLine>) -> Result<Order, Failure> {
        let updated = self.updated()?;
        let payments = self.transactions.iter().filter(|one| one.moved(&["SALE", "CAPTURE"]));
        let payments = payments.filter_map(GraphTransaction::time).collect();
        let lines = self.line_items.map(|lines| lines.nodes).unwrap_or_default().into_iter().chain(more);
        Ok(Order {
            id: self.id,
            name: self.name,
            created: instant(self.created_at.as_deref()),
            updated,
            processed: instant(self.processed_at.as_deref()),
            cancelled: instant(self.cancelled_at.as_deref()),
            test: self.test,
            status: self.display_financial_status.as_deref().and_then(Status::parse),
            currency: self.currency_code,
            total: in_shop(self.total_price_set.as_ref()),
            received: in_shop(self.total_received_set.as_ref()),
            discount: in_shop(self.total_discounts_set.as_ref()),
            source_name: self.source_name,
            discount_codes: self.discount_codes,
            tags: self.tags,
            customer: self.customer.map(GraphCustomer::normalized),
            email: self.email,
            phone: self.phone,
            cart_token: self.cart_token.as_deref().and_then(token),
            checkout_token: self.checkout_token.as_deref().and_then(token),
            lines: lines.map(GraphLine::normalized).collect(),
            payments: Some(payments),
            refunds: self.transactions.iter().filter_map(GraphTransaction::refund).collect(),
            unsure: false,
        })
    }
}

impl GraphCustomer {
    /// When it was changed; `None` where that was not asked for.
    pub(crate) fn updated(&self) -> Option<Time> {
        instant(self.updated_at.as_deref())
    }

    /// The customer.
    pub(crate) fn normalized(self) -> Customer {
        let said = |state: Option<String>, at: Option<String>| Said { state, time: instant(at.as_deref()) };
        let (email, phone) = (self.default_email_address, self.default_phone_number);
        Customer {
            created: instant(self.created_at.as_deref()),
            updated: instant(self.updated_at.as_deref()),
            id: self.id,
            email: email.as_ref().and_then(|email| email.email_address.clone()),
            phone: phone.as_ref().and_then(|phone| phone.phone_number.clone()),
            first_name: self.first_name,
            last_name: self.last_name,
            locale: self.locale,
            tags: self.tags,
            place: self.default_address.map(|address| Place {
                city: address.city,
                region: address.province.or(address.province_code),
                country: address.country_code_v2,
                zip: address.zip,
            }),
            email_said: email.map(|email| said(email.marketing_state, email.marketing_updated_at)),
            phone_said: phone.map(|phone| said(phone.marketing_state, phone.marketing_updated_at)),
        }
    }
}
