//! What an order says. Orders are state: each form is a snapshot.

use crate::context::{Context, ORDER, content_hash, pointer, put, put_place};
use crate::erased;
use crate::wire::{Line, Order, meta};
use kit::receive::{Facts, Version};
use model::names::{ORDER_CANCELLED, ORDER_COMPLETED, ORDER_UPDATED};
use model::{ConsentState, Event, Identity, Map, Time, Value};
use rust_decimal::Decimal;

/// Statuses of what is no order yet.
const DRAFTS: [&str; 4] = ["checkout-draft", "auto-draft", "draft", "new"];
/// Statuses of what is no order any more, whatever was paid.
const OVER: [&str; 4] = ["cancelled", "failed", "trash", "trashed"];
/// Statuses in the order in which an order goes through them; one that a plugin defines is in the middle.
const WAY: [&str; 9] =
    ["pending", "on-hold", "processing", "", "completed", "failed", "cancelled", "refunded", "trash"];
/// Where others stand among these.
const WAY_OTHER: usize = 3;
/// Where an order came from, as the store's own attribution keeps it.
const ATTRIBUTION: [(&str, &str); 3] = [
    ("utm_source", "_wc_order_attribution_utm_source"),
    ("utm_medium", "_wc_order_attribution_utm_medium"),
    ("utm_campaign", "_wc_order_attribution_utm_campaign"),
];

/// Properties that name the order and nothing else.
pub(crate) fn order_only(id: &str) -> Map {
    Map::from([("order_id".to_owned(), Value::text(id))])
}

/// An order that is there no more, of which nothing else is known.
pub(crate) fn gone(context: &Context<'_>, id: &str) -> Event {
    // It may come back and go again: each time is told.
    let said = (format!("order:{id}:gone:{}", context.received), context.received);
    context.activity(ORDER_CANCELLED, said, &[context.nobody(id)], order_only(id))
}

impl Order {
    fn status(&self) -> &str {
        self.status.as_deref().unwrap_or_default()
    }

    /// Whether a customer has not sent it off yet.
    pub(crate) fn is_draft(&self) -> bool {
        DRAFTS.contains(&self.status())
    }

    /// When it was changed last.
    pub(crate) fn modified(&self) -> Option<Time> {
        self.date_modified_gmt.or(self.date_created_gmt)
    }

    /// When it was paid. What was brought over from another shop may be completed without a time of payment.
    fn paid(&self) -> Option<Time> {
        let completed = || self.date_completed_gmt.or(self.date_created_gmt).filter(|_| self.status() == "completed");
        self.date_paid_gmt.or_else(completed)
    }

    fn is_over(&self) -> bool {
        OVER.contains(&self.status())
    }

    /// Everything that it says; `None` for what is no order. When its refunds were is not among it.
    pub(crate) fn facts(&self, context: &Context<'_>) -> Option<Facts> {
        let (id, modified) = (self.id.as_deref()?, self.modified()?);
        let mut facts = Facts::default();
        if self.is_draft() {
            return Some(facts);
        }
        facts.versions.push(Version { thing: pointer(ORDER, id), updated: modified });
        let identities = self.identities(context);
        if !identities.is_empty() {
            facts.events.extend(self.buyer(context, id, &identities));
            facts.events.extend(self.state(context, (id, modified), &identities));
        }
        facts.events.extend(self.end(context, (id, modified), &identities));
        Some(facts)
    }

    /// Whose it is: of a registered customer the id and the address, of a guest address and number.
    fn identities(&self, context: &Context<'_>) -> Vec<Identity> {
        let mut identities: Vec<Identity> = self.customer_id.iter().map(|id| context.customer(id)).collect();
        if let Some(address) = erased::email(self.billing.email.as_deref()) {
            identities.push(Identity::email(&address));
        }
        if self.customer_id.is_none()
            && let Some(number) = context.phone(&self.billing)
        {
            identities.push(Identity::phone(&number));
        }
        identities
    }

    /// What a guest says of themself, and what anybody said of mail when they ordered. What a registered customer is
    /// like is said by the customer.
    fn buyer(&self, context: &Context<'_>, id: &str, identities: &[Identity]) -> Option<Event> {
        let placed = self.date_created_gmt.or(self.date_modified_gmt)?;
        let email = erased::email(self.billing.email.as_deref());
        let phone = context.phone(&self.billing);
        let mut traits = Map::new();
        if self.customer_id.is_none() {
            put(&mut traits, "email", email.as_deref());
            put(&mut traits, "phone", phone.as_deref());
            put(&mut traits, "first_name", self.billing.first_name.as_deref());
            put(&mut traits, "last_name", self.billing.last_name.as_deref());
            put_place(&mut traits, &self.billing);
        }
        let said = context.consent(&self.meta_data, (email.as_deref(), phone.as_deref()));
        // A box that was left empty takes nothing back.
        let said = said.into_iter().filter(|said| said.state == ConsentState::Subscribed);
        let consent: Vec<_> = said.map(|said| said.at(placed.min(context.received), "order")).collect();
        if traits.is_empty() && consent.is_empty() {
            return None;
        }
        let hash = content_hash(&traits, identities, &format!("{consent:?}"));
        Some(context.profile((format!("order:{id}:buyer:{hash}"), placed), identities, traits, consent))
    }

    /// How it stands, and when it was paid.
    fn state(&self, context: &Context<'_>, (id, modified): (&str, Time), identities: &[Identity]) -> Vec<Event> {
        let properties = self.properties(context, id);
        let hash = content_hash(&properties, identities, "");
        let message = format!("order:{id}:{modified}:{}:{hash}", self.rank());
        let mut events = vec![context.activity(ORDER_UPDATED, (message, modified), identities, properties)];
        if let Some(paid) = self.paid() {
            let message = format!("order:{id}:completed:{paid}");
            events.push(context.activity(ORDER_COMPLETED, (message, paid), identities, order_only(id)));
        }
        events
    }

    /// That it is over. One that was never paid may still be: it is no more than a happening of the person.
    fn end(&self, context: &Context<'_>, (id, modified): (&str, Time), identities: &[Identity]) -> Option<Event> {
        if !self.is_over() {
            return None;
        }
        if self.paid().is_some() {
            let nobody = [context.nobody(id)];
            let whose = if identities.is_empty() { &nobody[..] } else { identities };
            return Some(context.activity(
                ORDER_CANCELLED,
                (format!("order:{id}:cancelled:{modified}"), modified),
                whose,
                order_only(id),
            ));
        }
        let mut properties = Map::new();
        put(&mut properties, "number", self.number.as_deref().or(Some(id)));
        put(&mut properties, "status", self.status.as_deref());
        let named = (format!("order:{id}:given_up"), modified);
        (!identities.is_empty()).then(|| context.activity(ORDER_CANCELLED, named, identities, properties))
    }

    fn properties(&self, context: &Context<'_>, id: &str) -> Map {
        let mut properties = order_only(id);
        let currency = self.currency.as_deref().or(context.currency).map(str::to_uppercase);
        let created = self.date_created_gmt.map(|time| time.to_string());
        for (name, text) in [
            ("name", self.number.as_deref()),
            ("status", self.status.as_deref()),
            ("currency", currency.as_deref()),
            ("source_name", self.created_via.as_deref()),
            ("payment_method", self.payment_method.as_deref()),
            ("created_at", created.as_deref()),
        ] {
            put(&mut properties, name, text);
        }
        for (name, key) in ATTRIBUTION {
            put(&mut properties, name, meta(&self.meta_data, key).as_deref());
        }
        // Cash so far, before refunds: the total does not shrink with them.
        let received = if self.paid().is_some() { self.total } else { Some(Decimal::ZERO) };
        for (name, amount) in [
            ("total", self.total),
            ("received", received),
            ("tax", self.total_tax),
            ("shipping", self.shipping_total),
            ("discount", self.discount_total),
        ] {
            properties.extend(amount.map(|amount| (name.to_owned(), Value::Number(amount))));
        }
        let codes: Vec<Value> =
            self.coupon_lines.iter().filter_map(|coupon| coupon.code.as_deref()).map(Value::text).collect();
        if !codes.is_empty() {
            properties.insert("discount_codes".to_owned(), Value::List(codes));
        }
        // One that was cancelled or lay in the trash may be taken up again.
        if !self.is_over() {
            properties.insert("cancelled".to_owned(), Value::Bool(false));
        }
        properties.insert("products".to_owned(), Value::List(self.line_items.iter().map(Line::value).collect()));
        properties
    }

    /// Text that is greater for the later of two states of one second: the platform's times know no less.
    fn rank(&self) -> String {
        let status = WAY.iter().position(|status| *status == self.status()).unwrap_or(WAY_OTHER);
        format!("{status}{}{:03}", u8::from(self.paid().is_some()), self.refunds.len().min(999))
    }
}

impl Line {
    fn value(&self) -> Value {
        let mut line = Map::new();
        for (name, text) in [
            ("product_id", self.product_id.as_deref()),
            ("variant_id", self.variation_id.as_deref()),
            ("sku", self.sku.as_deref()),
            ("name", self.name.as_deref()),
        ] {
            put(&mut line, name, text);
        }
        let each = || self.total?.checked_div(self.quantity.filter(|quantity| !quantity.is_zero())?);
        for (name, number) in [("price", self.price.or_else(each)), ("quantity", self.quantity)] {
            line.extend(number.map(|number| (name.to_owned(), Value::Number(number))));
        }
        Value::Map(line)
    }
}
