//! The destination's role: a list.

use crate::api::{Added, Api, NewMember};
use crate::config::{Erase, ListConfig};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::sync::{Batch, Change, Destination, HeldPage, Refusal, SnapshotPart, SyncCapabilities};
use model::Channel;
use std::sync::Arc;
use std::time::Duration;

/// Calls at the same time: a core on SQLite locks its database.
const AT_ONCE: usize = 4;
/// A refusal is tried again after this: lists get other moderators and other bans.
const PASSES_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The request of a person is left to the list's moderators.
const WITH_MODERATORS: &str = "a request of this address waits for the list's moderators";

/// What a list takes: additions one by one, removals in one call.
pub(crate) const CAPABILITIES: SyncCapabilities = SyncCapabilities {
    batch_changes_max: 200,
    batch_side_max: 100,
    batch_bytes_max: 0,
    snapshot_members_max: 0,
    read_back: true,
    fields: true,
    read_lag_s: 0,
};

/// Makes a destination of what an operator gave.
pub(crate) fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    let config = ListConfig::read(setup)?;
    let absent = || Failure::Refused("a Mailman list needs the connection to its core".to_owned());
    let connection = setup.connection.clone().ok_or_else(absent)?;
    Ok(Arc::new(MailmanList { config, connection }))
}

/// A list.
struct MailmanList {
    config: ListConfig,
    connection: Arc<Connection>,
}

impl MailmanList {
    fn api(&self) -> Result<Api<'_>, Failure> {
        Api::new(&self.connection)
    }

    /// Adds one member; why not, if the list does not take it.
    async fn add(&self, api: &Api<'_>, change: Change) -> Result<Option<Refusal>, Failure> {
        let list = &self.config.list;
        let name = self.config.display_name.as_ref().and_then(|name| change.fields.get(name));
        let (email, display_name) = (change.identifier.as_str(), name.map(String::as_str));
        let member = NewMember { email, display_name, welcome: self.config.welcome };
        let refusal = |reason: String| Ok(Some(Refusal { identifier: email.to_owned(), reason }));
        match api.add(list, &member).await? {
            Added::Member => return Ok(None),
            Added::Refused(why) => return refusal(why),
            Added::Pending => {}
        }
        // The confirmation that it waits for is the consent that we know of.
        if !api.discard_pending(list, email).await? {
            return refusal(WITH_MODERATORS.to_owned());
        }
        match api.add(list, &member).await? {
            Added::Member => Ok(None),
            Added::Refused(why) => refusal(why),
            Added::Pending => refusal("a request of this address waits for its confirmation".to_owned()),
        }
    }

    async fn erase(&self, api: &Api<'_>, removes: &[&Change]) -> Result<(), Failure> {
        if self.config.erase == Erase::Delete {
            for change in removes.iter().filter(|change| change.cause == "erasure") {
                api.delete_user(&change.identifier).await?;
            }
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Destination for MailmanList {
    fn capabilities(&self) -> SyncCapabilities {
        CAPABILITIES
    }

    fn identity(&self) -> String {
        format!("mailman {} list {}", self.connection.account, self.config.list)
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let api = self.api()?;
        let (adds, removes): (Vec<&Change>, Vec<&Change>) = batch.changes.iter().partition(|change| change.member);
        if !removes.is_empty() {
            let emails: Vec<&str> = removes.iter().map(|change| change.identifier.as_str()).collect();
            api.remove(&self.config.list, &emails).await?;
            self.erase(&api, &removes).await?;
        }
        // Owned: a closure over references of any life is refused by the compiler.
        let adds: Vec<Change> = adds.into_iter().cloned().collect();
        let added = stream::iter(adds).map(|change| self.add(&api, change)).buffer_unordered(AT_ONCE);
        let refused: Vec<Option<Refusal>> = added.try_collect().await?;
        Ok(refused.into_iter().flatten().collect())
    }

    async fn snapshot(&self, _part: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("a Mailman list takes no snapshots".to_owned()))
    }

    fn fields(&self) -> Vec<String> {
        self.config.display_name.iter().cloned().collect()
    }

    fn passes_after(&self, _refusal: &Refusal) -> Option<Duration> {
        Some(PASSES_AFTER)
    }

    /// Mailman tells nobody: its members unsubscribe by leaving, and lists drop whose mail bounces.
    fn leaving_withdraws(&self) -> Option<Channel> {
        Some(Channel::Email)
    }

    async fn held(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        let page = after.and_then(|after| after.parse().ok()).unwrap_or(1_usize);
        let (held, more) = self.api()?.members(&self.config.list, page).await?;
        Ok(HeldPage { held, next: more.then(|| (page + 1).to_string()) })
    }

    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let api = self.api()?;
        let list = &self.config.list;
        let one = |identifier: String| async {
            Ok::<_, Failure>(api.is_member(list, &identifier).await?.then_some(identifier))
        };
        let asked = stream::iter(identifiers.to_vec()).map(one).buffered(AT_ONCE);
        let there: Vec<Option<String>> = asked.try_collect().await?;
        // Members of a list that is gone did not leave it.
        if there.iter().any(Option::is_none) {
            api.list_exists(list).await?;
        }
        Ok(there.into_iter().flatten().collect())
    }
}
