//! From a request to the log: read, authenticate, normalize, append, in this order.

use super::answer::Refused;
use super::auth::{SourceEntry, basic};
use super::body::{self, BodyError};
use super::correct::instant;
use super::normalize::{self, Envelope};
use super::query::parameters;
use super::refusals::RefusedEvent;
use super::routes::IntakeState;
use super::wire::{Batch, Call, Context, Dropped};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, header};
use model::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is known of a request besides its body.
pub(super) struct Request<'a> {
    pub(super) state: &'a IntakeState,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Option<&'a str>,
}

impl Request<'_> {
    /// Takes in one call; its type comes from the path.
    pub(super) async fn single(&self, body: Body, kind: &str) -> Result<(), Refused> {
        let mut taken = self.state.room.enter();
        let body = body::read(body, &self.state.limits, &mut taken).await.map_err(refused)?;
        self.single_bytes(body, kind).await
    }

    /// Takes in one call whose bytes are at hand.
    pub(super) async fn single_bytes(&self, body: Bytes, kind: &str) -> Result<(), Refused> {
        let early = self.early_source()?;
        let body = body::unpack(body, &self.state.limits).map_err(refused)?;
        let text = text(&body)?;
        let call = Call::single(text, &self.state.limits).map_err(Refused::BadJson)?;
        let in_body = call.as_ref().ok().and_then(|call| call.write_key.as_deref());
        let source = early.map_or_else(|| self.late_source(in_body), Ok)?;
        if matches!(call, Err(Dropped { reason: "event_too_large", .. })) {
            return Err(Refused::EventTooLarge);
        }
        let context = Context::default();
        let mut taking = Taking::new(self, &source, &context);
        taking.take(call, Some(kind));
        taking.submit().await
    }

    /// Takes in a batch.
    pub(super) async fn batch(&self, body: Body) -> Result<(), Refused> {
        let limits = &self.state.limits;
        let mut taken = self.state.room.enter();
        let body = body::read(body, limits, &mut taken).await.map_err(refused)?;
        let early = self.early_source()?;
        if let Some(source) = &early {
            self.state.core.has_room(&source.workspace).map_err(Refused::Submit)?;
        }
        let body = body::unpack(body, limits).map_err(refused)?;
        let mut batch = Batch::read(text(&body)?, limits).map_err(Refused::BadJson)?;
        let source = early.map_or_else(|| self.late_source(batch.key()), Ok)?;
        let calls = batch.calls.take().ok_or(Refused::NoCall("There is no batch"))?;
        let mut taking = Taking::new(self, &source, &batch.context);
        taking.envelope.sent = batch.sent_at.as_deref().and_then(instant);
        taking.commands.reserve(calls.len());
        for call in calls {
            taking.take(call, None);
        }
        if batch.excess > 0 {
            taking.refuse("batch_too_long", "", batch.excess as u64);
        }
        taking.submit().await
    }

    /// The source by the header, before anything of the body is looked at.
    fn early_source(&self) -> Result<Option<Arc<SourceEntry>>, Refused> {
        basic(self.headers).map(|key| self.source(&key)).transpose()
    }

    /// The source by the body, else by the query.
    fn late_source(&self, in_body: Option<&str>) -> Result<Arc<SourceEntry>, Refused> {
        if let Some(key) = in_body.filter(|key| !key.is_empty()) {
            return self.source(key);
        }
        let key = parameters(self.query).remove("writeKey").filter(|key| !key.is_empty()).ok_or(Refused::NoKey)?;
        self.source(&key)
    }

    fn source(&self, key: &str) -> Result<Arc<SourceEntry>, Refused> {
        let found = self.state.keys.find(key).ok_or(Refused::UnknownKey)?;
        if found.enabled { Ok(found) } else { Err(Refused::Disabled) }
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn text(body: &Bytes) -> Result<&str, Refused> {
    let text = std::str::from_utf8(body).map_err(|_| Refused::BadEncoding("The body is not UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn refused(why: BodyError) -> Refused {
    match why {
        BodyError::TooLarge => Refused::BodyTooLarge,
        BodyError::Damaged => Refused::BadEncoding("Damaged gzip"),
        BodyError::Lost => Refused::BodyLost,
        BodyError::NoRoom => Refused::NoRoom,
    }
}

/// The calls of one request on their way to the log.
struct Taking<'a> {
    state: &'a IntakeState,
    envelope: Envelope<'a>,
    commands: Vec<Command>,
}

impl<'a> Taking<'a> {
    fn new(request: &'a Request<'a>, source: &'a SourceEntry, context: &'a Context<'a>) -> Taking<'a> {
        let state = request.state;
        let envelope = Envelope {
            source,
            limits: &state.limits,
            customers: state.customers.as_ref(),
            enrich: &state.enrich,
            received: state.clock.now(),
            sent: None,
            context,
            peer: request.header(crate::ops::PEER_ADDRESS),
            agent: request.header(header::USER_AGENT),
        };
        Taking { state, envelope, commands: Vec::new() }
    }

    fn take(&mut self, call: Result<Call<'_>, Dropped>, kind: Option<&str>) {
        let mut call = match call {
            Ok(call) => call,
            Err(Dropped { reason, message_id }) => return self.refuse(reason, &message_id, 1),
        };
        if call.declined && self.state.limits.honour_integrations {
            return self.refuse("integrations_off", call.message_id.as_deref().unwrap_or_default(), 1);
        }
        let own_kind = call.kind.take();
        let kind = kind.unwrap_or_else(|| own_kind.as_deref().unwrap_or_default());
        // A refusal names the message; the text is borrowed, so this costs nothing.
        let message_id = call.message_id.clone();
        match normalize::event(call, kind, &self.envelope) {
            Ok(normalized) => {
                for note in normalized.notes {
                    self.refuse(note, &normalized.event.message_id, 1);
                }
                self.commands.push(Command::Event(Box::new(normalized.event)));
            }
            Err(reason) => self.refuse(reason, message_id.as_deref().unwrap_or_default(), 1),
        }
    }

    fn refuse(&self, reason: &'static str, message_id: &str, count: u64) {
        let event = RefusedEvent {
            at: self.envelope.received.to_string(),
            source: self.envelope.source.source.id.to_string(),
            message_id: message_id.chars().take(self.state.limits.message_id_chars_max).collect(),
            reason: reason.to_owned(),
        };
        self.state.refusals.note(&self.envelope.source.workspace, reason, event, count);
    }

    /// Appends what was accepted; returns when it is durable.
    async fn submit(self) -> Result<(), Refused> {
        if self.commands.is_empty() {
            return Ok(());
        }
        let count = self.commands.len() as u64;
        self.state.core.submit(&self.envelope.source.workspace, self.commands).await.map_err(Refused::Submit)?;
        self.state.metrics.events.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}
