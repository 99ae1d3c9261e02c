//! Sends the events of the world to the daemon, and moves its clock along with them.

use crate::clients::Clients;
use crate::clock::Clock;
use crate::daemon_server::Server;
use crate::http::basic;
use crate::input::{Event, Person};
use crate::requests::Requests;
use crate::spread::Spread;
use crate::world::DAY;
use model::Time;
use serde_json::Value;
use std::cell::Cell;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// How long a membership is looked for.
const SEEN_WAIT_MAX: Duration = Duration::from_secs(10);

/// The events, how far they are sent, and the daemon's clock.
pub struct Feed<'a> {
    server: &'a Server,
    events: &'a [Event<'a>],
    next: Cell<usize>,
    clock: Clock,
}

/// How events are sent.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Connections at the same time.
    pub clients: usize,
    /// Events in a request.
    pub batch: usize,
    /// Up to this event.
    pub end: usize,
    /// For so long at most.
    pub most: Duration,
}

/// What came of it.
#[derive(Default)]
pub struct Sent {
    /// Events that were acknowledged.
    pub events: u64,
    /// Requests and their answers.
    pub requests: Spread,
    /// From a request to the membership that it brought, where that was looked at.
    pub to_membership: Spread,
}

impl<'a> Feed<'a> {
    /// Nothing is sent yet.
    pub fn new(server: &'a Server, events: &'a [Event<'a>]) -> Feed<'a> {
        Feed { server, events, next: Cell::new(0), clock: Clock::new(server) }
    }

    /// How many events are sent.
    pub fn sent(&self) -> usize {
        self.next.get()
    }

    /// Moves the clock to an instant, milliseconds, if it is not there yet.
    pub fn move_clock(&self, to: i64) -> Result<(), String> {
        self.clock.move_to(&mut self.server.admin()?, to)
    }

    /// The requests of a way, from where the last one ended.
    pub fn prepare(&self, way: Way) -> Requests {
        let end = way.end.min(self.events.len());
        Requests::of(self.events, self.sent().min(end)..end, way.batch, &basic(&self.server.write_key))
    }

    /// Sends them.
    pub fn send(&self, requests: &Requests, way: Way) -> Result<Sent, String> {
        let until = Instant::now() + way.most;
        let sending = (requests, self.events);
        let (sent, done) = Clients::open((self.server.port, way.clients), &self.clock, sending, until)?.run()?;
        let last = done.checked_sub(1).and_then(|last| requests.get(last));
        self.next.set(last.map_or(self.next.get(), |(_, places)| places.end));
        Ok(sent)
    }

    /// Sends one after the other; of each event that makes its person enter a segment, looks when that is seen.
    pub fn watch(&self, (entering, id): (&[bool], &str), end: usize, most: Duration) -> Result<Sent, String> {
        let until = Instant::now() + most;
        let (mut sender, mut admin) = (self.server.sender()?, self.server.admin()?);
        let mut sent = Sent::default();
        while Instant::now() < until && self.sent() < end.min(self.events.len()) {
            let place = self.next.replace(self.next.get() + 1);
            self.clock.let_happen(&mut admin, self.events, place)?;
            let mut body = String::new();
            track(&mut body, &self.events[place]);
            let began = Instant::now();
            sender.send("/v1/track", &body)?;
            sent.requests.add(began.elapsed());
            sent.events += 1;
            if entering[place] {
                let path = format!("/workspaces/main/people/user:web:u{}", self.events[place].person);
                while !is_in(&admin.call("GET", &path, "")?, id) {
                    if began.elapsed() > SEEN_WAIT_MAX {
                        return Err(format!("event {place} made nobody a member of {id}"));
                    }
                }
                sent.to_membership.add(began.elapsed());
            }
        }
        Ok(sent)
    }

    /// Sends everybody's profile, in batches.
    pub fn profiles(&self, people: &[Person<'_>], batch: usize) -> Result<(), String> {
        let mut connection = self.server.sender()?;
        people.chunks(batch).try_for_each(|some| connection.send("/v1/batch", &together(some.iter().map(identify))))
    }
}

/// Which events make their person enter the third segment: who viewed a product and did not buy, within a day.
pub fn entering(people: usize, events: &[Event<'_>]) -> Vec<bool> {
    let mut newest = vec![(i64::MIN / 2, i64::MIN / 2); people];
    let enters = |event: &Event<'_>| {
        let (viewed, bought) = &mut newest[event.person as usize];
        match event.name {
            "Product Viewed" => {
                let enters = event.millis - *viewed >= DAY && event.millis - *bought >= DAY;
                *viewed = event.millis;
                enters
            }
            "Order Completed" => {
                *bought = event.millis;
                false
            }
            _ => false,
        }
    };
    events.iter().map(enters).collect()
}

fn is_in(person: &Value, id: &str) -> bool {
    let segments = person.get("segments").and_then(Value::as_array);
    segments.is_some_and(|segments| segments.iter().any(|segment| segment.as_str() == Some(id)))
}

fn together(calls: impl Iterator<Item = String>) -> String {
    format!("{{\"batch\":[{}]}}", calls.collect::<Vec<_>>().join(","))
}

fn identify(person: &Person<'_>) -> String {
    let Person { number, country, gender } = person;
    let gender = if gender.is_empty() { String::new() } else { format!(",\"gender\":\"{gender}\"") };
    format!(
        "{{\"type\":\"identify\",\"messageId\":\"i{number}\",\"userId\":\"u{number}\",\
         \"traits\":{{\"country\":\"{country}\"{gender}}}}}"
    )
}

/// A call as SDKs make it; amounts in the currency, not in hundredths.
pub fn track(into: &mut String, event: &Event<'_>) {
    let Event { id, person, name, page, product, .. } = event;
    let properties = match *name {
        "Order Completed" => {
            let cents = event.cents();
            format!("\"order_id\":\"o{id}\",\"total\":{}.{:02},\"currency\":\"USD\"", cents / 100, cents % 100)
        }
        "Page Viewed" => format!("\"page\":\"{page}\""),
        "Link Clicked" => format!("\"link\":\"{page}\""),
        _ => format!("\"product_id\":\"{product}\""),
    };
    // Writing to a string does not fail.
    let _ = write!(
        into,
        "{{\"type\":\"track\",\"messageId\":\"m{id}\",\"userId\":\"u{person}\",\"event\":\"{name}\",\
         \"timestamp\":\"{}\",\"properties\":{{{properties}}}}}",
        Time::from_millis(event.millis)
    );
}

#[cfg(test)]
mod tests {
    use super::{entering, track};
    use crate::input;

    #[test]
    fn calls_are_those_of_sdks() {
        let text = "id,person,name,ts,total_cents,product,page\n7,3,Order Completed,1767225610314,1205,,\n";
        let order = input::events(text).next().unwrap();
        let mut call = String::new();
        track(&mut call, &order);
        let call: serde_json::Value = serde_json::from_str(&call).unwrap();
        let expected = serde_json::json!({"type": "track", "messageId": "m7", "userId": "u3",
            "event": "Order Completed",
            "timestamp": "2026-01-01T00:00:10.314000Z",
            "properties": {"order_id": "o7", "total": 12.05, "currency": "USD"}});
        assert_eq!(call, expected);
    }

    #[test]
    fn who_views_again_within_a_day_or_bought_does_not_enter() {
        let line = |name: &str, day: i64, millis: i64| format!("0,0,{name},{},,1,\n", day * super::DAY + millis);
        let text = ["head\n".to_owned()]
            .into_iter()
            .chain([
                line("Product Viewed", 1, 0),
                line("Product Viewed", 1, 5),
                line("Product Viewed", 2, 5),
                line("Order Completed", 3, 0),
                line("Product Viewed", 3, 5),
                line("Product Viewed", 4, 5),
            ])
            .collect::<String>();
        let events: Vec<_> = input::events(&text).collect();
        assert_eq!(entering(1, &events), [true, false, true, false, false, true]);
    }
}
