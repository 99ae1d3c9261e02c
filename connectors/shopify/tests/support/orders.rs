//! One order in both forms.
#![allow(dead_code)]

use serde_json::{Value, json};

pub fn rest_money(amount: &str) -> Value {
    json!({
        "shop_money": { "amount": amount, "currency_code": "MXN" },
        "presentment_money": { "amount": "1.00", "currency_code": "USD" },
    })
}

pub fn rest_customer() -> Value {
    json!({
        "id": 8801, "email": "ana@example.com", "phone": "+525512345678", "first_name": "Ana", "state": "enabled",
        "created_at": "2025-06-01T10:00:00-06:00", "updated_at": "2026-10-01T12:00:00-06:00", "verified_email": true,
        "default_address": { "city": "Mérida", "province": "Yucatán", "country": "Mexico", "country_code": "MX" },
    })
}

/// A paid order of 749.50 with a refund of 250.
pub fn rest_order() -> Value {
    json!({
        "id": 9_007_199_254_740_993_u64, "name": "#1001", "test": false, "currency": "MXN",
        "presentment_currency": "MXN", "created_at": "2026-11-01T12:00:00-06:00",
        "processed_at": "2026-11-01T12:00:00-06:00", "updated_at": "2026-11-03T09:00:00-06:00",
        "cancelled_at": null, "financial_status": "partially_refunded", "source_name": "web", "tags": "wholesale, b",
        "total_price": "44.09", "total_price_set": rest_money("749.50"), "total_outstanding": "0.00",
        "total_discounts": "2.94", "total_discounts_set": rest_money("50.00"),
        "current_total_price_set": rest_money("499.50"),
        "discount_codes": [{ "code": "BIENVENIDO", "amount": "50.00", "type": "fixed_amount" }],
        "email": "other@example.com", "phone": null, "cart_token": "c1", "checkout_token": "k1",
        "customer": rest_customer(),
        "line_items": [{
            "id": 9001, "product_id": 1001, "variant_id": 2001, "sku": "TAZA", "title": "Taza", "vendor": "Acme",
            "quantity": 3, "current_quantity": 2, "price": "14.00", "price_set": rest_money("250.00"),
        }],
        "refunds": [{
            "id": 6001, "order_id": 9_007_199_254_740_993_u64,
            "transactions": [
                { "id": 6201, "kind": "refund", "status": "success", "amount": "250.00", "currency": "MXN",
                  "processed_at": "2026-11-03T08:59:59-06:00", "created_at": "2026-11-03T08:59:59-06:00" },
                { "id": 6202, "kind": "refund", "status": "pending", "amount": "10.00", "currency": "MXN",
                  "processed_at": "2026-11-03T08:59:59-06:00", "created_at": "2026-11-03T08:59:59-06:00" },
            ],
        }],
    })
}

pub fn graph_money(amount: &str) -> Value {
    json!({ "shopMoney": { "amount": amount } })
}

pub fn graph_transaction(id: u64, (kind, status): (&str, &str), amount: &str, at: &str) -> Value {
    json!({
        "id": format!("gid://shopify/OrderTransaction/{id}"), "kind": kind, "status": status, "test": false,
        "createdAt": at, "processedAt": at, "amountSet": graph_money(amount),
    })
}

/// The same order as the Admin API writes it.
pub fn graph_order() -> Value {
    json!({
        "id": "gid://shopify/Order/9007199254740993", "name": "#1001", "test": false,
        "createdAt": "2026-11-01T18:00:00Z", "processedAt": "2026-11-01T18:00:00Z",
        "updatedAt": "2026-11-03T15:00:00Z", "cancelledAt": null, "displayFinancialStatus": "PARTIALLY_REFUNDED",
        "sourceName": "web", "tags": ["wholesale", "b"], "discountCodes": ["BIENVENIDO"],
        "email": "other@example.com", "phone": null, "cartToken": "c1", "checkoutToken": "k1", "currencyCode": "MXN",
        "customer": {
            "id": "gid://shopify/Customer/8801", "defaultEmailAddress": { "emailAddress": "ana@example.com" },
            "defaultPhoneNumber": { "phoneNumber": "+525512345678" },
        },
        "totalPriceSet": graph_money("749.5"), "totalDiscountsSet": graph_money("50.0"),
        "totalReceivedSet": graph_money("749.5"), "transactionsCount": { "count": 3 },
        "transactions": [
            graph_transaction(6199, ("SALE", "SUCCESS"), "749.5", "2026-11-01T18:00:03Z"),
            graph_transaction(6201, ("REFUND", "SUCCESS"), "250.0", "2026-11-03T14:59:59Z"),
            graph_transaction(6202, ("REFUND", "PENDING"), "10.0", "2026-11-03T14:59:59Z"),
        ],
        "lineItems": {
            "nodes": [{
                "id": "gid://shopify/LineItem/9001", "title": "Taza", "sku": "TAZA", "vendor": "Acme", "quantity": 3,
                "currentQuantity": 2, "product": { "id": "gid://shopify/Product/1001" },
                "variant": { "id": "gid://shopify/ProductVariant/2001" },
                "originalUnitPriceSet": graph_money("250.0"),
            }],
            "pageInfo": { "hasNextPage": false, "endCursor": "l1" },
        },
    })
}
