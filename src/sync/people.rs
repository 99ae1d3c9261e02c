//! Properties of people that a list carries along, looked up when they are sent.

use super::service::SyncService;
use crate::shard::api::{Core, PersonKey, QueryError, SubmitError};
use crate::shard::clock::Clock;
use futures_util::stream::{StreamExt, TryStreamExt};
use kit::sync::{Batch, Change};
use model::{
    Channel, Command, ConsentChange, ConsentState, Event, EventKind, Identity, ListId, Map, SourceId, WorkspaceId,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// People who are looked up at the same time for one batch.
const LOOKUPS_AT_ONCE: usize = 16;
/// Longer values are cut, bytes.
const VALUE_BYTES_MAX: usize = 255;

/// A member who left a destination by themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Departure {
    /// The connection's source, in whose name it is told.
    pub source: SourceId,
    /// The list.
    pub list: ListId,
    /// The channel on which they withdrew their consent.
    pub channel: Channel,
    /// Their address on it.
    pub address: String,
    /// Which of their memberships it ended: a later one has a greater number.
    pub membership: u64,
}

impl Departure {
    fn event(self, now: model::Time) -> Event {
        let identity = match self.channel {
            Channel::Email => Identity::email(&self.address),
            Channel::Sms => Identity::phone(&self.address),
        };
        Event {
            source: self.source,
            message_id: format!("left:{}:{}:{}", self.list, self.address, self.membership),
            kind: EventKind::Profile,
            time: now,
            received: now,
            identities: vec![identity],
            properties: Map::new(),
            traits: Map::new(),
            consent: vec![ConsentChange {
                time: now,
                state: ConsentState::Unsubscribed,
                channel: self.channel,
                address: self.address,
                evidence: format!("left the external list of {}", self.list),
            }],
        }
    }
}

/// Who knows people's properties, and is told what lists find out about them.
#[async_trait::async_trait]
pub trait People: Send + Sync + 'static {
    /// The shown properties of these names as text; those that the person lacks are absent, and nobody has any
    /// who is not known. Fails when it can't be said now.
    async fn properties(
        &self,
        workspace: &WorkspaceId,
        person: &str,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, QueryError>;

    /// Members left by themselves. Durable on return, and what it means for lists was handed to them; told again, it
    /// means nothing more.
    async fn left(&self, workspace: &WorkspaceId, left: Vec<Departure>) -> Result<(), QueryError>;
}

/// The shards as those who know. Weak: the shards own what owns this.
pub struct CorePeople(pub Weak<dyn Core>, pub Arc<dyn Clock>);

impl CorePeople {
    fn core(&self) -> Result<Arc<dyn Core>, QueryError> {
        self.0.upgrade().ok_or_else(|| QueryError::Unavailable("the daemon is stopping".to_owned()))
    }
}

#[async_trait::async_trait]
impl People for CorePeople {
    async fn properties(
        &self,
        workspace: &WorkspaceId,
        person: &str,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, QueryError> {
        let core = self.core()?;
        let shown = match core.person(workspace, &PersonKey::Id(person.to_owned())).await {
            Ok(found) => found.answer.properties,
            Err(QueryError::NotFound { .. }) => return Ok(BTreeMap::new()),
            Err(why) => return Err(why),
        };
        let named = names.iter().filter_map(|name| Some((name.clone(), text(shown.get(name)?)?)));
        Ok(named.collect())
    }

    async fn left(&self, workspace: &WorkspaceId, left: Vec<Departure>) -> Result<(), QueryError> {
        let (core, now) = (self.core()?, self.1.now());
        let commands = left.into_iter().map(|left| Command::Event(Box::new(left.event(now)))).collect();
        let unavailable = |why: SubmitError| QueryError::Unavailable(why.to_string());
        let accepted = core.submit(workspace, commands).await.map_err(unavailable)?;
        core.applied(workspace, accepted.position).await
    }
}

/// A value as a platform's field takes it; what has no plain text has none.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Array(items) => items.iter().filter_map(text).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Object(_) => return None,
    };
    let mut end = text.len().min(VALUE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl SyncService {
    /// Says who knows people's properties; the first one who is named stays. Without one, additions carry none.
    pub fn ask_people(&self, people: Arc<dyn People>) {
        if self.people.set(people).is_err() {
            tracing::error!("a bug: people are asked of the one who was named first");
        }
    }

    /// The batch with the properties that its additions are to carry.
    pub(super) async fn with_fields(
        &self,
        workspace: &WorkspaceId,
        batch: &Batch,
        names: &[String],
    ) -> Result<Batch, QueryError> {
        let Some(people) = self.people.get() else { return Ok(batch.clone()) };
        let filled = |change: Change| async move {
            match change.member {
                true => {
                    let fields = people.properties(workspace, &change.person, names).await?;
                    Ok(Change { fields, ..change })
                }
                false => Ok(change),
            }
        };
        let lookups = futures_util::stream::iter(batch.changes.clone()).map(filled).buffered(LOOKUPS_AT_ONCE);
        Ok(Batch { changes: lookups.try_collect().await?, ..batch.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_become_plain_text_and_what_has_none_is_left_out() {
        assert_eq!(text(&json!("Ana")).as_deref(), Some("Ana"));
        assert_eq!(text(&json!(12.5)).as_deref(), Some("12.5"));
        assert_eq!(text(&json!(["a", {"b": 1}, 2])).as_deref(), Some("a, 2"));
        assert_eq!((text(&json!(null)), text(&json!("")), text(&json!({}))), (None, None, None));
        assert_eq!(text(&json!("é".repeat(200))).map(|text| text.len()), Some(254));
    }
}
