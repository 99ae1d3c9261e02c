//! All that the simulated account holds.

use super::account::Account;
use super::audience::Audience;
use super::batches::Batch;
use super::counters::{Counters, Violation, ViolationKind};
use super::faults::{Fates, Faults};
use super::hooks::{Attempt, Delivery, Event, Source};
use super::problem::Problem;
use super::random::Random;
use super::route::Operation;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

pub(super) struct World {
    pub account: Account,
    pub audiences: BTreeMap<String, Audience>,
    pub batches: BTreeMap<String, Batch>,
    pub counters: Counters,
    pub violations: Vec<Violation>,
    pub fates: Fates,
    /// For identifiers.
    pub random: Random,
    /// Addresses that have signed up to too many lists, in lower case.
    pub refused: HashSet<String>,
    pub sign_webhooks: bool,
    pub attempts: Vec<Attempt>,
    pub outbox: UnboundedSender<Delivery>,
    /// Where the simulator is reached, without a path.
    pub base: String,
    next_segment: u64,
}

impl World {
    pub fn new(seed: u64, sign_webhooks: bool, outbox: UnboundedSender<Delivery>) -> World {
        World {
            account: Account::default(),
            audiences: BTreeMap::new(),
            batches: BTreeMap::new(),
            counters: Counters::default(),
            violations: Vec::new(),
            fates: Fates::new(Faults { seed, ..Faults::default() }),
            random: Random(seed ^ 0x6d63),
            refused: HashSet::new(),
            sign_webhooks,
            attempts: Vec::new(),
            outbox,
            base: String::new(),
            next_segment: 457,
        }
    }

    pub fn audience(&mut self, id: &str) -> Result<&mut Audience, Problem> {
        self.audiences.get_mut(id).ok_or_else(Problem::not_found)
    }

    /// Creates an audience; identifiers are ten hex digits.
    pub fn create_audience(&mut self, id: Option<&str>, name: &str) -> String {
        let id = id.map_or_else(|| self.random.hex(10), str::to_owned);
        let audience = Audience::new(&id, name, super::time::now(), self.next_segment);
        // Segments of different audiences never share an identifier.
        self.next_segment += 1_000_000;
        self.audiences.insert(id.clone(), audience);
        id
    }

    pub fn segment_lag(&self) -> Duration {
        Duration::from_millis(self.fates.faults.segment_lag_ms)
    }

    pub fn violation(&mut self, kind: ViolationKind, operation: Operation, list: &str, email: &str, detail: String) {
        let (operation, audience, email) = (operation.name().to_owned(), list.to_owned(), email.to_owned());
        self.violations.push(Violation { kind, operation, audience, email, detail });
    }

    /// Tells the webhooks of an audience what happened to a contact that is still there.
    pub fn emit(&mut self, list: &str, number: u32, event: &Event, source: Source) {
        let Some(audience) = self.audiences.get(list) else { return };
        let Some(contact) = audience.get(number) else { return };
        for hook in audience.webhooks.values().filter(|hook| hook.wants(event, source)) {
            let delivery = Delivery {
                list: list.to_owned(),
                hook: hook.clone(),
                kind: event.word(),
                email: contact.email.clone(),
                body: event.form(list, contact),
            };
            for _ in 0..self.fates.deliveries() {
                // Nobody listens only while the simulator ends.
                let _ = self.outbox.send(delivery.clone());
            }
        }
    }
}
