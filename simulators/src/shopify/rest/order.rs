//! Orders in webhooks.

use super::super::model::{Line, Order};
use super::super::money::{Currency, text};
use super::super::time;
use super::super::world::ShopState;
use super::{customer, gid, refund};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

/// A line as orders carry it.
fn line(currency: &Currency, line: &Line) -> Value {
    json!({
        "id": line.id, "admin_graphql_api_id": gid("LineItem", line.id), "attributed_staffs": [],
        "current_quantity": line.current_quantity, "fulfillable_quantity": line.current_quantity,
        "fulfillment_service": "manual", "fulfillment_status": null, "gift_card": line.gift_card, "grams": 100,
        "name": line.title, "price": text(line.price), "price_set": currency.set(line.price),
        "product_exists": line.product_id.is_some(), "product_id": line.product_id, "properties": [],
        "quantity": line.quantity, "requires_shipping": !line.gift_card, "sales_line_item_group_id": null,
        "sku": line.sku, "taxable": true, "title": line.title, "total_discount": "0.00",
        "total_discount_set": currency.set(Decimal::ZERO), "variant_id": line.variant_id,
        "variant_inventory_management": null, "variant_title": null, "vendor": line.vendor, "tax_lines": [],
        "duties": [], "discount_allocations": allocations(currency, line),
    })
}

fn allocations(currency: &Currency, line: &Line) -> Vec<Value> {
    if line.discount.is_zero() {
        return Vec::new();
    }
    vec![json!({
        "amount": text(line.discount), "amount_set": currency.set(line.discount), "discount_application_index": 0,
    })]
}

/// A line as refunds carry it.
pub(super) fn refunded_line(currency: &Currency, line: &Line) -> Value {
    json!({
        "id": line.id, "variant_id": line.variant_id, "title": line.title, "quantity": line.quantity,
        "sku": line.sku, "variant_title": null, "vendor": line.vendor, "fulfillment_service": "manual",
        "product_id": line.product_id, "requires_shipping": !line.gift_card, "taxable": true,
        "gift_card": line.gift_card, "name": line.title, "variant_inventory_management": null, "properties": [],
        "product_exists": line.product_id.is_some(), "fulfillable_quantity": line.current_quantity, "grams": 100,
        "price": text(line.price), "total_discount": "0.00", "fulfillment_status": null,
        "price_set": currency.set(line.price), "total_discount_set": currency.set(Decimal::ZERO),
        "discount_allocations": allocations(currency, line), "duties": [],
        "admin_graphql_api_id": gid("LineItem", line.id), "tax_lines": [],
    })
}

fn shipping_lines(order: &Order) -> Vec<Value> {
    if order.shipping.is_zero() {
        return Vec::new();
    }
    let set = order.currency.set(order.shipping);
    vec![json!({
        "id": order.id + 1, "carrier_identifier": null, "code": null, "current_discounted_price_set": set,
        "discounted_price": text(order.shipping), "discounted_price_set": set, "is_removed": false, "phone": null,
        "price": text(order.shipping), "price_set": set, "requested_fulfillment_service_id": null,
        "source": "shopify", "title": "Standard", "tax_lines": [], "discount_allocations": [],
    })]
}

/// Amounts: each as text, most with both currencies beside it.
fn amounts(order: &Order) -> Map<String, Value> {
    let goods: Decimal = order.lines.iter().map(|line| line.price * Decimal::from(line.quantity)).sum();
    let both = [
        ("current_subtotal_price", order.current_subtotal()),
        ("current_total_discounts", order.discounts()),
        ("current_total_price", order.current_total()),
        ("current_total_tax", order.tax),
        ("subtotal_price", order.subtotal()),
        ("total_discounts", order.discounts()),
        ("total_line_items_price", goods),
        ("total_price", order.total()),
        ("total_tax", order.tax),
    ];
    let sets = [
        ("current_shipping_price_set", order.shipping),
        ("total_shipping_price_set", order.shipping),
        ("total_cash_rounding_payment_adjustment_set", Decimal::ZERO),
        ("total_cash_rounding_refund_adjustment_set", Decimal::ZERO),
    ];
    let plain = [("total_outstanding", order.outstanding()), ("total_tip_received", Decimal::ZERO)];
    let mut body = Map::new();
    for (name, amount) in both {
        body.insert(name.to_owned(), Value::String(text(amount)));
        body.insert(format!("{name}_set"), order.currency.set(amount));
    }
    body.extend(sets.map(|(name, amount)| (name.to_owned(), order.currency.set(amount))));
    body.extend(plain.map(|(name, amount)| (name.to_owned(), Value::String(text(amount)))));
    body
}

fn identity(shop: &ShopState, order: &Order) -> Value {
    let at = |time: i64| time::in_zone(time, &shop.zone);
    let token = format!("{:032x}", u128::from(order.id));
    let codes: Vec<Value> = order
        .discount_code
        .iter()
        .map(|code| json!({"code": code, "amount": text(order.discounts()), "type": "fixed_amount"}))
        .collect();
    let gateways: &[&str] = if order.transactions.is_empty() { &[] } else { &["bogus"] };
    json!({
        "id": order.id, "admin_graphql_api_id": gid("Order", order.id), "app_id": null, "browser_ip": null,
        "buyer_accepts_marketing": order.buyer_accepts_marketing, "cancel_reason": order.cancel_reason,
        "cancelled_at": order.cancelled_at.map(at), "cart_token": order.cart_token,
        "checkout_token": order.checkout_token, "client_details": null, "closed_at": null,
        "confirmation_number": null, "confirmed": true, "contact_email": order.email,
        "created_at": at(order.created_at), "currency": &*order.currency.shop, "customer_locale": "es",
        "device_id": null, "discount_codes": codes, "duties_included": false, "email": order.email,
        "estimated_taxes": false, "financial_status": order.financial_status(), "fulfillment_status": null,
        "landing_site": order.landing_site, "landing_site_ref": null, "location_id": null,
        "merchant_business_entity_id": "MTU0ODM4MDAwOQ", "merchant_of_record_app_id": null,
        "name": format!("#{}", order.number), "note": null, "note_attributes": [], "number": order.number - 1000,
        "order_number": order.number,
        "order_status_url": format!("https://{}/{}/orders/{token}/authenticate", shop.options.domain, shop.id),
        "payment_gateway_names": gateways, "phone": order.phone, "po_number": null,
        "presentment_currency": &*order.currency.presentment, "processed_at": at(order.processed_at),
        "reference": null, "referring_site": order.referring_site, "source_identifier": null,
        "source_name": order.source_name, "source_url": null, "tags": order.tags.join(", "), "tax_exempt": false,
        "tax_lines": [], "taxes_included": false, "test": order.test, "token": token, "total_weight": 0,
        "updated_at": at(order.updated_at), "user_id": null,
    })
}

/// `orders/create`, `orders/updated`, `orders/paid`, `orders/cancelled`.
pub(in super::super) fn order(shop: &ShopState, order: &Order) -> Value {
    let Value::Object(mut body) = identity(shop, order) else { return Value::Null };
    body.extend(amounts(order));
    let known = order.customer.and_then(|id| shop.customer(id));
    let address = order.address.as_ref().map(|address| customer::postal(known.as_deref(), address));
    let lines: Vec<Value> = order.lines.iter().map(|one| line(&order.currency, one)).collect();
    let refunds: Vec<Value> = order.refunds.iter().map(|one| refund::refund(shop, order, one.id)).collect();
    let rest = json!({
        "current_total_additional_fees_set": null, "current_total_duties_set": null,
        "original_total_additional_fees_set": null, "original_total_duties_set": null,
        "billing_address": address, "shipping_address": address, "discount_applications": [], "fulfillments": [],
        "line_items": lines, "payment_terms": null, "refunds": refunds, "shipping_lines": shipping_lines(order),
        "returns": [], "line_item_groups": [],
    });
    if let Value::Object(rest) = rest {
        body.extend(rest);
    }
    if let Some(known) = known {
        body.insert("customer".to_owned(), Value::Object(customer::within(shop, &known)));
    }
    Value::Object(body)
}
