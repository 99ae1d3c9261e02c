//! What the columns of a CSV file mean.

use super::error::ImportError;
use super::options::Shape;
use std::collections::{BTreeMap, BTreeSet};

/// Columns with a meaning of their own, of subscribers.
const OF_SUBSCRIBERS: &[&str] = &[
    "user_id",
    "email",
    "phone",
    "anonymous_id",
    "message_id",
    "timestamp",
    "consent_email",
    "consent_email_at",
    "consent_sms",
    "consent_sms_at",
    "consent_evidence",
];
/// Columns with a meaning of their own, of events.
const OF_EVENTS: &[&str] =
    &["event", "timestamp", "user_id", "email", "phone", "anonymous_id", "message_id", "products"];
/// One of these has to be there: they say whose row it is.
const WHO: &[&str] = &["user_id", "email", "phone", "anonymous_id"];
/// Columns that are text whatever they look like, besides those whose names end in `_id` or `_sku`.
const TEXTS: &[&str] = &["id", "sku", "zip", "postal_code", "zip_code", "postcode"];

/// A column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Column {
    /// One with a meaning of its own, by its name.
    Known(&'static str),
    /// A trait or property.
    Other {
        /// Its name.
        name: String,
        /// Whether it is text whatever it looks like.
        text: bool,
    },
    /// One that is left out.
    Ignored,
}

/// How headers are renamed and which columns are text.
#[derive(Clone, Default, Debug)]
pub struct Mapping {
    /// From header to name; to an empty name to leave a column out.
    pub map: BTreeMap<String, String>,
    /// Names of columns that are text.
    pub text: BTreeSet<String>,
}

/// What each column means; `has_event` if the command says the event's name.
pub fn columns(
    header: &csv::ByteRecord,
    shape: Shape,
    mapping: &Mapping,
    has_event: bool,
) -> Result<Vec<Column>, ImportError> {
    let wrong = |what: String| Err(ImportError::Options(format!("line 1: {what}")));
    let mut names = Vec::new();
    for (place, field) in header.iter().enumerate() {
        let Ok(text) = std::str::from_utf8(field) else {
            return wrong(format!("the header of column {} is not UTF-8", place + 1));
        };
        names.push(text.trim().to_owned());
    }
    if let Some(missing) = mapping.map.keys().find(|from| !names.contains(from)) {
        return wrong(format!("--map {missing}: there is no such column; there are {}", names.join(", ")));
    }
    let (mut columns, mut seen) = (Vec::new(), BTreeSet::new());
    for (place, header) in names.iter().enumerate() {
        let column = column(header, shape, mapping);
        let name = match &column {
            Column::Known(name) => (*name).to_owned(),
            Column::Other { name, .. } => name.clone(),
            Column::Ignored => String::new(),
        };
        if name.is_empty() && column != Column::Ignored {
            return wrong(format!("column {} has no name: name it, or leave it out with --map \"=\"", place + 1));
        }
        if !name.is_empty() && !seen.insert(name.clone()) {
            return wrong(format!("two columns are {name}: map one of them to another name, or to nothing"));
        }
        columns.push(column);
    }
    if let Some(missing) = mapping.text.iter().find(|name| !seen.contains(*name)) {
        return wrong(format!("--text {missing}: there is no such column; there are {}", names.join(", ")));
    }
    let has = |name: &str| columns.iter().any(|column| matches!(column, Column::Known(known) if *known == name));
    let there = || format!("there are {}; --map \"HEADER=NAME\" says which is which", names.join(", "));
    if !WHO.iter().any(|name| has(name)) {
        return wrong(format!("no column says whose the rows are: expected one of {}; {}", WHO.join(", "), there()));
    }
    if shape == Shape::Events && has_event == has("event") {
        return wrong(match has_event {
            true => "there is a column event: leave out --event, or the column with --map \"event=\"".to_owned(),
            false => format!("no column says what happened: expected event, or --event NAME; {}", there()),
        });
    }
    if shape == Shape::Events && !has("timestamp") {
        return wrong(format!("no column says when it happened: expected timestamp; {}", there()));
    }
    Ok(columns)
}

fn column(header: &str, shape: Shape, mapping: &Mapping) -> Column {
    let mapped = mapping.map.get(header);
    if mapped.is_some_and(String::is_empty) {
        return Column::Ignored;
    }
    let name = mapped.map_or(header, String::as_str);
    // `User ID` is user_id.
    let plain = name.to_lowercase().replace([' ', '-'], "_");
    let known = if shape == Shape::Subscribers { OF_SUBSCRIBERS } else { OF_EVENTS };
    if let Some(known) = known.iter().find(|known| **known == plain) {
        return Column::Known(known);
    }
    let listed = TEXTS.contains(&plain.as_str()) || plain.ends_with("_id") || plain.ends_with("_sku");
    Column::Other { name: name.to_owned(), text: listed || mapping.text.contains(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &[&str], shape: Shape, map: &[(&str, &str)], has_event: bool) -> Result<Vec<Column>, String> {
        let map = map.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        let mapping = Mapping { map, text: BTreeSet::new() };
        columns(&header.iter().collect(), shape, &mapping, has_event).map_err(|why| why.to_string())
    }

    fn other(name: &str, text: bool) -> Column {
        Column::Other { name: name.to_owned(), text }
    }

    #[test]
    fn headers_are_known_mapped_left_out_or_names_of_traits() {
        let header = ["User ID", "Customer Email", "Notes", "Shoe size", "zip", "store_id"];
        let map = [("Customer Email", "email"), ("Notes", "")];
        let columns = read(&header, Shape::Subscribers, &map, false).unwrap();
        let expect = [
            Column::Known("user_id"),
            Column::Known("email"),
            Column::Ignored,
            other("Shoe size", false),
            other("zip", true),
            other("store_id", true),
        ];
        assert_eq!(columns, expect);
    }

    #[test]
    fn what_is_missing_doubled_or_unknown_is_said() {
        let events = |header: &[&str], has_event| read(header, Shape::Events, &[], has_event).unwrap_err();
        assert!(events(&["event", "timestamp"], false).contains("no column says whose the rows are"));
        assert!(events(&["email", "timestamp"], false).contains("no column says what happened"));
        assert!(events(&["email", "event", "timestamp"], true).contains("leave out --event"));
        assert!(events(&["email", "event"], false).contains("no column says when"));
        assert!(events(&["email", "Email", "event", "timestamp"], false).contains("two columns are email"));
        assert!(events(&["email", "", "event", "timestamp"], false).contains("column 2 has no name"));
        let mapped = read(&["email"], Shape::Subscribers, &[("Mail", "email")], false).unwrap_err();
        assert!(mapped.contains("--map Mail: there is no such column; there are email"), "{mapped}");
    }
}
