//! segmentd as a whole: its binary, durable, spoken to over HTTP.

use crate::cpu::Ran;
use crate::daemon_server::Server;
use crate::disk;
use crate::feed::{Feed, Sent, Way, entering};
use crate::input::{self, Event, Person};
use crate::memory::{self, Memory};
use crate::outcome::Outcome;
use crate::parts::Failure;
use crate::postgres::plural;
use crate::world::{END, Size};
use std::path::Path;
use std::time::{Duration, Instant};

/// The segment whose entries are waited for; see [`entering`].
const WATCHED: &str = "s3";
/// Profiles in a request.
const PROFILES: usize = 1_000;
const NO_END: Duration = Duration::from_secs(3_600);

/// How events are sent, one way after the other: clients, events in a request, the percent of all events by whose end
/// it ends, and seconds for which it goes on at most. Each goes on where the last one ended.
const WAYS: [(usize, usize, usize, u64); 7] = [
    (1, 1, 65, 10),
    (4, 1, 70, 10),
    (64, 1, 75, 30),
    (1, 100, 80, 30),
    (4, 100, 90, 30),
    (1, 1_000, 95, 30),
    (4, 1_000, 100, 3_600),
];
/// Percent of the events that are there before.
const LOADED: usize = 60;
/// Percent of the events by whose end the looking at single entries ends.
const WATCHED_UNTIL: usize = 66;

/// Runs it over the files of a folder; its data is put into another one.
pub fn run(binary: &Path, (data, dir): (&Path, &Path), size: Size) -> Vec<Result<Outcome, Failure>> {
    if !binary.exists() {
        let why = format!("segmentd: there is no {} (make compare builds it)", binary.display());
        return vec![Err(Failure::Missing(why))];
    }
    match over(binary, (data, dir), size) {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(why) => vec![Err(Failure::Failed(format!("segmentd: {why}")))],
    }
}

fn over(binary: &Path, (data, dir): (&Path, &Path), size: Size) -> Result<Vec<Outcome>, String> {
    let (people, text) = input::read(data)?;
    let people: Vec<Person<'_>> = input::people(&people).collect();
    let events: Vec<Event<'_>> = input::events(&text).collect();
    let server = Server::start(binary, dir)?;
    let feed = Feed::new(&server, &events);
    feed.profiles(&people, PROFILES)?;
    server.wait_applied()?;
    server.define_segments()?;
    let part = |percent: usize| events.len() * percent / 100;
    let mut outcomes = Vec::new();
    let way = Way { clients: 4, batch: 100, end: part(LOADED), most: NO_END };
    feed.send(&feed.prepare(way), way)?;
    server.wait_applied()?;
    for (place, (clients, batch, end, most)) in WAYS.into_iter().enumerate() {
        let way = Way { clients, batch, end: part(end), most: Duration::from_secs(most) };
        let requests = feed.prepare(way);
        let sends = || feed.send(&requests, way);
        outcomes.push(measured((&server, data), (clients, batch), sends)?);
        if place == 0 {
            let entering = entering(people.len(), &events);
            let watch = || feed.watch((&entering, WATCHED), part(WATCHED_UNTIL), way.most);
            let mut outcome = measured((&server, data), (1, 1), watch)?;
            outcome.mode = "watched".to_owned();
            outcome.what = "segmentd, 1 client, 1 event a request, each entry waited for, durable".to_owned();
            outcomes.push(outcome);
        }
    }
    if feed.sent() < events.len() {
        return Err(format!("{} events of {} were sent", feed.sent(), events.len()));
    }
    feed.move_clock(END)?;
    server.wait_for(END)?;
    if let Some(last) = outcomes.last_mut() {
        last.compared = Some((END, size.events));
        last.sets = server.members(size.people)?;
    }
    Ok(outcomes)
}

/// Sends, and waits until all of it is applied and its segments are evaluated.
fn measured(
    (server, data): (&Server, &Path),
    (clients, batch): (usize, usize),
    send: impl FnOnce() -> Result<Sent, String>,
) -> Result<Outcome, String> {
    let disk = disk::durable_after(data)?;
    let before = Ran::of(server.process());
    let began = Instant::now();
    let sent = send()?;
    server.wait_applied()?;
    let seconds = began.elapsed().as_secs_f64();
    let ran = Ran::of(server.process()).since(&before);
    let (from, at_once) = (plural(clients, "client"), plural(batch, "event"));
    Ok(Outcome {
        part: "daemon".to_owned(),
        mode: format!("{clients}x{batch}"),
        what: format!("segmentd, {from}, {at_once} a request, durable"),
        events: sent.events,
        seconds,
        durable: true,
        disk: Some(disk),
        step: sent.requests.percentiles(),
        to_membership: sent.to_membership.percentiles(),
        processor: ran.of_each(sent.events),
        memory: Some(Memory { whole: memory::peak(server.process()), net: None }),
        ..Outcome::default()
    })
}
