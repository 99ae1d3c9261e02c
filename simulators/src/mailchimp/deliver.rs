//! Posting webhooks: signatures, retries, and the end of those that answer 410.

use super::hooks::{Attempt, Delivery, signature};
use super::problem::Problem;
use super::server::Shared;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

/// An answer takes this long at most.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Deliveries at the same time.
const AT_ONCE: usize = 8;

/// Delivers until the simulator ends.
pub(super) async fn run(shared: Arc<Shared>, mut outbox: UnboundedReceiver<Delivery>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    while let Some(delivery) = outbox.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while running.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        running.spawn(async move {
            let done = deliver(&shared, &delivery, 1).await;
            drop(place);
            if !done {
                retry(&shared, &delivery).await;
            }
        });
    }
}

async fn retry(shared: &Shared, delivery: &Delivery) {
    for (at, wait) in shared.options.webhook_retries.iter().enumerate() {
        tokio::time::sleep(*wait).await;
        if deliver(shared, delivery, at + 2).await {
            return;
        }
    }
}

/// Whether nothing is left to do.
async fn deliver(shared: &Shared, delivery: &Delivery, attempt: usize) -> bool {
    let hook = &delivery.hook;
    let exists = |world: &mut super::world::World| {
        world.audience(&delivery.list).is_ok_and(|a| a.webhooks.contains_key(&hook.id))
    };
    if !exists(&mut shared.world()) {
        return true;
    }
    let mut request = shared
        .client
        .post(&hook.url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("user-agent", "MailChimp")
        .timeout(ANSWER_WAIT);
    if let Some(secret) = &hook.secret {
        request = request.header("x-mailchimp-signature", signature(secret, super::time::now(), &delivery.body));
    }
    let status = request.body(delivery.body.clone()).send().await.map_or(0, |answer| answer.status().as_u16());
    let mut world = shared.world();
    let (url, kind, email) = (hook.url.clone(), delivery.kind.to_owned(), delivery.email.clone());
    world.attempts.push(Attempt { url, kind, email, attempt, status });
    if status == 410
        && let Ok(audience) = world.audience(&delivery.list)
    {
        audience.webhooks.remove(&hook.id);
    }
    (200..300).contains(&status) || status == 410
}

/// The check of a URL before a webhook is registered: a GET must get 200.
pub(super) async fn check_url(shared: &Shared, url: &str) -> Result<(), Problem> {
    let refuse = |why: String| Problem::field("url", format!("We couldn't verify this URL: {why}."));
    let parsed = reqwest::Url::parse(url).map_err(|why| refuse(why.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(refuse("it is not an address of the web".to_owned()));
    }
    let answer = shared.client.get(parsed).timeout(ANSWER_WAIT).send().await;
    match answer.map(|answer| answer.status().as_u16()) {
        Ok(200) => Ok(()),
        Ok(status) => Err(refuse(format!("it answered {status}"))),
        Err(_) => Err(refuse("it did not answer".to_owned())),
    }
}
