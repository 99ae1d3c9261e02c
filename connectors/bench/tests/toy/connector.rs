//! The connector.

use super::Planted;
use kit::api::bearer;
use kit::connector::{Connector, Limits};
use kit::failure::Failure;
use kit::http::{Answer, HttpClient, Request};
use kit::install::{Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way};
use kit::oauth::{BodyStyle, Server};
use kit::platform::{Connection, Platform};
use kit::poll::{Page, Place, Poll, Sink, Stream};
use kit::receive::{Delivery, Facts, Pointer, Receive, Received, Receiver, Rejection, SignedBy, Version};
use kit::signature::{from_hex, hmac_sha256};
use kit::sync::{Batch, Destination, Refusal, SyncCapabilities};
use kit::token::Grant;
use model::{Event, EventKind, Identity, Map, Time, Value as Property};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Mutex;

pub const SIGNATURE: &str = "x-toy-signature";
pub const SENT: &str = "x-toy-time";
pub const GOOD_FOR_S: i64 = 300;

pub struct Toy {
    planted: Planted,
    token: Mutex<Option<SecretString>>,
}

/// A connector with a fault. Tests make a few and let them live.
pub fn connector(planted: Planted) -> Connector {
    let toy: &'static Toy = Box::leak(Box::new(Toy { planted, token: Mutex::new(None) }));
    let limits = Limits { calls_per_second: 1_000, calls_at_once: 8 };
    Connector { name: "toy", limits, install: Some(toy), receive: Some(toy), poll: Some(toy), sync: None }
}

fn id(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

impl Toy {
    fn event(&self, order: &Value, (source, received): (&model::SourceId, Time)) -> Option<Event> {
        let (order_id, updated) = (id(&order["id"])?, Time::parse(order["updated"].as_str()?)?);
        let identities: Vec<Identity> = order["email"].as_str().map(Identity::email).into_iter().collect();
        if identities.is_empty() && self.planted != Planted::EventOfNobody {
            return None;
        }
        let total = match &order["total"] {
            Value::String(_) if self.planted == Planted::ZeroForText => "0".to_owned(),
            other => id(other)?,
        };
        let mut properties = Map::new();
        properties.insert("order_id".into(), Property::text(&order_id));
        properties.insert("total".into(), Property::Number(total.parse().ok()?));
        let clock = if self.planted == Planted::IdOfTheClock { format!("/{received:?}") } else { String::new() };
        Some(Event {
            source: source.clone(),
            message_id: format!("order/{order_id}/{updated:?}{clock}"),
            kind: EventKind::Activity("Order Updated".to_owned()),
            time: if self.planted == Planted::TimeOfReceipt { received } else { updated },
            received,
            identities,
            properties,
            traits: Map::new(),
            consent: Vec::new(),
        })
    }

    fn facts(&self, order: &Value, from: (&model::SourceId, Time)) -> Facts {
        let events: Vec<Event> = self.event(order, from).into_iter().collect();
        let thing = |event: &Event| Pointer {
            kind: "order".to_owned(),
            id: event.properties["order_id"].to_json().to_string(),
        };
        let versions = events.iter().map(|event| Version { thing: thing(event), updated: event.time }).collect();
        Facts { events, versions, ..Facts::default() }
    }

    fn token(&self, given: &SecretString) -> SecretString {
        if self.planted != Planted::KeepsTheToken {
            return given.clone();
        }
        self.token.lock().unwrap().get_or_insert_with(|| given.clone()).clone()
    }
}

impl Receive for Toy {
    fn signed_by(&self) -> SignedBy {
        SignedBy::App
    }

    fn account(&self, _delivery: &Delivery<'_>) -> Option<String> {
        None
    }

    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], now: i64) -> Result<(), Rejection> {
        let wrong = || Rejection::Signature("wrong".to_owned());
        let (given, sent) = (delivery.header(SIGNATURE).ok_or_else(wrong)?, delivery.header(SENT).ok_or_else(wrong)?);
        if self.planted == Planted::TakesAnyKey {
            return Ok(());
        }
        let age = now - sent.parse::<i64>().map_err(|_| wrong())?;
        if age.abs() > GOOD_FOR_S && self.planted != Planted::ForgetsTheAge {
            return Err(wrong());
        }
        let body =
            if self.planted == Planted::VerifiesTrimmedBody { delivery.body.trim_ascii() } else { delivery.body };
        let given = if self.planted == Planted::TakesAnySpelling { given.to_lowercase() } else { given.to_owned() };
        let given = from_hex(&given).ok_or_else(wrong)?;
        let message = [sent.as_bytes(), b".", body].concat();
        let made = secrets.iter().filter_map(|secret| hmac_sha256(secret, &message));
        if made.into_iter().any(|made| made.as_slice() == given) { Ok(()) } else { Err(wrong()) }
    }

    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        let unreadable = || Rejection::Unreadable("no order".to_owned());
        let order = match serde_json::from_slice::<Value>(delivery.body) {
            Ok(order) => order,
            Err(_) if self.planted == Planted::MakesUpForRubbish => {
                json!({ "id": 1, "email": "a@example.com", "total": 0, "updated": "2026-11-20T10:00:00Z" })
            }
            Err(_) => return Err(unreadable()),
        };
        let fields = order.as_object().ok_or_else(unreadable)?;
        if self.planted == Planted::RefusesTheUnknown && fields.len() > 4 {
            return Err(unreadable());
        }
        let mut facts = self.facts(&order, (receiver.source, receiver.received));
        if delivery.header(SIGNATURE).is_none() && self.planted != Planted::BelievesTheUnsigned {
            facts = Facts::default();
            facts.pointers.extend(id(&order["id"]).map(|id| Pointer { kind: "order".to_owned(), id }));
        }
        Ok(Received { delivery_id: None, topic: "order".to_owned(), facts })
    }
}

impl Toy {
    async fn get(&self, connection: &Connection, path: &str) -> Result<Option<Value>, Failure> {
        let base = connection.platform.base("", "https://toy.example");
        let mut request = Request::get(format!("{base}{path}"));
        match self.planted {
            Planted::ReadsWithoutEnd => request.answer_bytes_max = usize::MAX,
            Planted::WaitsForEver => request.timeout = std::time::Duration::from_secs(86_400),
            _ => {}
        }
        let sent = connection.api.send(request, |request, token| bearer(request, &self.token(token))).await;
        let answer = match sent {
            Err(Failure::Retry { .. }) if self.planted == Planted::StopsWhenLost => return Ok(None),
            Err(Failure::NeedsAuthorization(why)) if self.planted == Planted::CallsRevokedTemporary => {
                return Err(Failure::retry(why, None));
            }
            other => other?,
        };
        read_answer(self.planted, answer)
    }
}

fn read_answer(planted: Planted, answer: Answer) -> Result<Option<Value>, Failure> {
    let status = answer.status;
    if planted == Planted::StopsAtAnyStatus && status != 200 {
        return Ok(None);
    }
    if planted == Planted::GivesUpAt5xx && status >= 500 {
        return Err(Failure::Refused(format!("status {status}")));
    }
    let answer = match answer.success() {
        Err(Failure::Retry { why, .. }) if planted == Planted::LosesTheWait => return Err(Failure::retry(why, None)),
        other => other?,
    };
    match answer.json() {
        Err(_) if planted == Planted::TakesHalfAnAnswer => Ok(None),
        other => other.map(Some),
    }
}

#[async_trait::async_trait]
impl Poll for Toy {
    fn streams(&self) -> &'static [Stream] {
        &[Stream { name: "orders", backfills: true, polls: true, adds_up: true }]
    }

    fn history_since(&self, _connection: &Connection, _now: Time) -> Option<Time> {
        None
    }

    async fn backfill(
        &self,
        connection: &Connection,
        _stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let mut cursor = place.cursor.clone().unwrap_or_else(|| "0".to_owned());
        let parameter = if self.planted == Planted::PagesByOffset { "skip" } else { "after" };
        for _ in 0..100 {
            let Some(page) = self.get(connection, &format!("/orders?{parameter}={cursor}")).await? else { break };
            let orders = page["orders"].as_array().ok_or_else(|| Failure::PlatformChanged("no orders".to_owned()))?;
            let mut facts = Facts::default();
            for order in orders {
                let one = self.facts(order, (&connection.source, sink.now()));
                facts.events.extend(one.events);
                facts.versions.extend(one.versions);
            }
            cursor = match (self.planted, orders.last()) {
                (Planted::PagesByOffset, _) => (cursor.parse::<usize>().unwrap() + orders.len()).to_string(),
                (_, Some(last)) => last["id"].to_string(),
                _ => cursor,
            };
            sink.put(Page { facts, cursor: cursor.clone(), progress: None }).await?;
            if page["more"] != true {
                break;
            }
        }
        Ok(())
    }

    async fn poll(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        self.backfill(connection, stream, place, sink).await
    }

    async fn fetch(&self, _: &Connection, _: &[Pointer], _: Time) -> Result<Facts, Failure> {
        Ok(Facts::default())
    }

    fn fetch_max(&self) -> usize {
        1
    }
}

pub struct List {
    pub connection: Connection,
    pub planted: Planted,
}

#[async_trait::async_trait]
impl Destination for List {
    fn capabilities(&self) -> SyncCapabilities {
        SyncCapabilities {
            batch_changes_max: 100,
            batch_side_max: 100,
            batch_bytes_max: 0,
            snapshot_members_max: 0,
            read_back: false,
            fields: false,
            read_lag_s: 0,
        }
    }

    fn identity(&self) -> String {
        "toy".to_owned()
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let side = |member: bool| -> Vec<&String> {
            batch.changes.iter().filter(|change| change.member == member).map(|change| &change.identifier).collect()
        };
        let base = self.connection.platform.base("", "https://toy.example");
        let body = json!({ "add": side(true), "remove": side(false) });
        let request = Request::json(Method::POST, format!("{base}/list"), &body)?;
        let answer: Value = self.connection.api.send(request, bearer).await?.success()?.json()?;
        if self.planted == Planted::HidesRefusals {
            return Ok(Vec::new());
        }
        let refused = answer["refused"].as_array().ok_or_else(|| Failure::PlatformChanged("no refusals".to_owned()))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(refused.iter().map(|one| Refusal { identifier: text(&one["id"]), reason: text(&one["why"]) }).collect())
    }

    async fn snapshot(&self, _: &kit::sync::SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("it takes none".to_owned()))
    }
}

#[async_trait::async_trait]
impl Install for Toy {
    fn capabilities(&self) -> InstallCapabilities {
        let refresh_reuse = RefreshReuse::UntilNewIsUsed;
        InstallCapabilities { ways: &[Way::OAuth], account_first: false, scopes: &[], refresh_reuse }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        Ok(typed.to_owned())
    }

    async fn refresh(&self, platform: &Platform, account: &str, refresh: &SecretString) -> Result<Grant, Failure> {
        let base = platform.base(account, "https://toy.example");
        let server = Server {
            authorize_url: format!("{base}/authorize"),
            token_url: format!("{base}/token"),
            scope_separator: " ",
            body: BodyStyle::Form,
        };
        let app = platform.app.as_ref().unwrap();
        let came = server.refresh(&HttpClient::new(true)?, app, refresh, &[]).await;
        came.map_err(|failure| match failure {
            Failure::Retry { why, .. } if self.planted == Planted::BlamesTheMerchant => {
                Failure::NeedsAuthorization(why)
            }
            other => other,
        })
    }

    async fn identify(&self, _: &Connection, _: Option<&[String]>) -> Result<Identified, Failure> {
        Err(Failure::Refused("not here".to_owned()))
    }

    async fn register(&self, _: &Connection) -> Result<Registered, Failure> {
        Ok(Registered::default())
    }

    async fn unregister(&self, _: &Connection) -> Result<(), Failure> {
        Ok(())
    }
}
