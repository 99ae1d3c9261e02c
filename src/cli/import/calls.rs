//! From a row to the calls that are sent for it.

use super::cells::{Object, Times, products};
use super::columns::Column;
use super::options::Shape;
use super::refusal::Refusal;
use kit::normalize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Calls of a row, each with its message id, as they are sent.
pub type Calls = Vec<Object>;

/// What rows of CSV mean.
pub struct Meaning {
    /// Subscribers or events.
    pub shape: Shape,
    /// By place.
    pub columns: Vec<Column>,
    /// The name of every event, if no column has it.
    pub event: Option<String>,
    /// How times are read.
    pub times: Times,
    /// The region of phone numbers without a country code.
    pub region: Option<String>,
}

/// A row of CSV by the names of its columns; empty cells are not there.
struct Cells<'a> {
    known: BTreeMap<&'static str, &'a str>,
    other: Vec<(&'a str, &'a str, bool)>,
}

/// A message id that follows from content alone.
fn message_id<'a>(kind: &'a str, parts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in [kind].into_iter().chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("imp_{hex}")
}

impl Meaning {
    /// The calls of a row; none if all its cells are empty.
    pub fn calls(&self, record: &csv::ByteRecord) -> Result<Calls, Refusal> {
        let cells = self.cells(record)?;
        if cells.known.is_empty() && cells.other.is_empty() {
            return Ok(Vec::new());
        }
        match self.shape {
            Shape::Events => self.event(&cells).map(|call| vec![call]),
            Shape::Subscribers | Shape::Calls => self.subscriber(&cells),
        }
    }

    fn cells<'a>(&'a self, record: &'a csv::ByteRecord) -> Result<Cells<'a>, Refusal> {
        if record.len() != self.columns.len() {
            let why = format!("has {} fields: expected {}, as in the header", record.len(), self.columns.len());
            return Err(Refusal::new("", why));
        }
        let mut cells = Cells { known: BTreeMap::new(), other: Vec::new() };
        for (column, field) in self.columns.iter().zip(record) {
            let text = std::str::from_utf8(field).map(str::trim);
            match (column, text) {
                (Column::Ignored, _) | (_, Ok("")) => {}
                (Column::Known(name), Ok(text)) => drop(cells.known.insert(name, text)),
                (Column::Other { name, text: as_text }, Ok(text)) => cells.other.push((name, text, *as_text)),
                (Column::Known(name), Err(_)) => return Err(Refusal::new(name, "is not UTF-8")),
                (Column::Other { name, .. }, Err(_)) => return Err(Refusal::new(name, "is not UTF-8")),
            }
        }
        // So that the order of columns does not matter.
        cells.other.sort_unstable();
        Ok(cells)
    }

    /// Who a row is about: the fields of a call, and the traits that are addresses.
    fn who(&self, cells: &Cells<'_>) -> Result<(Object, Object), Refusal> {
        let (mut call, mut traits) = (Object::default(), Object::default());
        for (column, field) in [("user_id", "userId"), ("anonymous_id", "anonymousId")] {
            if let Some(id) = cells.known.get(column).and_then(|text| normalize::id(text)) {
                call.put(field, &id);
            }
        }
        if let Some(text) = cells.known.get("email") {
            let address = normalize::email(text);
            traits.put("email", &address.ok_or_else(|| Refusal::new("email", "is no address: expected name@domain"))?);
        }
        if let Some(text) = cells.known.get("phone") {
            let number = normalize::phone(text, self.region.as_deref());
            let why = || match &self.region {
                Some(region) => format!("is no number: expected + and digits, or a number of {region}"),
                None => "is no number: expected + and digits, as the source has no region".to_owned(),
            };
            traits.put("phone", &number.ok_or_else(|| Refusal::new("phone", why()))?);
        }
        if call.is_empty() && traits.is_empty() {
            return Err(Refusal::of_intake("no_identity"));
        }
        Ok((call, traits))
    }

    fn time(&self, cells: &Cells<'_>, column: &str) -> Result<Option<String>, Refusal> {
        let Some(text) = cells.known.get(column) else { return Ok(None) };
        let expected = "is no time: expected one such as 2026-03-01T12:00:00Z";
        self.times.zone.instant(text).map(Some).ok_or_else(|| Refusal::new(column, expected))
    }

    /// The given message id, else that of the content.
    fn id(&self, kind: &str, cells: &Cells<'_>) -> String {
        // The event's name is in the kind, whoever says it.
        let known = cells.known.iter().filter(|(name, _)| **name != "event");
        let known = known.flat_map(|(name, text)| [*name, *text]);
        let other = cells.other.iter().flat_map(|(name, text, _)| [*name, *text]);
        let given = cells.known.get("message_id").map(|id| (*id).to_owned());
        given.unwrap_or_else(|| message_id(kind, known.chain(other)))
    }

    fn event(&self, cells: &Cells<'_>) -> Result<Object, Refusal> {
        let (mut call, traits) = self.who(cells)?;
        let name = cells.known.get("event").copied().or(self.event.as_deref());
        let name = name.ok_or_else(|| Refusal::of_intake("no_event_name"))?;
        let missing = || Refusal::new("timestamp", "is missing: expected when it happened, as 2026-03-01T12:00:00Z");
        let time = self.time(cells, "timestamp")?.ok_or_else(missing)?;
        let mut properties = Object::default();
        for (name, text, as_text) in &cells.other {
            properties.put_cell(name, text, *as_text);
        }
        if let Some(text) = cells.known.get("products") {
            let expected = "expected a list of objects in JSON, such as [{\"product_id\": \"1\", \"price\": 9.50}]";
            properties.put("products", &products(text).ok_or_else(|| Refusal::new("products", expected))?);
        }
        if !traits.is_empty() {
            call.put("context", &BTreeMap::from([("traits", &traits)]));
        }
        call.put("type", &"track");
        call.put("event", &name);
        call.put("timestamp", &time);
        call.put("messageId", &self.id(&format!("event {name}"), cells));
        call.put("properties", &properties);
        Ok(call)
    }

    fn subscriber(&self, cells: &Cells<'_>) -> Result<Calls, Refusal> {
        let (mut call, mut traits) = self.who(cells)?;
        let time = self.time(cells, "timestamp")?.or_else(|| self.times.as_of.clone());
        let id = self.id("subscriber", cells);
        let mut calls = Vec::new();
        for (channel, column, at, address) in
            [("email", "consent_email", "consent_email_at", "email"), ("sms", "consent_sms", "consent_sms_at", "phone")]
        {
            let Some(said) = cells.known.get(column) else { continue };
            let name = match said.to_lowercase().as_str() {
                "subscribed" | "yes" | "true" => "Subscribed",
                "unsubscribed" | "no" | "false" => "Unsubscribed",
                _ => return Err(Refusal::new(column, "expected subscribed, unsubscribed, or nothing")),
            };
            if traits.get(address).is_none() {
                return Err(Refusal::new(column, format!("says {name}, but the row has no {address}")));
            }
            let since = self.time(cells, at)?.or_else(|| time.clone());
            // Now would be later than whatever the person has said since.
            if name == "Subscribed" && since.is_none() {
                let why = format!("says since when nowhere: expected {at} or timestamp in the row, or --as-of");
                return Err(Refusal::new(column, why));
            }
            let mut statement = call.clone();
            let mut properties = BTreeMap::from([("channel", channel)]);
            properties.extend(cells.known.get("consent_evidence").map(|text| ("evidence", *text)));
            statement.put("type", &"track");
            statement.put("event", &name);
            statement.put("properties", &properties);
            statement.put("context", &BTreeMap::from([("traits", &traits)]));
            statement.put("messageId", &message_id(column, [id.as_str()].into_iter()));
            if let Some(since) = since {
                statement.put("timestamp", &since);
            }
            calls.push(statement);
        }
        for (name, text, as_text) in &cells.other {
            traits.put_cell(name, text, *as_text);
        }
        call.put("type", &"identify");
        call.put("traits", &traits);
        call.put("messageId", &id);
        if let Some(time) = time {
            call.put("timestamp", &time);
        }
        calls.insert(0, call);
        Ok(calls)
    }
}

/// The call of a line of JSONL: as it is, without what belongs to its first sending.
pub fn line(line: &[u8]) -> Result<Object, Refusal> {
    let text = std::str::from_utf8(line).map_err(|_| Refusal::new("", "is not UTF-8"))?.trim();
    let unread = |why: serde_json::Error| Refusal::new("", format!("is no JSON object (character {})", why.column()));
    let mut call = Object::read(text).map_err(unread)?;
    let activity = matches!(call.text("type").as_deref(), Some("track" | "page" | "screen"));
    if activity && call.get("timestamp").is_none() && call.get("originalTimestamp").is_none() {
        return Err(Refusal::new("timestamp", "is missing: expected when it happened, as 2026-03-01T12:00:00Z"));
    }
    if call.text("messageId").is_none_or(|id| id.trim().is_empty()) {
        call.put("messageId", &message_id("call", [text].into_iter()));
    }
    // The clock that it was sent by then says nothing of this sending, and the key is ours.
    call.remove("sentAt");
    call.remove("writeKey");
    // Our own address is not the person's.
    if let Some(mut context) = call.get("context").and_then(|context| Object::read(context).ok()) {
        context.remove("direct");
        call.put("context", &context);
    }
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::columns::{Mapping, columns};
    use crate::cli::import::when::Zone;

    fn meaning(shape: Shape, header: &[&str]) -> Meaning {
        let columns = columns(&header.iter().collect(), shape, &Mapping::default(), false).unwrap();
        let times = Times { zone: Zone::named("America/Mexico_City").unwrap(), as_of: None };
        Meaning { shape, columns, event: None, times, region: Some("MX".to_owned()) }
    }

    fn calls(shape: Shape, header: &[&str], row: &[&str]) -> Result<Vec<String>, (String, String)> {
        let calls = meaning(shape, header).calls(&row.iter().collect());
        calls.map(|calls| calls.iter().map(Object::json).collect()).map_err(|why| (why.column, why.reason))
    }

    #[test]
    fn a_subscriber_is_a_profile_and_statements_of_consent() {
        let header = ["user_id", "email", "phone", "consent_email", "consent_sms", "timestamp", "size", "zip"];
        let row = ["u1", " Ana@X.mx ", "55 1234 5678", "subscribed", "no", "2026-03-01", "38.50", "01000"];
        let calls = calls(Shape::Subscribers, &header, &row).unwrap();
        assert_eq!(calls.len(), 3);
        let traits = r#""traits":{"email":"ana@x.mx","phone":"+525512345678""#;
        assert!(
            calls[0].contains(&format!(r#"{traits},"size":38.50,"zip":"01000"}},"type":"identify","userId":"u1""#))
        );
        assert!(calls[0].contains(r#""timestamp":"2026-03-01T06:00:00Z""#), "{}", calls[0]);
        assert!(calls[1].contains(r#""event":"Subscribed""#) && calls[1].contains(r#"{"channel":"email"}"#));
        assert!(calls[2].contains(r#""event":"Unsubscribed""#) && calls[2].contains(r#"{"channel":"sms"}"#));
        let ids: std::collections::BTreeSet<_> =
            calls.iter().map(|call| Object::read(call).unwrap().text("messageId").unwrap()).collect();
        assert_eq!(ids.len(), 3);
    }

    #[test]
    fn ids_follow_from_content_whatever_the_order_of_columns() {
        let id = |header: &[&str], row: &[&str]| {
            let calls = meaning(Shape::Events, header).calls(&row.iter().collect()).unwrap();
            calls[0].text("messageId").unwrap()
        };
        let one = id(&["event", "timestamp", "email", "b", "a"], &["Quiz", "2026-03-01", "a@x.mx", "1", "2"]);
        assert_eq!(one.len(), 36);
        assert_eq!(one, id(&["a", "Email", "b", "Timestamp", "event"], &["2", "a@x.mx", "1", "2026-03-01", " Quiz "]));
        assert_ne!(one, id(&["event", "timestamp", "email", "b", "a"], &["Quiz", "2026-03-01", "a@x.mx", "2", "1"]));
        assert_ne!(one, id(&["event", "timestamp", "email", "b", "c"], &["Quiz", "2026-03-01", "a@x.mx", "1", "2"]));
        let columns =
            columns(&["timestamp", "email"].iter().collect(), Shape::Events, &Mapping::default(), true).unwrap();
        let named = Meaning {
            columns,
            event: Some("Quiz".to_owned()),
            ..meaning(Shape::Events, &["event", "timestamp", "email"])
        };
        let named = named.calls(&["2026-03-01", "a@x.mx"].iter().collect()).unwrap();
        let column = id(&["event", "timestamp", "email"], &["Quiz", "2026-03-01", "a@x.mx"]);
        assert_eq!(named[0].text("messageId").unwrap(), column);
        let given = id(&["event", "timestamp", "email", "message_id"], &["Quiz", "2026-03-01", "a@x.mx", "m-1"]);
        assert_eq!(given, "m-1");
    }

    #[test]
    fn what_is_wrong_with_a_row_names_its_column() {
        let subscriber = |header: &[&str], row: &[&str]| calls(Shape::Subscribers, header, row).unwrap_err();
        assert_eq!(subscriber(&["email"], &["nobody"]).0, "email");
        assert!(subscriber(&["phone"], &["12"]).1.contains("or a number of MX"));
        assert!(subscriber(&["email", "size"], &["a@x.mx"]).1.contains("has 1 fields: expected 2"));
        assert!(subscriber(&["email", "size"], &["", "3"]).1.contains("names nobody"));
        assert!(subscriber(&["user_id"], &["null"]).1.contains("names nobody"));
        let consent = ["email", "consent_email", "consent_sms"];
        assert_eq!(subscriber(&consent, &["a@x.mx", "maybe", ""]).0, "consent_email");
        assert!(subscriber(&consent, &["a@x.mx", "yes", ""]).1.contains("since when"));
        assert!(subscriber(&consent, &["a@x.mx", "", "no"]).1.contains("no phone"));
        assert_eq!(calls(Shape::Subscribers, &consent, &["a@x.mx", "no", ""]).unwrap().len(), 2);
        let header = ["event", "timestamp", "email", "products"];
        let event = |row: &[&str]| calls(Shape::Events, &header, row).unwrap_err().0;
        assert_eq!(event(&["", "2026-03-01", "a@x.mx", ""]), "event");
        assert_eq!(event(&["Quiz", "", "a@x.mx", ""]), "timestamp");
        assert_eq!(event(&["Quiz", "01/03/2026", "a@x.mx", ""]), "timestamp");
        assert_eq!(event(&["Quiz", "2026-03-01", "a@x.mx", "socks"]), "products");
        assert_eq!(calls(Shape::Events, &header, &["", "", " ", ""]), Ok(Vec::new()));
    }

    #[test]
    fn a_call_stays_as_it_is_but_for_its_first_sending() {
        let text = r#"{"type":"track","event":"E","userId":"u","timestamp":"2026-03-01T12:00:00Z","sentAt":"x",
            "writeKey":"k","context":{"direct":true,"ip":"203.0.113.9"},"properties":{"n":1.10}}"#;
        let call = line(text.as_bytes()).unwrap();
        assert_eq!(call.get("properties"), Some(r#"{"n":1.10}"#));
        assert_eq!(call.get("context"), Some(r#"{"ip":"203.0.113.9"}"#));
        assert_eq!((call.get("sentAt"), call.get("writeKey")), (None, None));
        assert!(call.text("messageId").unwrap().starts_with("imp_"));
        assert_eq!(line(br#"{"type":"identify","userId":"u","messageId":7}"#).unwrap().text("messageId").unwrap(), "7");
        assert_eq!(line(br#"{"type":"track","event":"E","userId":"u"}"#).unwrap_err().column, "timestamp");
        assert!(line(b"{\"type\":").unwrap_err().reason.contains("is no JSON object"));
        assert!(line(b"\xff").unwrap_err().reason.contains("UTF-8"));
    }
}
