//! What filters can ask of orders and customers. `None`: the platform knows no such field, and leaves it out.

use super::super::model::{Customer, Order};
use super::super::time;
use super::super::world::ShopState;
use super::search::{Op, Term, text_is};

fn number(known: u64, term: &Term) -> bool {
    let given = term.value.rsplit('/').next().unwrap_or_default();
    given.parse().is_ok_and(|given: u64| term.op.holds(&known, &given))
}

fn text(known: Option<&str>, term: &Term) -> bool {
    let (known, given) = (known.map(str::to_lowercase), term.value.to_lowercase());
    known.is_some_and(|known| text_is(&known, &given))
}

fn any(known: &[String], term: &Term) -> bool {
    known.iter().any(|one| text(Some(one), term))
}

fn at(known: i64, shop: &ShopState, term: &Term) -> bool {
    time::parse(&term.value, &shop.zone).is_some_and(|given| term.op.holds(&known, &given))
}

/// Days of the shop, whatever the time.
fn day(known: i64, shop: &ShopState, term: &Term) -> bool {
    let given = time::parse(&term.value, &shop.zone);
    given.is_some_and(|given| term.op.holds(&time::day(known, &shop.zone), &time::day(given, &shop.zone)))
}

/// Of an order.
pub(super) fn order(order: &Order, shop: &ShopState, term: &Term) -> Option<bool> {
    Some(match term.field.as_str() {
        "id" => number(order.id, term),
        "name" => text(Some(&format!("#{}", order.number)), term) || text(Some(&order.number.to_string()), term),
        "email" => text(order.email.as_deref(), term),
        "customer_id" => order.customer.is_some_and(|customer| number(customer, term)),
        "tag" => any(&order.tags, term),
        "tag_not" => !any(&order.tags, term),
        "updated_at" => at(order.updated_at, shop, term),
        "created_at" => at(order.created_at, shop, term),
        "processed_at" => at(order.processed_at, shop, term),
        "financial_status" => text(Some(order.financial_status()), term),
        "test" => term.value == order.test.to_string(),
        "source_name" => text(Some(&order.source_name), term),
        "cart_token" => text(order.cart_token.as_deref(), term),
        "checkout_token" => text(order.checkout_token.as_deref(), term),
        "status" => match term.value.as_str() {
            "cancelled" => order.cancelled_at.is_some(),
            "open" | "not_closed" => order.cancelled_at.is_none(),
            "closed" => false,
            _ => true,
        },
        _ => return None,
    })
}

/// Of a customer. `updated_at` looks at whole days.
pub(super) fn customer(customer: &Customer, shop: &ShopState, term: &Term) -> Option<bool> {
    let (count, spent) = if matches!(term.field.as_str(), "orders_count" | "total_spent") {
        shop.sums_of(customer.id)
    } else {
        Default::default()
    };
    Some(match term.field.as_str() {
        "id" => number(customer.id, term),
        "email" => text(customer.email.as_deref(), term),
        "phone" => text(customer.phone.as_deref(), term),
        "first_name" => text(customer.first_name.as_deref(), term),
        "last_name" => text(customer.last_name.as_deref(), term),
        "tag" => any(&customer.tags, term),
        "tag_not" => !any(&customer.tags, term),
        "state" => text(Some(&customer.state), term),
        "country" => text(customer.address.as_ref().map(|address| address.country.as_str()), term),
        "updated_at" => day(customer.updated_at, shop, term),
        "customer_date" => at(customer.created_at, shop, term),
        "orders_count" => number(count, term),
        "total_spent" => term.value.parse().is_ok_and(|given: rust_decimal::Decimal| term.op.holds(&spent, &given)),
        "email_marketing_state" => term.op == Op::Is && text(Some(&customer.email_consent.state), term),
        _ => return None,
    })
}
