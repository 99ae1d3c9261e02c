//! A segment's versions, and what a change of its definition would do.

use super::answers::{self, unavailable};
use super::api::{AsOf, Core, Items, QueryError};
use super::preview::SHOWN_PEOPLE;
use super::shards::Shards;
use super::state::Engine;
use engine::workspace::versions::{Standing, VersionState};
use model::{SegmentId, WorkspaceId};
use serde::Serialize;
use utoipa::ToSchema;

/// A version of a segment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VersionInfo {
    /// Its number.
    pub version: u32,
    /// Shown name.
    pub name: String,
    /// The definition, JSON form.
    #[schema(value_type = Object)]
    pub definition: serde_json::Value,
    /// The same in text form; empty if it can't be read any more.
    pub text: String,
    /// `past`, `active`, `failed`, `building`, `waiting` or `stopped` (it can't be built).
    pub state: String,
    /// Why it failed or was stopped.
    pub reason: Option<String>,
    /// Since when it is or was in force, RFC 3339; absent when it never was.
    pub since: Option<String>,
    /// Until when it was in force, RFC 3339.
    pub until: Option<String>,
}

/// The version of a segment that is not in force yet.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NextVersion {
    /// Its number.
    pub version: u32,
    /// Shown name.
    pub name: String,
    /// The definition, JSON form.
    #[schema(value_type = Object)]
    pub definition: serde_json::Value,
    /// The same in text form; empty if it can't be read any more.
    pub text: String,
    /// `building`, `waiting` (it is built and takes effect when it is activated) or `stopped`.
    pub state: String,
    /// Why it was stopped.
    pub reason: Option<String>,
    /// People evaluated so far, while it is being built.
    pub build_done: Option<u64>,
    /// Who would enter now, when it waits.
    pub enter: Option<u64>,
    /// Who would leave now, when it waits.
    pub leave: Option<u64>,
    /// Some of those who would enter; of one segment that is asked for, and for keys with the scope `people`.
    pub enter_sample: Vec<String>,
    /// Some of those who would leave, likewise.
    pub leave_sample: Vec<String>,
}

/// What a change of a definition would do, at one instant.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangePreview {
    /// People who would enter.
    pub enter: u64,
    /// People who would leave.
    pub leave: u64,
    /// Members who would stay.
    pub stay: u64,
    /// People who can't be decided by the new definition.
    pub unknown: u64,
    /// Some of those who would enter.
    pub enter_sample: Vec<String>,
    /// Some of those who would leave.
    pub leave_sample: Vec<String>,
}

fn json(definition: String) -> serde_json::Value {
    serde_json::from_str(&definition).unwrap_or(serde_json::Value::String(definition))
}

/// The text form of a definition. It is left to whoever shows the answer: it takes time that the shard has not.
pub(super) fn text_of(definition: &serde_json::Value) -> String {
    engine::language::parse(&definition.to_string()).map(|definition| definition.to_text()).unwrap_or_default()
}

impl VersionInfo {
    /// Writes the text form.
    pub fn write_text(&mut self) {
        self.text = text_of(&self.definition);
    }

    fn of(version: VersionState) -> VersionInfo {
        let (state, reason) = match version.standing {
            Standing::Past => ("past", None),
            Standing::Active => ("active", None),
            Standing::Failed(why) => ("failed", Some(why)),
            Standing::Building(_) => ("building", None),
            Standing::Waiting { .. } => ("waiting", None),
            Standing::Paused(why) => ("stopped", Some(why)),
        };
        VersionInfo {
            version: version.version,
            name: version.name,
            definition: json(version.definition),
            text: String::new(),
            state: state.to_owned(),
            reason,
            since: version.since.map(|since| since.to_string()),
            until: version.until.map(|until| until.to_string()),
        }
    }
}

impl NextVersion {
    pub(super) fn of(version: VersionState) -> NextVersion {
        let (build_done, enter, leave) = match &version.standing {
            Standing::Building(done) => (Some(*done), None, None),
            Standing::Waiting { enter, leave } => (None, Some(*enter), Some(*leave)),
            _ => (None, None, None),
        };
        let VersionInfo { version, name, definition, text, state, reason, .. } = VersionInfo::of(version);
        let (enter_sample, leave_sample) = Default::default();
        NextVersion {
            version,
            name,
            definition,
            text,
            state,
            reason,
            build_done,
            enter,
            leave,
            enter_sample,
            leave_sample,
        }
    }

    /// Adds some of those who would enter and leave when it waits.
    pub(super) fn sampled(&mut self, engine: &Engine, id: &SegmentId) -> Result<(), QueryError> {
        if self.enter.is_some()
            && let Some((enter, leave)) = engine.next_changes(id, SHOWN_PEOPLE).map_err(unavailable)?
        {
            (self.enter_sample, self.leave_sample) = (enter, leave);
        }
        Ok(())
    }
}

pub(super) fn versions(engine: &Engine, id: &SegmentId) -> Result<Items<VersionInfo>, QueryError> {
    let versions = engine.versions(id).ok_or_else(|| answers::no_segment(id))?;
    Ok(Items { items: versions.into_iter().map(VersionInfo::of).collect() })
}

impl Shards {
    /// Asks everybody beside the shard and compares with the segment's members, as of one instant.
    pub(super) async fn look_at_change(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        definition: &str,
    ) -> Result<AsOf<ChangePreview>, QueryError> {
        self.segment(workspace, segment).await?;
        let _turn = self.exact_turn().await?;
        let (at, asked, found) = self.surveyed(workspace, definition, Some(segment), true).await?;
        let (survey, id, mut part) = (asked.survey.clone(), segment.clone(), found.part);
        let answer = self.ask(workspace, move |tenant| {
            tenant.engine.finish_survey(&survey, &mut part).map_err(unavailable)?;
            let matches = part.matches(0).cloned().unwrap_or_default();
            let members = survey.members(&id).cloned().unwrap_or_default();
            let (entering, leaving) = (&matches - &members, &members - &matches);
            let shown = |people| tenant.engine.ids_of(people, SHOWN_PEOPLE).map_err(unavailable);
            Ok(ChangePreview {
                enter: entering.len(),
                leave: leaving.len(),
                stay: members.intersection_len(&matches),
                unknown: part.unknown(0).map_or(0, |unknown| unknown.len()),
                enter_sample: shown(&entering)?,
                leave_sample: shown(&leaving)?,
            })
        });
        Ok(AsOf { as_of: at.to_string(), answer: answer.await?.answer })
    }
}
