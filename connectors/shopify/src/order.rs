//! An order, whichever form it came in, and what it says. Orders are state: each form is a snapshot.

use crate::context::{Context, Origin, content_hash, list, pointer, put_text};
use crate::customer::Customer;
use kit::receive::{Facts, Version};
use model::names::{ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED};
use model::{Event, Identity, Map, Time, Value};
use rust_decimal::Decimal;

/// An order that was placed this long before it was created, microseconds, was imported.
const IMPORT_GAP_US: i64 = 3_600 * 1_000_000;

/// How an order stands with money, in the order in which it goes on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Status {
    Pending,
    Authorized,
    Expired,
    Voided,
    PartiallyPaid,
    Paid,
    PartiallyRefunded,
    Refunded,
}

impl Status {
    /// All of them with their names.
    const ALL: [(Status, &str); 8] = [
        (Status::Pending, "pending"),
        (Status::Authorized, "authorized"),
        (Status::Expired, "expired"),
        (Status::Voided, "voided"),
        (Status::PartiallyPaid, "partially_paid"),
        (Status::Paid, "paid"),
        (Status::PartiallyRefunded, "partially_refunded"),
        (Status::Refunded, "refunded"),
    ];

    /// A status in the webhooks' or in GraphQL's spelling.
    pub(crate) fn parse(text: &str) -> Option<Status> {
        Status::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text.trim())).map(|(status, _)| *status)
    }

    fn name(self) -> &'static str {
        Status::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    /// Whether money was received.
    pub(crate) fn has_money(self) -> bool {
        self >= Status::PartiallyPaid
    }
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Line {
    pub(crate) product_id: Option<String>,
    pub(crate) variant_id: Option<String>,
    pub(crate) sku: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) vendor: Option<String>,
    /// Price of one, in the shop's currency.
    pub(crate) price: Option<Decimal>,
    /// How many there are now, after edits and refunds.
    pub(crate) quantity: Option<u64>,
}

/// Money that was given back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refund {
    /// The id of the transaction.
    pub(crate) id: String,
    pub(crate) time: Time,
    /// In the shop's currency; `None` when it can't be told.
    pub(crate) amount: Option<Decimal>,
}

/// An order. Amounts are in the shop's currency.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) created: Option<Time>,
    pub(crate) updated: Time,
    pub(crate) processed: Option<Time>,
    pub(crate) cancelled: Option<Time>,
    pub(crate) test: bool,
    pub(crate) status: Option<Status>,
    pub(crate) currency: Option<String>,
    /// Gross.
    pub(crate) total: Option<Decimal>,
    /// Cash received, before refunds.
    pub(crate) received: Option<Decimal>,
    pub(crate) discount: Option<Decimal>,
    pub(crate) source_name: Option<String>,
    pub(crate) discount_codes: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) customer: Option<Customer>,
    /// The order's own address, which is a guest's.
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) cart_token: Option<String>,
    pub(crate) checkout_token: Option<String>,
    pub(crate) lines: Vec<Line>,
    /// When payments came in, if they are known.
    pub(crate) payments: Option<Vec<Time>>,
    pub(crate) refunds: Vec<Refund>,
    /// Whether this form can't say surely what was received.
    pub(crate) unsure: bool,
}

impl Order {
    /// Everything that it says.
    pub(crate) fn facts(&self, context: &Context<'_>) -> Facts {
        let mut facts = Facts::default();
        if self.test {
            return facts;
        }
        let thing = pointer("order", &self.id);
        let unreadable = self.refunds.iter().any(|refund| refund.amount.is_none());
        if context.origin == Origin::Delivery && (self.unsure || unreadable) {
            facts.pointers.push(thing.clone());
        }
        facts.versions.push(Version { thing, updated: self.updated });
        if let Some(customer) = &self.customer {
            let said = customer.facts(context);
            facts.events.extend(said.events);
            facts.versions.extend(said.versions);
        }
        let identities = self.identities(context);
        if !identities.is_empty() {
            facts.events.extend(self.events(context, &identities));
        }
        facts
    }

    /// Whose it is. The order's own address counts where the customer has none: it may be somebody else's.
    fn identities(&self, context: &Context<'_>) -> Vec<Identity> {
        let mut identities = self.customer.as_ref().map(|customer| customer.identities(context)).unwrap_or_default();
        let known = |customer: &Customer| customer.email.is_some() || customer.phone.is_some();
        if !self.customer.as_ref().is_some_and(known) {
            identities.extend(context.email(self.email.as_deref()));
            identities.extend(context.phone(self.phone.as_deref()));
        }
        let tokens = [self.cart_token.as_deref(), self.checkout_token.as_deref()];
        identities.extend(tokens.into_iter().flatten().map(|token| context.cart(token)));
        identities.sort_unstable();
        identities.dedup();
        identities
    }

    fn events(&self, context: &Context<'_>, identities: &[Identity]) -> Vec<Event> {
        let id = &self.id;
        let properties = self.properties();
        let hash = content_hash(&properties, identities, "");
        let message = format!("order:{id}:{}:{}:{hash}", self.updated, self.rank(context.origin));
        let mut events = vec![context.activity(ORDER_UPDATED, (message, self.updated), identities, properties)];
        if let Some(time) = self.first_money() {
            let message = format!("order:{id}:completed:{time}");
            events.push(context.activity(ORDER_COMPLETED, (message, time), identities, order_only(id)));
        }
        if let Some(time) = self.cancelled {
            let message = format!("order:{id}:cancelled");
            events.push(context.activity(ORDER_CANCELLED, (message, time), identities, order_only(id)));
        }
        let refunds = self.refunds.iter().filter_map(|refund| {
            refunded(context, id, refund, self.currency.as_deref().or(context.currency), identities)
        });
        events.extend(refunds);
        events
    }

    fn properties(&self) -> Map {
        let mut properties = order_only(&self.id);
        put_text(&mut properties, "name", self.name.as_deref());
        put_text(&mut properties, "currency", self.currency.as_deref());
        put_text(&mut properties, "source_name", self.source_name.as_deref());
        put_text(&mut properties, "financial_status", self.status.map(Status::name));
        put_text(&mut properties, "created_at", self.created.map(|time| time.to_string()).as_deref());
        for (name, amount) in [("total", self.total), ("received", self.received), ("discount", self.discount)] {
            properties.extend(amount.map(|amount| (name.to_owned(), Value::Number(amount))));
        }
        for (name, texts) in [("discount_codes", &self.discount_codes), ("tags", &self.tags)] {
            if !texts.is_empty() {
                properties.insert(name.to_owned(), list(texts));
            }
        }
        properties.insert("products".to_owned(), Value::List(self.lines.iter().map(Line::value).collect()));
        properties
    }

    /// Text that is greater for the later of two states of one second: how the order stands with money, how many
    /// refunds it has, whether it is cancelled, whether it was read, and how many payments were seen then.
    fn rank(&self, origin: Origin) -> String {
        let status = self.status.map_or(0, |status| status as u8 + 1);
        let refunds = self.refunds.len().min(999);
        let cancelled = u8::from(self.cancelled.is_some());
        let read = u8::from(origin == Origin::Read);
        let payments = self.payments.as_ref().map_or(0, Vec::len).min(999);
        format!("{status}{refunds:03}{cancelled}{read}{payments:03}")
    }

    /// When money was first received, or a later instant where that is not known. `None` without money.
    fn first_money(&self) -> Option<Time> {
        let placed = self.processed.or(self.created);
        let has_money = self.status.is_some_and(Status::has_money);
        let first = match &self.payments {
            Some(payments) => payments.iter().min().copied().or(if has_money { placed } else { None }),
            // Nothing had to be paid.
            None if has_money && self.total.is_some_and(|total| total.is_zero()) => placed,
            None if has_money => Some(self.updated),
            None => None,
        }?;
        // What was imported says itself when it was placed; its transactions may be as new as the import.
        let imported = match (self.processed, self.created) {
            (Some(processed), Some(created)) => processed.plus_micros(IMPORT_GAP_US) < created,
            _ => false,
        };
        Some(if imported { self.processed.map_or(first, |processed| processed.min(first)) } else { first })
    }
}

/// A refund of an order; `None` when its amount can't be told.
pub(crate) fn refunded(
    context: &Context<'_>,
    order: &str,
    refund: &Refund,
    currency: Option<&str>,
    identities: &[Identity],
) -> Option<Event> {
    let amount = refund.amount?;
    let mut properties = order_only(order);
    put_text(&mut properties, "refund_id", Some(&refund.id));
    put_text(&mut properties, "currency", currency);
    properties.insert("total".to_owned(), Value::Number(amount));
    let read = u8::from(context.origin == Origin::Read);
    let message = format!("refund:{order}:{}:{read}:{}", refund.id, content_hash(&properties, &[], ""));
    Some(context.activity(ORDER_REFUNDED, (message, refund.time), identities, properties))
}

/// Properties that name the order and nothing else.
pub(crate) fn order_only(id: &str) -> Map {
    Map::from([("order_id".to_owned(), Value::text(id))])
}

/// The weak identity of facts that name an order and nobody: they join the order, wherever it is.
pub(crate) fn nobody(context: &Context<'_>, order: &str) -> Identity {
    context.cart(&format!("order:{order}"))
}

impl Line {
    /// As a product of an event.
    pub(crate) fn value(&self) -> Value {
        let mut line = Map::new();
        let texts = [
            ("product_id", &self.product_id),
            ("variant_id", &self.variant_id),
            ("sku", &self.sku),
            ("name", &self.name),
            ("vendor", &self.vendor),
        ];
        for (name, text) in texts {
            put_text(&mut line, name, text.as_deref());
        }
        line.extend(self.price.map(|price| ("price".to_owned(), Value::Number(price))));
        line.extend(self.quantity.map(|quantity| ("quantity".to_owned(), Value::Number(quantity.into()))));
        Value::Map(line)
    }
}
