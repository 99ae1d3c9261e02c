//! What intake would say of a call, without taking it in: for those who send a file and want to know before.

use super::IntakeLimits;
use super::auth::{Customers, SourceEntry};
use super::correct::instant;
use super::normalize::{self, Envelope};
use super::wire::{Call, Context, Dropped};
use crate::enrich::Enrich;
use model::{EventKind, IdentityKey, OrderPolicy, Source, SourceId, SourceKind, Time, WorkspaceId};

/// Judges calls as the intake of one server source would.
pub struct Checker {
    entry: SourceEntry,
    limits: IntakeLimits,
    enrich: Enrich,
}

/// Without the daemon nobody knows its connections.
struct AnyConnection;

impl Customers for AnyConnection {
    fn is_connection(&self, _: &WorkspaceId, _: &str) -> bool {
        true
    }
}

/// What would become of an accepted call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// The canonical name of an activity; none for a call that only changes a profile.
    pub name: Option<String>,
    /// The event's time.
    pub time: Time,
    /// The identity of the strongest kind that it names.
    pub anchor: Option<IdentityKey>,
}

impl Checker {
    /// A checker for a source, by its id and the region of its phone numbers.
    pub fn new(source: &str, region: Option<String>, limits: IntakeLimits) -> Checker {
        let source = Source { id: SourceId::from(source), kind: SourceKind::Server, orders: OrderPolicy::default() };
        let entry = SourceEntry { workspace: WorkspaceId::from("check"), source, enabled: true, region };
        Checker { entry, limits, enrich: Enrich::default() }
    }

    /// Its limits.
    pub fn limits(&self) -> &IntakeLimits {
        &self.limits
    }

    /// The region of phone numbers without a country code.
    pub fn region(&self) -> Option<&str> {
        self.entry.region.as_deref()
    }

    /// What would become of a call in a batch that arrives at `received`. The error is the reason as the daemon counts
    /// it: of a refusal, else the first note of what it would leave out.
    pub fn call(&self, text: &str, received: Time) -> Result<Accepted, &'static str> {
        let call = Call::single(text, &self.limits).map_err(|_| "malformed_event")?;
        let mut call = call.map_err(|Dropped { reason, .. }| reason)?;
        if call.declined && self.limits.honour_integrations {
            return Err("integrations_off");
        }
        let context = Context::default();
        let envelope = Envelope {
            source: &self.entry,
            limits: &self.limits,
            customers: &AnyConnection,
            enrich: &self.enrich,
            received,
            sent: None,
            context: &context,
            peer: None,
            agent: None,
        };
        let kind = call.kind.take();
        let done = normalize::event(call, kind.as_deref().unwrap_or_default(), &envelope)?;
        if let Some(note) = done.notes.first() {
            return Err(note);
        }
        let event = done.event;
        // They come sorted, the strongest kind first.
        let anchor = event.identities.first();
        let name = match event.kind {
            EventKind::Activity(name) => Some(name),
            EventKind::Profile => None,
        };
        Ok(Accepted { name, time: event.time, anchor: anchor.map(|one| one.key()) })
    }
}

/// An instant as intake reads it.
pub fn readable_instant(text: &str) -> Option<Time> {
    instant(text)
}
