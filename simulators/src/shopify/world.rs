//! Everything that the platform knows.

use super::bulk::{Bulk, Job};
use super::faults::{Dice, Faults};
use super::generate::Generated;
use super::graphql::{Bucket, Official};
use super::hooks::{Delivery, HookLog, Subscription};
use super::model::{Cart, Checkout, Customer, Order};
use super::oauth::{Codes, Installation};
use super::options::{ShopOptions, SimOptions};
use super::record::Record;
use super::segments::Segment;
use super::table::Table;
use super::time;
use bytes::Bytes;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// Numbers of what comes to be begin here: beyond what a JavaScript number keeps.
const FIRST_ID: u64 = 9_200_000_000_000_001;

/// A shop.
pub(super) struct ShopState {
    pub(super) options: ShopOptions,
    pub(super) zone: TimeZone,
    pub(super) id: u64,
    pub(super) generated: Arc<Generated>,
    pub(super) orders: Table<Order>,
    pub(super) customers: Table<Customer>,
    /// What orders and net spent of a customer differ by from those of the formula.
    pub(super) sums: BTreeMap<u64, (i64, Decimal)>,
    pub(super) carts: BTreeMap<String, Cart>,
    pub(super) checkouts: BTreeMap<String, Checkout>,
    pub(super) segments: BTreeMap<u64, Segment>,
    pub(super) hooks: Vec<Subscription>,
    pub(super) installation: Option<Installation>,
    pub(super) codes: Codes,
    pub(super) bucket: Bucket,
    pub(super) bulks: BTreeMap<u64, Bulk>,
    pub(super) next_number: u64,
    /// 402, 403 or 423 while the platform closes the API; else 0.
    pub(super) blocked: u16,
}

impl ShopState {
    /// The order of a number, as it is now.
    pub(super) fn order(&self, id: u64) -> Option<Arc<Order>> {
        match self.orders.get(id) {
            Some(order) => Some(order.clone()),
            None if self.orders.is_gone(id) => None,
            None => self.generated.order(id),
        }
    }

    /// The customer of a number, as it is now.
    pub(super) fn customer(&self, id: u64) -> Option<Arc<Customer>> {
        match self.customers.get(id) {
            Some(customer) => Some(customer.clone()),
            None if self.customers.is_gone(id) => None,
            None => self.generated.customer(id),
        }
    }

    /// Orders and net spent of a customer, test orders left out.
    pub(super) fn sums_of(&self, customer: u64) -> (u64, Decimal) {
        let (count, spent) = self.generated.sums(customer).unwrap_or_default();
        let (more, more_spent) = self.sums.get(&customer).copied().unwrap_or_default();
        (count.saturating_add_signed(more), spent + more_spent)
    }

    fn count(&mut self, order: &Order, sign: i64) {
        if let Some(customer) = order.customer.filter(|_| !order.test) {
            let sum = self.sums.entry(customer).or_default();
            sum.0 += sign;
            sum.1 += order.net() * Decimal::from(sign);
        }
    }

    /// Writes an order.
    pub(super) fn put_order(&mut self, order: Order, lag: Duration) {
        if let Some(old) = self.order(order.id) {
            self.count(&old, -1);
        }
        self.count(&order, 1);
        self.orders.put(order.id, order, lag);
    }

    /// Takes an order away.
    pub(super) fn remove_order(&mut self, id: u64) {
        if let Some(old) = self.order(id) {
            self.count(&old, -1);
        }
        self.orders.remove(id);
    }

    /// Numbers of the orders of a customer, oldest first.
    pub(super) fn orders_of(&self, customer: u64) -> Vec<u64> {
        let generated = self.generated.orders_of(customer);
        let untouched = generated.filter(|id| self.orders.get(*id).is_none() && !self.orders.is_gone(*id));
        let written = self.orders.rows().filter(|(_, order)| order.customer == Some(customer)).map(|(id, _)| *id);
        let mut found: Vec<u64> = untouched.chain(written).collect();
        found.sort_unstable();
        found
    }

    /// The customer with an e-mail address or a phone number.
    pub(super) fn find_customer(&self, email: Option<&str>, phone: Option<&str>) -> Option<u64> {
        let same = |known: &Option<String>, given: Option<&str>| {
            given.is_some_and(|given| known.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(given)))
        };
        let by_email = self.customers.rows().find(|(_, one)| same(&one.email, email));
        let by_phone = || self.customers.rows().find(|(_, one)| same(&one.phone, phone));
        if let Some((id, _)) = by_email.or_else(by_phone) {
            return Some(*id);
        }
        let untouched = |id: &u64| self.customers.get(*id).is_none() && !self.customers.is_gone(*id);
        email.and_then(|email| self.generated.by_email(email)).filter(untouched)
    }
}

/// The platform.
pub(super) struct World {
    pub(super) options: SimOptions,
    pub(super) base: String,
    pub(super) dice: Dice,
    pub(super) shops: BTreeMap<String, ShopState>,
    pub(super) clock: Option<i64>,
    pub(super) faults: Faults,
    pub(super) record: Record,
    pub(super) official: Option<Arc<Official>>,
    pub(super) hook_log: HookLog,
    pub(super) outbox: UnboundedSender<Delivery>,
    pub(super) jobs: UnboundedSender<Job>,
    /// Files put up for bulk mutations.
    pub(super) uploads: BTreeMap<String, Bytes>,
    /// Deliveries that are not at their end.
    pub(super) under_way: Arc<AtomicU64>,
    /// The id that all deliveries of one action share.
    pub(super) event: String,
    next_id: u64,
}

impl World {
    pub(super) fn new(
        options: SimOptions,
        base: String,
        official: Option<Arc<Official>>,
        outbox: UnboundedSender<Delivery>,
        jobs: UnboundedSender<Job>,
    ) -> World {
        let dice = Dice::new(options.seed);
        let shops = options.shops.clone();
        let mut world = World {
            options,
            base,
            dice,
            shops: BTreeMap::new(),
            clock: None,
            faults: Faults::default(),
            record: Record::default(),
            official,
            hook_log: HookLog::default(),
            outbox,
            jobs,
            uploads: BTreeMap::new(),
            under_way: Arc::default(),
            event: String::new(),
            next_id: FIRST_ID,
        };
        shops.into_iter().for_each(|shop| world.open(shop));
        world
    }

    /// A shop begins.
    pub(super) fn open(&mut self, options: ShopOptions) {
        let (orders, customers) = (self.options.generate_orders, self.options.generate_customers);
        let generated = Generated::new(orders, customers, self.options.generate_days, self.now(), &options.currency);
        let shop = ShopState {
            zone: time::zone(&options.timezone),
            id: self.id(),
            next_number: 1001 + generated.orders(),
            generated: Arc::new(generated),
            orders: Table::default(),
            customers: Table::default(),
            sums: BTreeMap::new(),
            carts: BTreeMap::new(),
            checkouts: BTreeMap::new(),
            segments: BTreeMap::new(),
            hooks: Vec::new(),
            installation: None,
            codes: Codes::default(),
            bucket: Bucket::new(self.options.cost.maximum),
            bulks: BTreeMap::new(),
            blocked: 0,
            options,
        };
        self.shops.insert(shop.options.domain.clone(), shop);
    }

    /// The platform's clock, Unix seconds.
    pub(super) fn now(&self) -> i64 {
        self.clock.unwrap_or_else(time::machine)
    }

    /// A number that nothing has.
    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 2;
        self.next_id
    }

    /// How long filters don't see a change.
    pub(super) fn lag(&self) -> Duration {
        Duration::from_millis(self.options.index_lag_ms)
    }

    /// What follows is one action of a merchant or a buyer.
    pub(super) fn begin_action(&mut self) {
        self.event = self.dice.uuid();
    }

    pub(super) fn shop(&self, shop: &str) -> Result<&ShopState, String> {
        self.shops.get(shop).ok_or_else(|| format!("there is no shop {shop}"))
    }

    pub(super) fn shop_mut(&mut self, shop: &str) -> Result<&mut ShopState, String> {
        self.shops.get_mut(shop).ok_or_else(|| format!("there is no shop {shop}"))
    }

    /// One more delivery begins.
    pub(super) fn send(&mut self, delivery: Delivery) {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        if self.outbox.send(delivery).is_err() {
            self.under_way.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// A bulk operation begins to run.
    pub(super) fn begin_job(&mut self, job: Job) {
        if self.jobs.send(job).is_err() {
            eprintln!("a bulk operation can't run: the simulator ends");
        }
    }
}
