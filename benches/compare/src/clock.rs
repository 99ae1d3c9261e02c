//! The daemon's clock, moved along with the events.

use crate::clients::Line;
use crate::daemon_server::Server;
use crate::http::{self, Connection};
use crate::input::Event;
use crate::world::BEGIN;
use std::cell::{Cell, RefCell};
use std::ops::Range;

/// Events between two moves of the clock: some four minutes of the known world. What a sender has is as late as that
/// and what it has on its way.
const CLOCK_EVENTS: usize = 100;

/// Where the daemon's clock stands, milliseconds.
pub struct Clock {
    now: Cell<i64>,
    /// Where it is being moved.
    target: Cell<Option<i64>>,
    authorization: String,
    request: RefCell<Vec<u8>>,
}

impl Clock {
    /// It stands where the world begins.
    pub fn new(server: &Server) -> Clock {
        let (now, target) = (Cell::new(BEGIN), Cell::new(None));
        Clock { now, target, authorization: server.authorization(), request: RefCell::default() }
    }

    /// Moves it to an instant if it is not there yet.
    pub fn move_to(&self, admin: &mut Connection, to: i64) -> Result<(), String> {
        let by = to - self.now.get();
        if by > 0 {
            admin.call("POST", "/clock", &advance(by))?;
            self.now.set(to);
        }
        Ok(())
    }

    /// No event may be ahead of the clock: its time would become that of its arrival.
    pub fn let_happen(&self, admin: &mut Connection, events: &[Event<'_>], place: usize) -> Result<(), String> {
        let millis = |place: usize| events.get(place).or(events.last()).map_or(BEGIN, |event| event.millis);
        if self.now.get() >= millis(place) { Ok(()) } else { self.move_to(admin, millis(place + CLOCK_EVENTS)) }
    }

    /// Whether some events may be sent now. Moves the clock on for them and, while they are on their way, for those
    /// that come after them.
    pub fn lets_happen(&self, line: &mut Line, events: &[Event<'_>], places: &Range<usize>) -> Result<bool, String> {
        let millis = |place: usize| events.get(place).or(events.last()).map_or(BEGIN, |event| event.millis);
        let (last, ahead) = (places.end - 1, places.len() + CLOCK_EVENTS);
        let wanted = millis(last + places.len().max(CLOCK_EVENTS / 2));
        if !self.is_moving() && self.now.get() < wanted {
            let to = millis(last + ahead);
            let mut request = self.request.borrow_mut();
            request.clear();
            let body = advance(to - self.now.get());
            http::request(&mut request, ("POST", "/api/v1/clock"), &self.authorization, &body);
            self.target.set(Some(to));
            line.write(&request)?;
        }
        Ok(self.now.get() >= millis(last))
    }

    /// Whether it is being moved.
    pub fn is_moving(&self) -> bool {
        self.target.get().is_some()
    }

    /// The move was answered.
    pub fn moved(&self, line: &mut Line) -> Result<(), String> {
        match line.status()? {
            200..=299 => {
                self.now.set(self.target.take().unwrap_or(self.now.get()));
                Ok(())
            }
            status => Err(format!("the clock was not moved: {status}")),
        }
    }
}

fn advance(millis: i64) -> String {
    format!("{{\"advance_ms\": {millis}}}")
}
