//! Many clients on one thread: each of them a connection with one request on its way. A thread for each would cost
//! more than what is measured.

use crate::clock::Clock;
use crate::feed::Sent;
use crate::http::{ANSWER_WAIT_MAX, SENT_AGAIN_AFTER, SENT_AGAIN_MAX, whole};
use crate::input::Event;
use crate::requests::Requests;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

/// Readiness looked at in one go.
const EVENTS_MAX: usize = 256;

/// A connection that never waits.
pub struct Line {
    stream: TcpStream,
    written: usize,
    answer: Vec<u8>,
}

impl Line {
    /// Opens one, whose readiness is told under a token.
    fn open(port: u16, poll: &Poll, token: usize) -> Result<Line, String> {
        let open = || {
            let stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(token), Interest::READABLE | Interest::WRITABLE)?;
            Ok(Line { stream, written: 0, answer: Vec::new() })
        };
        open().map_err(|why: std::io::Error| why.to_string())
    }

    /// Begins a request, or goes on with it.
    pub fn write(&mut self, request: &[u8]) -> Result<(), String> {
        while let Some(rest) = request.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.written += count,
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(why) => return Err(why.to_string()),
            }
        }
        Ok(())
    }

    /// Reads what is there; whether the answer is whole.
    fn read(&mut self) -> Result<bool, String> {
        let mut part = [0; 4_096];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return Err("the connection was closed".to_owned()),
                Ok(count) => {
                    self.answer.extend_from_slice(&part[..count]);
                    // What comes later is told anew.
                    if count < part.len() {
                        return Ok(whole(&self.answer).is_some());
                    }
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(whole(&self.answer).is_some()),
                Err(why) => return Err(why.to_string()),
            }
        }
    }

    /// The status of the answer; the line is ready for the next request.
    pub fn status(&mut self) -> Result<u16, String> {
        let (status, body) = whole(&self.answer).unwrap_or_else(|| Err("no answer".to_owned()))?;
        if !matches!(status, 200..=299 | 429 | 503) {
            return Err(format!("{status} {}", String::from_utf8_lossy(body)));
        }
        self.written = 0;
        self.answer.clear();
        Ok(status)
    }
}

/// A request on its way.
struct Underway {
    number: usize,
    began: Instant,
    pushed_back: usize,
    again_at: Option<Instant>,
}

struct Client {
    line: Line,
    underway: Option<Underway>,
}

/// What is sent by whom.
pub struct Clients<'a> {
    poll: Poll,
    clients: Vec<Client>,
    clock: (Line, &'a Clock),
    requests: &'a Requests,
    events: &'a [Event<'a>],
    until: Instant,
    next: usize,
    sent: Sent,
}

impl<'a> Clients<'a> {
    /// So many clients of a daemon.
    pub fn open(
        (port, count): (u16, usize),
        clock: &'a Clock,
        (requests, events): (&'a Requests, &'a [Event<'a>]),
        until: Instant,
    ) -> Result<Clients<'a>, String> {
        let poll = Poll::new().map_err(|why| why.to_string())?;
        let open = |token| Ok(Client { line: Line::open(port, &poll, token)?, underway: None });
        let clients = (0..count).map(open).collect::<Result<Vec<_>, String>>()?;
        let line = Line::open(port, &poll, count)?;
        Ok(Clients { poll, clients, clock: (line, clock), requests, events, until, next: 0, sent: Sent::default() })
    }

    /// Sends until nothing is left or the time is over; what came of it, and the number of requests.
    pub fn run(mut self) -> Result<(Sent, usize), String> {
        let mut ready = Events::with_capacity(EVENTS_MAX);
        let mut heard = Instant::now();
        loop {
            for number in 0..self.clients.len() {
                self.begin(number)?;
            }
            if self.clients.iter().all(|client| client.underway.is_none()) && !self.clock.1.is_moving() {
                return Ok((self.sent, self.next));
            }
            let rests = self.clients.iter().any(|one| one.underway.as_ref().is_some_and(|one| one.again_at.is_some()));
            let wait = if rests { SENT_AGAIN_AFTER / 4 } else { ANSWER_WAIT_MAX };
            self.poll.poll(&mut ready, Some(wait)).map_err(|why| why.to_string())?;
            if !ready.is_empty() {
                heard = Instant::now();
            } else if heard.elapsed() > ANSWER_WAIT_MAX {
                return Err("no answer came".to_owned());
            }
            for event in &ready {
                self.go_on(event.token().0)?;
            }
        }
    }

    /// A client without a request begins the next one, if the clock is far enough; one that was pushed back begins
    /// again after a rest.
    fn begin(&mut self, number: usize) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        if let Some(underway) = &mut client.underway {
            let Some(at) = underway.again_at.filter(|at| *at <= Instant::now()) else { return Ok(()) };
            let Some((bytes, _)) = self.requests.get(underway.number) else { return Ok(()) };
            (underway.again_at, underway.began) = (None, at);
            return client.line.write(bytes);
        }
        let Some((bytes, places)) = self.requests.get(self.next) else { return Ok(()) };
        let began = Instant::now();
        if began >= self.until {
            return Ok(());
        }
        let (line, clock) = &mut self.clock;
        if !clock.lets_happen(line, self.events, &places)? {
            return Ok(());
        }
        client.underway = Some(Underway { number: self.next, began, pushed_back: 0, again_at: None });
        self.next += 1;
        client.line.write(bytes)
    }

    /// A line can be written or read.
    fn go_on(&mut self, token: usize) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(token) else {
            let (line, clock) = &mut self.clock;
            return if clock.is_moving() && line.read()? { clock.moved(line) } else { Ok(()) };
        };
        let Some(underway) = client.underway.as_mut().filter(|underway| underway.again_at.is_none()) else {
            return Ok(());
        };
        let Some((bytes, places)) = self.requests.get(underway.number) else { return Ok(()) };
        client.line.write(bytes)?;
        if !client.line.read()? {
            return Ok(());
        }
        if (200..=299).contains(&client.line.status()?) {
            self.sent.requests.add(underway.began.elapsed());
            self.sent.events += places.len() as u64;
            client.underway = None;
        } else if underway.pushed_back == SENT_AGAIN_MAX {
            return Err("pushed back too often".to_owned());
        } else {
            underway.pushed_back += 1;
            underway.again_at = Some(Instant::now() + SENT_AGAIN_AFTER);
        }
        Ok(())
    }
}
