//! What tests and demonstrations do with a store, also over HTTP under `/_sim/STORE/DEED`.

use super::customers::Customer;
use super::deliver::{Delivered, tell};
use super::faults::Faults;
use super::orders::{NewOrder, Order, Refund};
use super::problem::Reply;
use super::world::{Counters, Key, Shop, ShownHook};
use super::{Shared, Store};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tells of an order that was saved, as the plugin does.
fn saved(shop: &mut Shop, id: u64) {
    // A draft of a checkout is told of when it is saved again, and is no order yet.
    let first = shop.orders.edit(id, |order| {
        let first = !order.told && !order.is_draft();
        order.told |= first;
        first
    });
    let Some(first) = first else { return };
    tell(shop, if first { "order.created" } else { "order.updated" }, id);
}

fn change(shop: &mut Shop, id: u64, act: impl FnOnce(&mut Order, i64)) {
    let now = shop.now();
    shop.orders.edit(id, |order| {
        act(order, now);
        order.modified = now;
    });
    saved(shop, id);
}

impl Store {
    /// What the site calls itself.
    pub fn home(&self) -> String {
        self.with(|shop| shop.options.home.clone())
    }

    /// A key as a merchant makes it by hand: `read`, `write` or `read_write`.
    pub fn make_key(&self, permissions: &str) -> Key {
        self.with(|shop| shop.make_key(permissions))
    }

    /// The keys that are good.
    pub fn keys(&self) -> Vec<Key> {
        self.with(|shop| shop.keys.clone())
    }

    /// All keys are taken back.
    pub fn revoke_keys(&self) {
        self.with(|shop| shop.keys.clear());
    }

    /// The user to whom the keys belong may not manage the shop any more, or may again.
    pub fn set_manages(&self, manages: bool) {
        self.with(|shop| shop.keys.iter_mut().for_each(|key| key.manages = manages));
    }

    /// Registers a customer.
    pub fn add_customer(&self, email: &str, first_name: &str, phone: &str, role: &str) -> u64 {
        self.does(|shop| {
            let (id, created) = (shop.id(), shop.now());
            let (email, first_name, phone) = (email.to_owned(), first_name.to_owned(), phone.to_owned());
            let (modified, role, meta) = (Some(created), role.to_owned(), Map::new());
            let customer = Customer { id, created, modified, email, first_name, phone, role, meta };
            shop.customers.insert(id, customer);
            tell(shop, "customer.created", id);
            id
        })
    }

    /// Changes a customer's name or a meta field.
    pub fn change_customer(&self, id: u64, first_name: &str, meta: &[(&str, Value)]) {
        self.does(|shop| {
            let now = shop.now();
            if let Some(customer) = shop.customers.get_mut(&id) {
                first_name.clone_into(&mut customer.first_name);
                customer.meta.extend(meta.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
                customer.modified = Some(now);
                tell(shop, "customer.updated", id);
            }
        });
    }

    /// Deletes a customer; their orders become a guest's, without a word.
    pub fn delete_customer(&self, id: u64) {
        self.does(|shop| {
            shop.customers.remove(&id);
            shop.orders.orphan(id);
            tell(shop, "customer.deleted", id);
        });
    }

    /// Somebody orders.
    pub fn place(&self, new: NewOrder) -> u64 {
        self.does(|shop| {
            let order = Order::place(shop, new);
            let (id, draft) = (order.id, order.is_draft());
            shop.orders.put(order);
            if !draft {
                saved(shop, id);
            }
            id
        })
    }

    /// Orders of before, each with the time when it was placed, seconds since the epoch; nobody is told.
    pub fn import(&self, orders: impl Iterator<Item = (NewOrder, i64)>) {
        self.with(|shop| {
            for (new, at) in orders {
                let mut order = Order::place_at(shop, new, at);
                order.told = true;
                shop.orders.put(order);
            }
        });
    }

    /// Sets an order's status.
    pub fn set_status(&self, id: u64, status: &str) {
        self.does(|shop| change(shop, id, |order, now| order.set_status(status, now)));
    }

    /// Gives money of an order back; all of it makes it `refunded`.
    pub fn refund(&self, id: u64, amount: Decimal) -> u64 {
        self.does(|shop| {
            let refund = shop.id();
            change(shop, id, |order, now| {
                order.refunds.push(Refund { id: refund, created: now, amount, reason: String::new() });
                if order.refunded() >= order.total() {
                    order.set_status("refunded", now);
                }
            });
            refund
        })
    }

    /// Puts an order into the trash.
    pub fn trash(&self, id: u64) {
        self.does(|shop| {
            let now = shop.now();
            let trashed = shop.orders.edit(id, |order| {
                order.before_trash = std::mem::replace(&mut order.status, "trash".to_owned());
                order.modified = now;
            });
            if trashed.is_some() {
                tell(shop, "order.deleted", id);
            }
        });
    }

    /// Takes an order out of the trash.
    pub fn restore(&self, id: u64) {
        self.does(|shop| {
            let now = shop.now();
            let restored = shop.orders.edit(id, |order| {
                order.status = std::mem::take(&mut order.before_trash);
                order.modified = now;
            });
            if restored.is_some() {
                tell(shop, "order.restored", id);
            }
        });
    }

    /// Deletes an order for good.
    pub fn delete(&self, id: u64) {
        self.does(|shop| {
            shop.orders.remove(id);
            tell(shop, "order.deleted", id);
        });
    }

    /// WordPress' own eraser: an order keeps its amounts and loses whose it was.
    pub fn erase(&self, id: u64) {
        self.does(|shop| {
            change(shop, id, |order, _| {
                "deleted@site.invalid".clone_into(&mut order.email);
                "0".clone_into(&mut order.phone);
                "[deleted]".clone_into(&mut order.first_name);
                order.customer = 0;
            });
        });
    }

    /// Saves an order without a change: it is told of again.
    pub fn touch(&self, id: u64) {
        self.does(|shop| change(shop, id, |_, _| {}));
    }

    /// The store's clock goes on.
    pub fn advance(&self, seconds: i64) {
        self.with(|shop| shop.ahead += seconds);
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|shop| shop.faults = faults);
    }

    /// Its webhooks.
    pub fn hooks(&self) -> Vec<ShownHook> {
        self.with(|shop| shop.hooks.values().map(super::hooks::Hook::for_tests).collect())
    }

    /// Deletes its webhooks, as a plugin for cleaning up does.
    pub fn delete_hooks(&self) {
        self.with(|shop| shop.hooks.clear());
    }

    /// Deliveries that were made, the oldest first.
    pub fn delivered(&self) -> Vec<Delivered> {
        self.with(|shop| shop.delivered.iter().cloned().collect())
    }

    /// Requests of the API, the oldest first.
    pub fn requests(&self) -> Vec<String> {
        self.with(|shop| shop.requests.iter().cloned().collect())
    }

    /// How it was used.
    pub fn counters(&self) -> Counters {
        self.with(|shop| shop.counters.clone())
    }

    /// Waits until nothing is to be delivered any more; false when that takes too long.
    pub async fn settled(&self, patience: Duration) -> bool {
        let begun = Instant::now();
        while self.with(|shop| shop.works || !shop.queue.is_empty()) {
            if begun.elapsed() > patience {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }
}

fn done(shared: &Arc<Shared>, method: &str, path: &str, body: &[u8]) -> Result<Value, String> {
    let (store, deed) = path.rsplit_once('/').ok_or("expected STORE/DEED")?;
    if !shared.world().shops.contains_key(store) {
        return Err(format!("no store {store}"));
    }
    let store = Store { shared: Arc::clone(shared), path: store.to_owned() };
    let value: Value =
        if body.is_empty() { Value::Null } else { serde_json::from_slice(body).map_err(|why| why.to_string())? };
    let id = || value["id"].as_u64().ok_or("expected an id");
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let read = |why: serde_json::Error| why.to_string();
    Ok(match (method, deed) {
        ("POST", "customers") => {
            let role = if value["role"].is_null() { "customer".to_owned() } else { text("role") };
            json!({"id": store.add_customer(&text("email"), &text("first_name"), &text("phone"), &role)})
        }
        ("POST", "orders") => json!({"id": store.place(serde_json::from_value(value).map_err(read)?)}),
        ("POST", "status") => {
            store.set_status(id()?, &text("status"));
            Value::Null
        }
        ("POST", "refund") => {
            let amount = text("amount").parse().map_err(|_| "expected an amount")?;
            json!({"id": store.refund(id()?, amount)})
        }
        ("POST", "trash") => {
            store.trash(id()?);
            Value::Null
        }
        ("POST", "restore") => {
            store.restore(id()?);
            Value::Null
        }
        ("POST", "keys") => {
            let permissions =
                if value["permissions"].is_null() { "read_write".to_owned() } else { text("permissions") };
            let key = store.make_key(&permissions);
            json!({"key": format!("{}:{}", key.key, key.secret)})
        }
        ("POST", "faults") => {
            store.set_faults(serde_json::from_value(value).map_err(read)?);
            Value::Null
        }
        ("GET", "hooks") => {
            let shown = |hook: ShownHook| {
                json!({"id": hook.id, "topic": hook.topic, "status": hook.status, "failures": hook.failures,
                    "delivery_url": hook.delivery_url})
            };
            Value::Array(store.hooks().into_iter().map(shown).collect())
        }
        ("GET", "requests") => store.requests().into(),
        _ => return Err(format!("no such deed: {method} {deed}")),
    })
}

pub(super) fn over_http(shared: &Arc<Shared>, method: &str, path: &str, body: &[u8]) -> Reply {
    match done(shared, method, path, body) {
        Ok(value) => Reply::json(200, value),
        Err(why) => Reply::json(400, json!({"error": why})),
    }
}
