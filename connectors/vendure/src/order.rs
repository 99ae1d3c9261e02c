//! What an order says. Orders are state: each form is a snapshot. A cart is an order that nobody has placed yet.
//!
//! An order's own time of change moves with its lines and its customer, and not with payments, refunds and states: when
//! those were is told by its history.

use crate::context::{Context, ORDER, content_hash, pointer, put};
use crate::wire::{Line, Order, Refund};
use kit::receive::{Facts, Version};
use model::names::{CART_UPDATED, ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED};
use model::{Event, Identity, Map, Time, Value};

/// Made by the store's staff, and not placed yet.
const DRAFT: &str = "Draft";
const CANCELLED: &str = "Cancelled";
const SETTLED: &str = "Settled";
/// A seller's part of an order of a marketplace: the order as a whole counts.
const SELLER: &str = "Seller";

/// Properties that name the order and nothing else.
fn order_only(id: &str) -> Map {
    Map::from([("order_id".to_owned(), Value::text(id))])
}

impl Order {
    fn state(&self) -> &str {
        self.state.as_deref().unwrap_or_default()
    }

    fn refunds(&self) -> impl Iterator<Item = &Refund> {
        self.payments.iter().flatten().flat_map(|payment| &payment.refunds)
    }

    /// When anything of it changed last.
    fn modified(&self) -> Option<Time> {
        let own = [self.created_at, self.updated_at, self.order_placed_at].into_iter().flatten();
        let payments = self.payments.iter().flatten().filter_map(|payment| payment.updated_at);
        let refunds = self.refunds().filter_map(|refund| refund.updated_at);
        own.chain(payments).chain(refunds).chain(self.history.items.iter().filter_map(|entry| entry.created_at)).max()
    }

    /// When it came to a state last.
    fn came_to(&self, kind: &str, state: &str, refund: Option<&str>) -> Option<Time> {
        let its = self.history.items.iter().filter(|entry| {
            let named = refund.is_none() || entry.data.refund_id.as_deref() == refund;
            entry.kind.as_deref() == Some(kind) && entry.data.to.as_deref() == Some(state) && named
        });
        its.filter_map(|entry| entry.created_at).max()
    }

    /// Everything that it says; `None` for what is no order.
    pub(crate) fn facts(&self, context: &Context<'_>) -> Option<Facts> {
        let (id, modified) = (self.id.as_deref()?, self.modified()?);
        let mut facts = Facts::default();
        if self.kind.as_deref() == Some(SELLER) || self.state() == DRAFT {
            return Some(facts);
        }
        let customer = self.customer.as_ref();
        let mut identities = customer.map(|customer| customer.identities(context)).unwrap_or_default();
        identities.push(context.cart(id));
        facts.events.extend(customer.and_then(|customer| customer.event(context)));
        let Some(placed) = self.order_placed_at else {
            facts.events.extend(self.as_cart(context, (id, modified), &identities));
            return Some(facts);
        };
        facts.versions.push(Version { thing: pointer(ORDER, id), updated: modified });
        facts.events.push(self.as_placed(context, (id, modified), &identities));
        let completed = (format!("order:{id}:completed:{placed}"), placed);
        facts.events.push(context.activity(ORDER_COMPLETED, completed, &identities, order_only(id)));
        facts.events.extend(self.refunds().filter_map(|refund| self.refund(context, id, refund, &identities)));
        if self.state() == CANCELLED {
            let at = self.came_to("ORDER_STATE_TRANSITION", CANCELLED, None).unwrap_or(modified);
            let named = (format!("order:{id}:cancelled:{at}"), at);
            facts.events.push(context.activity(ORDER_CANCELLED, named, &identities, order_only(id)));
        }
        Some(facts)
    }

    /// Text that is greater for the later of two states of one second: a database may know no less.
    fn rank(&self) -> String {
        format!("{:06}", self.history.total_items.min(999_999))
    }

    fn as_cart(&self, context: &Context<'_>, (id, modified): (&str, Time), identities: &[Identity]) -> Option<Event> {
        // One that was emptied by cancelling it is over.
        if !self.active && self.state() == CANCELLED {
            return None;
        }
        let mut properties = Map::new();
        put(&mut properties, "cart_id", Some(id));
        put(&mut properties, "currency", self.currency(context).as_deref());
        let products = self.lines.iter().map(|line| line.value(context, line.quantity)).collect();
        properties.insert("products".to_owned(), Value::List(products));
        let hash = content_hash(&properties, identities, "");
        let named = (format!("cart:{id}:{modified}:{}:{hash}", self.rank()), modified);
        Some(context.activity(CART_UPDATED, named, identities, properties))
    }

    fn as_placed(&self, context: &Context<'_>, (id, modified): (&str, Time), identities: &[Identity]) -> Event {
        let properties = self.properties(context, id);
        let hash = content_hash(&properties, identities, "");
        let named = (format!("order:{id}:{modified}:{}:{hash}", self.rank()), modified);
        context.activity(ORDER_UPDATED, named, identities, properties)
    }

    fn currency(&self, context: &Context<'_>) -> Option<String> {
        self.currency_code.as_deref().or(context.currency).map(str::to_uppercase)
    }

    /// Cash so far, before refunds: totals shrink when lines are cancelled, and stay when money is given back.
    fn received(&self) -> Option<i64> {
        let settled = self.payments.as_ref()?.iter().filter(|payment| payment.state.as_deref() == Some(SETTLED));
        Some(settled.filter_map(|payment| payment.amount).fold(0, i64::saturating_add))
    }

    fn properties(&self, context: &Context<'_>, id: &str) -> Map {
        let mut properties = order_only(id);
        let created = self.created_at.map(|time| time.to_string());
        for (name, text) in [
            ("name", self.code.as_deref()),
            ("status", self.state.as_deref()),
            ("currency", self.currency(context).as_deref()),
            ("created_at", created.as_deref()),
        ] {
            put(&mut properties, name, text);
        }
        let received = self.received();
        // Of an order that was cancelled nothing is left in its totals.
        let whole = self.state() != CANCELLED;
        let total = if whole { self.total_with_tax } else { received };
        let tax = self.total_with_tax.zip(self.total).map(|(with, without)| with.saturating_sub(without));
        for (name, amount) in [
            ("total", total),
            ("received", received),
            ("tax", tax.filter(|_| whole)),
            ("shipping", self.shipping.filter(|_| whole)),
        ] {
            context.put_amount(&mut properties, name, amount);
        }
        // A store's own order process may take a cancelled order up again.
        if whole {
            properties.insert("cancelled".to_owned(), Value::Bool(false));
        }
        let codes: Vec<Value> = self.coupon_codes.iter().map(|code| Value::text(code)).collect();
        if !codes.is_empty() {
            properties.insert("discount_codes".to_owned(), Value::List(codes));
        }
        let bought = |line: &Line| line.order_placed_quantity.filter(|placed| *placed > 0).or(line.quantity);
        let products = self.lines.iter().map(|line| line.value(context, bought(line))).collect();
        properties.insert("products".to_owned(), Value::List(products));
        properties
    }

    /// Money that was given back. What is pending was not yet, and may fail.
    fn refund(&self, context: &Context<'_>, id: &str, refund: &Refund, identities: &[Identity]) -> Option<Event> {
        let (refund_id, total) = (refund.id.as_deref()?, refund.total?);
        if refund.state.as_deref() != Some(SETTLED) {
            return None;
        }
        let settled = self.came_to("ORDER_REFUND_TRANSITION", SETTLED, Some(refund_id));
        let at = settled.or(refund.updated_at).or(refund.created_at)?;
        let mut properties = order_only(id);
        put(&mut properties, "refund_id", Some(refund_id));
        put(&mut properties, "reason", refund.reason.as_deref());
        put(&mut properties, "currency", self.currency(context).as_deref());
        context.put_amount(&mut properties, "total", Some(total));
        let named = (format!("refund:{id}:{refund_id}"), at);
        Some(context.activity(ORDER_REFUNDED, named, identities, properties))
    }
}

impl Line {
    fn value(&self, context: &Context<'_>, quantity: Option<i64>) -> Value {
        let (mut line, variant) = (Map::new(), &self.product_variant);
        for (name, text) in [
            ("line_id", self.id.as_deref()),
            ("product_id", variant.product.id.as_deref()),
            ("variant_id", variant.id.as_deref()),
            ("sku", variant.sku.as_deref()),
            ("name", variant.name.as_deref()),
        ] {
            put(&mut line, name, text);
        }
        context.put_amount(&mut line, "price", self.prorated_unit_price_with_tax.or(self.unit_price_with_tax));
        line.extend(quantity.map(|quantity| ("quantity".to_owned(), Value::Number(quantity.into()))));
        Value::Map(line)
    }
}
