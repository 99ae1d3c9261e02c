//! Tasks against a double, through everything that can happen to a call.

use crate::double::{Double, Task};
use crate::faults::{FAULTS, Fault, may_fail};
use crate::finding::{Check, Findings};
use crate::outcome::{self, Told};
use crate::proxy::{ENDLESS_BYTES, Proxy};
use crate::tokens::{Renew, Renewed};
use futures_util::future::join_all;
use kit::connector::Connector;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Poll, Sink};
use kit::receive::Facts;
use kit::sync::{Batch, Destination};
use model::Time;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Tasks of one connection at the same time.
const AT_ONCE: usize = 8;
/// Calls of a task that are struck: the first ones, the middle and the last.
const STRUCK_MAX: usize = 4;
/// A task may take this long: more than the kit lets one call take, with what a platform may ask to wait.
const TASK_MAX: Duration = Duration::from_secs(300);
/// Pages of what a list holds, at most.
const HELD_PAGES_MAX: usize = 10_000;

/// Stops and goes on with the clock of a runtime of one thread: then what waits for nothing but time has it at once.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Stops it (`tokio::time::pause`).
    pub stop: fn(),
    /// Goes on (`tokio::time::resume`).
    pub go_on: fn(),
}

/// A task whose pages are read while the data change.
#[derive(Clone, Debug)]
pub struct Pages {
    /// The task.
    pub task: Task,
    /// Parts of the ids of the events and pointers that must be among what it brings: of all that was there from
    /// beginning to end.
    pub steady: BTreeSet<String>,
}

/// A batch of which the platform refuses some.
#[derive(Clone, Debug)]
pub struct Partial {
    /// The batch.
    pub batch: Batch,
    /// Those whom it refuses.
    pub refused: BTreeSet<String>,
}

/// The roles that call a platform, and what they are asked to do.
pub struct Calls<'a> {
    /// The connector.
    pub connector: &'a Connector,
    /// The double.
    pub double: &'a dyn Double,
    /// What is done, each from a fresh double.
    pub tasks: Vec<Task>,
    /// What is read while it changes.
    pub pages: Vec<Pages>,
    /// What is refused in part.
    pub partial: Vec<Partial>,
    /// Receive time of what is read, seconds since the epoch.
    pub now_s: i64,
    /// Stops time: for answers that never come, which are not tried without it, and for waits. The double must then
    /// live in the test's own runtime, of one thread.
    pub clock: Option<Clock>,
    /// Whether the platform's tokens can be replaced at all (OAuth).
    pub renews: bool,
}

/// Keeps what comes.
struct Kept<'a> {
    double: Option<&'a dyn Double>,
    now: Time,
    told: Told,
    cursor: Option<String>,
    pages: usize,
}

#[async_trait::async_trait]
impl Sink for Kept<'_> {
    fn now(&self) -> Time {
        self.now
    }

    async fn put(&mut self, page: Page) -> Result<(), Failure> {
        self.told.extend(outcome::of_facts(&page.facts));
        self.cursor = Some(page.cursor);
        if let Some(double) = self.double {
            double.change(self.pages);
        }
        self.pages += 1;
        Ok(())
    }
}

impl Calls<'_> {
    pub(crate) async fn check(&self, findings: &mut Findings) {
        let stop = self.clock.map_or((|| ()) as fn(), |clock| clock.stop);
        let proxy = match Proxy::start(self.double.address(), stop).await {
            Ok(proxy) => proxy,
            Err(why) => return findings.add(Check::Setup, "calls", why.to_string()),
        };
        for task in &self.tasks {
            self.strike(task, &proxy, findings).await;
            self.revoked(task, &proxy, findings).await;
            if self.renews {
                self.expired(task, &proxy, findings).await;
            }
        }
        for pages in &self.pages {
            self.read_while_changing(pages, &proxy, findings).await;
        }
        for partial in &self.partial {
            self.refused_in_part(partial, &proxy, findings).await;
        }
    }

    /// A connection through the proxy, and its tokens.
    fn connect(&self, proxy: &Proxy, renew: Renew) -> (Connection, Arc<Renewed>) {
        let tokens = Arc::new(Renewed::new(self.double.token(), renew));
        let shared: Arc<dyn kit::token::Tokens> = Arc::clone(&tokens) as _;
        (self.double.connection(proxy.address(), shared), tokens)
    }

    fn kept(&self) -> Kept<'_> {
        let now = Time::from_millis(self.now_s * 1_000);
        Kept { double: None, now, told: Told::new(), cursor: None, pages: 0 }
    }

    async fn strike(&self, task: &Task, proxy: &Proxy, findings: &mut Findings) {
        let name = task.name();
        self.double.reset();
        proxy.clear();
        let (connection, _) = self.connect(proxy, Arc::new(|| None));
        let mut kept = self.kept();
        if let Err(why) = self.run(task, connection, &mut kept).await {
            return findings.add(Check::Setup, name, format!("it fails when all is well: {why}"));
        }
        let (all_well, (calls, _)) = (kept.told, proxy.calls());
        if calls == 0 {
            return findings.add(Check::Setup, name, "it makes no call");
        }
        let struck: BTreeSet<usize> = [1, 2, calls.div_ceil(2), calls].into_iter().filter(|at| *at <= calls).collect();
        for (fault, check) in FAULTS {
            if (*fault == Fault::Hangs && self.clock.is_none()) || (*fault == Fault::Unauthorized && !self.renews) {
                continue;
            }
            for at in struck.iter().take(STRUCK_MAX) {
                let case = format!("{name}, {fault:?} at call {at} of {calls}");
                if let Err(why) = self.strike_at(task, proxy, (*at, *fault), &all_well).await {
                    findings.add(*check, case, why);
                }
            }
        }
    }

    /// The task with a fault at one call, then again without.
    async fn strike_at(
        &self,
        task: &Task,
        proxy: &Proxy,
        (at, fault): (usize, Fault),
        all_well: &Told,
    ) -> Result<(), String> {
        self.double.reset();
        let token = self.double.token();
        let (connection, _) = self.connect(proxy, Arc::new(move || Some(token.clone())));
        proxy.plan_at(at, fault, false);
        let mut kept = self.kept();
        // What asks to wait is waited for by the stopped clock: at once. For an answer that never comes it is stopped
        // by the proxy, when the call is there.
        let waits = matches!(fault, Fault::TooMany | Fault::TooManyFor(_));
        if let (true, Some(clock)) = (waits, self.clock) {
            (clock.stop)();
        }
        let came = self.run(task, connection, &mut kept).await;
        let hung = fault == Fault::Hangs && proxy.calls().1 > 0;
        if let (true, Some(clock)) = (waits || hung, self.clock) {
            (clock.go_on)();
        }
        if proxy.calls().1 == 0 {
            return Err("the call was not made".to_owned());
        }
        if proxy.poured() >= ENDLESS_BYTES {
            return Err(format!("{ENDLESS_BYTES} bytes of an answer were read"));
        }
        match came {
            Ok(()) if kept.told == *all_well => Ok(()),
            Ok(()) => Err(format!("it is told as done, but {}", outcome::difference(all_well, &kept.told))),
            Err(failure) => {
                may_fail(fault, &failure)?;
                proxy.clear();
                // A connection of its own, as after a restart: the wait that was asked for has been told already.
                let (connection, _) = self.connect(proxy, Arc::new(|| None));
                let again = self.run(task, connection, &mut kept).await;
                again.map_err(|why| format!("it fails when it is done again: {why}"))?;
                let why = || format!("done again, {}", outcome::difference(all_well, &kept.told));
                if kept.told == *all_well { Ok(()) } else { Err(why()) }
            }
        }
    }

    async fn revoked(&self, task: &Task, proxy: &Proxy, findings: &mut Findings) {
        self.double.reset();
        proxy.plan_at(1, Fault::Unauthorized, true);
        let (connection, _) = self.connect(proxy, Arc::new(|| None));
        match self.run(task, connection, &mut self.kept()).await {
            Err(Failure::NeedsAuthorization(_)) => {}
            Err(why) => findings.add(Check::RevokedToken, task.name(), why.to_string()),
            Ok(()) => findings.add(Check::RevokedToken, task.name(), "it is told as done"),
        }
        proxy.clear();
    }

    /// Many at once with a token that ran out.
    async fn expired(&self, task: &Task, proxy: &Proxy, findings: &mut Findings) {
        self.double.reset();
        proxy.clear();
        let old = self.double.token();
        let new = self.double.expire();
        let tokens = Arc::new(Renewed::new(old, Arc::new(move || Some(new.clone()))));
        let shared: Arc<dyn kit::token::Tokens> = Arc::clone(&tokens) as _;
        let connection = self.double.connection(proxy.address(), shared);
        let mut sinks: Vec<Kept<'_>> = (0..AT_ONCE).map(|_| self.kept()).collect();
        let running = sinks.iter_mut().map(|kept| self.run(task, connection.clone(), kept));
        for came in join_all(running).await {
            if let Err(why) = came {
                findings.add(Check::ConcurrentRefresh, task.name(), why.to_string());
            }
        }
        let refreshes = tokens.refreshes();
        let why = || format!("{AT_ONCE} at once made {refreshes} refreshes");
        findings.unless(refreshes == 1, Check::ConcurrentRefresh, &task.name(), why);
    }

    async fn read_while_changing(&self, pages: &Pages, proxy: &Proxy, findings: &mut Findings) {
        self.double.reset();
        proxy.clear();
        let name = pages.task.name();
        let (connection, _) = self.connect(proxy, Arc::new(|| None));
        let mut kept = Kept { double: Some(self.double), ..self.kept() };
        if let Err(why) = self.run(&pages.task, connection, &mut kept).await {
            return findings.add(Check::Pages, name, why.to_string());
        }
        findings.unless(kept.pages > 1, Check::Setup, &name, || "it has one page".to_owned());
        for steady in &pages.steady {
            let found = kept.told.keys().any(|key| key.contains(steady.as_str()));
            findings.unless(found, Check::Pages, &name, || format!("{steady} was there and is missing"));
        }
    }

    async fn refused_in_part(&self, partial: &Partial, proxy: &Proxy, findings: &mut Findings) {
        self.double.reset();
        proxy.clear();
        partial.refused.iter().for_each(|identifier| self.double.refuse(identifier));
        let (connection, _) = self.connect(proxy, Arc::new(|| None));
        let Some(list) = self.double.destination(connection) else {
            return findings.add(Check::Setup, "push", "the double has no list");
        };
        let refusals = match list.push(&partial.batch).await {
            Ok(refusals) => refusals,
            Err(why) => return findings.add(Check::PartialFailure, "push", why.to_string()),
        };
        let told: BTreeSet<String> = refusals.iter().map(|refusal| refusal.identifier.clone()).collect();
        let why = || format!("refused were {:?}, told as refused {told:?}", partial.refused);
        findings.unless(told == partial.refused, Check::PartialFailure, "push", why);
        for refusal in refusals.iter().filter(|refusal| refusal.reason.trim().is_empty()) {
            findings.add(Check::PartialFailure, "push", format!("no reason is told for {}", refusal.identifier));
        }
        let members = self.double.members();
        for change in partial.batch.changes.iter().filter(|change| !partial.refused.contains(&change.identifier)) {
            let is = members.contains(&change.identifier);
            let why = || format!("{} is to be a member: {}, is one: {is}", change.identifier, change.member);
            findings.unless(is == change.member, Check::PartialFailure, "push", why);
        }
    }

    /// Does a task, and notes what came of it. One that never ends is ended.
    async fn run(&self, task: &Task, connection: Connection, kept: &mut Kept<'_>) -> Result<(), Failure> {
        let endless = |_| Failure::Refused(format!("it still waits after {} s", TASK_MAX.as_secs()));
        tokio::time::timeout(TASK_MAX, self.work(task, connection, kept)).await.map_err(endless)?
    }

    async fn work(&self, task: &Task, connection: Connection, kept: &mut Kept<'_>) -> Result<(), Failure> {
        let received = kept.now;
        match task {
            Task::Backfill(stream) => {
                let place = Place { cursor: kept.cursor.clone(), since: received };
                self.poll()?.backfill(&connection, stream, &place, kept).await
            }
            Task::Poll(stream, since_s) => {
                let since = Time::from_millis(since_s * 1_000);
                let place = Place { cursor: kept.cursor.clone(), since };
                self.poll()?.poll(&connection, stream, &place, kept).await
            }
            Task::Fetch(pointers) => {
                let facts: Facts = self.poll()?.fetch(&connection, pointers, received).await?;
                kept.told.extend(outcome::of_facts(&facts));
                Ok(())
            }
            Task::Identify => {
                let role = self.connector.install.ok_or_else(lacks)?;
                let found = role.identify(&connection, None).await?;
                kept.told.insert("identified".to_owned(), format!("{found:?}"));
                Ok(())
            }
            Task::Register => {
                let role = self.connector.install.ok_or_else(lacks)?;
                role.register(&connection).await?;
                Ok(())
            }
            Task::Push(batch) => {
                let refusals = self.list(connection)?.push(batch).await?;
                kept.told.insert("refusals".to_owned(), format!("{refusals:?}"));
                kept.told.insert("members".to_owned(), format!("{:?}", self.double.members()));
                Ok(())
            }
            Task::Held => {
                let (list, mut held, mut after) = (self.list(connection)?, BTreeSet::new(), None);
                for _ in 0..HELD_PAGES_MAX {
                    let page = list.held(after.as_deref()).await?;
                    held.extend(page.held);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                kept.told.insert("held".to_owned(), format!("{held:?}"));
                Ok(())
            }
            Task::Holds(identifiers) => {
                let holds: BTreeSet<String> = self.list(connection)?.holds(identifiers).await?.into_iter().collect();
                kept.told.insert("holds".to_owned(), format!("{holds:?}"));
                Ok(())
            }
        }
    }

    fn poll(&self) -> Result<&'static dyn Poll, Failure> {
        self.connector.poll.ok_or_else(lacks)
    }

    fn list(&self, connection: Connection) -> Result<Arc<dyn Destination>, Failure> {
        self.double.destination(connection).ok_or_else(lacks)
    }
}

fn lacks() -> Failure {
    Failure::Refused("the connector lacks the role that the task needs".to_owned())
}
