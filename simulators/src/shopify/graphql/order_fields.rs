//! Fields of orders and what belongs to them.

use super::super::model::{Line, Order, Transaction};
use super::super::money::short;
use super::super::rest::gid;
use super::super::time::utc;
use super::execute::Run;
use super::objects::{Failure, Object, Out};
use super::plan::Field;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::sync::Arc;

type Found = Result<Out, Failure>;

fn time(at: i64) -> Out {
    Out::leaf(utc(at))
}

fn bag(order: &Order, amount: Decimal) -> Out {
    Out::One(Object::Bag(order.currency.clone(), amount))
}

/// Amounts of an order: each with both currencies, or plain in the shop's.
fn amount(order: &Order, name: &str) -> Option<Decimal> {
    Some(match name {
        "totalPrice" => order.total(),
        "originalTotalPrice" => order.original_total,
        "currentTotalPrice" => order.current_total(),
        "subtotalPrice" => order.subtotal(),
        "currentSubtotalPrice" => order.current_subtotal(),
        "totalReceived" => order.received(),
        "totalRefunded" => order.refunded(),
        "netPayment" => order.net(),
        "totalOutstanding" => order.outstanding(),
        "totalDiscounts" | "currentTotalDiscounts" => order.discounts(),
        "totalTax" | "currentTotalTax" => order.tax,
        "totalShippingPrice" | "currentShippingPrice" => order.shipping,
        "totalTipReceived" | "totalRefundedShipping" | "cartDiscountAmount" => Decimal::ZERO,
        "totalCapturable" => (order.authorized() - order.received()).max(Decimal::ZERO),
        "refundDiscrepancy" => {
            let goods: Decimal = order.refunds.iter().flat_map(|one| &one.lines).map(|line| line.subtotal).sum();
            order.refunded() - goods
        }
        _ => return None,
    })
}

fn person(run: &Run, order: &Order, name: &str) -> Option<Out> {
    let seen = |value: &Option<String>| {
        if run.sees_people() { Out::leaf(value.clone()) } else { Out::NULL }
    };
    Some(match name {
        "email" => seen(&order.email),
        "phone" => seen(&order.phone),
        "shippingAddress" | "billingAddress" | "displayAddress" => {
            let address = order.address.clone().filter(|_| run.sees_people());
            Out::maybe(address.map(|address| Object::Address(order.id + 1, address, None, None)))
        }
        _ => return None,
    })
}

/// A field of an order.
pub(super) fn order(run: &mut Run, order: &Arc<Order>, field: &Field) -> Found {
    let name = field.name.as_str();
    if let Some(found) = name.strip_suffix("Set").and_then(|name| amount(order, name)) {
        return Ok(bag(order, found));
    }
    if let Some(found) = amount(order, name) {
        return Ok(Out::leaf(short(found)));
    }
    if let Some(found) = person(run, order, name) {
        return Ok(found);
    }
    let places = |count: usize| 0..count;
    Ok(match name {
        "id" => Out::leaf(gid("Order", order.id)),
        "legacyResourceId" => Out::leaf(order.id.to_string()),
        "name" => Out::leaf(format!("#{}", order.number)),
        "number" => Out::leaf(order.number - 1000),
        "createdAt" => time(order.created_at),
        "processedAt" => time(order.processed_at),
        "updatedAt" => time(order.updated_at),
        "cancelledAt" => order.cancelled_at.map_or(Out::NULL, time),
        "cancelReason" => Out::leaf(order.cancel_reason.as_ref().map(|reason| reason.to_uppercase())),
        "closedAt" | "note" | "clientIp" => Out::NULL,
        "closed" | "taxExempt" | "taxesIncluded" | "estimatedTaxes" | "dutiesIncluded" => Out::leaf(false),
        "confirmed" => Out::leaf(true),
        "edited" => Out::leaf(order.edited),
        "test" => Out::leaf(order.test),
        "fullyPaid" => Out::leaf(order.outstanding().is_zero()),
        "unpaid" => Out::leaf(order.received().is_zero()),
        "displayFinancialStatus" => Out::leaf(order.financial_status().to_uppercase()),
        "displayFulfillmentStatus" => Out::leaf("UNFULFILLED"),
        "returnStatus" => Out::leaf("NO_RETURN"),
        "currencyCode" => Out::leaf(&*order.currency.shop),
        "presentmentCurrencyCode" => Out::leaf(&*order.currency.presentment),
        "sourceName" => Out::leaf(order.source_name.clone()),
        "cartToken" => Out::leaf(order.cart_token.clone()),
        "checkoutToken" => Out::leaf(order.checkout_token.clone()),
        "landingPageUrl" => Out::leaf(order.landing_site.clone()),
        "referrerUrl" => Out::leaf(order.referring_site.clone()),
        "customerAcceptsMarketing" => Out::leaf(order.buyer_accepts_marketing),
        "customerLocale" => Out::leaf("es"),
        "tags" => Out::leaf(order.tags.clone()),
        "discountCode" => Out::leaf(order.discount_code.clone()),
        "discountCodes" => Out::leaf(order.discount_code.iter().cloned().collect::<Vec<String>>()),
        "paymentGatewayNames" => {
            Out::leaf(if order.transactions.is_empty() { vec![] } else { vec!["bogus".to_owned()] })
        }
        "subtotalLineItemsQuantity" => Out::leaf(order.lines.iter().map(|line| line.quantity).sum::<u64>()),
        "currentSubtotalLineItemsQuantity" => {
            Out::leaf(order.lines.iter().map(|line| line.current_quantity).sum::<u64>())
        }
        "customer" => run.customer_of(order)?,
        "lineItems" => {
            let one = |place: usize| (order.lines[place].id, Object::Line(order.clone(), place));
            run.within(field, "LineItem", places(order.lines.len()).map(one).collect())?
        }
        "transactions" => {
            let all = places(order.transactions.len()).map(|place| Object::Transaction(order.clone(), place));
            Out::Many(all.take(limit(field)).collect())
        }
        "transactionsCount" => Out::One(count(order.transactions.len())),
        "refunds" => {
            let all = places(order.refunds.len()).map(|place| Object::Refund(order.clone(), place));
            Out::Many(all.take(limit(field)).collect())
        }
        _ => return Err(Failure::not_played("Order", name)),
    })
}

fn limit(field: &Field) -> usize {
    field.number("first").and_then(|first| usize::try_from(first).ok()).unwrap_or(250)
}

/// A count that is exact.
pub(super) fn count(count: usize) -> Object {
    Object::plain("Count", json!({"count": count, "precision": "EXACT"}))
}

/// A field of a line.
pub(super) fn line(order: &Order, line: &Line, field: &Field) -> Found {
    let unit = if line.quantity == 0 { Decimal::ZERO } else { line.total() / Decimal::from(line.quantity) };
    let whole = line.price * Decimal::from(line.quantity);
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("LineItem", line.id)),
        "title" | "name" => Out::leaf(line.title.clone()),
        "sku" => Out::leaf(line.sku.clone()),
        "vendor" => Out::leaf(line.vendor.clone()),
        "variantTitle" => Out::NULL,
        "quantity" => Out::leaf(line.quantity),
        "currentQuantity" | "refundableQuantity" | "unfulfilledQuantity" => Out::leaf(line.current_quantity),
        "isGiftCard" => Out::leaf(line.gift_card),
        "requiresShipping" => Out::leaf(!line.gift_card),
        "taxable" => Out::leaf(true),
        "originalUnitPriceSet" => bag(order, line.price),
        "originalTotalSet" => bag(order, whole),
        "discountedUnitPriceSet" | "discountedUnitPriceAfterAllDiscountsSet" => bag(order, unit),
        "discountedTotalSet" | "priceAfterAllDiscountsBeforeTaxesSet" => bag(order, line.total()),
        "totalDiscountSet" => bag(order, line.discount),
        "product" => Out::maybe(line.product_id.map(|id| {
            Object::plain(
                "Product",
                json!({
                    "id": gid("Product", id), "legacyResourceId": id.to_string(), "title": line.title,
                    "vendor": line.vendor.clone().unwrap_or_default(), "isGiftCard": line.gift_card,
                    "handle": line.title.to_lowercase().replace(' ', "-"), "productType": "", "tags": [],
                    "status": "ACTIVE",
                }),
            )
        })),
        "variant" => Out::maybe(line.variant_id.map(|id| {
            Object::plain(
                "ProductVariant",
                json!({
                    "id": gid("ProductVariant", id), "legacyResourceId": id.to_string(), "sku": line.sku,
                    "title": "Default Title", "price": short(line.price), "displayName": line.title,
                }),
            )
        })),
        other => return Err(Failure::not_played("LineItem", other)),
    })
}

/// A field of a transaction.
pub(super) fn transaction(order: &Arc<Order>, one: &Transaction, field: &Field) -> Found {
    let place = |id: u64| order.transactions.iter().position(|other| other.id == id);
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("OrderTransaction", one.id)),
        "kind" => Out::leaf(one.kind.text().to_uppercase()),
        "status" => Out::leaf(one.status.text().to_uppercase()),
        "amountSet" => bag(order, one.amount),
        // The plain amount is in the currency that the buyer saw.
        "amount" => Out::leaf(short(order.currency.presented(one.amount))),
        "amountV2" => Out::One(Object::Money(order.currency.presentment.clone(), order.currency.presented(one.amount))),
        "createdAt" | "processedAt" => time(one.created_at),
        "gateway" => Out::leaf("bogus"),
        "formattedGateway" => Out::leaf("Bogus"),
        "test" => Out::leaf(order.test),
        "errorCode" if one.status == super::super::model::Status::Failure => Out::leaf("CARD_DECLINED"),
        "errorCode" | "authorizationCode" | "accountNumber" => Out::NULL,
        "manualPaymentGateway" => Out::leaf(false),
        "paymentId" => Out::leaf(format!("#{}.{}", order.number, place(one.id).unwrap_or_default() + 1)),
        "order" => Out::One(Object::Order(order.clone())),
        "parentTransaction" => {
            Out::maybe(one.parent.and_then(place).map(|place| Object::Transaction(order.clone(), place)))
        }
        other => return Err(Failure::not_played("OrderTransaction", other)),
    })
}

/// A field of a refund.
pub(super) fn refund(run: &mut Run, order: &Arc<Order>, place: usize, field: &Field) -> Found {
    let refund = &order.refunds[place];
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("Refund", refund.id)),
        "legacyResourceId" => Out::leaf(refund.id.to_string()),
        "createdAt" | "updatedAt" | "processedAt" => time(refund.created_at),
        "note" => Out::leaf(refund.note.clone()),
        "order" => Out::One(Object::Order(order.clone())),
        "totalRefundedSet" => bag(order, order.refund_money(refund.id)),
        "transactions" => {
            let own = order.transactions.iter().enumerate().filter(|(_, one)| one.refund == Some(refund.id));
            let own = own.map(|(at, one)| (one.id, Object::Transaction(order.clone(), at))).collect();
            run.within(field, "OrderTransaction", own)?
        }
        "refundLineItems" => {
            let lines = refund.lines.iter().enumerate();
            let lines = lines.map(|(at, line)| (line.id, Object::RefundLine(order.clone(), place, at))).collect();
            run.within(field, "RefundLineItem", lines)?
        }
        other => return Err(Failure::not_played("Refund", other)),
    })
}

/// A field of a line of a refund.
pub(super) fn refund_line(order: &Arc<Order>, place: usize, at: usize, field: &Field) -> Found {
    let line = &order.refunds[place].lines[at];
    let of_order = order.lines.iter().position(|one| one.id == line.line);
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("RefundLineItem", line.id)),
        "quantity" => Out::leaf(line.quantity),
        "restockType" => Out::leaf("NO_RESTOCK"),
        "restocked" => Out::leaf(false),
        "subtotalSet" => bag(order, line.subtotal),
        "totalTaxSet" => bag(order, Decimal::ZERO),
        "lineItem" => Out::maybe(of_order.map(|at| Object::Line(order.clone(), at))),
        other => return Err(Failure::not_played("RefundLineItem", other)),
    })
}

/// A field of an amount.
pub(super) fn money(currency: &str, amount: Decimal, field: &Field) -> Found {
    match field.name.as_str() {
        "amount" => Ok(Out::leaf(short(amount))),
        "currencyCode" => Ok(Out::Leaf(Value::String(currency.to_owned()))),
        other => Err(Failure::not_played("MoneyV2", other)),
    }
}
