//! Properties of people that a list carries along, looked up when they are sent.

use super::service::SyncService;
use crate::shard::api::{Core, PersonKey, QueryError};
use futures_util::stream::{StreamExt, TryStreamExt};
use kit::sync::{Batch, Change};
use model::WorkspaceId;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// People who are looked up at the same time for one batch.
const LOOKUPS_AT_ONCE: usize = 16;
/// Longer values are cut, bytes.
const VALUE_BYTES_MAX: usize = 255;

/// Who knows people's properties.
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
}

/// The shards as those who know. Weak: the shards own what owns this.
pub struct CorePeople(pub Weak<dyn Core>);

#[async_trait::async_trait]
impl People for CorePeople {
    async fn properties(
        &self,
        workspace: &WorkspaceId,
        person: &str,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, QueryError> {
        let gone = || QueryError::Unavailable("the daemon is stopping".to_owned());
        let core = self.0.upgrade().ok_or_else(gone)?;
        let shown = match core.person(workspace, &PersonKey::Id(person.to_owned())).await {
            Ok(found) => found.answer.properties,
            Err(QueryError::NotFound { .. }) => return Ok(BTreeMap::new()),
            Err(why) => return Err(why),
        };
        let named = names.iter().filter_map(|name| Some((name.clone(), text(shown.get(name)?)?)));
        Ok(named.collect())
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
