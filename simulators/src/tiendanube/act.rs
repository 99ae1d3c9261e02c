//! What happens in the store.

use super::TiendanubeSim;
use super::deliver;
use super::world::{Counters, Delivered, Faults, World, clock, written};
use serde_json::{Value, json};
use std::time::Duration;

/// An order that comes.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Of whom.
    pub email: String,
    /// Their number.
    pub phone: String,
    /// What it costs, as a decimal.
    pub total: String,
    /// Whether it is paid at once.
    pub paid: bool,
    /// Where it came from (`store`, `meli`).
    pub storefront: String,
    /// Whether they agreed to mail.
    pub agrees: Option<bool>,
}

impl Default for NewOrder {
    fn default() -> NewOrder {
        NewOrder {
            email: String::new(),
            phone: String::new(),
            total: "5660.00".to_owned(),
            paid: true,
            storefront: "store".to_owned(),
            agrees: None,
        }
    }
}

fn customer(world: &mut World, order: &NewOrder) -> u64 {
    let known = world.customers.iter().find(|(_, one)| one["email"] == order.email).map(|(id, _)| *id);
    let id = known.unwrap_or_else(|| world.fresh());
    let now = written(world.now);
    let said = order.agrees.map(|_| now.clone());
    let one = world.customers.entry(id).or_insert_with(|| {
        json!({"id": id, "name": "Ana Ruiz", "email": order.email, "phone": order.phone, "identification": "41913703",
            "note": null, "default_address": {"country": "AR", "province": "Capital Federal", "city": "Buenos Aires",
            "zipcode": "1425"}, "total_spent": "0.00", "total_spent_currency": "ARS", "last_order_id": null,
            "active": false, "accepts_marketing": false, "accepts_marketing_updated_at": null, "created_at": now})
    });
    if let Some(agrees) = order.agrees {
        one["accepts_marketing"] = agrees.into();
        one["accepts_marketing_updated_at"] = said.into();
    }
    one["updated_at"] = now.into();
    id
}

fn placed(world: &mut World, order: &NewOrder) -> (u64, u64) {
    let (customer, id) = (customer(world, order), world.fresh());
    let now = written(world.now);
    let state = if order.paid { "paid" } else { "pending" };
    let line = json!({"id": id + 500_000_000, "product_id": 58_208_779, "variant_id": "169164456", "name": "Remera",
        "variant_values": ["Roja", "S"], "price": order.total, "quantity": "1", "sku": "12331471"});
    let value = json!({"id": id, "token": format!("t{id}"), "store_id": world.store.to_string(), "number": id % 100_000,
        "currency": "ARS", "language": "es", "subtotal": order.total, "discount": "0.00", "discount_coupon": "0.00",
        "discount_gateway": "0.00", "total": order.total, "total_usd": "52.86", "shipping_cost_customer": "0.00",
        "status": "open", "payment_status": state, "shipping_status": "unshipped", "next_action": "waiting_packing",
        "gateway": "mercadopago", "payment_details": {"method": "credit_card", "installments": "6"},
        "created_at": now, "updated_at": now, "paid_at": if order.paid { json!(now) } else { Value::Null },
        "completed_at": {"date": "2026-02-23 12:25:18.000000", "timezone_type": 3, "timezone": "UTC"},
        "cancelled_at": null, "closed_at": null, "cancel_reason": null, "contact_email": order.email,
        "contact_name": "Ana Ruiz", "contact_phone": order.phone, "billing_country": "AR", "coupon": [{"code": "TEN"}],
        "customer": {"id": customer}, "products": [line], "storefront": order.storefront, "extra": {}, "app_id": null});
    world.orders.insert(id, value);
    (id, customer)
}

impl TiendanubeSim {
    fn does<T>(&self, act: impl FnOnce(&mut World) -> (T, Vec<(&'static str, u64)>)) -> T {
        let (done, told) = {
            let mut world = self.shared.world();
            world.now = clock();
            act(&mut world)
        };
        for (event, id) in told {
            deliver::tell(&self.shared, event, id);
        }
        done
    }

    /// Somebody orders; a guest becomes a customer. The number of the order.
    pub fn place(&self, order: &NewOrder) -> u64 {
        self.does(|world| {
            let (id, customer) = placed(world, order);
            let mut told = vec![("customer/created", customer), ("order/created", id)];
            told.extend(order.paid.then_some(("order/paid", id)));
            (id, told)
        })
    }

    /// As [`TiendanubeSim::place`], some time ago and told by nobody.
    pub fn placed_before(&self, order: &NewOrder, seconds_ago: i64) -> u64 {
        let mut world = self.shared.world();
        let now = world.now;
        world.now = now - seconds_ago;
        let (id, _) = placed(&mut world, order);
        world.now = now;
        id
    }

    fn changed(&self, id: u64, event: &'static str, change: impl FnOnce(&mut Value, &str)) {
        self.does(|world| {
            let now = written(world.now);
            if let Some(order) = world.orders.get_mut(&id) {
                change(order, &now);
                order["updated_at"] = now.into();
            }
            let mut told = vec![("order/updated", id)];
            told.extend((event != "order/updated").then_some((event, id)));
            ((), told)
        });
    }

    /// It is paid.
    pub fn pay(&self, order: u64) {
        self.changed(order, "order/paid", |order, now| {
            order["payment_status"] = "paid".into();
            order["paid_at"] = now.into();
        });
    }

    /// The money goes back: no event of its own.
    pub fn refund(&self, order: u64) {
        self.changed(order, "order/updated", |order, _| order["payment_status"] = "refunded".into());
    }

    /// It is cancelled.
    pub fn cancel(&self, order: u64) {
        self.changed(order, "order/cancelled", |order, now| {
            order["status"] = "cancelled".into();
            order["cancelled_at"] = now.into();
            order["cancel_reason"] = "customer".into();
        });
    }

    /// A customer agrees to mail, or takes it back.
    pub fn agree(&self, email: &str, agrees: bool) {
        self.does(|world| {
            let now = written(world.now);
            let found = world.customers.iter_mut().find(|(_, one)| one["email"] == email);
            let told = found.map(|(id, one)| {
                one["accepts_marketing"] = agrees.into();
                one["accepts_marketing_updated_at"] = now.clone().into();
                one["updated_at"] = now.into();
                ("customer/updated", *id)
            });
            ((), told.into_iter().collect())
        });
    }

    /// A customer is deleted.
    pub fn delete_customer(&self, email: &str) {
        self.does(|world| {
            let id = world.customers.iter().find(|(_, one)| one["email"] == email).map(|(id, _)| *id);
            if let Some(id) = id {
                world.customers.remove(&id);
            }
            ((), id.map(|id| ("customer/deleted", id)).into_iter().collect())
        });
    }

    /// The merchant takes the app out: it is told, the token is dead, and its webhooks are gone.
    pub fn uninstall(&self) {
        let id = self.shared.options.client_id.parse().unwrap_or_default();
        deliver::tell(&self.shared, "app/uninstalled", id);
        let mut world = self.shared.world();
        world.token = None;
        world.hooks.clear();
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.world().faults = faults;
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.shared.world().counters.clone()
    }

    /// From now on the app is registered with this address.
    pub fn set_redirect_uri(&self, redirect_uri: &str) {
        self.shared.world().redirect_uri = redirect_uri.to_owned();
    }

    /// The scopes that the app is registered with.
    pub fn set_scope(&self, scope: &str) {
        self.shared.world().scope = scope.to_owned();
    }

    /// Events that have a webhook.
    pub fn hooked(&self) -> Vec<String> {
        self.shared.world().hooks.values().map(|hook| hook.event.clone()).collect()
    }

    /// Somebody in the administration takes all webhooks away.
    pub fn drop_hooks(&self) {
        self.shared.world().hooks.clear();
    }

    /// What was delivered.
    pub fn delivered(&self) -> Vec<Delivered> {
        self.shared.world().delivered.iter().cloned().collect()
    }

    /// Waits until nothing is to be delivered; false when it takes too long.
    pub async fn settled(&self, patience: Duration) -> bool {
        let begun = std::time::Instant::now();
        while begun.elapsed() < patience {
            if self.shared.world().under_way == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// A token that is good from now on; the one before is not.
    pub fn new_token(&self) -> String {
        self.shared.world().new_token()
    }

    /// Makes the store's things what they are given as, for tests of the rules.
    pub fn put_orders(&self, orders: impl IntoIterator<Item = Value>) {
        let mut world = self.shared.world();
        world.orders = orders.into_iter().filter_map(|one| Some((one["id"].as_u64()?, one))).collect();
    }

    /// The same of customers; webhooks are taken away.
    pub fn put_customers(&self, customers: impl IntoIterator<Item = Value>) {
        let mut world = self.shared.world();
        world.customers = customers.into_iter().filter_map(|one| Some((one["id"].as_u64()?, one))).collect();
        world.hooks.clear();
    }
}

impl World {
    pub(super) fn new_token(&mut self) -> String {
        self.tokens_made += 1;
        let token = format!("61181d08b7e328d256736hdcb671c3ce50b8{:06}", self.tokens_made);
        self.token = Some(token.clone());
        token
    }
}
