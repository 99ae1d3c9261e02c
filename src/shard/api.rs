//! What the rest of the daemon asks of the shards.
//!
//! Intake, administration and sync speak to [`Core`] and never see an engine or a store.

use super::editing::text_of;
pub use super::editing::{ChangePreview, NextVersion, VersionInfo};
pub use super::effects::{EffectBatch, EffectSink};
pub use super::export::PersonExport;
pub use super::journal::{TransitionInfo, TransitionPage};
pub use super::live::Live;
pub use super::past::{JournalAsk, PastAsk, PastInfo, PastView};
pub use crate::store::journal::Place;
use model::{Command, Event, Identity, ListId, SegmentId, SourceId, Time, WorkspaceId};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Where accepted commands stand in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// The time that their records carry.
    pub time: Time,
    /// Position of the last of them.
    pub position: u64,
}

/// Why commands were not accepted. Nothing of them is in the log then.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    /// Too much is waiting; try again.
    #[error("the daemon is behind; try again in {retry_after_s} s")]
    Overloaded {
        /// Whole seconds after which another try makes sense.
        retry_after_s: u32,
    },
    /// Too much of this workspace is waiting; try again. Others are not refused.
    #[error("too much of this workspace is waiting; try again in {retry_after_s} s")]
    WorkspaceBusy {
        /// Whole seconds after which another try makes sense.
        retry_after_s: u32,
    },
    /// The reserve of free disk space is reached, or the disk refused a write.
    #[error("the log can't be made durable now ({reason}); try again in {retry_after_s} s")]
    NotDurable {
        /// What is wrong, for the operator.
        reason: String,
        /// Whole seconds after which another try makes sense.
        retry_after_s: u32,
    },
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
    /// There is no such workspace.
    #[error("there is no workspace {0}")]
    UnknownWorkspace(WorkspaceId),
}

/// Why a question could not be answered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// `segment`, `person`, `workspace`, `list`, `source`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// The request can't be carried out, and why.
    #[error("{0}")]
    Refused(String),
    /// The shard is not running.
    #[error("the shard is not available: {0}")]
    Unavailable(String),
}

/// An answer with the instant for which it holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AsOf<T> {
    /// The shard's time, RFC 3339.
    pub as_of: String,
    /// The answer.
    #[serde(flatten)]
    pub answer: T,
}

/// A segment as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SegmentInfo {
    /// Its id.
    pub id: String,
    /// Shown name.
    pub name: String,
    /// Version of the definition in force; 0 while the first one is being built.
    pub version: u32,
    /// The definition in force (or being built, for a first version), JSON form.
    #[schema(value_type = Object)]
    pub definition: serde_json::Value,
    /// The same in text form; empty if it can't be read any more.
    pub text: String,
    /// `building`, `waiting`, `active` or `failed`.
    pub state: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// Members now.
    pub members: u64,
    /// People for whom the definition can't be decided (a missing exchange rate, say).
    pub unknown: u64,
    /// People evaluated so far, of `build_total`, while a version is being built.
    pub build_done: u64,
    /// People to evaluate.
    pub build_total: u64,
    /// The segments that the definition in force, or one being built, refers to.
    pub refers_to: Vec<String>,
    /// The version that is being built or waits to be put in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextVersion>,
}

impl SegmentInfo {
    /// Writes the text form of its definitions.
    pub fn write_text(&mut self) {
        self.text = text_of(&self.definition);
        if let Some(next) = &mut self.next {
            next.text = text_of(&next.definition);
        }
    }

    /// Takes out who they are who would enter and leave.
    pub fn without_people(&mut self) {
        if let Some(next) = &mut self.next {
            next.enter_sample.clear();
            next.leave_sample.clear();
        }
    }
}

/// One page of a segment's members.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MemberPage {
    /// Members now, all pages; absent when a past instant was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Ids of people, in a stable order.
    pub members: Vec<String>,
    /// Pass as `after` for the next page; absent at the end.
    pub next: Option<String>,
    /// Which past instant the page is about, if one was asked. Its pages may be short or empty and not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub past: Option<PastInfo>,
}

/// Why a person is or is not in a segment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// The person's id.
    pub person: String,
    /// `member`, `not_member` or `unknown`.
    pub result: String,
    /// The instant of the next change if nothing happens, RFC 3339.
    pub changes_at: Option<String>,
    /// The definition's tree, each node with its value; conditions also in text form. Absent when the journal was
    /// asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub conditions: Option<serde_json::Value>,
    /// Which past instant it is about, if one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub past: Option<PastInfo>,
    /// The transition that made it so, when the journal was asked and has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<TransitionInfo>,
}

/// What would match a definition.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Preview {
    /// Whether everybody was looked at.
    pub exact: bool,
    /// People who match; if it is not exact, the most likely number.
    pub count: u64,
    /// It is at least this: for sure if it is exact, else in 95 of 100 cases, both bounds taken together.
    pub low: u64,
    /// It is at most this.
    pub high: u64,
    /// People there are.
    pub people: u64,
    /// People looked at: a sample that stays the same.
    pub looked_at: u64,
    /// Some of those who match.
    pub sample: Vec<String>,
}

/// A person as known now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PersonInfo {
    /// Stable id.
    pub id: String,
    /// Canonical identities.
    pub identities: Vec<String>,
    /// Shown properties.
    #[schema(value_type = Object)]
    pub properties: serde_json::Value,
    /// Segments they are in.
    pub segments: Vec<String>,
    /// How many events are known of them.
    pub events: u64,
    /// Their newest events, newest first, at most 100.
    #[schema(value_type = Vec<Object>)]
    pub recent: Vec<serde_json::Value>,
}

/// A workspace's settings and sizes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkspaceInfo {
    /// Its id.
    pub id: String,
    /// Shown name.
    pub name: String,
    /// IANA zone.
    pub time_zone: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Days.
    pub retention_days: u32,
    /// Links beyond which an address is crowded.
    pub crowded_links_max: u32,
    /// People.
    pub people: u64,
    /// Events applied.
    pub events: u64,
    /// Duplicates dropped.
    pub duplicates: u64,
    /// Events refused, by reason.
    pub refused: std::collections::BTreeMap<String, u64>,
}

/// An event of a person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventPage {
    /// Newest first: name, time, received, source, properties.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<serde_json::Value>,
    /// Pass as `after` for the next (older) page; absent at the end.
    pub next: Option<String>,
}

/// The operator's rate for a day and those after it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct RateInfo {
    /// ISO 4217 code.
    pub from: String,
    /// ISO 4217 code.
    pub to: String,
    /// `YYYY-MM-DD`.
    pub date: String,
    /// What one `from` is worth, a decimal.
    pub rate: String,
}

/// Some of those of whom a source told something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourcePeople {
    /// The smallest strong identity of each. What is nobody's yet (an anonymous visitor, a cart) comes
    /// by its smallest weak one.
    pub identities: Vec<Identity>,
    /// Pass as `after` for the next page; absent at the end. A page may be empty and not the last.
    pub next: Option<String>,
}

/// Figures for operators, of one shard.
#[derive(Clone, Default, Debug, Serialize, ToSchema)]
pub struct ShardStats {
    /// Which shard.
    pub shard: u32,
    /// Position of the newest durable record.
    pub appended: u64,
    /// Position of the newest applied record.
    pub applied: u64,
    /// Position covered by the newest checkpoint.
    pub checkpoint: u64,
    /// Age of the oldest record that is durable but not applied, milliseconds.
    pub apply_lag_ms: u64,
    /// Timers that are due and have not fired.
    pub timers_due: u64,
    /// Timers waiting.
    pub timers: u64,
    /// People of all its workspaces.
    pub people: u64,
    /// Bytes of its log.
    pub log_bytes: u64,
    /// Why it stopped, if it did.
    pub failed: Option<String>,
    /// Time from receiving an event until it was applied.
    #[serde(skip)]
    #[schema(ignore)]
    pub changed: crate::histogram::Counts,
}

/// What is told of an event at the edge, before it is logged: a replay needs no data of the day.
pub trait Edge: Send + Sync {
    /// Adds to an event what follows from it and from what is at hand.
    fn tell(&self, event: &mut Event);
}

/// The shards, to everyone else.
#[async_trait::async_trait]
pub trait Core: Send + Sync + 'static {
    /// Whether so much of a workspace waits already that [`Core::submit`] would push it back: told before anything
    /// is read.
    fn has_room(&self, _workspace: &WorkspaceId) -> Result<(), SubmitError> {
        Ok(())
    }
    /// Appends commands, in order and together; returns when they are durable.
    async fn submit(&self, workspace: &WorkspaceId, commands: Vec<Command>) -> Result<Accepted, SubmitError>;
    /// Returns when everything up to `position` of the workspace's shard is applied.
    async fn applied(&self, workspace: &WorkspaceId, position: u64) -> Result<(), QueryError>;
    /// The shard's time for a workspace.
    async fn as_of(&self, workspace: &WorkspaceId) -> Result<Time, QueryError>;
    /// Every workspace.
    async fn workspaces(&self) -> Vec<WorkspaceInfo>;
    /// One workspace.
    async fn workspace(&self, workspace: &WorkspaceId) -> Result<AsOf<WorkspaceInfo>, QueryError>;
    /// Every segment.
    async fn segments(&self, workspace: &WorkspaceId) -> Result<AsOf<Items<SegmentInfo>>, QueryError>;
    /// One segment.
    async fn segment(&self, workspace: &WorkspaceId, segment: &SegmentId) -> Result<AsOf<SegmentInfo>, QueryError>;
    /// Checks a definition without keeping it; the canonical JSON text, or what is wrong.
    async fn check_definition(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        definition: &str,
    ) -> Result<String, QueryError>;
    /// A page of members.
    async fn members(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        after: Option<String>,
        limit: usize,
    ) -> Result<AsOf<MemberPage>, QueryError>;
    /// Why one person is in or out.
    async fn explain(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        person: &PersonKey,
    ) -> Result<AsOf<Explanation>, QueryError>;
    /// Counts who would match: an estimate from a sample in less than a tenth of a second, or all of
    /// them if it is to be exact. Both are of the instant at which they are asked for.
    async fn preview(
        &self,
        workspace: &WorkspaceId,
        definition: &str,
        exact: bool,
    ) -> Result<AsOf<Preview>, QueryError>;
    /// Every version of a segment that is kept, oldest first.
    async fn versions(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
    ) -> Result<AsOf<Items<VersionInfo>>, QueryError>;
    /// Who would enter, leave and stay if a segment had this definition, at one instant.
    async fn preview_change(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        definition: &str,
    ) -> Result<AsOf<ChangePreview>, QueryError>;
    /// One person.
    async fn person(&self, workspace: &WorkspaceId, person: &PersonKey) -> Result<AsOf<PersonInfo>, QueryError>;
    /// A page of a person's events, newest first; `after` is the `next` of the page before.
    async fn events(
        &self,
        workspace: &WorkspaceId,
        person: &PersonKey,
        after: Option<String>,
        limit: usize,
    ) -> Result<AsOf<EventPage>, QueryError>;
    /// Every rate of a workspace.
    async fn rates(&self, workspace: &WorkspaceId) -> Result<AsOf<Items<RateInfo>>, QueryError>;
    /// The journal of a segment, a person, or of all, from a place on, oldest first.
    async fn transitions(&self, workspace: &WorkspaceId, asked: JournalAsk)
    -> Result<AsOf<TransitionPage>, QueryError>;
    /// A page of those who were in a segment at an earlier instant; `after` is the `next` of the page before.
    async fn members_past(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        asked: PastAsk,
        (after, limit): (Option<String>, usize),
    ) -> Result<AsOf<MemberPage>, QueryError>;
    /// Whether one person was in or out at an earlier instant, and why.
    async fn explain_past(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        person: &PersonKey,
        asked: PastAsk,
    ) -> Result<AsOf<Explanation>, QueryError>;
    /// Every identifier that a list should hold now: (identifier, person), with the position for which it holds.
    async fn desired(&self, workspace: &WorkspaceId, list: &ListId)
    -> Result<(u64, Vec<(String, String)>), QueryError>;
    /// A page of those of whom a source told something, at most 1,000; `after` is the `next` of the page
    /// before. Each page is a bounded look. Whose profiles are united meanwhile, or of whom the source
    /// tells more, may be missed: to withdraw a source, go through until a whole pass finds nobody.
    async fn people_of(
        &self,
        workspace: &WorkspaceId,
        source: &SourceId,
        after: Option<String>,
        limit: usize,
    ) -> Result<SourcePeople, QueryError>;
    /// Everything known of a person, to be told piece by piece.
    async fn export(&self, workspace: &WorkspaceId, person: &PersonKey) -> Result<PersonExport, QueryError>;
    /// What happens from now on. Slow readers lose items, never slow a shard.
    fn live(&self) -> tokio::sync::broadcast::Receiver<Arc<Live>>;
    /// Figures for operators.
    fn stats(&self) -> Vec<ShardStats>;
}

/// A list answer, under one name so that `as_of` has a place beside it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Items<T> {
    /// The items.
    pub items: Vec<T>,
}

/// How a person is named in a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PersonKey {
    /// By stable id (`p_...`).
    Id(String),
    /// By an identity.
    Identity(Identity),
}
