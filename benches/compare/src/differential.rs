//! differential-dataflow over timely: the first five segments, each event put in at its instant and taken out at the
//! instant at which it leaves its window.

use crate::input;
use crate::members::{Members, Sets};
use crate::memory;
use crate::outcome::Outcome;
use crate::segments::INCREMENTAL;
use crate::spread::{Percentiles, Spread};
use crate::world::{BEGIN, DAY, END};
use differential_dataflow::input::{Input, InputSession};
use differential_dataflow::operators::ThresholdTotal;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Instant;
use timely::dataflow::Scope;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

/// How it is run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Threads.
    pub workers: usize,
    /// Events that are put in before what they brought is waited for.
    pub step: usize,
    /// Events, from the first on.
    pub events: u64,
}

/// Instants of the dataflow in a millisecond: steps may end between events of the same one.
const MILLI: u64 = 1_024;

/// What is counted, and for how many days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counted {
    OrdersMonth,
    OrdersDay,
    CentsWeek,
    ViewsDay,
    ClicksThreeDays,
    PagesWeek,
}

impl Counted {
    fn days(self) -> i64 {
        match self {
            Counted::OrdersMonth => 30,
            Counted::CentsWeek | Counted::PagesWeek => 7,
            Counted::ClicksThreeDays => 3,
            Counted::OrdersDay | Counted::ViewsDay => 1,
        }
    }

    /// As what an event is counted, and with how much.
    fn of(event: &input::Event<'_>) -> Vec<(Counted, isize)> {
        match event.name {
            "Order Completed" => {
                vec![(Counted::OrdersMonth, 1), (Counted::OrdersDay, 1), (Counted::CentsWeek, event.cents() as isize)]
            }
            "Product Viewed" => vec![(Counted::ViewsDay, 1)],
            "Link Clicked" => vec![(Counted::ClicksThreeDays, 1)],
            "Page Viewed" => vec![(Counted::PagesWeek, 1)],
            _ => Vec::new(),
        }
    }
}

/// Person and what is counted, as a number: the order of the enum.
type Happening = (u32, u8);
/// Person, whether of Mexico, whether female.
type Profile = (u32, bool, bool);

/// Whom the segments hold by what came out so far, and how often it changed.
struct Held {
    weights: Vec<Vec<i8>>,
    changes: u64,
}

impl Held {
    fn new(people: u32) -> Held {
        Held { weights: vec![vec![0; people as usize]; INCREMENTAL], changes: 0 }
    }

    fn change(&mut self, place: usize, person: u32, by: isize) {
        self.weights[place][person as usize] += by as i8;
        self.changes += 1;
    }

    fn join(&mut self, other: &Held) {
        self.changes += other.changes;
        for (own, more) in self.weights.iter_mut().zip(&other.weights) {
            own.iter_mut().zip(more).for_each(|(own, more)| *own += more);
        }
    }

    fn sets(&self) -> Sets {
        let members = |weights: &Vec<i8>| {
            Members::of((0..).zip(weights).filter(|(_, weight)| **weight == 1).map(|(person, _)| person).collect())
        };
        self.weights.iter().enumerate().map(|(place, weights)| (place + 1, members(weights))).collect()
    }
}

type Inputs = (InputSession<u64, Profile, isize>, InputSession<u64, Happening, isize>);

/// The five segments as a dataflow.
fn build(scope: Scope<'_, u64>, held: &Rc<RefCell<Held>>, probe: &Handle<u64>) -> Inputs {
    let (profiles_in, profiles) = scope.new_collection::<Profile, isize>();
    let (events_in, events) = scope.new_collection::<Happening, isize>();
    let at_least = |counted: Counted, least: isize| {
        let one = events.clone().filter(move |event| event.1 == counted as u8).map(|event| event.0);
        one.threshold_total(move |_, sum| isize::from(*sum >= least))
    };
    let mexican = profiles.clone().filter(|profile| profile.1).map(|profile| profile.0);
    let female = profiles.filter(|profile| profile.2).map(|profile| profile.0);
    let segments = [
        at_least(Counted::OrdersMonth, 2).map(|person| (person, ())).semijoin(mexican).map(|(person, ())| person),
        at_least(Counted::CentsWeek, 50_000),
        at_least(Counted::ViewsDay, 1)
            .map(|person| (person, ()))
            .antijoin(at_least(Counted::OrdersDay, 1))
            .map(|(person, ())| person),
        at_least(Counted::ClicksThreeDays, 1).map(|person| (person, ())).semijoin(female).map(|(person, ())| person),
        at_least(Counted::PagesWeek, 10),
    ];
    for (place, segment) in segments.into_iter().enumerate() {
        let held = Rc::clone(held);
        let told = segment.consolidate().inspect(move |(person, _, by)| held.borrow_mut().change(place, *person, *by));
        told.probe_with(probe);
    }
    (profiles_in, events_in)
}

/// What all workers share.
struct Shared {
    asked: Asked,
    people: String,
    events: String,
    held: Mutex<Held>,
    all_done: Barrier,
}

/// What one worker saw of its run.
struct Ran {
    events: u64,
    end: i64,
    seconds: f64,
    steps: Option<Percentiles>,
}

fn drive(worker: &mut Worker, shared: &Shared) -> Ran {
    let held = Rc::new(RefCell::new(Held::new(input::people(&shared.people).count() as u32)));
    let probe = Handle::new();
    let (mut profiles, mut events) = worker.dataflow::<u64, _, _>(|scope| build(scope, &held, &probe));
    let (own, workers) = (worker.index(), worker.peers());
    for person in input::people(&shared.people).filter(|person| person.number as usize % workers == own) {
        profiles.insert((person.number, person.country == "MX", person.gender == "female"));
    }
    profiles.close();
    events.advance_to(1);
    events.flush();
    worker.step_while(|| probe.less_than(events.time()));
    let mut steps = Spread::default();
    let (mut done, mut last) = (0, BEGIN);
    let began = Instant::now();
    let mut step = Instant::now();
    for event in input::events(&shared.events).take(shared.asked.events as usize) {
        let offset = event.millis - BEGIN;
        let time = (offset as u64 * MILLI).max(*events.time());
        events.advance_to(time);
        if event.person as usize % workers == own {
            for (counted, weight) in Counted::of(&event) {
                let gone = (offset + counted.days() * DAY) as u64 * MILLI;
                events.update((event.person, counted as u8), weight);
                events.update_at((event.person, counted as u8), gone, -weight);
            }
        }
        (done, last) = (done + 1, event.millis);
        if done % shared.asked.step as u64 == 0 {
            events.advance_to(time + 1);
            events.flush();
            worker.step_while(|| probe.less_than(events.time()));
            steps.add(step.elapsed());
            step = Instant::now();
        }
    }
    let more = input::events(&shared.events).nth(done as usize).is_some();
    let end = if more { last } else { last.max(END) };
    events.advance_to(((end - BEGIN) as u64 * MILLI + 1).max(*events.time() + 1));
    events.flush();
    worker.step_while(|| probe.less_than(events.time()));
    let seconds = began.elapsed().as_secs_f64();
    if let Ok(mut all) = shared.held.lock() {
        all.join(&held.borrow());
    }
    // An input that is dropped would let everything leave its window.
    std::mem::forget(events);
    Ran { events: done, end, seconds, steps: steps.percentiles() }
}

/// Runs it over the files of a folder and tells what came of it by `tell`; the process ends then, as what is still in
/// windows would have to leave them before a worker ends.
pub fn run(dir: &Path, asked: Asked, tell: fn(Result<Outcome, String>)) -> Result<(), String> {
    let (people, events) = input::read(dir)?;
    let held = Mutex::new(Held::new(input::people(&people).count() as u32));
    let all_done = Barrier::new(asked.workers);
    let shared = Arc::new(Shared { asked, people, events, held, all_done });
    let config = if asked.workers == 1 { timely::Config::thread() } else { timely::Config::process(asked.workers) };
    let workers = timely::execute(config, move |worker| {
        let ran = drive(worker, &shared);
        shared.all_done.wait();
        if worker.index() == 0 {
            tell(outcome(&shared, &ran));
            std::process::exit(0);
        }
        // The first worker ends the process.
        shared.all_done.wait();
    })?;
    workers.join().into_iter().collect()
}

fn outcome(shared: &Shared, ran: &Ran) -> Result<Outcome, String> {
    let memory = memory::own_peak(shared.events.len() + shared.people.len());
    let held = shared.held.lock().map_err(|why| why.to_string())?;
    let (asked, workers) = (shared.asked, if shared.asked.workers == 1 { "worker" } else { "workers" });
    Ok(Outcome {
        part: "dd".to_owned(),
        mode: format!("{}x{}", asked.step, asked.workers),
        what: format!(
            "differential-dataflow, {INCREMENTAL} segments, steps of {}, {} {workers}",
            asked.step, asked.workers
        ),
        events: ran.events,
        seconds: ran.seconds,
        step: ran.steps,
        memory: Some(memory),
        changes: Some(held.changes),
        compared: Some((ran.end, ran.events)),
        sets: held.sets(),
        ..Outcome::default()
    })
}
