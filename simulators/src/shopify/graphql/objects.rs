//! Objects of the API, and what a field of one can be.

use super::super::hooks::Subscription;
use super::super::model::{Address, Customer, Order};
use super::super::money::Currency;
use super::super::segments::Segment;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use std::sync::Arc;

/// An object.
#[derive(Clone)]
pub(in super::super) enum Object {
    Order(Arc<Order>),
    /// A line, by its place.
    Line(Arc<Order>, usize),
    /// A transaction, by its place.
    Transaction(Arc<Order>, usize),
    /// A refund, by its place.
    Refund(Arc<Order>, usize),
    /// A line of a refund, by their places.
    RefundLine(Arc<Order>, usize, usize),
    Customer(Arc<Customer>),
    /// A member of a segment.
    Member(Arc<Customer>),
    Address(u64, Address, Option<String>, Option<String>),
    Email(Arc<Customer>),
    Phone(Arc<Customer>),
    Bag(Currency, Decimal),
    Money(Arc<str>, Decimal),
    Shop,
    App,
    Installation,
    Hook(Subscription),
    Bulk(u64),
    Segment(Segment),
    /// Fields that are all there, of a type.
    Plain(&'static str, Map<String, Value>),
}

impl Object {
    /// A plain object of JSON.
    pub(in super::super) fn plain(kind: &'static str, value: Value) -> Object {
        match value {
            Value::Object(fields) => Object::Plain(kind, fields),
            _ => Object::Plain(kind, Map::new()),
        }
    }

    /// The name of its type.
    pub(in super::super) fn kind(&self) -> &'static str {
        match self {
            Object::Order(_) => "Order",
            Object::Line(..) => "LineItem",
            Object::Transaction(..) => "OrderTransaction",
            Object::Refund(..) => "Refund",
            Object::RefundLine(..) => "RefundLineItem",
            Object::Customer(_) => "Customer",
            Object::Member(_) => "CustomerSegmentMember",
            Object::Address(..) => "MailingAddress",
            Object::Email(_) => "CustomerEmailAddress",
            Object::Phone(_) => "CustomerPhoneNumber",
            Object::Bag(..) => "MoneyBag",
            Object::Money(..) => "MoneyV2",
            Object::Shop => "Shop",
            Object::App => "App",
            Object::Installation => "AppInstallation",
            Object::Hook(_) => "WebhookSubscription",
            Object::Bulk(_) => "BulkOperation",
            Object::Segment(_) => "Segment",
            Object::Plain(kind, _) => kind,
        }
    }

    /// Whether a fragment on a type is about it.
    pub(in super::super) fn is(&self, kind: &str) -> bool {
        let own = self.kind();
        let has_number =
            matches!(own, "Order" | "Refund" | "Customer" | "WebhookSubscription" | "Product" | "ProductVariant");
        match kind {
            "Node" => !matches!(self, Object::Bag(..) | Object::Money(..) | Object::Email(_) | Object::Phone(_)),
            "LegacyInteroperability" => has_number,
            "CommentEventSubject" => matches!(own, "Order" | "Customer"),
            "DisplayableError" => own.ends_with("UserError"),
            other => other == own,
        }
    }
}

/// A page of objects.
pub(in super::super) struct Connection {
    pub(in super::super) nodes: Vec<(String, Object)>,
    pub(in super::super) next: bool,
    pub(in super::super) previous: bool,
    pub(in super::super) total: Option<u64>,
    /// The type of its nodes.
    pub(in super::super) kind: &'static str,
}

/// What a field is.
pub(in super::super) enum Out {
    Leaf(Value),
    One(Object),
    Many(Vec<Object>),
    Page(Connection),
}

impl Out {
    /// Null.
    pub(in super::super) const NULL: Out = Out::Leaf(Value::Null);

    /// A leaf of anything.
    pub(in super::super) fn leaf(value: impl Into<Value>) -> Out {
        Out::Leaf(value.into())
    }

    /// An object, or null.
    pub(in super::super) fn maybe(object: Option<Object>) -> Out {
        object.map_or(Out::NULL, Out::One)
    }
}

/// Why a field has no value.
#[derive(Clone, Debug)]
pub(in super::super) struct Failure {
    pub(in super::super) message: String,
    pub(in super::super) code: Option<&'static str>,
    pub(in super::super) more: Map<String, Value>,
    /// Whether the whole answer has no data.
    pub(in super::super) whole: bool,
}

impl Failure {
    /// Something was asked wrong.
    pub(in super::super) fn bad(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), code: Some("BAD_REQUEST"), more: Map::new(), whole: true }
    }

    /// A scope is missing.
    pub(in super::super) fn denied(field: &str, scope: &str) -> Failure {
        let mut more = Map::new();
        more.insert("documentation".to_owned(), "https://shopify.dev/api/usage/access-scopes".into());
        more.insert("requiredAccess".to_owned(), format!("`{scope}` access scope.").into());
        let message = format!("Access denied for {field} field. Required access: `{scope}` access scope.");
        Failure { message, code: Some("ACCESS_DENIED"), more, whole: false }
    }

    /// The app is not approved for an object.
    pub(in super::super) fn unapproved(kind: &str) -> Failure {
        let message = format!(
            "This app is not approved to access the {kind} object. See \
             https://shopify.dev/docs/apps/launch/protected-customer-data for more details."
        );
        Failure { message, code: Some("ACCESS_DENIED"), more: Map::new(), whole: false }
    }

    /// The API has it, and this double does not play it.
    pub(in super::super) fn not_played(kind: &str, field: &str) -> Failure {
        let message = format!("{kind}.{field} is not played by the simulator");
        Failure { message, code: Some("NOT_SIMULATED"), more: Map::new(), whole: false }
    }
}
