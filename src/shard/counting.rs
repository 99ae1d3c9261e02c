//! Counts of who matches a definition, beside the shard and as of one instant.

use super::answers;
use super::api::{AsOf, Preview, QueryError};
use super::preview;
use super::shards::Shards;
use model::{SegmentId, Time, WorkspaceId};

impl Shards {
    /// Counts who matches a definition: everybody, or as many as can be looked at in a moment.
    pub(super) async fn count(
        &self,
        workspace: &WorkspaceId,
        definition: &str,
        exact: bool,
    ) -> Result<AsOf<Preview>, QueryError> {
        let [estimates, counts] = &self.counting;
        let _turn = if exact { counts } else { estimates }.acquire().await.map_err(answers::unavailable)?;
        let (at, asked, mut found) = self.surveyed(workspace, definition, None, exact).await?;
        let survey = asked.survey.clone();
        let answer = self.ask(workspace, move |tenant| {
            if found.blocks.is_none() {
                tenant.engine.finish_survey(&survey, &mut found.part).map_err(answers::unavailable)?;
            }
            let matches = found.part.matches(0).cloned().unwrap_or_default();
            let mut told = found.told(&survey);
            let shown = tenant.engine.ids_of(&matches, preview::SHOWN_PEOPLE);
            told.sample = shown.map_err(answers::unavailable)?;
            Ok(told)
        });
        Ok(AsOf { as_of: at.to_string(), answer: answer.await?.answer })
    }

    /// Waits for the turn of an exact count: one at a time.
    pub(super) async fn exact_turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, QueryError> {
        let [_, counts] = &self.counting;
        counts.acquire().await.map_err(answers::unavailable)
    }

    /// Asks a sample, or everybody, what matches a definition, beside the shard: the instant as of which, the
    /// survey, and what was found out. The workspace has to finish it.
    pub(super) async fn surveyed(
        &self,
        workspace: &WorkspaceId,
        definition: &str,
        segment: Option<&SegmentId>,
        exact: bool,
    ) -> Result<(Time, preview::Asked, preview::Sampled), QueryError> {
        let unknown = || QueryError::NotFound { what: "workspace", id: workspace.0.clone() };
        let shard = self.shard(workspace).ok_or_else(unknown)?;
        let (id, text, store) = (workspace.clone(), definition.to_owned(), shard.store.clone());
        let segments: Vec<SegmentId> = segment.cloned().into_iter().collect();
        let inbox = shard.inbox.clone();
        // Made where the survey begins: whoever gives up meanwhile ends it.
        let begun = self.ask_shard(shard, move |runner| {
            let at = runner.as_of_workspace(&id)?;
            let tenant = runner.tenants.get(&id)?;
            let survey = tenant.engine.begin_survey(&[&text], &segments, at).map_err(QueryError::Refused);
            let people = store.people(tenant.number);
            Some(survey.map(|survey| (at, preview::Asked::new(inbox, id, survey, people))))
        });
        let (at, asked) = begun.await?.ok_or_else(unknown)??;
        let found = if exact { blocking(asked.everybody()).await? } else { blocking(asked.sample()).await? };
        let survey = asked.survey.clone();
        let ended = self.ask(workspace, move |tenant| Ok(tenant.engine.end_survey(&survey)));
        let (kept, survey, mut found) = (ended.await?.answer, asked.survey.clone(), found);
        let corrected = blocking(move || {
            survey.correct(&kept, &mut found.part, found.blocks.is_none());
            Ok(found)
        });
        Ok((at, asked, corrected.await?))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, QueryError> + Send + 'static,
) -> Result<T, QueryError> {
    tokio::task::spawn_blocking(work).await.map_err(answers::unavailable)?
}
