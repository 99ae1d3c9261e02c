//! The webhooks that we have at an account's audiences.

use crate::api::{Api, Denied, PAGE_MAX};
use crate::config;
use crate::wire::{Hook, HookSetup};
use kit::failure::Failure;
use kit::install::Registered;
use kit::platform::Connection;
use std::collections::{BTreeMap, BTreeSet};

/// Audiences of an account that are looked at.
const AUDIENCES_MAX: usize = 10_000;
/// What they tell of; `campaign` is nothing to us.
const EVENTS: [(&str, bool); 6] = [
    ("subscribe", true),
    ("unsubscribe", true),
    ("profile", true),
    ("cleaned", true),
    ("upemail", true),
    ("campaign", false),
];
/// By whose doing; what is done by the API is mostly our own.
const SOURCES: [(&str, bool); 3] = [("user", true), ("admin", true), ("api", false)];
/// Between the secrets of several webhooks of one connection.
pub(crate) const SECRETS_SEPARATOR: char = '\n';

fn setup(url: &str) -> HookSetup<'_> {
    HookSetup { url, events: BTreeMap::from(EVENTS), sources: BTreeMap::from(SOURCES) }
}

fn is_right(hook: &Hook) -> bool {
    let same = |found: &BTreeMap<String, bool>, wanted: &[(&str, bool)]| {
        wanted.iter().all(|(name, on)| found.get(*name).copied().unwrap_or(false) == *on)
    };
    same(&hook.events, &EVENTS) && same(&hook.sources, &SOURCES)
}

/// All audiences of the account.
async fn existing(api: &Api<'_>) -> Result<BTreeSet<String>, Failure> {
    let (mut found, mut offset) = (BTreeSet::new(), 0);
    loop {
        let page = api.lists(offset).await?;
        offset += page.lists.len();
        found.extend(page.lists.into_iter().map(|list| list.id).filter(|id| crate::address::is_audience(id)));
        // Audiences are few and hardly move; a page that is not full is the last, whatever the total says.
        if offset % PAGE_MAX != 0 || offset == 0 || offset as u64 >= page.total_items || offset >= AUDIENCES_MAX {
            return Ok(found);
        }
    }
}

/// The audiences that a connection watches.
pub(crate) async fn watched(api: &Api<'_>, connection: &Connection) -> Result<BTreeSet<String>, Failure> {
    match config::audiences(&connection.settings)? {
        Some(named) => Ok(named.into_iter().collect()),
        None => existing(api).await,
    }
}

/// What became of one audience's webhook.
#[derive(Default)]
struct Outcome {
    made: usize,
    mended: usize,
    kept: usize,
    secret: Option<String>,
}

/// Brings the webhook of one audience to what it should be.
async fn ensure(api: &Api<'_>, list: &str, url: &str) -> Result<Outcome, Denied> {
    let mut ours: Vec<Hook> = api.hooks(list).await?.webhooks.into_iter().filter(|hook| hook.url == url).collect();
    let keep = if ours.is_empty() { None } else { Some(ours.swap_remove(0)) };
    // A repeat after a lost answer leaves doubles.
    for double in &ours {
        api.remove_hook(list, &double.id).await?;
    }
    let mut outcome = Outcome::default();
    match keep {
        Some(hook) if is_right(&hook) => outcome.kept = 1,
        Some(hook) => {
            api.change_hook(list, &hook.id, &setup(url)).await?;
            outcome.mended = 1;
        }
        None => {
            outcome.secret = add(api, list, url).await?;
            outcome.made = 1;
        }
    }
    outcome.secret = outcome.secret.filter(|secret| !secret.is_empty());
    Ok(outcome)
}

/// Makes the webhook; the secret that it is told with.
async fn add(api: &Api<'_>, list: &str, url: &str) -> Result<Option<String>, Denied> {
    match api.add_hook(list, &setup(url)).await {
        Ok(hook) => Ok(hook.signing_secret),
        Err(Denied::Other(failure @ Failure::Retry { .. })) => {
            // It may be there with a secret that nobody heard: better none, until the next try.
            let _ = clear(api, list, url).await;
            Err(Denied::Other(failure))
        }
        Err(denied) => Err(denied),
    }
}

/// Takes our webhooks away from an audience; whether there was one.
async fn clear(api: &Api<'_>, list: &str, url: &str) -> Result<bool, Denied> {
    let hooks = match api.hooks(list).await {
        Ok(hooks) => hooks.webhooks,
        Err(Denied::Missing(_)) => return Ok(false),
        Err(denied) => return Err(denied),
    };
    let mut any = false;
    for hook in hooks.iter().filter(|hook| hook.url == url) {
        api.remove_hook(list, &hook.id).await?;
        any = true;
    }
    Ok(any)
}

/// One round over the audiences, into `done`; the secrets that are given go to `secrets`, by audience.
async fn round(
    api: &Api<'_>,
    lists: &BTreeSet<String>,
    url: &str,
    (done, secrets): (&mut Registered, &mut BTreeMap<String, String>),
) -> Result<(), Failure> {
    for list in lists {
        match ensure(api, list, url).await {
            Ok(outcome) => {
                done.kept += outcome.kept;
                if outcome.made > 0 {
                    done.made.push(format!("webhook of audience {list}"));
                }
                if outcome.mended > 0 {
                    done.made.push(format!("webhook of audience {list}: what it tells of"));
                }
                secrets.extend(outcome.secret.map(|secret| (list.clone(), secret)));
            }
            Err(Denied::Missing(why) | Denied::Invalid(why)) => done.refused.push(format!("audience {list}: {why}")),
            Err(denied) => return Err(denied.into()),
        }
    }
    Ok(())
}

/// Brings the webhooks to what they should be; the secrets of those that were made, by audience.
async fn ensure_all(
    api: &Api<'_>,
    lists: &BTreeSet<String>,
    url: &str,
    (done, secrets): (&mut Registered, &mut BTreeMap<String, String>),
) -> Result<(), Failure> {
    round(api, lists, url, (done, secrets)).await?;
    if secrets.is_empty() || secrets.len() >= lists.len().saturating_sub(done.refused.len()) {
        return Ok(());
    }
    // A secret is told once and one text holds those of all: the others have to be made anew, too. All go before the
    // first comes: if this ends midway one is missing, by which the next check knows that it has to begin anew.
    let (fresh, kept): (Vec<&String>, Vec<&String>) = lists.iter().partition(|list| secrets.contains_key(*list));
    for list in fresh.into_iter().chain(kept) {
        match clear(api, list, url).await {
            // What is refused here is refused, and told, when it is to be made.
            Ok(_) | Err(Denied::Missing(_) | Denied::Invalid(_)) => {}
            Err(denied) => return Err(denied.into()),
        }
    }
    secrets.clear();
    *done = Registered::default();
    round(api, lists, url, (done, secrets)).await
}

/// One webhook at each watched audience, none elsewhere.
pub(crate) async fn register(connection: &Connection) -> Result<Registered, Failure> {
    let url = connection.hook_url.as_str();
    let mut done = Registered::default();
    if url.is_empty() {
        return Ok(done);
    }
    let api = Api::new(connection)?;
    let wanted = watched(&api, connection).await?;
    if connection.settings.get("audiences").is_some_and(|value| !value.is_null()) {
        for other in existing(&api).await?.difference(&wanted) {
            if clear(&api, other, url).await? {
                done.made.push(format!("webhook of audience {other}: taken away"));
            }
        }
    }
    let mut secrets = BTreeMap::new();
    if let Err(failure) = ensure_all(&api, &wanted, url, (&mut done, &mut secrets)).await {
        // Nobody keeps these secrets: without their webhooks the next check makes all anew.
        for list in secrets.keys() {
            let _ = clear(&api, list, url).await;
        }
        return Err(failure);
    }
    if !secrets.is_empty() {
        let all: Vec<String> = secrets.into_values().collect();
        done.hook_secret = Some(all.join(&SECRETS_SEPARATOR.to_string()).into());
    }
    Ok(done)
}

/// Takes our webhooks away, from all audiences. The token stays: only the merchant can take it back.
pub(crate) async fn unregister(connection: &Connection) -> Result<(), Failure> {
    let url = connection.hook_url.as_str();
    if url.is_empty() {
        return Ok(());
    }
    let api = Api::new(connection)?;
    for list in existing(&api).await? {
        clear(&api, &list, url).await?;
    }
    Ok(())
}
