//! The webhooks that we have at a store. One that fails seven times in a row is disabled without a word, so this runs
//! on a schedule too.

use crate::api::{Api, PAGE_MAX};
use crate::denied::Denied;
use crate::wire::{Hook, HookRow};
use kit::failure::Failure;
use kit::install::Registered;
use kit::platform::Connection;
use kit::signature::hmac_sha256;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// What they tell of: one webhook for each.
const TOPICS: [&str; 7] = [
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "customer.created",
    "customer.updated",
    "customer.deleted",
];
/// Pages of webhooks; a store has far fewer.
const PAGES_MAX: usize = 20;

/// The secret with which the store signs for this connection. Both sides can work it out, so no lost answer loses it;
/// in hex, for WordPress changes `&`, `<`, `>` and quotes.
async fn secret(connection: &Connection) -> Result<String, Failure> {
    let token = connection.api.token().await?;
    let message = format!("segmentd webhooks to {}", connection.hook_url);
    let mac = hmac_sha256(&token.value, message.as_bytes());
    let mac = mac.ok_or_else(|| Failure::Refused("the key can't sign".to_owned()))?;
    Ok(mac.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The name by which it is seen later whether a webhook has this secret, which is never told.
fn name(topic: &str, secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    let mark: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("segmentd {topic} ({mark})")
}

/// What webhooks of this connection end with, also when our own address was another one.
fn token_of(hook_url: &str) -> &str {
    hook_url.rsplit('/').next().unwrap_or_default()
}

/// All webhooks of the store that are ours.
async fn ours(api: &Api<'_>, hook_url: &str) -> Result<Vec<HookRow>, Denied> {
    let token = token_of(hook_url);
    let mut found = Vec::new();
    for page in 1..=PAGES_MAX {
        let query = [("status", "all".to_owned()), ("per_page", PAGE_MAX.to_string()), ("page", page.to_string())];
        let listed = api.list("webhooks", &query).await?;
        let read = listed.rows.iter().filter_map(|row| serde_json::from_str::<HookRow>(row.get()).ok());
        found.extend(read.filter(|hook| hook.id.is_some() && token_of(&hook.delivery_url) == token));
        if listed.rows.len() < PAGE_MAX {
            break;
        }
    }
    Ok(found)
}

/// Brings the webhook of one topic to what it should be; what was done, if anything was.
async fn ensure(api: &Api<'_>, wanted: &Hook, found: Vec<HookRow>) -> Result<Option<String>, Denied> {
    let is_right = |hook: &HookRow| {
        hook.status == wanted.status && hook.delivery_url == wanted.delivery_url && hook.name == wanted.name
    };
    let mut found = found;
    found.sort_by_key(|hook| !is_right(hook));
    let mut rest = found.into_iter();
    let kept = rest.next();
    // A repeat after a lost answer leaves doubles.
    for id in rest.filter_map(|double| double.id) {
        api.remove_hook(&id).await?;
    }
    let topic = wanted.topic;
    match kept {
        Some(hook) if is_right(&hook) => Ok(None),
        Some(hook) => {
            let was = if hook.status == wanted.status { "something else" } else { hook.status.as_str() };
            match api.change_hook(hook.id.as_deref().unwrap_or_default(), wanted).await {
                Ok(()) => Ok(Some(format!("{topic} (was {was})"))),
                Err(Denied::Missing(_)) => api.add_hook(wanted).await.map(|()| Some(topic.to_owned())),
                Err(denied) => Err(denied),
            }
        }
        None => api.add_hook(wanted).await.map(|()| Some(topic.to_owned())),
    }
}

pub(crate) async fn register(connection: &Connection) -> Result<Registered, Failure> {
    let mut done = Registered::default();
    let url = connection.hook_url.as_str();
    if url.is_empty() {
        done.refused.push("webhooks: the store can't reach us without a public_url; set it".to_owned());
        return Ok(done);
    }
    let api = Api::new(connection)?;
    let secret = secret(connection).await?;
    let found = match ours(&api, url).await {
        Ok(found) => found,
        Err(Denied::Forbidden(why)) => {
            done.refused.push(format!("webhooks: {why}"));
            return Ok(done);
        }
        Err(denied) => return Err(denied.into()),
    };
    for topic in TOPICS {
        let wanted = Hook {
            name: name(topic, &secret),
            topic,
            delivery_url: url.to_owned(),
            secret: secret.clone(),
            status: "active",
        };
        let same: Vec<HookRow> = found.iter().filter(|hook| hook.topic == topic).cloned().collect();
        match ensure(&api, &wanted, same).await {
            Ok(None) => done.kept += 1,
            Ok(Some(made)) => done.made.push(made),
            Err(Denied::Forbidden(why) | Denied::Invalid(why) | Denied::Missing(why)) => {
                done.refused.push(format!("{topic}: {why}"));
            }
            Err(denied) => return Err(denied.into()),
        }
    }
    done.hook_secret = Some(SecretString::from(secret));
    Ok(done)
}

/// Takes our webhooks away. The key stays: only the merchant can take it back.
pub(crate) async fn unregister(connection: &Connection) -> Result<(), Failure> {
    let url = connection.hook_url.as_str();
    if url.is_empty() {
        return Ok(());
    }
    let api = Api::new(connection)?;
    for hook in ours(&api, url).await? {
        api.remove_hook(hook.id.as_deref().unwrap_or_default()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_which_secret_it_has_and_not_the_secret() {
        assert_eq!(name("order.updated", "a"), name("order.updated", "a"));
        assert_ne!(name("order.updated", "a"), name("order.updated", "b"));
        assert_eq!(name("order.updated", "secret"), "segmentd order.updated (2bb80d53)");
        assert_eq!(token_of("https://a.mx/hooks/woocommerce/t0ken"), "t0ken");
    }
}
