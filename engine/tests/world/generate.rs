//! Made-up worlds: people who share devices and addresses, orders in disorder, clocks that leap.

use super::definitions;
use super::dice::Dice;
use super::script::{CROWDED_LINKS_MAX, Script, identity, statement, time};
use super::steps::{Action, Step, World};
use model::{
    Channel, Command, Event, Identity, ListDefinition, ListIdentifier, ListMode, OrderPolicy, SourceKind, Time,
};
use serde_json::{Value as Json, json};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Whether the language knows `{"segment": "vip"}` yet.
const SEGMENTS_ASK_FOR_SEGMENTS: bool = false;

const ZONES: &[&str] = &[
    "UTC",
    "America/Mexico_City",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "Europe/Madrid",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
];
/// Month ends, leap days, changes of clocks.
const STARTS: &[&str] = &[
    "2024-02-27T10:00:00Z",
    "2026-02-26T23:00:00Z",
    "2026-03-28T20:00:00Z",
    "2026-10-24T22:30:00Z",
    "2018-11-03T12:00:00Z",
    "2025-12-30T06:00:00Z",
    "2026-03-07T09:00:00Z",
    "2026-01-30T05:59:59.999999Z",
    "2026-05-31T12:00:00Z",
];
/// The identities that one body goes by; some are shared with others.
const BODIES: &[&[&str]] = &[
    &["user:web:ana", "email:a@x.mx", "anon:web:1", "user:api:7", "device:d1"],
    &["user:web:bea", "email:b@x.mx", "anon:web:1", "phone:+5215500000001", "cart:web:c1"],
    &["user:web:cid", "email:shared@y.mx", "anon:web:2", "phone:+5215500000002"],
    &["user:web:dan", "email:shared@y.mx", "anon:web:3", "user:api:9", "device:d1"],
    &["email:e@y.mx", "email:shared@y.mx", "phone:+5215500000002", "anon:web:3"],
];
const ADDRESSES: &[&str] =
    &["a@x.mx", "b@x.mx", "shared@y.mx", "e@y.mx", "+5215500000001", "+5215500000002", "new@x.mx"];

/// What a generated world may hold.
#[derive(Clone, Copy)]
pub struct Taste {
    /// How many things happen.
    pub happenings: usize,
    /// Only events (with faithful duplicates) and unlinks after the start: what comes of them does not hang on order.
    pub orderless: bool,
}

/// Makes up a world.
pub fn world(seed: u64, taste: Taste) -> World {
    let mut dice = Dice::new(seed);
    let store = dice.chance(35);
    let start = dice.pick(STARTS);
    let mut maker = Maker {
        script: Script::new(start, dice.pick(ZONES), store),
        dice,
        store,
        zone: String::new(),
        taste,
        steps: Vec::new(),
    };
    maker.settings();
    maker.flush();
    let settled = maker.steps.len();
    maker.definitions();
    for _ in 0..taste.happenings {
        maker.happen();
    }
    maker.action(Action::Build);
    maker.action(Action::Look);
    World { seed, settled, steps: maker.steps }
}

struct Maker {
    script: Script,
    dice: Dice,
    store: bool,
    zone: String,
    taste: Taste,
    steps: Vec<Step>,
}

impl Maker {
    /// Moves what the script holds to the steps.
    fn flush(&mut self) {
        let records = self.script.records.drain(..);
        self.steps.extend(records.map(|record| Step { time: record.time, action: Action::Command(record.command) }));
    }

    fn action(&mut self, action: Action) {
        self.flush();
        self.steps.push(Step { time: self.script.now, action });
    }

    fn put_zone(&mut self) {
        let zone = self.dice.pick(ZONES).to_owned();
        self.zone = zone.clone();
        let retention = self.dice.one(&[2, 30, 45, 400, 1095]);
        self.script.workspace(&zone, retention, CROWDED_LINKS_MAX);
    }

    fn settings(&mut self) {
        let crowded = self.dice.one(&[1, 2, 2, 3]);
        if let Command::WorkspacePut { crowded_links_max, .. } = &mut self.script.records[0].command {
            *crowded_links_max = crowded;
        }
        self.put_zone();
        if self.dice.chance(30) {
            self.script.source("web", SourceKind::Browser, OrderPolicy::Count);
        }
        for _ in 0..self.dice.below(3) {
            self.rate();
        }
    }

    fn rate(&mut self) {
        let day = definitions::instant(&mut self.dice, self.script.now)[..10].to_owned();
        let (from, to) = self.dice.one(&[("USD", "MXN"), ("EUR", "MXN"), ("MXN", "USD")]);
        let rate = self.dice.pick(&["17.25", "0.055", "2"]);
        self.script.rate(from, to, &day, rate);
    }

    fn definitions(&mut self) {
        for id in ["s0", "s1", "s2"] {
            self.segment(id);
        }
        for id in ["l0", "l1"] {
            self.list(id);
        }
        self.action(Action::Build);
        self.action(Action::Look);
    }

    fn segment(&mut self, id: &str) {
        let others: &[&str] = if SEGMENTS_ASK_FOR_SEGMENTS && matches!(id, "s2" | "s3") { &["s0", "s1"] } else { &[] };
        let definition = definitions::definition(&mut self.dice, self.script.now, others);
        self.script.put_segment(id, &definition);
    }

    fn list(&mut self, id: &str) {
        let consent = self.dice.one(&[None, None, Some(Channel::Email), Some(Channel::Sms)]);
        let user = ListIdentifier::User("web".into());
        let identifier = self.dice.one(&[ListIdentifier::Person, ListIdentifier::Email, ListIdentifier::Phone, user]);
        let segment = self.dice.pick(&["s0", "s1"]).into();
        self.script.list(ListDefinition { id: id.into(), segment, identifier, consent, mode: ListMode::Mirror });
    }

    fn happen(&mut self) {
        self.pass_time();
        match self.dice.below(100) {
            0..82 => self.event(),
            82..88 => self.duplicate(),
            88..90 => self.unlink(),
            _ if self.taste.orderless => self.event(),
            90..94 => self.edit(),
            94 => self.rate(),
            95 => self.put_zone(),
            96 => {
                let policy = self.dice.one(&[OrderPolicy::Auto, OrderPolicy::Count, OrderPolicy::Match]);
                self.script.source("web", SourceKind::Browser, policy);
            }
            97 => {
                let (source, identity) = (self.dice.pick(&["web", "api"]).into(), self.strong());
                self.script.push(Command::Redact { source, identity });
            }
            _ => {
                let identity = self.strong();
                self.script.push(Command::Erase { identity });
            }
        }
        self.flush();
        match self.dice.below(100) {
            0..55 => self.action(Action::Look),
            55..60 => self.action(Action::Checkpoint),
            60..65 => self.action(Action::Reopen),
            _ => (),
        }
    }

    /// An instant after now at which something said before may change by itself, or just before it.
    fn edge(&mut self) -> Option<Time> {
        let zone = jiff::tz::TimeZone::get(&self.zone).expect("a zone");
        let used = self.steps[self.dice.below(self.steps.len())].time;
        let from = if self.dice.chance(70) { used } else { self.script.now };
        let local = from.to_timestamp()?.to_zoned_datetime(zone);
        let edge = match self.dice.below(6) {
            0 | 1 => local.datetime().date().tomorrow().ok()?.to_zoned_datetime(local.time_zone().clone()).ok()?,
            2 => local.checked_add(jiff::Span::new().months(1 + self.dice.below(2) as i64)).ok()?,
            3 => local.checked_add(jiff::Span::new().years(1)).ok()?,
            _ => {
                let hours = self.dice.one(&[36, 24, 48, 24 * 7, 24 * 14, 24 * 30, 24 * 2, 24 * 45]);
                local.checked_add(jiff::Span::new().hours(hours)).ok()?
            }
        };
        let edge = Time(edge.timestamp().as_microsecond()).plus_micros(-(self.dice.below(2) as i64));
        Some(edge).filter(|edge| *edge > self.script.now)
    }

    fn pass_time(&mut self) {
        if self.dice.chance(25)
            && let Some(edge) = self.edge()
        {
            self.script.now = edge;
            return self.action(Action::Look);
        }
        let leap = match self.dice.below(20) {
            0..6 => 0,
            6 => 1,
            7..11 => self.dice.below(180) as i64 * MINUTE,
            11..15 => self.dice.below(48) as i64 * HOUR,
            15..18 => self.dice.below(20) as i64 * DAY,
            18 => self.dice.below(90) as i64 * DAY + 1,
            _ => 400 * DAY,
        };
        if leap > 0 {
            if self.dice.chance(70) {
                self.action(Action::Chase(1 + self.dice.clone().below(5) as u8));
            }
            self.script.now = self.script.now.plus_micros(leap);
            if self.dice.chance(50) {
                self.action(Action::Look);
            }
        }
    }

    /// An edge that matters: a length before or after now, or at an instant used before.
    fn event_time(&mut self) -> Time {
        let now = self.script.now;
        let earlier = match self.dice.below(20) {
            0..11 => 0,
            11 => 1,
            12 => 90 * MINUTE,
            13 => 36 * HOUR,
            14 => DAY,
            15 => 7 * DAY - 1,
            16 => 30 * DAY,
            17 => self.dice.below(60) as i64 * DAY,
            18 => 400 * DAY,
            _ => {
                let used = self.steps[self.dice.below(self.steps.len())].time;
                return used.min(now);
            }
        };
        now.plus_micros(-earlier)
    }

    fn who(&mut self) -> Vec<Identity> {
        let body = self.dice.one(BODIES);
        let mut who = vec![identity(self.dice.pick(body))];
        while self.dice.chance(40) {
            let body = if self.dice.chance(85) { body } else { self.dice.one(BODIES) };
            who.push(identity(self.dice.pick(body)));
        }
        if self.store && self.dice.chance(25) {
            who.push(Identity::scoped(model::IdentityKind::Platform, "shop", self.dice.pick(&["1", "2", "3"])));
        }
        who.sort();
        who.dedup();
        who
    }

    fn strong(&mut self) -> Identity {
        loop {
            if let Some(strong) = self.who().into_iter().find(|identity| identity.kind.is_strong()) {
                return strong;
            }
        }
    }

    fn unlink(&mut self) {
        let (left, right) = (self.strong(), self.strong());
        if left != right {
            self.script.push(Command::Unlink { left, right });
        }
    }

    fn event(&mut self) {
        let source = if self.store { self.dice.pick(&["web", "api", "shop"]) } else { self.dice.pick(&["web", "api"]) };
        let name = self.dice.pick(&[
            "",
            "",
            "",
            "Order Completed",
            "Order Completed",
            "Order Updated",
            "Order Refunded",
            "Order Cancelled",
            "Page Viewed",
            "Product Viewed",
            "Product Added",
            "Played",
        ]);
        let content = match name {
            "" => self.traits(),
            name if name.starts_with("Order") => self.order(),
            _ => self.properties(),
        };
        let mut event = self.script.make(source, name, "", content);
        event.time = self.event_time();
        event.identities = self.who();
        if self.dice.chance(12) {
            self.say(&mut event);
        }
        self.script.push(Command::Event(Box::new(event)));
    }

    fn say(&mut self, event: &mut Event) {
        let address = self.dice.pick(ADDRESSES);
        let channel = if address.contains('@') { Channel::Email } else { Channel::Sms };
        event.consent.push(statement(event.time, channel, address, self.dice.chance(65)));
    }

    fn properties(&mut self) -> Json {
        let path = self.dice.one(&[json!("/a"), json!("/A/1"), json!("/b"), Json::Null]);
        let n = self.dice.one(&[json!(1), json!(2), json!("3"), json!(2.5), json!("many"), Json::Null]);
        json!({"path": path, "n": n})
    }

    fn order(&mut self) -> Json {
        let id = self.dice.one(&[json!("o1"), json!("o2"), json!("o3"), json!(7), json!("7"), Json::Null, json!("")]);
        let totals = [json!(10), json!("25.50"), json!(100), json!(-5), json!("x"), json!(0), Json::Null, Json::Null];
        let (total, revenue) = (self.dice.one(&totals), self.dice.one(&totals));
        let currency = self.dice.one(&[json!("MXN"), json!("USD"), json!("mxn"), Json::Null, Json::Null]);
        let refund = self.dice.one(&[json!("r1"), json!("r2"), json!(3), Json::Null]);
        let products: Vec<Json> = (0..self.dice.below(3)).map(|_| self.product()).collect();
        let products = if products.is_empty() { Json::Null } else { json!(products) };
        let revenue = if self.dice.chance(50) { Json::Null } else { revenue };
        json!({"order_id": id, "total": total, "revenue": revenue, "currency": currency, "refund_id": refund,
            "products": products})
    }

    fn product(&mut self) -> Json {
        let price = self.dice.one(&[json!(5), json!("7.25"), json!(-1), json!(12)]);
        let mut product = json!({"sku": self.dice.pick(&["A1", "b2", "C3"]), "price": price});
        if self.dice.chance(50) {
            product["quantity"] = self.dice.one(&[json!(2), json!("3"), json!(-2), json!(0)]);
        }
        product
    }

    fn traits(&mut self) -> Json {
        let mut traits = json!({});
        for _ in 0..=self.dice.below(3) {
            let (name, value) = self.one_trait();
            traits[name] = value;
        }
        traits
    }

    fn one_trait(&mut self) -> (&'static str, Json) {
        let dice = &mut self.dice;
        match dice.below(12) {
            0 => ("city", json!(dice.pick(&["Lima", "lima", "Quito", "Le\u{f3}n", "Leo\u{301}n"]))),
            1 => ("country", json!(dice.pick(&["MX", "AR"]))),
            2 => ("tags", dice.one(&[json!(["vip", "new"]), json!(["Old"]), json!([]), json!("vip")])),
            3 => ("score", dice.one(&[json!(5), json!("7.5"), json!(10), json!("high"), json!(12.0)])),
            4 => ("age", json!(dice.one(&[18, 25, 40]))),
            5 => ("birthday", json!(dice.pick(&["2000-02-29", "1999-12-31", "2001-03-01", "1998-10-25", "soon"]))),
            6 => ("renews", json!(definitions::instant(dice, self.script.now))),
            7 => ("vip", json!(dice.chance(50))),
            8 => ("company", json!({"name": dice.pick(&["Acme", "ACME Co", "Other"])})),
            9 => ("email", json!(dice.pick(&["a@x.mx", "b@x.mx", "shared@y.mx", "new@x.mx"]))),
            10 => ("phone", json!(dice.pick(&["+5215500000001", "+5215500000002"]))),
            _ => ("subscribed_at", json!(self.script.now.to_string())),
        }
    }

    /// The same message again; where order may matter also with other contents.
    fn duplicate(&mut self) {
        let command = |step: &Step| match &step.action {
            Action::Command(Command::Event(event)) => Some(event.clone()),
            _ => None,
        };
        let events: Vec<Box<Event>> = self.steps.iter().filter_map(command).collect();
        if events.is_empty() {
            return;
        }
        let mut event = self.dice.one(&events);
        if !self.taste.orderless && self.dice.chance(40) {
            event.properties.clear();
            event.time = self.event_time();
        }
        event.received = self.script.now;
        self.script.push(Command::Event(event));
    }

    fn edit(&mut self) {
        match self.dice.below(10) {
            0..4 => {
                let id = self.dice.pick(&["s0", "s1", "s2", "s3"]);
                self.segment(id);
            }
            4 | 5 => {
                let id = self.dice.pick(&["s2", "s3"]).into();
                self.script.push(Command::SegmentDelete { id });
            }
            6 | 7 => {
                let id = self.dice.pick(&["l0", "l1"]);
                self.list(id);
            }
            _ => {
                let id = self.dice.pick(&["l0", "l1"]).into();
                self.script.push(Command::ListDelete { id, empty: self.dice.chance(50) });
            }
        }
        if self.dice.chance(75) {
            self.action(Action::Build);
        }
    }
}

/// The same events, all arriving at the end, in another order and some of them twice.
pub fn reordered(world: &World, seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let last = world.steps.last().map_or(time("2026-01-01T00:00:00Z"), |step| step.time);
    let happening = |step: &Step| matches!(step.action, Action::Command(Command::Event(_) | Command::Unlink { .. }));
    let (mut moved, kept): (Vec<Step>, Vec<Step>) = world.steps.iter().cloned().partition(happening);
    for index in 0..moved.len() {
        if dice.chance(20) {
            moved.push(moved[index].clone());
        }
    }
    dice.shuffle(&mut moved);
    let kept = kept.into_iter().filter(|step| matches!(step.action, Action::Command(_) | Action::Build));
    let mut steps: Vec<Step> = kept.collect();
    steps.extend(moved.into_iter().map(|step| Step { time: last, ..step }));
    steps.push(Step { time: last, action: Action::Look });
    World { seed: world.seed, settled: world.settled, steps }
}
