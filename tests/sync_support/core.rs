//! A core that knows one thing: what a list should hold.

use model::{Command, ListId, SegmentId, SourceId, Time, WorkspaceId};
use segmentd::shard::api::{
    Accepted, AsOf, ChangePreview, Core, EventPage, Explanation, Items, JournalAsk, Live, MemberPage, PastAsk,
    PersonExport, PersonInfo, PersonKey, Preview, QueryError, RateInfo, SegmentInfo, ShardStats, SourcePeople,
    SubmitError, TransitionPage, VersionInfo, WorkspaceInfo,
};
use std::sync::Arc;

pub struct KnowsDesired(pub Vec<(String, String)>);

fn unasked<T>() -> Result<T, QueryError> {
    Err(QueryError::Refused("not asked for".to_owned()))
}

#[async_trait::async_trait]
impl Core for KnowsDesired {
    async fn submit(&self, _: &WorkspaceId, _: Vec<Command>) -> Result<Accepted, SubmitError> {
        Err(SubmitError::Stopping)
    }
    async fn applied(&self, _: &WorkspaceId, _: u64) -> Result<(), QueryError> {
        unasked()
    }
    async fn as_of(&self, _: &WorkspaceId) -> Result<Time, QueryError> {
        unasked()
    }
    async fn workspaces(&self) -> Vec<WorkspaceInfo> {
        Vec::new()
    }
    async fn workspace(&self, _: &WorkspaceId) -> Result<AsOf<WorkspaceInfo>, QueryError> {
        unasked()
    }
    async fn segments(&self, _: &WorkspaceId) -> Result<AsOf<Items<SegmentInfo>>, QueryError> {
        unasked()
    }
    async fn segment(&self, _: &WorkspaceId, _: &SegmentId) -> Result<AsOf<SegmentInfo>, QueryError> {
        unasked()
    }
    async fn check_definition(&self, _: &WorkspaceId, _: &SegmentId, _: &str) -> Result<String, QueryError> {
        unasked()
    }
    async fn members(
        &self,
        _: &WorkspaceId,
        _: &SegmentId,
        _: Option<String>,
        _: usize,
    ) -> Result<AsOf<MemberPage>, QueryError> {
        unasked()
    }
    async fn explain(&self, _: &WorkspaceId, _: &SegmentId, _: &PersonKey) -> Result<AsOf<Explanation>, QueryError> {
        unasked()
    }
    async fn preview(&self, _: &WorkspaceId, _: &str, _: bool) -> Result<AsOf<Preview>, QueryError> {
        unasked()
    }
    async fn versions(&self, _: &WorkspaceId, _: &SegmentId) -> Result<AsOf<Items<VersionInfo>>, QueryError> {
        unasked()
    }
    async fn preview_change(&self, _: &WorkspaceId, _: &SegmentId, _: &str) -> Result<AsOf<ChangePreview>, QueryError> {
        unasked()
    }
    async fn person(&self, _: &WorkspaceId, _: &PersonKey) -> Result<AsOf<PersonInfo>, QueryError> {
        unasked()
    }
    async fn events(
        &self,
        _: &WorkspaceId,
        _: &PersonKey,
        _: Option<String>,
        _: usize,
    ) -> Result<AsOf<EventPage>, QueryError> {
        unasked()
    }
    async fn rates(&self, _: &WorkspaceId) -> Result<AsOf<Items<RateInfo>>, QueryError> {
        unasked()
    }
    async fn transitions(&self, _: &WorkspaceId, _: JournalAsk) -> Result<AsOf<TransitionPage>, QueryError> {
        unasked()
    }
    async fn members_past(
        &self,
        _: &WorkspaceId,
        _: &SegmentId,
        _: PastAsk,
        _: (Option<String>, usize),
    ) -> Result<AsOf<MemberPage>, QueryError> {
        unasked()
    }
    async fn explain_past(
        &self,
        _: &WorkspaceId,
        _: &SegmentId,
        _: &PersonKey,
        _: PastAsk,
    ) -> Result<AsOf<Explanation>, QueryError> {
        unasked()
    }
    async fn desired(&self, _: &WorkspaceId, _: &ListId) -> Result<(u64, Vec<(String, String)>), QueryError> {
        Ok((1, self.0.clone()))
    }
    async fn people_of(
        &self,
        _: &WorkspaceId,
        _: &SourceId,
        _: Option<String>,
        _: usize,
    ) -> Result<SourcePeople, QueryError> {
        unasked()
    }
    async fn export(&self, _: &WorkspaceId, _: &PersonKey) -> Result<PersonExport, QueryError> {
        unasked()
    }
    fn live(&self) -> tokio::sync::broadcast::Receiver<Arc<Live>> {
        tokio::sync::broadcast::channel(1).1
    }
    fn stats(&self) -> Vec<ShardStats> {
        Vec::new()
    }
}
