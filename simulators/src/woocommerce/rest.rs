//! The routes of the API.

use super::hooks::{self, Written};
use super::lists;
use super::problem::{Reply, invalid, no_route, refusal};
use super::query::Query;
use super::world::Shop;
use serde_json::json;

/// What a call does besides its answer.
pub(super) enum After {
    Nothing,
    /// A webhook was made: it gets a ping.
    Ping(u64, String),
}

type Done = Result<(Reply, After), Reply>;

fn written(body: &[u8]) -> Result<Written, Reply> {
    serde_json::from_slice(body).map_err(|_| refusal(400, "rest_invalid_json", "Invalid JSON body passed."))
}

fn number(id: &str) -> Result<u64, Reply> {
    id.parse().map_err(|_| no_route())
}

fn found(shown: Option<serde_json::Value>, code: &str) -> Done {
    match shown {
        Some(shown) => Ok((Reply::json(200, shown), After::Nothing)),
        None => Err(refusal(404, code, "Invalid ID.")),
    }
}

/// What the site says of itself to anybody.
pub(super) fn index(shop: &Shop) -> Reply {
    let options = &shop.options;
    Reply::json(
        200,
        json!({"name": options.name, "description": "", "url": options.home, "home": options.home,
            "gmt_offset": options.offset_hours, "timezone_string": "",
            "namespaces": ["oembed/1.0", "wc/v1", "wc/v2", "wc/v3", "wp/v2"]}),
    )
}

/// Answers a call of `wc/v3` that was let in.
pub(super) fn answer(shop: &mut Shop, method: &str, route: &str, query: &Query, body: &[u8]) -> Done {
    let parts: Vec<&str> = route.split('/').collect();
    let plain = |reply| Ok((reply, After::Nothing));
    match (method, parts.as_slice()) {
        ("GET", ["orders"]) => plain(lists::orders(shop, query)?),
        ("GET", ["orders", id]) => {
            let order = shop.orders.get(number(id)?);
            if order.is_some_and(|order| shop.faults.poisoned_order == Some(order.id)) {
                return Err(lists::crash());
            }
            found(order.map(|order| order.shown(shop)), "woocommerce_rest_shop_order_invalid_id")
        }
        ("GET", ["orders", id, "refunds"]) => plain(lists::refunds_of(shop, number(id)?, query)?),
        ("GET", ["refunds"]) if !shop.options.before_9_0 => plain(lists::refunds(shop, query)?),
        ("GET", ["customers"]) => plain(lists::customers(shop, query)?),
        ("GET", ["customers", id]) => {
            let customer = shop.customers.get(&number(id)?);
            found(customer.map(|customer| customer.shown(shop)), "woocommerce_rest_invalid_id")
        }
        ("GET", ["settings", "general", "woocommerce_currency"]) => {
            let value = json!({"id": "woocommerce_currency", "label": "Currency", "value": shop.options.currency});
            plain(Reply::json(200, value))
        }
        ("GET", ["webhooks"]) => plain(lists::hooks(shop, query)?),
        ("POST", ["webhooks"]) => {
            let (reply, id) = hooks::create(shop, written(body)?)?;
            let url = shop.hooks.get(&id).map(|hook| hook.delivery_url.clone()).unwrap_or_default();
            Ok((reply, After::Ping(id, url)))
        }
        ("PUT" | "POST" | "PATCH", ["webhooks", id]) => plain(hooks::change(shop, number(id)?, written(body)?)?),
        ("DELETE", ["webhooks", id]) => {
            let force = match query.get("force").map(String::as_str) {
                None => false,
                Some("true" | "1") => true,
                Some("false" | "0") => false,
                Some(_) => return Err(invalid(&[("force", "force is not of type boolean.".to_owned())])),
            };
            plain(hooks::delete(shop, number(id)?, force)?)
        }
        _ => Err(no_route()),
    }
}
