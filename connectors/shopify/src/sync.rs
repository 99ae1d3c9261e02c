//! The role that writes membership back to the store, as a tag of its customers.

use crate::api::{Nodes, UserError, call, first_error};
use crate::config::TAG_PREFIX;
use crate::documents;
use crate::fields::{gid, is_number};
use crate::graph::number;
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::sync::{Batch, Destination, HeldPage, Refusal, SnapshotPart, SyncCapabilities};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Customers of one request: 10 points each, of the 1,000 that a request may cost.
const CHANGES_MAX: usize = 50;
/// Characters of a tag.
const TAG_CHARS_MAX: usize = 255;
/// Customers asked for by id at once.
const IDS_MAX: usize = 250;

/// What keeps a tag from being written is told in words alone (too many tags, a customer under work, a fault of the
/// platform's), and all of it may pass.
const REFUSAL_PASSES: Duration = Duration::from_secs(3600);

/// What tags can do. The search index lags behind our own writes.
pub(crate) const CAPABILITIES: SyncCapabilities = SyncCapabilities {
    batch_changes_max: CHANGES_MAX,
    batch_side_max: CHANGES_MAX,
    batch_bytes_max: 0,
    snapshot_members_max: 0,
    read_back: true,
    fields: false,
    read_lag_s: 120,
};

/// Makes a destination of a connection and the setting `tag`.
pub(crate) fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    let unconnected = || Failure::Refused("a tag needs a connection to a shop".to_owned());
    let connection = setup.connection.clone().ok_or_else(unconnected)?;
    if let Some(unknown) = setup.settings.keys().find(|name| *name != "tag") {
        return Err(Failure::Refused(format!("unknown setting {unknown:?}; expected tag")));
    }
    let tag = setup.settings.get("tag").and_then(Value::as_str).unwrap_or_default();
    if !connection.granted("write_customers") {
        return Err(Failure::Refused("the shop did not grant write_customers: tags can't be written".to_owned()));
    }
    Ok(Arc::new(CustomerTag { connection, tag: checked(tag)? }))
}

/// A tag that is surely ours and needs no escaping anywhere.
fn checked(tag: &str) -> Result<String, Failure> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let name = tag.strip_prefix(TAG_PREFIX).unwrap_or_default();
    if name.is_empty() || !name.chars().all(plain) || tag.len() > TAG_CHARS_MAX {
        let expected = format!("{TAG_PREFIX}NAME with a name of letters, digits, -, _ and .");
        return Err(Failure::Refused(format!("the setting tag: expected {expected}")));
    }
    Ok(tag.to_owned())
}

/// A tag of a shop's customers.
#[derive(Debug)]
struct CustomerTag {
    connection: Arc<Connection>,
    tag: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Tagged {
    customers: Nodes<Tags>,
}

#[derive(Deserialize)]
struct TagsById {
    nodes: Vec<Option<Tags>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Tags {
    #[serde(default, deserialize_with = "maybe_number")]
    id: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
}

fn maybe_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    number(deserializer).map(Some)
}

impl CustomerTag {
    /// The customer's id if it has the tag; tags compare without case.
    fn holder(&self, customer: Tags) -> Option<String> {
        customer.tags.iter().any(|tag| tag.eq_ignore_ascii_case(&self.tag)).then_some(customer.id).flatten()
    }

    /// Changes some customers; what was refused, with the reason.
    async fn change(&self, changes: &[(&str, bool)]) -> Result<Vec<(String, String)>, Failure> {
        let adds: Vec<bool> = changes.iter().map(|(_, add)| *add).collect();
        let mut variables = Map::from_iter([("tags".to_owned(), json!([self.tag]))]);
        let ids = changes.iter().enumerate();
        variables.extend(ids.map(|(place, (id, _))| (format!("i{place}"), gid("Customer", id).into())));
        let document = documents::tag_changes(&adds);
        let done: BTreeMap<String, Outcome> = call(&self.connection, &document, variables.into()).await?.data;
        let mut refused = Vec::new();
        for (place, (id, _)) in changes.iter().enumerate() {
            let silent = || Failure::PlatformChanged("a change without an outcome".to_owned());
            let outcome = done.get(&format!("m{place}")).ok_or_else(silent)?;
            refused.extend(first_error(&outcome.user_errors).map(|why| ((*id).to_owned(), why)));
        }
        Ok(refused)
    }
}

#[async_trait::async_trait]
impl Destination for CustomerTag {
    fn capabilities(&self) -> SyncCapabilities {
        CAPABILITIES
    }

    fn identity(&self) -> String {
        format!("shopify {} tag {}", self.connection.account, self.tag.to_lowercase())
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let refusal = |identifier: &str, reason: String| Refusal { identifier: identifier.to_owned(), reason };
        let (right, wrong): (Vec<_>, Vec<_>) =
            batch.changes.iter().map(|one| (one.identifier.as_str(), one.member)).partition(|(id, _)| is_number(id));
        let mut refusals: Vec<Refusal> =
            wrong.iter().map(|(id, _)| refusal(id, "not the id of a customer".to_owned())).collect();
        for changes in right.chunks(CHANGES_MAX) {
            let refused = self.change(changes).await?;
            let removed = |id: &str| changes.iter().any(|(one, add)| *one == id && !add);
            let removals: Vec<String> =
                refused.iter().filter(|(id, _)| removed(id)).map(|(id, _)| id.clone()).collect();
            // Who is not there any more has no tag: that is what was asked for.
            let holding: BTreeSet<String> = self.holds(&removals).await?.into_iter().collect();
            let kept = refused.into_iter().filter(|(id, _)| !removed(id) || holding.contains(id));
            refusals.extend(kept.map(|(id, why)| refusal(&id, why)));
        }
        Ok(refusals)
    }

    async fn snapshot(&self, _part: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("a tag takes no snapshots".to_owned()))
    }

    fn passes_after(&self, _refusal: &Refusal) -> Option<Duration> {
        Some(REFUSAL_PASSES)
    }

    async fn held(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        let filter = format!("tag:'{}'", self.tag);
        let variables = json!({ "query": filter, "after": after });
        let page: Tagged = call(&self.connection, documents::TAGGED, variables).await?.data;
        let next = page.customers.page_info.next(after)?;
        let held = page.customers.nodes.into_iter().filter_map(|customer| self.holder(customer)).collect();
        Ok(HeldPage { held, next })
    }

    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let ids: Vec<&String> = identifiers.iter().filter(|id| is_number(id)).collect();
        let mut held = Vec::new();
        for ids in ids.chunks(IDS_MAX) {
            let gids: Vec<String> = ids.iter().map(|id| gid("Customer", id)).collect();
            let found: TagsById = call(&self.connection, documents::TAGS_BY_ID, json!({ "ids": gids })).await?.data;
            held.extend(found.nodes.into_iter().flatten().filter_map(|customer| self.holder(customer)));
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_of_ours_are_written() {
        assert_eq!(checked("segmentd-vip_2.mx").unwrap(), "segmentd-vip_2.mx");
        for tag in ["", "vip", "segmentd-", "segmentd-a,b", "segmentd-a'b", "segmentd-a b", "segmentd-ñ"] {
            assert!(matches!(checked(tag), Err(Failure::Refused(_))), "{tag}");
        }
        assert!(checked(&format!("segmentd-{}", "a".repeat(TAG_CHARS_MAX))).is_err());
    }
}
