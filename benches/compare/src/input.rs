//! Reading the files: the same way for all who read them here.

use crate::world;
use std::path::Path;

/// Somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person<'a> {
    /// From 0 on.
    pub number: u32,
    /// Two letters.
    pub country: &'a str,
    /// Empty if not known.
    pub gender: &'a str,
}

/// Something that happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// From 0 on.
    pub id: u64,
    /// Whose.
    pub person: u32,
    /// What.
    pub name: &'a str,
    /// When: milliseconds since 1970.
    pub millis: i64,
    /// Hundredths that an order was worth; empty elsewhere.
    pub cents: &'a str,
    /// Which product; empty elsewhere.
    pub product: &'a str,
    /// Which page or link; empty elsewhere.
    pub page: &'a str,
}

impl Event<'_> {
    /// Hundredths that an order was worth; 0 elsewhere.
    pub fn cents(&self) -> i64 {
        self.cents.parse().unwrap_or(0)
    }
}

/// The text of people and events.
pub fn read(dir: &Path) -> Result<(String, String), String> {
    let (people, events) = world::files(dir);
    let text = |path: &Path| std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()));
    Ok((text(&people)?, text(&events)?))
}

/// Everybody.
pub fn people(text: &str) -> impl Iterator<Item = Person<'_>> {
    text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split(',');
        Some(Person { number: fields.next()?.parse().ok()?, country: fields.next()?, gender: fields.next()? })
    })
}

/// All that happened, in order of time.
pub fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    text.lines().skip(1).filter_map(event)
}

/// What a line says.
fn event(line: &str) -> Option<Event<'_>> {
    let mut fields = line.split(',');
    Some(Event {
        id: fields.next()?.parse().ok()?,
        person: fields.next()?.parse().ok()?,
        name: fields.next()?,
        millis: fields.next()?.parse().ok()?,
        cents: fields.next()?,
        product: fields.next()?,
        page: fields.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Event, event};

    #[test]
    fn lines_are_read() {
        let order =
            Event { id: 7, person: 3, name: "Order Completed", millis: 12, cents: "1250", product: "", page: "" };
        assert_eq!(event("7,3,Order Completed,12,1250,,"), Some(order));
        assert_eq!(order.cents(), 1_250);
        assert_eq!(event("7,3,Order Completed"), None);
        assert_eq!(event("x,3,Page Viewed,12,,,1"), None);
    }
}
