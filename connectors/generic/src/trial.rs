//! Tries a description out: what a sample would come to, without a daemon and without a call.

use crate::Description;
use crate::calls::{Api, Fill};
use crate::description::{Call, Change};
use crate::exact;
use crate::mapping::Around;
use crate::receive::GenericReceive;
use http::{HeaderMap, HeaderName, HeaderValue};
use jmespath::Rcvar;
use kit::api::ApiClient;
use kit::connector::Limits;
use kit::http::HttpClient;
use kit::platform::{App, Connection, Platform};
use kit::receive::{Delivery, Facts, Receive, Receiver, Request};
use kit::token::FixedToken;
use model::{EventKind, SourceId, Time, Value as Property};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A delivery, or a thing, that is tried.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The body.
    pub payload: Vec<u8>,
    /// Its headers, each as `Name: value`.
    pub headers: Vec<String>,
    /// The query of the address that is called.
    pub query: Option<String>,
    /// The address that is called, where it is signed.
    pub url: String,
    /// The secret that signs; without one no signature is looked at.
    pub secret: Option<SecretString>,
    /// The account of the connection; the delivery's own without one.
    pub account: Option<String>,
    /// Region of phone numbers without a country code.
    pub region: Option<String>,
    /// What the install found, and what the merchant set.
    pub details: Map<String, Value>,
    /// See `details`.
    pub settings: Map<String, Value>,
    /// The kind of the thing that the body is, when it is no delivery.
    pub kind: Option<String>,
    /// When it is received, and by what clock a signed time is judged.
    pub now: Time,
}

/// What a sample comes to, for people; `Err` is what is wrong with it.
pub fn sample(of: &'static Description, sample: &Sample) -> Result<Value, String> {
    let source = SourceId::from(of.name.as_str());
    if let Some(kind) = &sample.kind {
        return thing(of, kind, sample, &source);
    }
    let receive = of.receive.as_ref().ok_or("the description takes no deliveries; name the kind of the thing")?;
    let role = GenericReceive { of, receive };
    let headers = headers(&sample.headers)?;
    let delivery =
        Delivery { headers: &headers, url: &sample.url, query: sample.query.as_deref(), body: &sample.payload };
    let signature = match &sample.secret {
        None => "not looked at: no secret was given",
        Some(secret) => {
            let now = sample.now.0.div_euclid(1_000_000);
            role.verify(&delivery, std::slice::from_ref(secret), now).map_err(|why| why.to_string())?;
            "good"
        }
    };
    let own = role.account(&delivery);
    let account = sample.account.clone().or_else(|| own.clone()).unwrap_or_default();
    let receiver = Receiver {
        source: &source,
        account: &account,
        region: sample.region.as_deref(),
        details: &sample.details,
        settings: &sample.settings,
        received: sample.now,
    };
    let read = role.read(&delivery, &receiver).map_err(|why| why.to_string())?;
    let mut shown = shown(&read.facts);
    shown.insert("signature".to_owned(), signature.into());
    shown.insert("topic".to_owned(), read.topic.into());
    shown.insert("account".to_owned(), json!(own));
    shown.insert("delivery_id".to_owned(), json!(read.delivery_id));
    Ok(Value::Object(shown))
}

fn thing(of: &'static Description, kind: &str, sample: &Sample, source: &SourceId) -> Result<Value, String> {
    let known: Vec<&str> = of.things.iter().map(|thing| thing.kind.as_str()).collect();
    let absent = || format!("no [[things]] are of the kind {kind}{}", crate::nearest::nearest(kind, &known));
    let thing = of.thing(kind).ok_or_else(absent)?;
    let text = std::str::from_utf8(&sample.payload).map_err(|_| "the payload is not UTF-8".to_owned())?;
    let document = Rcvar::new(exact::read(text).map_err(|why| format!("the payload is {why}"))?);
    let document = match &thing.at {
        Some(at) => at.of(&document).map_err(|why| why.to_string())?,
        None => document,
    };
    let account = sample.account.clone().unwrap_or_default();
    let receiver = Receiver {
        source,
        account: &account,
        region: sample.region.as_deref(),
        details: &sample.details,
        settings: &sample.settings,
        received: sample.now,
    };
    let facts = thing.facts(&document, &Around::delivery(&receiver)).map_err(|why| why.to_string())?;
    Ok(Value::Object(shown(&facts)))
}

fn headers(given: &[String]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for line in given {
        let wrong = || format!("{line:?}: expected Name: value");
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.trim().to_ascii_lowercase().as_bytes()).map_err(|_| wrong())?;
        headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?);
    }
    Ok(headers)
}

fn object(map: &model::Map) -> Value {
    Property::Map(map.clone()).to_json()
}

/// Facts as JSON for people.
fn shown(facts: &Facts) -> Map<String, Value> {
    let events = facts.events.iter().map(|event| {
        let consent = event.consent.iter().map(|said| {
            json!({ "channel": said.channel, "state": said.state, "address": said.address, "time": said.time.to_string() })
        });
        let name = match &event.kind {
            EventKind::Activity(name) => name.as_str(),
            EventKind::Profile => "(profile)",
        };
        json!({
            "event": name,
            "message_id": event.message_id,
            "time": event.time.to_string(),
            "identities": event.identities.iter().map(|one| one.canonical()).collect::<Vec<_>>(),
            "properties": object(&event.properties),
            "traits": object(&event.traits),
            "consent": consent.collect::<Vec<_>>(),
        })
    });
    let fetch = facts.pointers.iter().map(|pointer| json!({ "kind": pointer.kind, "id": pointer.id }));
    let requests = facts.requests.iter().map(|request| {
        let (asks, identities, reference) = match request {
            Request::Export { identities, reference } => ("export", identities.as_slice(), Some(reference)),
            Request::Redact { identities } => ("redact", identities.as_slice(), None),
            Request::Forget { identities } => ("forget", identities.as_slice(), None),
            Request::RedactAccount => ("redact_account", [].as_slice(), None),
        };
        let who: Vec<String> = identities.iter().map(|one| one.canonical()).collect();
        json!({ "asks": asks, "who": who, "reference": reference })
    });
    let versions = facts.versions.iter().map(
        |version| json!({ "kind": version.thing.kind, "id": version.thing.id, "updated": version.updated.to_string() }),
    );
    Map::from_iter([
        ("events".to_owned(), events.collect()),
        ("fetch".to_owned(), fetch.collect()),
        ("requests".to_owned(), requests.collect()),
        ("versions".to_owned(), versions.collect()),
    ])
}

/// A connection that calls nothing.
fn connection(of: &'static Description, sample: &Sample) -> Result<Connection, String> {
    let limits = Limits { calls_per_second: of.calls.calls_per_second, calls_at_once: of.calls.calls_at_once };
    let http = HttpClient::new(false).map_err(|why| why.to_string())?;
    let app = App { client_id: "CLIENT_ID".to_owned(), secrets: Vec::new() };
    Ok(Connection {
        source: SourceId::from(of.name.as_str()),
        account: sample.account.clone().unwrap_or_else(|| "ACCOUNT".to_owned()),
        region: sample.region.clone(),
        settings: sample.settings.clone(),
        details: sample.details.clone(),
        scopes: Vec::new(),
        platform: Arc::new(Platform { app: Some(app), ..Platform::default() }),
        api: ApiClient::new(http, Arc::new(FixedToken("TOKEN".into())), limits),
        hook_url: "https://segments.example/hooks/TOKEN".to_owned(),
    })
}

/// The calls that bring these people onto a list and take those off it, for people.
pub fn changes(
    of: &'static Description,
    sample: &Sample,
    settings: &Map<String, Value>,
    (add, remove): (&[String], &[String]),
) -> Result<Value, String> {
    let list = of.list.as_ref().ok_or("the description keeps no list")?;
    let connection = connection(of, sample)?;
    let api = Api { of, connection: &connection };
    let setup = kit::connector::DestinationSetup {
        connection: Some(Arc::new(connection.clone())),
        settings: settings.clone(),
        ..Default::default()
    };
    crate::list::connect(of, list, &setup).map_err(|why| why.to_string())?;
    let fill = |people: &[String]| {
        let first = people.first().cloned().unwrap_or_default();
        let all = people.iter().map(|one| Value::from(one.as_str())).collect();
        let fill = Fill::default().of_list(settings).with("identifier", first);
        fill.whole("identifiers", all).whole("fields", json!({}))
    };
    let call = |what: &str, call: &Call, people: &[String]| -> Result<Value, String> {
        let fill = fill(people);
        let address = api.with_query(&call.path, &[], &fill).map_err(|why| why.to_string())?;
        let body = call.body.as_ref().map(|body| api.body(body, &fill)).transpose().map_err(|why| why.to_string())?;
        let method = format!("{:?}", call.method).to_uppercase();
        Ok(json!({ "what": what, "method": method, "address": address, "body": body }))
    };
    let mut calls = Vec::new();
    for one in add {
        let alone = std::slice::from_ref(one);
        if let Some(look) = &list.look {
            let address = api.with_query(&look.path, &[], &fill(alone)).map_err(|why| why.to_string())?;
            calls.push(json!({ "what": "look", "method": "GET", "address": address, "body": null }));
        }
        if let Some(create) = &list.create {
            calls.push(call("create, if they are not there", create, alone)?);
        }
    }
    let mut batches = |what: &str, change: &Change, people: &[String]| -> Result<(), String> {
        for part in people.chunks(change.batch.max(1)) {
            calls.push(call(what, &change.call, part)?);
        }
        Ok(())
    };
    batches("add", &list.add, add)?;
    batches("remove", &list.remove, remove)?;
    Ok(json!({ "calls": calls }))
}
