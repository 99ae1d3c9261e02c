//! The role that reads a platform: its past, what changed, and single things.

use crate::calls::{Api, Fill, json, unfit};
use crate::description::{Description, Stream as Described, Thing, Total};
use crate::expression::text;
use crate::file::Gone;
use crate::instant::written;
use crate::mapping::Around;
use crate::pages::Page as Came;
use crate::receive::add;
use crate::walk::State;
use jmespath::Rcvar;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Poll, Progress, Sink, Stream};
use kit::receive::{Facts, Pointer, Request};
use model::Time;

/// Pages of one call; the next one goes on.
const PAGES_MAX: usize = 100_000;
/// Things of one fetch: each is a call.
const FETCH_MAX: usize = 10;

/// The poll role of a description.
pub(crate) struct GenericPoll {
    pub(crate) of: &'static Description,
    pub(crate) streams: &'static [Stream],
}

/// The streams, for as long as the process runs.
pub(crate) fn role(of: &'static Description) -> GenericPoll {
    let stream = |stream: &'static Described| Stream {
        name: stream.name.as_str(),
        backfills: stream.backfills,
        polls: stream.polls,
        adds_up: stream.adds_up,
    };
    GenericPoll { of, streams: Vec::leak(of.streams.iter().map(stream).collect()) }
}

/// A reading of a stream that is under way.
struct Reading<'a> {
    api: Api<'a>,
    stream: &'static Described,
    thing: &'static Thing,
}

impl Reading<'_> {
    async fn page(&self, state: &State) -> Result<Came, Failure> {
        let instant = |time: Time| written(time, self.stream.time_format.as_deref());
        let fill =
            Fill::default().maybe("since", state.since.and_then(instant)).maybe("until", state.until.and_then(instant));
        let asked = (&self.stream.path, self.stream.query.as_slice());
        self.stream.pages.read(self.api, asked, (fill, state.place.as_deref())).await
    }

    /// How many there are, as the answer says.
    fn total(&self, came: &Came) -> Option<u64> {
        let (answer, document) = came.answer.as_ref()?;
        match self.stream.total.as_ref()? {
            Total::Header(name) => answer.header(name)?.trim().parse().ok(),
            Total::At(expr) => expr.text(document).ok()??.parse().ok(),
        }
    }

    fn facts(&self, rows: &[Rcvar], received: Time) -> Facts {
        let around = Around::reading(self.api.connection, received);
        let (mut facts, mut left_out) = (Facts::default(), 0_usize);
        for row in rows {
            match self.thing.facts(row, &around) {
                Ok(said) => add(&mut facts, said),
                Err(_) => left_out += 1,
            }
        }
        if left_out > 0 {
            // One that can't be understood must not keep the others out.
            tracing::warn!(connector = %self.api.of.name, stream = %self.stream.name, left_out, "things can't be read");
        }
        facts
    }

    async fn run(&self, mut state: State, past: bool, sink: &mut dyn Sink) -> Result<(), Failure> {
        for _ in 0..PAGES_MAX {
            let came = self.page(&state).await?;
            let total = match came.answer {
                Some(_) => self.total(&came),
                // A page beyond the end: nothing is behind the page before.
                None => state.before_place(self.stream.pages.size, self.stream.pages.first),
            };
            if state.is_too_much(self.stream.window.as_ref(), total)? {
                continue;
            }
            if state.has_moved(total, self.stream.pages.size, self.stream.pages.first) {
                continue;
            }
            let facts = self.facts(&came.rows, sink.now());
            state.done += came.rows.len() as u64;
            let over = !state.go_on(came.next, self.stream.window.is_some());
            let progress = past.then_some(Progress { done: state.done, total: state.of });
            sink.put(Page { facts, cursor: state.text(over), progress }).await?;
            if over {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl GenericPoll {
    fn reading<'a>(&self, connection: &'a Connection, stream: &str) -> Result<Reading<'a>, Failure> {
        let none = || Failure::Refused(format!("there is no stream {stream:?}"));
        let stream = self.of.streams.iter().find(|known| known.name == stream).ok_or_else(none)?;
        let thing = self.of.thing(&stream.thing).ok_or_else(none)?;
        Ok(Reading { api: Api { of: self.of, connection }, stream, thing })
    }

    async fn one(&self, connection: &Connection, pointer: &Pointer, received: Time) -> Result<Facts, Failure> {
        let unknown = || Failure::Refused(format!("things of the kind {:?} are not fetched", pointer.kind));
        let thing = self.of.thing(&pointer.kind).ok_or_else(unknown)?;
        let path = thing.fetch.as_ref().ok_or_else(unknown)?;
        let fill = Fill::default().with("id", pointer.id.as_str());
        let around = Around::reading(connection, received);
        let answer = match (Api { of: self.of, connection }).get(path, &fill).await {
            Ok(answer) => json(&answer)?,
            Err(denied) if denied.is(&[404, 410]) => {
                let mut facts = Facts::default();
                if thing.gone == Gone::Forget {
                    facts.requests.push(Request::Forget { identities: vec![around.customer(&pointer.id)] });
                }
                return Ok(facts);
            }
            Err(denied) => return Err(denied.into()),
        };
        let found = match &thing.at {
            Some(at) => at.of(&answer).map_err(unfit)?,
            None => answer,
        };
        // Whatever came instead of it is not it.
        if !thing.events.is_empty() && text(&*thing.id.of(&found).map_err(unfit)?).is_none() {
            return Err(Failure::PlatformChanged(format!("the answer has no id of a {}", thing.kind)));
        }
        thing.facts(&found, &around).map_err(unfit)
    }
}

#[async_trait::async_trait]
impl Poll for GenericPoll {
    fn streams(&self) -> &'static [Stream] {
        self.streams
    }

    fn history_since(&self, _: &Connection, _: Time) -> Option<Time> {
        None
    }

    async fn backfill(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let reading = self.reading(connection, stream)?;
        let Some(state) = State::past(place, reading.stream, sink.now())? else { return Ok(()) };
        reading.run(state, true, sink).await
    }

    async fn poll(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let reading = self.reading(connection, stream)?;
        let state = State::changes(place, reading.stream, sink.now())?;
        reading.run(state, false, sink).await
    }

    async fn fetch(&self, connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
        let mut facts = Facts::default();
        for pointer in pointers {
            add(&mut facts, self.one(connection, pointer, received).await?);
        }
        Ok(facts)
    }

    fn fetch_max(&self) -> usize {
        FETCH_MAX
    }
}
