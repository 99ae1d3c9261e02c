//! Refunds and transactions in webhooks.

use super::super::model::{Order, Transaction};
use super::super::money::text;
use super::super::time;
use super::super::world::ShopState;
use super::{gid, order::refunded_line};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// A transaction: its amount is in the currency that the buyer saw.
fn transaction(shop: &ShopState, order: &Order, one: &Transaction, currency: Option<&str>) -> Value {
    let at = time::in_zone(one.created_at, &shop.zone);
    let place = order.transactions.iter().position(|other| other.id == one.id).unwrap_or_default() + 1;
    let code = (one.status == super::super::model::Status::Failure).then_some("card_declined");
    json!({
        "id": one.id, "order_id": order.id, "kind": one.kind.text(), "gateway": "bogus",
        "status": one.status.text(), "message": null, "created_at": at, "test": order.test, "authorization": null,
        "location_id": null, "user_id": null, "parent_id": one.parent, "processed_at": at, "device_id": null,
        "error_code": code, "source_name": order.source_name, "receipt": {},
        "amount": text(order.currency.presented(one.amount)), "currency": currency,
        "payment_id": format!("#{}.{place}", order.number), "manual_payment_gateway": false,
        "amount_rounding": null, "admin_graphql_api_id": gid("OrderTransaction", one.id),
    })
}

/// `order_transactions/create`.
pub(in super::super) fn transaction_topic(shop: &ShopState, order: &Order, one: &Transaction) -> Value {
    let mut body = transaction(shop, order, one, Some(&order.currency.presentment));
    body["payment_details"] = json!({
        "credit_card_bin": null, "avs_result_code": null, "cvv_result_code": null,
        "credit_card_number": "•••• •••• •••• 4242", "credit_card_company": "Visa", "buyer_action_info": null,
        "credit_card_name": null, "credit_card_wallet": null, "credit_card_expiration_month": null,
        "credit_card_expiration_year": null, "payment_method_name": "visa",
    });
    let reserved = if one.kind == super::super::model::Kind::Authorization { one.amount } else { Decimal::ZERO };
    body["total_unsettled_set"] = json!({
        "presentment_money": {
            "amount": text(order.currency.presented(reserved)), "currency": &*order.currency.presentment,
        },
        "shop_money": {"amount": text(reserved), "currency": &*order.currency.shop},
    });
    body
}

/// `refunds/create`, and the refunds of an order.
pub(in super::super) fn refund(shop: &ShopState, order: &Order, id: u64) -> Value {
    let Some(refund) = order.refunds.iter().find(|one| one.id == id) else { return Value::Null };
    let at = time::in_zone(refund.created_at, &shop.zone);
    let currency = &order.currency;
    // The platform leaves the currency out where there is only one.
    let named = (currency.shop != currency.presentment).then_some(&*currency.presentment);
    let money = |one: &Transaction| {
        let mut body = transaction(shop, order, one, named);
        body["total_unsettled_set"] = json!({
            "presentment_money": {"amount": "0.0", "currency": "XXX"},
            "shop_money": {"amount": "0.0", "currency": "XXX"},
        });
        body
    };
    let transactions: Vec<Value> = order.transactions.iter().filter(|one| one.refund == Some(id)).map(money).collect();
    let lines = refund.lines.iter().filter_map(|one| {
        let line = order.lines.iter().find(|line| line.id == one.line)?;
        // Numbers, where everything else is text.
        let subtotal: serde_json::Number = text(one.subtotal).parse().ok()?;
        Some(json!({
            "id": one.id, "quantity": one.quantity, "line_item_id": one.line, "location_id": null,
            "restock_type": "no_restock", "subtotal": subtotal, "total_tax": 0,
            "subtotal_set": currency.set(one.subtotal), "total_tax_set": currency.set(Decimal::ZERO),
            "line_item": refunded_line(currency, line),
        }))
    });
    json!({
        "id": id, "order_id": order.id, "created_at": at, "note": refund.note, "user_id": null,
        "processed_at": at, "duties": [], "total_duties_set": currency.set(Decimal::ZERO), "return": null,
        "restock": false, "refund_shipping_lines": [], "admin_graphql_api_id": gid("Refund", id),
        "order_adjustments": adjustments(order, id), "transactions": transactions,
        "refund_line_items": lines.collect::<Vec<Value>>(),
    })
}

/// What the money of a refund differs by from what its goods had cost.
fn adjustments(order: &Order, id: u64) -> Vec<Value> {
    let Some(refund) = order.refunds.iter().find(|one| one.id == id) else { return Vec::new() };
    let goods: Decimal = refund.lines.iter().map(|line| line.subtotal).sum();
    let money: Decimal = order.transactions.iter().filter(|one| one.refund == Some(id)).map(|one| one.amount).sum();
    if goods == money {
        return Vec::new();
    }
    let amount = goods - money;
    vec![json!({
        "id": id + 1, "order_id": order.id, "refund_id": id, "amount": text(amount),
        "amount_set": order.currency.set(amount), "kind": "refund_discrepancy", "reason": "Refund discrepancy",
        "tax_amount": "0.00", "tax_amount_set": order.currency.set(Decimal::ZERO),
    })]
}
