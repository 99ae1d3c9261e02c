//! What a refund says. The order tells only that there is one.

use crate::context::{Context, put};
use crate::order::order_only;
use crate::wire::Refund;
use model::names::ORDER_REFUNDED;
use model::{Event, Value};
use rust_decimal::Decimal;

impl Refund {
    /// The refund of an order; `None` for what is no refund. It joins its order, whosever that is.
    pub(crate) fn event(&self, order: &str, currency: Option<&str>, context: &Context<'_>) -> Option<Event> {
        let (id, time) = (self.id.as_deref()?, self.date_created_gmt?);
        // Positive here and negative in an order, and plugins do as they like.
        let amount = self.amount?.abs();
        let mut properties = order_only(order);
        put(&mut properties, "refund_id", Some(id));
        put(&mut properties, "reason", self.reason.as_deref());
        let currency = currency.or(context.currency).map(str::to_uppercase);
        put(&mut properties, "currency", currency.as_deref());
        properties.insert("total".to_owned(), Value::Number(amount));
        let tax: Decimal = self.line_items.iter().filter_map(|line| line.total_tax).map(|tax| tax.abs()).sum();
        if !tax.is_zero() && tax <= amount {
            properties.insert("tax".to_owned(), Value::Number(tax));
        }
        let named = (format!("refund:{order}:{id}"), time);
        Some(context.activity(ORDER_REFUNDED, named, &[context.nobody(order)], properties))
    }
}
