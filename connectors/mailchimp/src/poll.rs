//! Reading contacts that changed, and single ones.

use crate::api::{Api, Denied, PAGE_MAX};
use crate::config;
use crate::facts::{CHANGED_ADDRESS, MEMBER, Reading, address_event, consent_event, last_changed, version};
use crate::hooks::watched;
use crate::wire::Members;
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Poll, Progress, Sink, Stream};
use kit::receive::{Facts, Pointer};
use model::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const STREAMS: &[Stream] = &[Stream { name: "members", backfills: true, polls: true, adds_up: false }];
const MICROS: i64 = 1_000_000;
/// A poll begins this long before the newest change that was seen: the index may be late.
const OVERLAP_MICROS: i64 = 300 * MICROS;
/// After so many polls in a row that found nothing newer, nothing late is waited for any more: an import is not to be
/// read again for ever.
const QUIET_POLLS: u32 = 12;
/// Pages go back by so many contacts where they can only be told apart by their number: the set moves meanwhile.
const STEP_BACK: usize = 100;
/// Contacts of one page at least.
const PAGE_MIN: usize = 50;
/// Pages of one audience in one call; the next call goes on.
const PAGES_MAX: usize = 20_000;
/// Pointers of one fetch: as many calls.
const FETCH_MAX: usize = 20;
/// Calls of one fetch at the same time.
const FETCH_AT_ONCE: usize = 4;

/// The poll role.
pub(crate) struct MailchimpPoll;

/// Up to where an audience was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Mark {
    /// Time of the newest change that was seen, microseconds.
    newest: i64,
    /// Polls since that found nothing newer.
    quiet: u32,
}

/// Up to where each audience was read.
struct Marks {
    of: BTreeMap<String, Mark>,
    since: Time,
}

impl Marks {
    fn read(cursor: Option<&str>, since: Time) -> Marks {
        let of = match cursor.map(serde_json::from_str).transpose() {
            Ok(kept) => kept.unwrap_or_default(),
            Err(why) => {
                tracing::warn!(%why, "a cursor can't be read; changes are read from the beginning");
                BTreeMap::new()
            }
        };
        Marks { of, since }
    }

    fn get(&self, list: &str) -> Mark {
        self.of.get(list).copied().unwrap_or(Mark { newest: self.since.0, quiet: 0 })
    }

    /// From where the next reading begins: earlier than the newest change, for the index may be late.
    fn begin(&self, list: &str) -> Time {
        let mark = self.get(list);
        let overlap = if mark.quiet < QUIET_POLLS { OVERLAP_MICROS } else { MICROS };
        Time(mark.newest).plus_micros(-overlap)
    }

    /// Only ever forward.
    fn raise(&mut self, list: &str, to: Time) {
        let mark = self.get(list);
        if to.0 > mark.newest {
            self.of.insert(list.to_owned(), Mark { newest: to.0, quiet: 0 });
        }
    }

    /// A reading came to its end; it began at `before`.
    fn end(&mut self, list: &str, before: Mark) {
        let mark = self.get(list);
        if mark == before {
            self.of.insert(list.to_owned(), Mark { quiet: mark.quiet.saturating_add(1), ..mark });
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(&self.of).unwrap_or_default()
    }
}

/// A time as Mailchimp takes it: whole seconds, rounded down. `None` for "from the beginning".
fn spelled(time: Time) -> Option<String> {
    if time.0 <= 0 {
        return None;
    }
    Some(time.to_timestamp()?.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
}

fn facts(connection: &Connection, list: &str, page: &Members, received: Time) -> Facts {
    let reading = Reading { source: &connection.source, list, received };
    Facts {
        events: page.members.iter().filter_map(|member| consent_event(member, &reading)).collect(),
        versions: page.members.iter().filter_map(|member| version(member, &reading)).collect(),
        ..Facts::default()
    }
}

/// Reads one audience, oldest change first. A page begins where the one before ended, by time; by number only within
/// one second, as after an import.
async fn read_audience(
    api: &Api<'_>,
    (connection, list): (&Connection, &str),
    marks: &mut Marks,
    (sink, shows_progress): (&mut dyn Sink, bool),
) -> Result<(), Denied> {
    let (before, mut since) = (marks.get(list), marks.begin(list));
    let (mut offset, mut count, mut done, mut total) = (0, PAGE_MAX, 0, None);
    for _ in 0..PAGES_MAX {
        let page = match api.members(list, spelled(since), (count, offset)).await {
            Err(Denied::TooSlow(_)) if count > PAGE_MIN => {
                count = (count / 2).max(PAGE_MIN);
                continue;
            }
            answer => answer?,
        };
        let (read, all) = (page.members.len(), page.total_items);
        done += read as u64;
        total = total.or(Some(all));
        let more = read > 0 && (offset + read) as u64 <= all.saturating_sub(1);
        let newest = page.members.iter().filter_map(last_changed).max();
        if let Some(newest) = newest {
            marks.raise(list, newest);
        }
        if !more {
            marks.end(list, before);
        }
        let progress = shows_progress.then_some(Progress { done: done.min(total.unwrap_or(done)), total });
        let facts = facts(connection, list, &page, sink.now());
        sink.put(Page { facts, cursor: marks.text(), progress }).await?;
        if !more {
            return Ok(());
        }
        match newest.map(|newest| newest.plus_micros(-MICROS)).filter(|next| *next > since) {
            Some(next) => (since, offset) = (next, 0),
            None => offset += read - STEP_BACK.min(read / 2),
        }
    }
    Ok(())
}

/// Reads all audiences; one that is not there does not keep the others from being read.
async fn read_all(
    connection: &Connection,
    mut marks: Marks,
    sink: &mut dyn Sink,
    shows_progress: bool,
) -> Result<(), Failure> {
    let api = Api::new(connection)?;
    let mut absent = Vec::new();
    for list in watched(&api, connection).await? {
        match read_audience(&api, (connection, &list), &mut marks, (sink, shows_progress)).await {
            Ok(()) => {}
            Err(Denied::Missing(_)) => absent.push(list),
            Err(denied) => return Err(denied.into()),
        }
    }
    if absent.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!("there is no audience {}; mend the setting audiences", absent.join(", "))))
}

/// Reads what one pointer is about.
async fn fetch_one(
    api: &Api<'_>,
    connection: &Connection,
    pointer: &Pointer,
    received: Time,
) -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    let Some((list, who)) = pointer.id.split_once('/').filter(|(list, _)| crate::address::is_audience(list)) else {
        return Ok(facts);
    };
    let reading = Reading { source: &connection.source, list, received };
    let there = async |email: &str| match api.member(list, email).await {
        // An archived contact is as good as gone, and says nothing.
        Ok(found) => Ok(found.filter(|member| member.status != "archived")),
        Err(denied) => Err(Failure::from(denied)),
    };
    match (pointer.kind.as_str(), who.split_once(' ')) {
        (MEMBER, None) => {
            if let Some(member) = there(who).await? {
                facts.events.extend(consent_event(&member, &reading));
                facts.versions.extend(version(&member, &reading));
            }
        }
        (CHANGED_ADDRESS, Some((old, new))) if old != new => {
            if let Some(member) = there(new).await?
                && there(old).await?.is_none()
            {
                facts.events.extend(address_event(&member, old, &reading));
            }
        }
        _ => {}
    }
    Ok(facts)
}

#[async_trait::async_trait]
impl Poll for MailchimpPoll {
    fn streams(&self) -> &'static [Stream] {
        STREAMS
    }

    fn history_since(&self, _connection: &Connection, _now: Time) -> Option<Time> {
        None
    }

    async fn backfill(
        &self,
        connection: &Connection,
        _stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        if !config::backfills(&connection.settings) {
            return Ok(());
        }
        read_all(connection, Marks::read(place.cursor.as_deref(), Time(0)), sink, true).await
    }

    async fn poll(
        &self,
        connection: &Connection,
        _stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        read_all(connection, Marks::read(place.cursor.as_deref(), place.since), sink, false).await
    }

    async fn fetch(&self, connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
        let api = Api::new(connection)?;
        let calls: Vec<_> = pointers.iter().map(|pointer| fetch_one(&api, connection, pointer, received)).collect();
        let parts: Vec<Facts> = iter(calls).buffered(FETCH_AT_ONCE).try_collect().await?;
        let mut all = Facts::default();
        for part in parts {
            all.events.extend(part.events);
            all.versions.extend(part.versions);
        }
        Ok(all)
    }

    fn fetch_max(&self) -> usize {
        FETCH_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_only_go_forward_and_come_back_from_their_text() {
        let mut marks = Marks::read(None, Time(1_000));
        marks.raise("a1", Time(500));
        assert_eq!(marks.get("a1").newest, 1_000);
        marks.raise("a1", Time(2_000));
        let again = Marks::read(Some(&marks.text()), Time(1_000));
        assert_eq!((again.get("a1").newest, again.get("b2").newest), (2_000, 1_000));
        assert_eq!(Marks::read(Some("what?"), Time(7)).get("a1").newest, 7);
    }

    #[test]
    fn times_are_spelled_as_the_platform_wants_them() {
        let time = Time::parse("2026-03-01T00:00:00.9Z").unwrap();
        assert_eq!(spelled(time).as_deref(), Some("2026-03-01T00:00:00+00:00"));
        assert_eq!(spelled(Time(0)), None);
    }

    #[test]
    fn a_quiet_audience_is_read_from_its_newest_change_in_the_end() {
        let mut marks = Marks::read(None, Time(0));
        marks.raise("a1", Time(1_000 * MICROS));
        for _ in 0..QUIET_POLLS {
            assert_eq!(marks.begin("a1"), Time(700 * MICROS));
            marks.end("a1", marks.get("a1"));
        }
        assert_eq!(marks.begin("a1"), Time(999 * MICROS));
        marks.raise("a1", Time(1_001 * MICROS));
        assert_eq!(marks.begin("a1"), Time(701 * MICROS));
    }
}
