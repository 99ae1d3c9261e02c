//! What happens in a seller's account, and what is looked at from outside.

use super::notify::{self, Note};
use super::options::{Delivery, Faults};
use super::thing::{Claim, NewOrder, Order, Payment, Question};
use super::time::HOUR_MS;
use super::world::{CallView, SentView, World};
use super::{MeliSim, notify::send};
use rust_decimal::Decimal;
use std::time::Duration;

/// Numbers of things begin with these.
const ORDERS: u64 = 2_000_009_713_000_000;
const PAYMENTS: u64 = 91_776_000_000;
const CLAIMS: u64 = 5_108_000_000;
const QUESTIONS: u64 = 13_000_000_000;

fn currency(site: &str) -> &'static str {
    match site {
        "MLA" => "ARS",
        "MLB" => "BRL",
        "MCO" => "COP",
        "MLC" => "CLP",
        _ => "MXN",
    }
}

fn pay(world: &mut World, id: u64) -> Vec<Note> {
    let (number, now) = (PAYMENTS + world.next(), world.now());
    let Some(order) = world.orders.get_mut(&id) else { return Vec::new() };
    let at = if order.new.days_ago > 0 { order.created + 60_000 } else { now };
    let payment = Payment {
        id: number,
        status: "approved".to_owned(),
        amount: order.total(),
        refunded: Decimal::ZERO,
        created: at,
        approved: Some(at),
        modified: at,
    };
    order.payments.push(payment);
    "paid".clone_into(&mut order.status);
    (order.closed, order.updated) = (Some(at), at);
    vec![notify::order(id, order.new.seller), notify::payment(number, order.new.seller)]
}

impl MeliSim {
    fn does<T>(&self, act: impl FnOnce(&mut World) -> (T, Vec<Note>)) -> T {
        let (done, notes) = act(&mut self.shared.world());
        send(&self.shared, notes);
        done
    }

    /// Changes an order, which is told of.
    fn change(&self, id: u64, act: impl FnOnce(&mut Order, i64)) {
        self.does(|world| {
            let now = world.now();
            let Some(order) = world.orders.get_mut(&id) else { return ((), Vec::new()) };
            act(order, now);
            order.updated = now.max(order.updated + 1);
            ((), vec![notify::order(id, order.new.seller)])
        });
    }

    /// Somebody orders; the number of the order.
    pub fn place(&self, mut new: NewOrder) -> u64 {
        self.does(|world| {
            let first = world.options.sellers.first().map(|seller| seller.id).unwrap_or_default();
            new.seller = if new.seller == 0 { first } else { new.seller };
            let site = world.options.sellers.iter().find(|one| one.id == new.seller).map(|one| one.site.clone());
            let site = site.unwrap_or_else(|| "MLM".to_owned());
            let (id, created) = (ORDERS + world.next(), world.now() - new.days_ago * 24 * HOUR_MS);
            let (paid, seller) = (new.paid, new.seller);
            let order = Order {
                id,
                currency: currency(&site).to_owned(),
                site,
                status: "confirmed".to_owned(),
                created,
                closed: None,
                updated: created,
                payments: Vec::new(),
                cancelled: None,
                new,
            };
            world.orders.insert(id, order);
            let notes = if paid { pay(world, id) } else { vec![notify::order(id, seller)] };
            (id, notes)
        })
    }

    /// A number for a cart.
    pub fn new_pack(&self) -> u64 {
        2_000_006_556_000_000 + self.shared.world().next()
    }

    /// The buyer pays.
    pub fn pay(&self, order: u64) {
        self.does(|world| ((), pay(world, order)));
    }

    /// Some of the money, or all of it, goes back to the buyer. An order whose money is all back is cancelled.
    pub fn refund(&self, order: u64, amount: Decimal) {
        self.change(order, |order, now| {
            let total = order.total();
            let Some(payment) = order.payments.last_mut() else { return };
            payment.refunded = (payment.refunded + amount).min(payment.amount);
            payment.modified = now;
            if payment.refunded == payment.amount && payment.amount == total {
                "refunded".clone_into(&mut payment.status);
                "cancelled".clone_into(&mut order.status);
                order.cancelled = Some(now);
            } else {
                "partially_refunded".clone_into(&mut order.status);
            }
        });
    }

    /// The sale is called off; the money is not back yet.
    pub fn call_off(&self, order: u64) {
        self.change(order, |order, now| {
            "pending_cancel".clone_into(&mut order.status);
            order.cancelled = Some(now);
        });
    }

    /// An order that was not paid is cancelled.
    pub fn cancel(&self, order: u64) {
        self.change(order, |order, now| {
            "cancelled".clone_into(&mut order.status);
            order.cancelled = Some(now);
        });
    }

    /// A tag is put on an order.
    pub fn tag(&self, order: u64, tag: &str) {
        self.change(order, |order, _| order.new.tags.push(tag.to_owned()));
    }

    /// The buyer claims something; the number of the claim.
    pub fn claim(&self, order: u64) -> u64 {
        self.does(|world| {
            let (id, updated) = (CLAIMS + world.next(), world.now());
            let seller = world.orders.get(&order).map(|order| order.new.seller).unwrap_or_default();
            let (resource, status) = ("order".to_owned(), "opened".to_owned());
            let claim = Claim { id, seller, resource, resource_id: order, status, resolution: None, updated };
            world.claims.insert(id, claim);
            (id, vec![notify::claim(id, seller)])
        })
    }

    /// A claim ends with some of the money given back. Only the claim is told of, and the search of orders lags behind.
    pub fn settle_claim(&self, claim: u64, amount: Decimal) {
        self.does(|world| {
            let now = world.now();
            let Some(claim) = world.claims.get_mut(&claim) else { return ((), Vec::new()) };
            "closed".clone_into(&mut claim.status);
            claim.resolution = Some("partial_refunded".to_owned());
            claim.updated = now.max(claim.updated + 1);
            let (id, seller, order) = (claim.id, claim.seller, claim.resource_id);
            if let Some(payment) = world.orders.get_mut(&order).and_then(|order| order.payments.last_mut()) {
                payment.refunded = (payment.refunded + amount).min(payment.amount);
                payment.modified = now;
            }
            ((), vec![notify::claim(id, seller)])
        });
    }

    /// Somebody asks about an article; the number of the question.
    pub fn ask(&self, buyer: u64, item: &str, text: &str) -> u64 {
        self.does(|world| {
            let (id, created) = (QUESTIONS + world.next(), world.now());
            let seller = world.options.sellers.first().map(|seller| seller.id).unwrap_or_default();
            let (item, text, status) = (item.to_owned(), text.to_owned(), "UNANSWERED".to_owned());
            let question = Question { id, seller, buyer, item, text, status, created, answered: None };
            world.questions.insert(id, question);
            (id, vec![notify::question(id, seller)])
        })
    }

    /// The seller answers.
    pub fn answer(&self, question: u64) {
        self.does(|world| {
            let now = world.now();
            let Some(one) = world.questions.get_mut(&question) else { return ((), Vec::new()) };
            "ANSWERED".clone_into(&mut one.status);
            one.answered = Some(now);
            ((), vec![notify::question(question, one.seller)])
        });
    }

    /// So many notifications of one order, for changes that nobody sees.
    pub fn storm(&self, order: u64, notifications: usize) {
        self.does(|world| {
            let seller = world.orders.get(&order).map(|order| order.new.seller).unwrap_or_default();
            ((), vec![notify::order(order, seller); notifications])
        });
    }

    /// The app's panel: where notifications go.
    pub fn set_callback(&self, url: &str) {
        self.shared.world().callback = Some(url.to_owned());
    }

    /// What becomes of notifications from now on.
    pub fn set_delivery(&self, delivery: Delivery) {
        self.shared.world().delivery = delivery;
    }

    /// Plays these faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.world().faults = faults;
    }

    /// The next answers about orders lack their buyers.
    pub fn hide_buyers(&self, answers: usize) {
        self.shared.world().partial = answers;
    }

    /// The next refresh is done, and its answer never sent.
    pub fn lose_next_refresh(&self) {
        self.shared.world().lose_refresh = true;
    }

    /// How many refreshes there were.
    pub fn refreshes(&self) -> usize {
        self.shared.world().refreshed
    }

    /// Whoever agrees from now on is this seller.
    pub fn log_in(&self, seller: u64) {
        self.shared.world().logs_in = Some(seller);
    }

    /// Whether whoever agrees is only an operator of the account.
    pub fn set_operator(&self, operator: bool) {
        self.shared.world().operator = operator;
    }

    /// An access token of the first seller, and what refreshes it.
    pub fn issue(&self) -> (String, String) {
        let mut world = self.shared.world();
        let seller = world.options.sellers.first().map(|seller| seller.id).unwrap_or_default();
        world.issue(seller)
    }

    /// Access tokens end now; what refreshes them stays.
    pub fn expire_tokens(&self) {
        self.shared.world().tokens.clear();
    }

    /// How long access tokens last that are given from now on.
    pub fn set_token_life(&self, life: Duration) {
        self.shared.world().options.token_life = life;
    }

    /// The seller takes the app out: no token is good any more.
    pub fn revoke(&self) {
        let mut world = self.shared.world();
        world.tokens.clear();
        world.refreshes.clear();
    }

    /// Calls since the start or the last look.
    pub fn take_calls(&self) -> Vec<CallView> {
        std::mem::take(&mut self.shared.world().calls)
    }

    /// How many calls of a path were made since the last look.
    pub fn calls(&self, path: &str) -> usize {
        self.shared.world().calls.iter().filter(|call| call.path == path).count()
    }

    /// Notifications whose last attempt was made.
    pub fn sent(&self) -> Vec<SentView> {
        self.shared.world().sent.clone()
    }

    /// Notifications that are not sent to their end.
    pub fn under_way(&self) -> usize {
        self.shared.world().under_way
    }

    /// Topics that are switched off for the app.
    pub fn switched_off(&self) -> Vec<String> {
        self.shared.world().off.iter().cloned().collect()
    }
}
