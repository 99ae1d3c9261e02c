//! Reading contacts: all of them once, then those that changed, by search.
//!
//! A search shows 10,000 results however it is paged, and pages by number skip contacts when others change meanwhile.
//! So each page is a search of its own, which begins at the time where the one before ended; contacts of one
//! millisecond (an import) are told apart by their numbers.

use crate::api::{Api, Denied, SEARCH_PAGE, SEARCH_WINDOW};
use crate::contact::{Reading, is_id, updated};
use crate::fetch;
use crate::wire::{Contact, Contacts, Filter, FilterGroup, Search, next};
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Poll, Progress, Sink, Stream, put_ahead};
use kit::receive::{Facts, Pointer};
use model::Time;
use serde::{Deserialize, Serialize};

const STREAMS: &[Stream] = &[Stream { name: "contacts", backfills: true, polls: true, adds_up: false }];
const MICROS_A_MS: i64 = 1_000;
/// A poll begins this long before the newest change that was seen: the index is late by seconds, at times by minutes.
const OVERLAP_MICROS: i64 = 600 * 1_000_000;
/// After so many polls in a row that found nothing newer, nothing late is waited for any more.
const QUIET_POLLS: u32 = 12;
/// Pages of one call; the next call goes on.
const PAGES_MAX: usize = 200_000;
/// Pointers of one fetch: one call.
const FETCH_MAX: usize = crate::api::BATCH_MAX;
const CHANGED: &str = "lastmodifieddate";
const NUMBER: &str = "hs_object_id";

// A page is a search of its own, so none of them comes near the window.
const _: () = assert!(SEARCH_PAGE <= SEARCH_WINDOW);

/// The poll role.
pub(crate) struct HubspotPoll;

/// How far the past is read.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Past {
    after: Option<String>,
    done: u64,
}

/// Up to where changes are read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Mark {
    /// Time of the newest change that was seen, microseconds.
    newest: i64,
    /// Polls since that found nothing newer.
    quiet: u32,
    /// Where a walk was that has not ended.
    #[serde(default)]
    walk: Option<Walk>,
}

impl Mark {
    fn begin(&self) -> Walk {
        let overlap = if self.quiet < QUIET_POLLS { OVERLAP_MICROS } else { MICROS_A_MS };
        let since = self.newest.saturating_sub(overlap).max(0).div_euclid(MICROS_A_MS);
        self.walk.clone().unwrap_or(Walk::Since(since))
    }

    /// Notes where the walk goes on. Times that the index may be late for yet are walked through again from the
    /// beginning.
    fn goes_on(&mut self, walk: &Walk, now: Time) {
        let complete = walk.millis().saturating_mul(MICROS_A_MS) < now.0.saturating_sub(OVERLAP_MICROS);
        self.walk = complete.then(|| walk.clone());
    }
}

/// Where a walk through changes is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Walk {
    /// Changes from this millisecond on.
    Since(i64),
    /// Those of one millisecond, beyond a number.
    Within(i64, u64),
}

impl Walk {
    fn millis(&self) -> i64 {
        match self {
            Walk::Since(millis) | Walk::Within(millis, _) => *millis,
        }
    }

    fn search<'a>(&self, properties: &'a [&'a str]) -> Search<'a> {
        let filter = |property_name, operator, value| Filter { property_name, operator, value };
        let (filters, sort) = match self {
            Walk::Since(millis) => (vec![filter(CHANGED, "GTE", millis.to_string())], CHANGED),
            Walk::Within(millis, id) => {
                (vec![filter(CHANGED, "EQ", millis.to_string()), filter(NUMBER, "GT", id.to_string())], NUMBER)
            }
        };
        Search {
            filter_groups: vec![FilterGroup { filters }],
            sorts: [sort],
            properties,
            limit: SEARCH_PAGE,
            after: "0".to_owned(),
        }
    }

    /// Where to go on after a page; `None` at the end.
    fn next(&self, page: &Contacts) -> Result<Option<Walk>, Failure> {
        let stuck = || Failure::PlatformChanged("a page of a search does not go on".to_owned());
        let more = page.results.len() >= SEARCH_PAGE
            || page.total.is_some_and(|total| total > page.results.len() as u64 && !page.results.is_empty());
        let newest = page.results.iter().filter_map(millis).max();
        let highest = page.results.iter().filter_map(|contact| contact.id.parse::<u64>().ok()).max();
        match self {
            _ if !more && matches!(self, Walk::Since(_)) => Ok(None),
            Walk::Since(since) => match newest.ok_or_else(stuck)? {
                newest if newest > *since => Ok(Some(Walk::Since(newest))),
                // A whole page of one millisecond.
                _ => Ok(Some(Walk::Within(*since, 0))),
            },
            Walk::Within(at, _) if !more => Ok(Some(Walk::Since(at.saturating_add(1)))),
            Walk::Within(at, id) => {
                let highest = highest.filter(|highest| highest > id).ok_or_else(stuck)?;
                Ok(Some(Walk::Within(*at, highest)))
            }
        }
    }
}

fn millis(contact: &Contact) -> Option<i64> {
    updated(contact).map(|time| time.0.div_euclid(MICROS_A_MS))
}

/// A cursor that was kept; the beginning where it can't be read.
fn kept<T: for<'de> Deserialize<'de>>(place: &Place) -> Option<T> {
    let read = place.cursor.as_deref().map(serde_json::from_str).transpose();
    read.unwrap_or_else(|why| {
        tracing::warn!(%why, "a cursor can't be read; contacts are read from the beginning");
        None
    })
}

fn page(facts: Facts, cursor: &impl Serialize, progress: Option<Progress>) -> Page {
    Page { facts, cursor: serde_json::to_string(cursor).unwrap_or_default(), progress }
}

fn all_facts(reading: &Reading<'_>, contacts: &[Contact]) -> Facts {
    let mut all = Facts::default();
    for facts in contacts.iter().map(|contact| reading.facts(contact)) {
        all.events.extend(facts.events);
        all.versions.extend(facts.versions);
    }
    all
}

#[async_trait::async_trait]
impl Poll for HubspotPoll {
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
        let api = Api(connection);
        let mut past: Past = kept(place).unwrap_or_default();
        let mut restarted = false;
        let properties = Reading::of(connection, sink.now()).properties();
        let mut answer = api.contacts(past.after.as_deref(), &properties).await;
        for _ in 0..PAGES_MAX {
            let read = match answer {
                // The place is no longer taken: from the beginning, once.
                Err(Denied::Invalid(_)) if past.after.is_some() && !restarted => {
                    (past, restarted) = (Past::default(), true);
                    answer = api.contacts(None, &properties).await;
                    continue;
                }
                read => read?,
            };
            let facts = all_facts(&Reading::of(connection, sink.now()), &read.results);
            let after = next(read.paging);
            if after.is_some() && after == past.after {
                return Err(Failure::PlatformChanged("a page of contacts does not go on".to_owned()));
            }
            past = Past { after, done: past.done + read.results.len() as u64 };
            let total = past.after.is_none().then_some(past.done);
            let page = page(facts, &past, Some(Progress { done: past.done, total }));
            let Some(after) = past.after.clone() else { return sink.put(page).await };
            answer = put_ahead(sink, page, api.contacts(Some(&after), &properties)).await;
        }
        Err(Failure::retry("there are more contacts than one reading takes", None))
    }

    async fn poll(
        &self,
        connection: &Connection,
        _stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let api = Api(connection);
        let start = Mark { newest: place.since.0, quiet: 0, walk: None };
        let mut mark: Mark = kept(place).unwrap_or(start);
        let (before, mut walk) = (mark.newest, mark.begin());
        let properties = Reading::of(connection, sink.now()).properties();
        let mut answer = api.search(&walk.search(&properties)).await?;
        for _ in 0..PAGES_MAX {
            let newest = answer.results.iter().filter(|one| is_id(&one.id)).filter_map(updated).max();
            if let Some(newest) = newest.filter(|newest| newest.0 > mark.newest) {
                (mark.newest, mark.quiet) = (newest.0, 0);
            }
            let facts = all_facts(&Reading::of(connection, sink.now()), &answer.results);
            let Some(next) = walk.next(&answer)? else {
                mark.walk = None;
                if mark.newest == before {
                    mark.quiet = mark.quiet.saturating_add(1);
                }
                return sink.put(page(facts, &mark, None)).await;
            };
            walk = next;
            mark.goes_on(&walk, sink.now());
            let page = page(facts, &mark, None);
            answer = put_ahead(sink, page, api.search(&walk.search(&properties))).await?;
        }
        Ok(())
    }

    async fn fetch(&self, connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
        fetch::fetch(connection, pointers, received).await
    }

    fn fetch_max(&self) -> usize {
        FETCH_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contacts(times: &[i64], total: u64) -> Contacts {
        let one = |(number, millis): (usize, &i64)| {
            let time = Time::from_millis(*millis).to_string();
            json!({ "id": (number + 1).to_string(), "properties": { "lastmodifieddate": time } })
        };
        let results: Vec<_> = times.iter().enumerate().map(one).collect();
        serde_json::from_value(json!({ "results": results, "total": total })).unwrap()
    }

    #[test]
    fn a_walk_goes_on_by_time_and_within_one_millisecond_by_number() {
        let full: Vec<i64> = (0..SEARCH_PAGE as i64).map(|n| 1_000 + n).collect();
        let next = Walk::Since(1_000).next(&contacts(&full, 500)).unwrap();
        assert_eq!(next, Some(Walk::Since(1_199)));
        let same = vec![1_000; SEARCH_PAGE];
        assert_eq!(Walk::Since(1_000).next(&contacts(&same, 500)).unwrap(), Some(Walk::Within(1_000, 0)));
        assert_eq!(Walk::Within(1_000, 0).next(&contacts(&same, 500)).unwrap(), Some(Walk::Within(1_000, 200)));
        assert_eq!(Walk::Within(1_000, 200).next(&contacts(&[], 0)).unwrap(), Some(Walk::Since(1_001)));
        assert!(Walk::Within(1_000, 200).next(&contacts(&same, 500)).is_err(), "it would never end");
        assert_eq!(Walk::Since(1_000).next(&contacts(&[1_000], 1)).unwrap(), None);
    }

    #[test]
    fn nothing_late_is_waited_for_for_ever() {
        let mark = |quiet| Mark { newest: OVERLAP_MICROS * 2, quiet, walk: None }.begin().millis() * MICROS_A_MS;
        assert_eq!((mark(0), mark(QUIET_POLLS)), (OVERLAP_MICROS, OVERLAP_MICROS * 2 - MICROS_A_MS));
    }

    #[test]
    fn a_walk_that_was_cut_goes_on_where_it_was_unless_something_may_show_late() {
        let mut mark: Mark = serde_json::from_str(r#"{"newest":5000000,"quiet":0}"#).unwrap();
        mark.goes_on(&Walk::Within(4_000, 7), Time(4_000_001 + OVERLAP_MICROS));
        let again: Mark = serde_json::from_str(&serde_json::to_string(&mark).unwrap()).unwrap();
        assert_eq!(again.begin(), Walk::Within(4_000, 7));
        mark.goes_on(&Walk::Since(4_000), Time(4_000_000 + OVERLAP_MICROS));
        assert_eq!(mark.begin(), Walk::Since(0));
    }
}
