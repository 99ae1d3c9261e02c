//! Runs a plan over a shop: any selection, with aliases, lists and pages.

use super::super::generate::Generated;
use super::super::model::Order;
use super::super::options::ProtectedData;
use super::super::world::{ShopState, World};
use super::listing::{cursor, read_cursor};
use super::objects::{Connection, Failure, Object, Out};
use super::plan::Field;
use super::{cost, customer_fields, order_fields, shop_fields};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Orders older than this need a scope of their own, seconds.
const RECENT_S: i64 = 60 * 86_400;
/// Nodes of a page at most.
const PAGE_MAX: u64 = 250;

/// A document that runs.
pub(in super::super) struct Run<'w> {
    pub(in super::super) world: &'w mut World,
    pub(in super::super) shop: String,
    /// Errors of fields, in the platform's form.
    pub(in super::super) errors: Vec<Value>,
    /// Points that were really used.
    pub(in super::super) cost: u64,
    /// Whether the answer has no data at all.
    pub(in super::super) whole: bool,
    /// Warnings about filters.
    pub(in super::super) warnings: Vec<Value>,
    /// Within a bulk operation connections are whole.
    pub(in super::super) bulk: bool,
    path: Vec<Value>,
}

impl<'w> Run<'w> {
    pub(in super::super) fn new(world: &'w mut World, shop: &str, bulk: bool) -> Run<'w> {
        Run {
            world,
            shop: shop.to_owned(),
            errors: Vec::new(),
            cost: 0,
            whole: false,
            warnings: Vec::new(),
            bulk,
            path: Vec::new(),
        }
    }

    pub(in super::super) fn now(&self) -> i64 {
        self.world.now()
    }

    /// The shop.
    pub(in super::super) fn shop(&self) -> Result<&ShopState, Failure> {
        self.world.shop(&self.shop).map_err(Failure::bad)
    }

    /// Whether the app may see names and addresses.
    pub(in super::super) fn sees_people(&self) -> bool {
        self.world.options.app.protected_data == ProtectedData::Level2
    }

    /// Refuses what needs a scope that is not granted.
    pub(in super::super) fn need(&self, field: &str, scope: &str) -> Result<(), Failure> {
        let granted = self.shop()?.installation.as_ref().is_some_and(|installation| installation.allows(scope));
        if granted { Ok(()) } else { Err(Failure::denied(field, scope)) }
    }

    /// Refuses customer data without approval.
    pub(in super::super) fn need_approval(&self, kind: &str) -> Result<(), Failure> {
        let approved = self.world.options.app.protected_data >= ProtectedData::Level1;
        if approved { Ok(()) } else { Err(Failure::unapproved(kind)) }
    }

    /// Orders that came to be before are not seen.
    pub(in super::super) fn oldest(&self) -> Option<i64> {
        let all = self.need("orders", "read_all_orders").is_ok();
        (!all).then(|| self.now() - RECENT_S)
    }

    /// An order, if it is seen.
    pub(in super::super) fn seen_order(&self, id: u64) -> Option<Arc<Order>> {
        let order = self.world.shop(&self.shop).ok()?.order(id)?;
        self.oldest().is_none_or(|oldest| order.created_at >= oldest).then_some(order)
    }

    /// Orders of a customer that are seen.
    pub(in super::super) fn orders_of(&self, customer: u64) -> Result<Vec<Arc<Order>>, Failure> {
        self.need("orders", "read_orders")?;
        let ids = self.shop()?.orders_of(customer);
        Ok(ids.into_iter().filter_map(|id| self.seen_order(id)).collect())
    }

    /// The customer of an order.
    pub(in super::super) fn customer_of(&self, order: &Order) -> Result<Out, Failure> {
        let Some(id) = order.customer else { return Ok(Out::NULL) };
        self.need("customer", "read_customers")?;
        Ok(Out::maybe(self.shop()?.customer(id).map(Object::Customer)))
    }

    /// How many nodes of a page are asked for, and whether from the end.
    pub(in super::super) fn page_size(&self, field: &Field, max: u64) -> Result<(usize, bool), Failure> {
        if self.bulk {
            return Ok((usize::MAX - 1, false));
        }
        let (size, last) = match (field.number("first"), field.number("last")) {
            (Some(first), None) => (first, false),
            (None, Some(last)) => (last, true),
            (None, None) => return Err(Failure::bad("you must provide one of first or last")),
            (Some(_), Some(_)) => return Err(Failure::bad("providing both first and last is not supported")),
        };
        if size > max {
            let message = format!("first/last of {} can't be more than {max}", field.name);
            return Err(Failure::bad(message));
        }
        Ok((usize::try_from(size).unwrap_or_default(), last))
    }

    /// A page of what is all there.
    pub(in super::super) fn within(
        &self,
        field: &Field,
        kind: &'static str,
        mut all: Vec<(u64, Object)>,
    ) -> Result<Out, Failure> {
        let (size, last) = self.page_size(field, PAGE_MAX)?;
        if field.yes("reverse") {
            all.reverse();
        }
        let place = |name: &str| -> Result<Option<usize>, Failure> {
            let Some(text) = field.text(name) else { return Ok(None) };
            let (_, id) = read_cursor(text, "PLACE").ok_or_else(|| Failure::bad("Invalid cursor"))?;
            Ok(all.iter().position(|(own, _)| *own == id))
        };
        let mut from = place("after")?.map_or(0, |place| place + 1);
        let mut to = place("before")?.unwrap_or(all.len()).max(from);
        let (begin, end) = (from, to);
        if last {
            from = from.max(to.saturating_sub(size));
        } else {
            to = to.min(from.saturating_add(size));
        }
        let nodes = all.drain(from..to).map(|(id, object)| (cursor("PLACE", 0, id), object)).collect();
        Ok(Out::Page(Connection {
            nodes,
            next: to < end || (last && end < begin),
            previous: from > 0,
            total: None,
            kind,
        }))
    }

    /// What a field of an object is.
    pub(in super::super) fn field(&mut self, object: &Object, field: &Field) -> Result<Out, Failure> {
        match object {
            Object::Order(order) => order_fields::order(self, order, field),
            Object::Line(order, place) => order_fields::line(order, &order.lines[*place], field),
            Object::Transaction(order, place) => order_fields::transaction(order, &order.transactions[*place], field),
            Object::Refund(order, place) => order_fields::refund(self, order, *place, field),
            Object::RefundLine(order, place, at) => order_fields::refund_line(order, *place, *at, field),
            Object::Customer(customer) => customer_fields::customer(self, customer, field),
            Object::Member(customer) => customer_fields::member(self, customer, field),
            Object::Address(id, address, first, last) => {
                customer_fields::postal(*id, address, first.as_deref(), last.as_deref(), field)
            }
            Object::Email(customer) => customer_fields::email(customer, field),
            Object::Phone(customer) => customer_fields::phone(customer, field),
            Object::Money(currency, amount) => order_fields::money(currency, *amount, field),
            Object::Bag(currency, amount) => match field.name.as_str() {
                "shopMoney" => Ok(Out::One(Object::Money(currency.shop.clone(), *amount))),
                "presentmentMoney" => {
                    Ok(Out::One(Object::Money(currency.presentment.clone(), currency.presented(*amount))))
                }
                other => Err(Failure::not_played("MoneyBag", other)),
            },
            Object::Shop => shop_fields::shop(self, field),
            Object::App => shop_fields::app(self, field),
            Object::Installation => shop_fields::installation(self, field),
            Object::Hook(hook) => shop_fields::hook(self, hook, field),
            Object::Bulk(id) => shop_fields::bulk(self, *id, field),
            Object::Segment(segment) => shop_fields::segment(segment, field),
            Object::Plain(kind, fields) => shop_fields::plain(kind, fields, field),
        }
    }

    /// Notes that a field has no value.
    pub(in super::super) fn fail(&mut self, field: &Field, failure: Failure) {
        let mut error = json!({"message": failure.message, "locations": [{"line": 1, "column": 1}]});
        let mut path = self.path.clone();
        path.push(field.key.clone().into());
        error["path"] = Value::Array(path);
        let mut extensions = failure.more;
        if let Some(code) = failure.code {
            extensions.insert("code".to_owned(), code.into());
        }
        error["extensions"] = Value::Object(extensions);
        self.whole |= failure.whole;
        self.errors.push(error);
    }

    /// The fields that are asked of an object.
    pub(in super::super) fn select(&mut self, object: &Object, fields: &[&Field]) -> Value {
        self.cost += 1;
        let mut answer = Map::new();
        for field in fields.iter().filter(|field| field.on.as_deref().is_none_or(|kind| object.is(kind))) {
            if field.name == "__typename" {
                answer.insert(field.key.clone(), object.kind().into());
                continue;
            }
            let value = match self.field(object, field) {
                Ok(out) => self.show(out, field),
                Err(failure) => {
                    self.fail(field, failure);
                    Value::Null
                }
            };
            answer.insert(field.key.clone(), value);
        }
        Value::Object(answer)
    }

    /// What a field is, as JSON.
    pub(in super::super) fn show(&mut self, out: Out, field: &Field) -> Value {
        self.path.push(field.key.clone().into());
        let fields: Vec<&Field> = field.fields.iter().collect();
        let shown = match out {
            Out::Leaf(value) => value,
            Out::One(object) => self.select(&object, &fields),
            Out::Many(objects) => objects.iter().map(|object| self.select(object, &fields)).collect(),
            Out::Page(connection) => self.page(&connection, &fields),
        };
        self.path.pop();
        shown
    }

    fn page(&mut self, connection: &Connection, fields: &[&Field]) -> Value {
        self.cost += cost::CONNECTION;
        let ends = |place: Option<&(String, Object)>| place.map_or(Value::Null, |(cursor, _)| cursor.clone().into());
        let mut answer = Map::new();
        for field in fields {
            let inner: Vec<&Field> = field.fields.iter().collect();
            let value = match field.name.as_str() {
                "nodes" => connection.nodes.iter().map(|(_, object)| self.select(object, &inner)).collect(),
                "edges" => connection.nodes.iter().map(|node| self.edge(node, connection.kind, &inner)).collect(),
                "pageInfo" => {
                    self.cost += 1;
                    let info = json!({
                        "hasNextPage": connection.next, "hasPreviousPage": connection.previous,
                        "startCursor": ends(connection.nodes.first()), "endCursor": ends(connection.nodes.last()),
                        "__typename": "PageInfo",
                    });
                    let one = |field: &&Field| (field.key.clone(), info.get(&field.name).cloned().unwrap_or_default());
                    Value::Object(inner.iter().map(one).collect())
                }
                "totalCount" => connection.total.into(),
                "__typename" => format!("{}Connection", connection.kind).into(),
                _ => Value::Null,
            };
            answer.insert(field.key.clone(), value);
        }
        Value::Object(answer)
    }

    fn edge(&mut self, node: &(String, Object), kind: &str, fields: &[&Field]) -> Value {
        let mut edge = Map::new();
        for field in fields {
            let value = match field.name.as_str() {
                "cursor" => node.0.clone().into(),
                "node" => self.select(&node.1, &field.fields.iter().collect::<Vec<&Field>>()),
                "__typename" => format!("{kind}Edge").into(),
                _ => Value::Null,
            };
            edge.insert(field.key.clone(), value);
        }
        Value::Object(edge)
    }

    /// The object of a global id, if it is seen.
    pub(in super::super) fn node(&self, gid: &str) -> Result<Option<Object>, Failure> {
        let Some((kind, id)) = super::super::rest::parse_gid(gid) else {
            return Err(Failure::bad(format!("Invalid global id '{gid}'")));
        };
        let shop = self.shop()?;
        match kind {
            "Order" | "LineItem" | "Refund" | "OrderTransaction" => self.need("node", "read_orders")?,
            "Customer" => self.need("node", "read_customers")?,
            _ => {}
        }
        Ok(match kind {
            "Order" => self.seen_order(id).map(Object::Order),
            "Customer" => shop.customer(id).map(Object::Customer),
            "Shop" => (id == shop.id).then_some(Object::Shop),
            "App" => Some(Object::App),
            "WebhookSubscription" => shop.hooks.iter().find(|hook| hook.id == id).cloned().map(Object::Hook),
            "BulkOperation" => shop.bulks.contains_key(&id).then_some(Object::Bulk(id)),
            "Segment" => shop.segments.get(&id).cloned().map(Object::Segment),
            "LineItem" => self.part(id, |order, id| {
                let place = order.lines.iter().position(|line| line.id == id)?;
                Some(Object::Line(order.clone(), place))
            }),
            "Refund" => self.part(id, |order, id| {
                let place = order.refunds.iter().position(|refund| refund.id == id)?;
                Some(Object::Refund(order.clone(), place))
            }),
            "OrderTransaction" => self.part(id, |order, id| {
                let place = order.transactions.iter().position(|one| one.id == id)?;
                Some(Object::Transaction(order.clone(), place))
            }),
            _ => None,
        })
    }

    /// Something within an order: looked for in written orders, then in the one that the formula has for its number.
    fn part(&self, id: u64, find: impl Fn(&Arc<Order>, u64) -> Option<Object>) -> Option<Object> {
        let shop = self.world.shop(&self.shop).ok()?;
        let written = shop.orders.rows().find_map(|(_, order)| find(order, id));
        let generated: &Generated = &shop.generated;
        written.or_else(|| generated.order_of_line(id).and_then(|order| find(&order, id)))
    }
}

impl Run<'_> {
    /// The object of a global id, whatever scopes there are: the payload of what was written shows it.
    pub(in super::super) fn node_unchecked(&self, gid: &str) -> Option<Object> {
        let (kind, id) = super::super::rest::parse_gid(gid)?;
        let shop = self.shop().ok()?;
        match kind {
            "Order" => shop.order(id).map(Object::Order),
            "Customer" => shop.customer(id).map(Object::Customer),
            _ => None,
        }
    }
}
