//! What was: the journal of transitions, and who was in a segment at an earlier instant.

use super::answers::{self, unavailable};
use super::api::*;
use super::journal::transition_info;
use super::shards::{Shards, TRANSITIONS_MAX};
use crate::store::journal::{Entry, HeldThen, Page, Span};
use crate::store::state::ShardStore;
use engine::effect::Transition;
use engine::given::Given;
use engine::storage::PersonNo;
use model::{SegmentId, Time, WorkspaceId};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;

/// Looks of bounded size that one page of earlier members may take.
const LOOKS_MAX: usize = 64;

/// A page of the journal that is asked for.
#[derive(Clone, Default, Debug)]
pub struct JournalAsk {
    /// Of this segment alone.
    pub segment: Option<SegmentId>,
    /// Of this person alone, by every id under which they are or were known.
    pub person: Option<PersonKey>,
    /// Where it begins.
    pub from: Place,
    /// What became true at or after this instant.
    pub since: Option<Time>,
    /// What became true before this instant.
    pub until: Option<Time>,
    /// How many at most.
    pub limit: usize,
}

/// From what a past instant is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PastView {
    /// What is known today of it.
    Now,
    /// What the segment held then, by the journal of its transitions.
    Recorded,
}

/// A past instant that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PastAsk {
    /// The instant.
    pub at: Time,
    /// From what it is answered.
    pub view: PastView,
}

/// What an answer about a past instant rests on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PastInfo {
    /// The instant, RFC 3339.
    pub at: String,
    /// `now` (what is known today of it) or `recorded` (what the segment held then).
    pub view: String,
    /// For `now`: events are known after this instant, RFC 3339; of what happened before, only orders, properties
    /// and consent are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_known_after: Option<String>,
    /// What limits the answer, if something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl PastInfo {
    fn known(at: Time, known_after: Time, was_there: bool) -> PastInfo {
        let passed = at <= known_after;
        let note = match (was_there, passed) {
            (false, _) => Some("nothing of this person had happened by then".to_owned()),
            (_, true) => Some(format!(
                "events up to {known_after} are past their retention: of this instant only orders, properties and \
                 consent are known"
            )),
            _ => None,
        };
        let events_known_after = known_after.to_timestamp().map(|stamp| stamp.to_string());
        PastInfo { at: at.to_string(), view: "now".to_owned(), events_known_after, note }
    }

    fn recorded(at: Time) -> PastInfo {
        PastInfo { at: at.to_string(), view: "recorded".to_owned(), events_known_after: None, note: None }
    }
}

/// The journal of a workspace as it stands.
struct Journal {
    as_of: Time,
    /// Up to where the store is asked, and up to where the journal is whole.
    until_position: u64,
    position: u64,
    store: Arc<ShardStore>,
    number: u32,
    /// What is not in the store yet.
    fresh: Vec<Entry>,
    /// What holds, and held, of everybody.
    given: Arc<Given>,
    /// The ids of a person who was asked for.
    ids: Option<BTreeSet<String>>,
}

impl Journal {
    /// Shows all of it that is about a segment and became true up to an instant, and perhaps more, in order. Blocks.
    fn each(&self, segment: &SegmentId, at: Time, show: &mut dyn FnMut(Transition)) -> Result<(), QueryError> {
        let mut take = |entry: Entry| {
            entry.each(&self.given, Some(segment), &mut |transition| {
                show(transition);
                true
            })
        };
        let span = Span { first: 0, last: self.until_position, before: at.plus_micros(1) };
        if self.store.scan_journal(self.number, span, &mut take).map_err(unavailable)? {
            let _all = self.fresh.iter().cloned().all(take);
        }
        Ok(())
    }
}

fn in_the_future(at: Time, as_of: Time) -> QueryError {
    QueryError::Refused(format!("at: {at} lies ahead of {as_of}, the instant for which answers hold now"))
}

impl Shards {
    async fn journal(
        &self,
        workspace: &WorkspaceId,
        person: Option<&PersonKey>,
        from: u64,
    ) -> Result<Journal, QueryError> {
        let unknown = || QueryError::NotFound { what: "workspace", id: workspace.0.clone() };
        let shard = self.shard(workspace).ok_or_else(unknown)?;
        let (id, person, store) = (workspace.clone(), person.cloned(), shard.store.clone());
        let asked = self.ask_shard(shard, move |runner| {
            let (as_of, until_position, position) =
                (runner.as_of_workspace(&id)?, runner.mark().position, runner.applied());
            let tenant = runner.tenants.get(&id)?;
            let ids = person.map(|person| {
                let no = answers::resolve(&tenant.engine, &person)?;
                Ok(tenant.engine.ids(no).map_err(unavailable)?.into_iter().collect())
            });
            let ids = match ids.transpose() {
                Ok(ids) => ids,
                Err(error) => return Some(Err(error)),
            };
            let fresh = [&**tenant.writing, &*tenant.entries];
            let fresh = fresh.map(|entries| {
                let before = entries.partition_point(|entry| entry.position() < from);
                entries.get(before..).unwrap_or_default()
            });
            let fresh = fresh.concat();
            let (number, given) = (tenant.number, Arc::clone(tenant.engine.given()));
            Some(Ok(Journal { as_of, until_position, position, store, number, fresh, given, ids }))
        });
        asked.await?.ok_or_else(unknown)?
    }

    pub(super) async fn journal_page(
        &self,
        workspace: &WorkspaceId,
        asked: JournalAsk,
    ) -> Result<AsOf<TransitionPage>, QueryError> {
        let journal = self.journal(workspace, asked.person.as_ref(), asked.from.position).await?;
        let (as_of, position) = (journal.as_of.to_string(), journal.position);
        let limit = asked.limit.clamp(1, TRANSITIONS_MAX);
        let between = (asked.since.unwrap_or(Time::MIN), asked.until.unwrap_or(Time::MAX));
        let given = Arc::clone(&journal.given);
        let mut page = Page::new(given, asked.segment, asked.from, journal.until_position, limit);
        page = page.between(between.0, between.1);
        if let Some(ids) = &journal.ids {
            page = page.of_people(ids.clone());
        }
        // The journal may be long: the shard must not wait for it.
        let read = tokio::task::spawn_blocking(move || {
            if journal.store.journal(journal.number, &mut page)? {
                let _full = journal.fresh.into_iter().any(|entry| !page.take(entry));
            }
            Ok::<_, crate::store::db::StoreError>(page.found())
        });
        let (found, next) = read.await.map_err(unavailable)?.map_err(unavailable)?;
        let items = found.iter().map(transition_info).collect();
        let next = next.map(|place| format!("{}.{}", place.position, place.seen));
        Ok(AsOf { as_of, answer: TransitionPage { items, next, position } })
    }

    /// Who was in by what is known today. A page takes at most 64 looks of bounded size.
    pub(super) async fn members_known(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        at: Time,
        (after, limit): (Option<String>, usize),
    ) -> Result<AsOf<MemberPage>, QueryError> {
        self.not_ahead(workspace, at).await?;
        let bad = |_| QueryError::Refused("`after` must be the `next` of the page before".to_owned());
        let mut after = after.map(|after| after.parse::<PersonNo>().map_err(bad)).transpose()?;
        let mut members = Vec::new();
        for look in 1.. {
            let (id, room) = (segment.clone(), limit.saturating_sub(members.len()));
            let step = self.ask(workspace, move |tenant| {
                answers::can_be_evaluated(&tenant.engine, &id)?;
                let page = tenant.engine.members_at(&id, at, after, room).map_err(answers::not_answered)?;
                Ok((page.ok_or_else(|| answers::still_built(&id))?, tenant.engine.events_known_after()))
            });
            let AsOf { as_of, answer: ((found, next), known_after) } = step.await?;
            members.extend(found);
            if next.is_none() || members.len() >= limit || look >= LOOKS_MAX {
                let (next, past) = (next.map(|next| next.to_string()), Some(PastInfo::known(at, known_after, true)));
                return Ok(AsOf { as_of, answer: MemberPage { total: None, members, next, past } });
            }
            after = next;
        }
        Err(unavailable("no page was found"))
    }

    /// Refuses an instant that has not come yet.
    async fn not_ahead(&self, workspace: &WorkspaceId, at: Time) -> Result<(), QueryError> {
        let as_of = self.as_of(workspace).await?;
        if at > as_of { Err(in_the_future(at, as_of)) } else { Ok(()) }
    }

    /// Whether a person was in, and why, by what is known today.
    pub(super) async fn explain_known(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        person: &PersonKey,
        at: Time,
    ) -> Result<AsOf<Explanation>, QueryError> {
        self.not_ahead(workspace, at).await?;
        let (id, person) = (segment.clone(), person.clone());
        let told = self.ask(workspace, move |tenant| {
            answers::can_be_evaluated(&tenant.engine, &id)?;
            let no = answers::resolve(&tenant.engine, &person)?;
            let reasons = tenant.engine.explain_at(&id, no, at).map_err(answers::not_answered)?;
            let (reasons, was_there) = reasons.ok_or_else(|| answers::still_built(&id))?;
            let past = Some(PastInfo::known(at, tenant.engine.events_known_after(), was_there));
            Ok(Explanation { past, ..answers::reasons_shown(reasons) })
        });
        told.await
    }

    /// Who was in by the journal. Each page goes through the journal up to the instant, beside the shard.
    pub(super) async fn members_recorded(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        at: Time,
        (after, limit): (Option<String>, usize),
    ) -> Result<AsOf<MemberPage>, QueryError> {
        let journal = self.journal(workspace, None, 0).await?;
        if at > journal.as_of {
            return Err(in_the_future(at, journal.as_of));
        }
        let as_of = journal.as_of.to_string();
        let mut held = HeldThen::new(segment.clone(), at, after, limit);
        let read = tokio::task::spawn_blocking(move || {
            let segment = held.segment().clone();
            journal.each(&segment, at, &mut |transition| held.take(transition))?;
            Ok::<_, QueryError>(held)
        });
        let held = read.await.map_err(unavailable)??;
        if !held.known {
            self.segment(workspace, segment).await?;
        }
        let (members, next) = held.found();
        let past = Some(PastInfo::recorded(at));
        Ok(AsOf { as_of, answer: MemberPage { total: None, members, next, past } })
    }

    /// Whether a person was in by the journal, and the transition that made it so.
    pub(super) async fn explain_recorded(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        person: &PersonKey,
        at: Time,
    ) -> Result<AsOf<Explanation>, QueryError> {
        let journal = self.journal(workspace, Some(person), 0).await?;
        if at > journal.as_of {
            return Err(in_the_future(at, journal.as_of));
        }
        let as_of = journal.as_of.to_string();
        let (id, ids) = (segment.clone(), journal.ids.clone().unwrap_or_default());
        let read = tokio::task::spawn_blocking(move || {
            // Several ids may have been in before they turned out to be one person's.
            let (mut inside, mut newest, mut known) = (BTreeSet::new(), None, false);
            journal.each(&id, at, &mut |transition| {
                if transition.at > at {
                    return;
                }
                known = true;
                if ids.contains(&transition.person) {
                    if transition.entered {
                        inside.insert(transition.person.clone());
                    } else {
                        inside.remove(&transition.person);
                    }
                    newest = Some(transition);
                }
            })?;
            Ok::<_, QueryError>((inside, newest, known))
        });
        let (inside, newest, known) = read.await.map_err(unavailable)??;
        if !known {
            self.segment(workspace, segment).await?;
        }
        let result = if inside.is_empty() { "not_member" } else { "member" }.to_owned();
        let shown = self.person(workspace, person).await?.answer.id;
        let (past, transition) = (Some(PastInfo::recorded(at)), newest.as_ref().map(transition_info));
        let answer = Explanation { person: shown, result, changes_at: None, conditions: None, past, transition };
        Ok(AsOf { as_of, answer })
    }
}
