//! What is true of each customer, to judge by.

use super::model::Consent;
use super::world::World;
use rust_decimal::Decimal;
use serde::Serialize;

/// A customer as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Truth {
    /// Its number.
    pub id: u64,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Money received less refunded, test orders left out, shop currency.
    #[serde(with = "super::money::as_text")]
    pub net_spent: Decimal,
    /// Shop currency.
    pub currency: String,
    /// Orders, without tests.
    pub orders: u64,
    /// Of those, how many have money and are not cancelled; only of written orders and `None` for generated ones.
    pub purchases: Option<u64>,
    /// When the last of those was processed, Unix seconds.
    pub last_purchase_at: Option<i64>,
    /// Tags.
    pub tags: Vec<String>,
    /// Consent by e-mail.
    pub email_consent: Consent,
    /// Consent by SMS.
    pub sms_consent: Consent,
}

/// Of each customer of a shop, by number.
pub(super) fn of_shop(world: &World, shop: &str) -> Vec<Truth> {
    let Ok(shop) = world.shop(shop) else { return Vec::new() };
    let generated = (0..shop.generated.customers()).map(super::generate::Generated::customer_id);
    let written = shop.customers.rows().map(|(id, _)| *id).filter(|id| shop.generated.customer(*id).is_none());
    let ids: Vec<u64> = generated.chain(written).collect();
    let mut bought: std::collections::BTreeMap<u64, (u64, i64)> = std::collections::BTreeMap::new();
    for (_, order) in shop.orders.rows() {
        let counts = !order.test && order.cancelled_at.is_none() && order.received() > Decimal::ZERO;
        if let Some(customer) = order.customer.filter(|_| counts) {
            let entry = bought.entry(customer).or_insert((0, i64::MIN));
            *entry = (entry.0 + 1, entry.1.max(order.processed_at));
        }
    }
    let one = |id: u64| {
        let customer = shop.customer(id)?;
        let (orders, net_spent) = shop.sums_of(id);
        let of_formula = shop.generated.customer(id).is_some();
        Some(Truth {
            id,
            email: customer.email.clone(),
            phone: customer.phone.clone(),
            net_spent,
            currency: shop.options.currency.clone(),
            orders,
            purchases: (!of_formula).then(|| bought.get(&id).map_or(0, |found| found.0)),
            last_purchase_at: bought.get(&id).map(|found| found.1),
            tags: customer.tags.clone(),
            email_consent: customer.email_consent.clone(),
            sms_consent: customer.sms_consent.clone(),
        })
    };
    ids.into_iter().filter_map(one).collect()
}
