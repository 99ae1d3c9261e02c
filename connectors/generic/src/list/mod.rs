//! The role that keeps a list, as the description says.

mod push;
mod settings;

use crate::calls::{Api, Denied, Fill, json, unfit};
use crate::description::{Call, Description, List, Look};
use crate::expression::{text, variable, with_beside};
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use kit::backoff::Patience;
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::http::Answer;
use kit::platform::Connection;
use kit::sync::{Batch, Destination, HeldPage, Refusal, SnapshotPart, SyncCapabilities};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it is remembered how people stand, and of how many.
const SEEN_FOR: Duration = Duration::from_secs(60);
const SEEN_MAX: usize = 10_000;
/// Pages of one reading of a whole list.
const PAGES_MAX: usize = 100_000;

/// What its destinations can do.
pub(crate) fn capabilities(list: &List) -> SyncCapabilities {
    let side = list.add.batch.min(list.remove.batch).max(50);
    SyncCapabilities {
        batch_changes_max: 2 * side,
        batch_side_max: side,
        batch_bytes_max: 0,
        snapshot_members_max: 0,
        read_back: list.read.is_some(),
        fields: list.create.as_ref().is_some_and(|call| call.names("fields")),
        read_lag_s: list.read_lag_s,
    }
}

/// Makes a destination of what an operator gave.
pub(crate) fn connect(
    of: &'static Description,
    list: &'static List,
    setup: &DestinationSetup,
) -> Result<Arc<dyn Destination>, Failure> {
    let absent = || Failure::Refused(format!("a list on {} needs a connection", of.title));
    let connection = setup.connection.clone().ok_or_else(absent)?;
    let settings = settings::read(of, list, &setup.settings)?;
    let fields = settings::fields(list, &settings);
    Ok(Arc::new(GenericList { of, list, connection, settings, fields, seen: Mutex::default() }))
}

/// A list of a platform.
pub(crate) struct GenericList {
    of: &'static Description,
    list: &'static List,
    connection: Arc<Connection>,
    settings: Map<String, Value>,
    /// Name there to property here.
    fields: BTreeMap<String, String>,
    /// How people stood a moment ago: a batch that is made again after a failure goes on where it was.
    seen: Mutex<BTreeMap<String, (Stands, Instant)>>,
}

/// How somebody stands at the platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Stands {
    /// Not known there.
    Missing,
    /// Known, and not on the list.
    Out,
    /// On the list.
    Held,
    /// Not to be put on it, with the reason.
    Barred { held: bool, why: String },
}

pub(crate) fn folded(identifier: &str) -> String {
    identifier.trim().to_lowercase()
}

impl GenericList {
    fn api(&self) -> Api<'_> {
        Api { of: self.of, connection: &self.connection }
    }

    fn fill(&self) -> Fill {
        Fill::default().of_list(&self.settings)
    }

    /// Looks how somebody stands. A look that fails is made again alone: its batch has many.
    async fn look(&self, look: &Look, identifier: &str) -> Result<Stands, Failure> {
        let mut tried = 1;
        loop {
            match self.look_once(look, identifier).await {
                Err(failure) if Patience::USUAL.again(tried, &failure).await => tried += 1,
                outcome => return outcome,
            }
        }
    }

    /// Makes a call of a batch; one that fails is made again alone, as it would be with its batch.
    async fn make(&self, call: &Call, fill: &Fill) -> Result<Answer, Denied> {
        let mut tried = 1;
        loop {
            match self.api().make(call, fill).await {
                Err(denied) if Patience::USUAL.again(tried, &denied.failure).await => tried += 1,
                outcome => return outcome,
            }
        }
    }

    async fn look_once(&self, look: &Look, identifier: &str) -> Result<Stands, Failure> {
        let fill = self.fill().with("identifier", identifier);
        let answer = match self.api().get(&look.path, &fill).await {
            Ok(answer) => json(&answer)?,
            Err(denied) if denied.is(&look.missing) => return Ok(Stands::Missing),
            Err(denied) => return Err(denied.into()),
        };
        let beside = variable(&json!({ "list": self.settings, "identifier": identifier }));
        let answer = with_beside(&answer, &beside);
        let held = look.held.holds(&answer).map_err(unfit)?;
        for (when, why) in &look.refuse {
            if when.holds(&answer).map_err(unfit)? {
                return Ok(Stands::Barred { held, why: why.clone() });
            }
        }
        Ok(if held { Stands::Held } else { Stands::Out })
    }

    /// Never held over a call.
    fn memory(&self) -> MutexGuard<'_, BTreeMap<String, (Stands, Instant)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, identifier: &str, stands: Stands) {
        let mut memory = self.memory();
        if memory.len() >= SEEN_MAX {
            memory.clear();
        }
        memory.insert(identifier.to_owned(), (stands, Instant::now()));
    }

    fn forget(&self, identifier: &str) {
        self.memory().remove(identifier);
    }

    fn recalled(&self, identifier: &str) -> Option<Stands> {
        let memory = self.memory();
        memory.get(identifier).filter(|(_, at)| at.elapsed() < SEEN_FOR).map(|(stands, _)| stands.clone())
    }

    /// Looks how several stand, some at the same time; those who were looked at a moment ago not again.
    async fn look_at(&self, look: &Look, all: &[&str], recalls: bool) -> Result<Vec<(String, Stands)>, Failure> {
        let all: Vec<String> = all.iter().map(|one| (*one).to_owned()).collect();
        let one = |identifier: String| async move {
            let stands = match self.recalled(&identifier).filter(|_| recalls) {
                Some(stands) => stands,
                None => self.look(look, &identifier).await?,
            };
            self.remember(&identifier, stands.clone());
            Ok((identifier, stands))
        };
        let at_once = self.of.calls.calls_at_once.max(1);
        iter(all).map(one).buffered(at_once).try_collect().await
    }

    async fn page(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        let none = || Failure::Refused("members can't be read back".to_owned());
        let read = self.list.read.as_ref().ok_or_else(none)?;
        let page = read.pages.read(self.api(), (&read.path, &[]), (self.fill(), after)).await?;
        let mut held = Vec::new();
        for row in &page.rows {
            // One whom we could not have sent is nobody of ours.
            held.extend(text(&*read.identifier.of(row).map_err(unfit)?).map(|one| folded(&one)));
        }
        Ok(HeldPage { held, next: page.next })
    }
}

#[async_trait::async_trait]
impl Destination for GenericList {
    fn capabilities(&self) -> SyncCapabilities {
        capabilities(self.list)
    }

    fn identity(&self) -> String {
        let which: Vec<String> =
            settings::which(self.list, &self.settings).map(|(name, value)| format!("{name} {value}")).collect();
        format!("{} {} {}", self.of.name, self.connection.account, which.join(" "))
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        self.push_batch(batch).await
    }

    async fn snapshot(&self, _: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("the platform takes no snapshots".to_owned()))
    }

    fn fields(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.fields.values().collect();
        names.into_iter().cloned().collect()
    }

    async fn held(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        self.page(after).await
    }

    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        if let Some(look) = &self.list.look {
            let all: Vec<&str> = identifiers.iter().map(String::as_str).collect();
            let stands = self.look_at(look, &all, false).await?;
            let held = |stands: &Stands| matches!(stands, Stands::Held | Stands::Barred { held: true, .. });
            return Ok(stands.into_iter().filter(|(_, one)| held(one)).map(|(one, _)| one).collect());
        }
        let mut wanted: BTreeMap<String, &String> = identifiers.iter().map(|one| (folded(one), one)).collect();
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self.page(after.as_deref()).await?;
            found.extend(page.held.iter().filter_map(|one| wanted.remove(one).cloned()));
            after = page.next;
            if after.is_none() || wanted.is_empty() {
                break;
            }
        }
        Ok(found)
    }
}
