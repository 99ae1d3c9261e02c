//! Carts and checkouts in webhooks.

use super::super::model::{Cart, Checkout, Line};
use super::super::money::{Currency, text};
use super::super::time;
use super::super::world::ShopState;
use super::customer;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// A line of a cart: its id is the variant's.
fn cart_line(currency: &Currency, line: &Line) -> Value {
    let quantity = Decimal::from(line.quantity.max(1));
    let (whole, before) = (line.total(), line.price * Decimal::from(line.quantity));
    let one = whole / quantity;
    let number = line.variant_id.unwrap_or(line.id);
    json!({
        "id": number, "properties": null, "quantity": line.quantity, "variant_id": line.variant_id,
        "key": format!("{number}:{:032x}", u128::from(number)), "discounted_price": text(one), "discounts": [],
        "gift_card": line.gift_card, "grams": 100, "line_price": text(whole), "original_line_price": text(before),
        "original_price": text(line.price), "price": text(line.price), "product_id": line.product_id,
        "sku": line.sku, "taxable": true, "title": line.title, "total_discount": text(line.discount),
        "vendor": line.vendor, "discounted_price_set": currency.set(one), "line_price_set": currency.set(whole),
        "original_line_price_set": currency.set(before), "price_set": currency.set(line.price),
        "total_discount_set": currency.set(line.discount), "parent_relationship": null,
    })
}

/// `carts/create`, `carts/update`: nobody's name, and times in UTC.
pub(in super::super) fn cart(shop: &ShopState, cart: &Cart) -> Value {
    let currency = Currency::only(&shop.options.currency);
    let lines: Vec<Value> =
        cart.lines.iter().filter(|line| line.quantity > 0).map(|line| cart_line(&currency, line)).collect();
    json!({
        "id": cart.token, "token": cart.token, "line_items": lines, "note": null,
        "updated_at": time::utc_millis(cart.updated_at), "created_at": time::utc_millis(cart.created_at),
    })
}

fn checkout_line(line: &Line) -> Value {
    json!({
        "applied_discounts": [], "discount_allocations": [], "key": format!("{:032x}", u128::from(line.id)),
        "destination_location_id": null, "fulfillment_service": "manual", "gift_card": line.gift_card,
        "grams": 100, "origin_location_id": null, "presentment_title": line.title,
        "presentment_variant_title": "", "product_id": line.product_id, "properties": null,
        "quantity": line.quantity, "requires_shipping": !line.gift_card, "sku": line.sku, "tax_lines": [],
        "taxable": true, "title": line.title, "variant_id": line.variant_id, "variant_title": "",
        "variant_price": text(line.price), "vendor": line.vendor, "user_id": null,
        "unit_price_measurement": {
            "measured_type": null, "quantity_value": null, "quantity_unit": null, "reference_value": null,
            "reference_unit": null,
        },
        "rank": null, "compare_at_price": null, "line_price": text(line.total()), "price": text(line.price),
    })
}

/// `checkouts/create`, `checkouts/update`: no `id` since 2026-04.
pub(in super::super) fn checkout(shop: &ShopState, checkout: &Checkout) -> Value {
    let at = |time: i64| time::in_zone(time, &shop.zone);
    let total: Decimal = checkout.lines.iter().map(Line::total).sum();
    let discounts: Decimal = checkout.lines.iter().map(|line| line.discount).sum();
    let known = checkout.customer.and_then(|id| shop.customer(id));
    let address = known.as_ref().and_then(|known| known.address.as_ref());
    let address = address.map(|address| customer::postal(known.as_deref(), address));
    let url = format!("https://{}/{}/checkouts/{}/recover", shop.options.domain, shop.id, checkout.token);
    let mut body = json!({
        "token": checkout.token, "cart_token": checkout.cart_token, "email": checkout.email, "gateway": null,
        "buyer_accepts_marketing": checkout.accepts_marketing, "created_at": at(checkout.created_at),
        "updated_at": at(checkout.updated_at), "landing_site": null, "note": null, "note_attributes": [],
        "referring_site": null, "shipping_lines": [], "taxes_included": false, "total_weight": 0,
        "currency": shop.options.currency, "completed_at": checkout.completed_at.map(at), "closed_at": null,
        "user_id": null, "location_id": null, "source_identifier": null, "source_url": null, "device_id": null,
        "phone": checkout.phone, "customer_locale": "es",
        "line_items": checkout.lines.iter().map(checkout_line).collect::<Vec<Value>>(),
        "name": format!("#{}", checkout.number), "source": null, "abandoned_checkout_url": url,
        "discount_codes": [], "tax_lines": [], "source_name": "web",
        "presentment_currency": shop.options.currency, "buyer_accepts_sms_marketing": checkout.accepts_sms,
        "sms_marketing_phone": checkout.phone.as_ref().filter(|_| checkout.accepts_sms),
        "total_discounts": text(discounts), "total_line_items_price": text(total + discounts),
        "total_price": text(total), "total_tax": "0.00", "subtotal_price": text(total), "total_duties": null,
        "reservation_token": null, "billing_address": address, "shipping_address": address,
    });
    if let Some(known) = known {
        body["customer"] = Value::Object(customer::within(shop, &known));
    }
    body
}
