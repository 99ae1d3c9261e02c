//! PostgreSQL: all segments computed anew; and event by event, each with the segments of its person looked at again.

use crate::disk;
use crate::input::{self, Event};
use crate::members::{Members, Sets};
use crate::memory::Memory;
use crate::outcome::Outcome;
use crate::parts::Failure;
use crate::postgres_server::Server;
use crate::segments;
use crate::spread::{Percentiles, Spread};
use crate::world::{END, Size, files};
use ::postgres::{Client, Error, Statement};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const SCHEMA: &str = include_str!("../postgres/schema.sql");
const INDEXES: &str = include_str!("../postgres/indexes.sql");
const EVENT_BY_EVENT: &str = include_str!("../postgres/event_by_event.sql");
const TAKE: &str = "select take($1, $2, $3, $4, $5, $6, $7)";
/// Recomputes of which the best counts; the first one warms up.
const ROUNDS: usize = 4;

/// A way of sending events.
#[derive(Clone, Copy, Debug)]
struct Way {
    clients: usize,
    /// Events in a transaction.
    batch: usize,
    durable: bool,
}

/// Clients each have people of their own: two transactions never look at one person at the same time, which
/// neither deadlocks nor misses what the other one writes.
const WAYS: [Way; 10] = [
    Way { clients: 1, batch: 1, durable: true },
    Way { clients: 4, batch: 1, durable: true },
    Way { clients: 64, batch: 1, durable: true },
    Way { clients: 1, batch: 100, durable: true },
    Way { clients: 4, batch: 100, durable: true },
    Way { clients: 1, batch: 1_000, durable: true },
    Way { clients: 4, batch: 1_000, durable: true },
    Way { clients: 1, batch: 1, durable: false },
    Way { clients: 4, batch: 1, durable: false },
    Way { clients: 4, batch: 100, durable: false },
];
/// How long one way is followed, at most; and the part of all events that is left for all of them.
const WAY_MAX: Duration = Duration::from_secs(10);
const LEFT_PART: usize = 5;

/// Runs it over the files of a folder; the cluster is put into another one.
pub fn run(bin: Option<&Path>, (data, cluster): (&Path, &Path), size: Size) -> Vec<Result<Outcome, Failure>> {
    let server = match Server::start(cluster, bin) {
        Ok(server) => server,
        Err(why) => return vec![Err(why)],
    };
    match over(&server, data, size) {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(why) => vec![Err(Failure::Failed(format!("PostgreSQL: {why}")))],
    }
}

fn over(server: &Server, data: &Path, size: Size) -> Result<Vec<Outcome>, String> {
    let mut client = server.connect()?;
    let version: String = client.query_one("show server_version", &[]).map_err(said)?.get(0);
    let version = version.split_whitespace().next().unwrap_or_default().to_owned();
    let (_, text) = input::read(data)?;
    let events: Vec<Event<'_>> = input::events(&text).collect();
    let (loaded, left) = events.split_at(events.len() - events.len() / LEFT_PART);
    load(&mut client, data, loaded.len())?;
    let mut outcomes = Vec::new();
    let mut rest = left;
    for (number, way) in WAYS.iter().enumerate() {
        // What one way does not get through is for the next ones; the last one leaves nothing.
        let most = rest.len() / (WAYS.len() - number);
        let (outcome, done) = follow(server, *way, &rest[..most], (data, &version))?;
        rest = &rest[done..];
        outcomes.push(outcome);
    }
    // Whatever the ways had no time for.
    for events in rest.chunks(1_000) {
        take(&mut client, events)?;
    }
    let instant = (END, size.events);
    if let Some(last) = outcomes.last_mut() {
        last.compared = Some(instant);
        last.sets = evaluated(&mut client)?;
    }
    outcomes.insert(0, recompute(server, &mut client, &version, instant)?);
    Ok(outcomes)
}

fn said(why: Error) -> String {
    match why.as_db_error() {
        Some(error) => error.to_string(),
        None => why.to_string(),
    }
}

/// Loads everybody and the first so many events, and makes the indexes.
fn load(client: &mut Client, data: &Path, first: usize) -> Result<(), String> {
    client.batch_execute(SCHEMA).map_err(said)?;
    let (people, events) = files(data);
    for (table, path, lines) in [("person", people, usize::MAX), ("event", events, first)] {
        let text = std::fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
        let end = text.match_indices('\n').nth(lines).map_or(text.len(), |(place, _)| place + 1);
        let unknown = if table == "person" { ", force_not_null (gender)" } else { "" };
        let copy = format!("copy {table} from stdin with (format csv, header{unknown})");
        let mut writer = client.copy_in(copy.as_str()).map_err(said)?;
        writer.write_all(&text.as_bytes()[..end]).map_err(|why| why.to_string())?;
        writer.finish().map_err(said)?;
    }
    // Vacuum is no part of a transaction: a statement at a time.
    for statement in INDEXES.split_inclusive(';').filter(|statement| statement.contains(';')) {
        client.batch_execute(statement).map_err(said)?;
    }
    client.batch_execute(EVENT_BY_EVENT).map_err(said)?;
    // Nobody's memberships are news in what is measured.
    let begin = "insert into held select id, segments_of(id, (select max(ts) from event)) from person";
    client.batch_execute(begin).map_err(said)?;
    client.batch_execute("checkpoint").map_err(said)
}

/// One transaction.
fn take(client: &mut Client, events: &[Event<'_>]) -> Result<(), String> {
    let statement = client.prepare(TAKE).map_err(said)?;
    Asked::of(events).send(client, &statement)
}

/// What a transaction is asked with, made before the clock starts, as the daemon's requests are.
struct Asked<'a> {
    ids: Vec<i64>,
    people: Vec<i32>,
    names: Vec<&'a str>,
    instants: Vec<i64>,
    cents: Vec<Option<i32>>,
    products: Vec<Option<i32>>,
    pages: Vec<Option<i32>>,
}

impl<'a> Asked<'a> {
    fn of(events: &[Event<'a>]) -> Asked<'a> {
        let number = |text: &str| text.parse::<i32>().ok();
        Asked {
            ids: events.iter().map(|event| event.id as i64).collect(),
            people: events.iter().map(|event| event.person as i32).collect(),
            names: events.iter().map(|event| event.name).collect(),
            instants: events.iter().map(|event| event.millis).collect(),
            cents: events.iter().map(|event| number(event.cents)).collect(),
            products: events.iter().map(|event| number(event.product)).collect(),
            pages: events.iter().map(|event| number(event.page)).collect(),
        }
    }

    fn send(&self, client: &mut Client, statement: &Statement) -> Result<(), String> {
        let Asked { ids, people, names, instants, cents, products, pages } = self;
        client.execute(statement, &[ids, people, names, instants, cents, products, pages]).map(drop).map_err(said)
    }
}

/// A client's transactions, each with the place behind its last event.
type Own<'a> = Vec<(Asked<'a>, usize)>;

/// Clients each have people of their own.
fn shared_out<'a>(events: &[Event<'a>], way: Way) -> Vec<Own<'a>> {
    let mut own: Vec<Vec<(usize, Event<'a>)>> = vec![Vec::new(); way.clients];
    let of = |event: &Event<'_>| event.person as usize % way.clients;
    events.iter().enumerate().for_each(|(place, event)| own[of(event)].push((place, *event)));
    let asked = |some: &[(usize, Event<'a>)]| {
        let events: Vec<Event<'a>> = some.iter().map(|(_, event)| *event).collect();
        (Asked::of(&events), some.last().map_or(0, |(place, _)| place + 1))
    };
    own.iter().map(|own| own.chunks(way.batch).map(asked).collect()).collect()
}

/// What one client got through: its transactions' times, how many events, and up to which place of all.
type Sent = Result<(Spread, usize, usize), String>;

/// One client sends its events until the time is over.
fn client(server: &Server, way: Way, own: &Own<'_>, until: Instant) -> Sent {
    let mut client = server.connect()?;
    let commit = if way.durable { "on" } else { "off" };
    client.batch_execute(&format!("set synchronous_commit = {commit}")).map_err(said)?;
    let statement = client.prepare(TAKE).map_err(said)?;
    let (mut spread, mut done, mut reached) = (Spread::default(), 0, 0);
    for (asked, behind) in own {
        let began = Instant::now();
        if began >= until {
            break;
        }
        asked.send(&mut client, &statement)?;
        spread.add(began.elapsed());
        done += asked.ids.len();
        reached = *behind;
    }
    Ok((spread, done, reached))
}

/// Follows a way over some of the events; what came of it, and up to where all of them are in.
fn follow(
    server: &Server,
    way: Way,
    events: &[Event<'_>],
    (data, version): (&Path, &str),
) -> Result<(Outcome, usize), String> {
    let own = shared_out(events, way);
    let disk = disk::durable_after(data)?;
    let began = Instant::now();
    let until = began + WAY_MAX;
    let sent: Vec<Sent> = std::thread::scope(|scope| {
        let tasks: Vec<_> = own.iter().map(|own| scope.spawn(|| client(server, way, own, until))).collect();
        tasks.into_iter().map(|task| task.join().unwrap_or_else(|_| Err("a client failed".to_owned()))).collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    let (mut spread, mut done, mut reached) = (Spread::default(), 0, 0);
    for sent in sent {
        let (some, number, place) = sent?;
        spread.join(&some);
        done += number;
        reached = reached.max(place);
    }
    let memory = Memory { whole: server.memory(), net: None };
    // Clients end at different places: what lies before the furthest is sent once more, and what is there is known
    // again.
    let mut filler = server.connect()?;
    filler.batch_execute("set synchronous_commit = off").map_err(said)?;
    for some in events[..reached].chunks(1_000) {
        take(&mut filler, some)?;
    }
    let (clients, at_once) = (plural(way.clients, "client"), plural(way.batch, "event"));
    let commit = if way.durable { "durable" } else { "not durable (synchronous_commit off)" };
    let outcome = Outcome {
        part: "postgres".to_owned(),
        mode: format!("{}x{}", way.clients, way.batch),
        what: format!("PostgreSQL {version}, event by event, {clients}, {at_once} a transaction, {commit}"),
        events: done as u64,
        seconds,
        durable: way.durable,
        step: spread.percentiles(),
        to_membership: spread.percentiles(),
        disk: Some(disk),
        memory: Some(memory),
        ..Outcome::default()
    };
    Ok((outcome, reached))
}

/// So many of something.
pub fn plural(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// Everybody by the function that is called after each event, at the end.
fn evaluated(client: &mut Client) -> Result<Sets, String> {
    let rows = client.query("select id, segments_of(id, $1) from person", &[&END]).map_err(said)?;
    let mut members = vec![Vec::new(); 20];
    for row in rows {
        let (person, segments): (i32, i32) = (row.get(0), row.get(1));
        let held = (1..=20).filter(|number| segments >> number & 1 == 1);
        held.for_each(|number| members[number - 1].push(person as u32));
    }
    Ok(members.into_iter().enumerate().map(|(place, people)| (place + 1, Members::of(people))).collect())
}

fn recompute(server: &Server, client: &mut Client, version: &str, instant: (i64, u64)) -> Result<Outcome, String> {
    client.batch_execute("vacuum analyze event").map_err(said)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        client.batch_execute("truncate membership").map_err(said)?;
        let began = Instant::now();
        let mut transaction = client.transaction().map_err(said)?;
        for segment in segments::all() {
            let (number, query) = (segment.number, segment.query(END));
            let insert = format!("insert into membership select {number}, found.* from ({query}\n) found");
            transaction.batch_execute(&insert).map_err(said)?;
        }
        transaction.commit().map_err(said)?;
        rounds.push(began.elapsed().as_secs_f64());
    }
    // The first one warms up.
    let warm = Percentiles::of_few(&rounds[1..]);
    let memory = Memory { whole: server.memory(), net: None };
    let mut sets = Sets::new();
    for number in 1..=20_i32 {
        let rows = client.query("select person from membership where segment = $1", &[&number]).map_err(said)?;
        let people = rows.iter().map(|row| row.get::<_, i32>(0) as u32).collect();
        sets.insert(number as usize, Members::of(people));
    }
    Ok(Outcome {
        part: "postgres".to_owned(),
        mode: "recompute".to_owned(),
        what: format!("PostgreSQL {version}, all 20 computed anew, warm, best of {}", ROUNDS - 1),
        events: instant.1,
        seconds: warm.p50 / 1e6,
        recompute: true,
        step: Some(warm),
        to_membership: Some(warm),
        durable: true,
        memory: Some(memory),
        compared: Some(instant),
        sets,
        ..Outcome::default()
    })
}
