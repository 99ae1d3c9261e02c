//! The delivering itself: limits on time, retries, faults, and the end of subscriptions that fail.

use super::super::faults::HookFaults;
use super::super::world::World;
use super::Delivery;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

/// What the faults make of a delivery.
struct Fate {
    lost: bool,
    duplicated: bool,
    wait: Duration,
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fate(world: &mut World, delivery: &Delivery) -> Fate {
    let faults: HookFaults = world.faults.hooks.clone();
    let concerns = |those: &[String], own: &str| those.is_empty() || those.iter().any(|one| one == own);
    if !concerns(&faults.topics, &delivery.topic) || !concerns(&faults.shops, &delivery.shop) {
        return Fate { lost: false, duplicated: false, wait: Duration::ZERO };
    }
    // Always the same number of draws, so that one fault does not move the others.
    let (lost, duplicated) = (world.dice.percent(faults.lost_percent), world.dice.percent(faults.duplicated_percent));
    let reordered = world.dice.percent(faults.reordered_percent);
    let bound = if faults.reorder_ms == 0 { 200 } else { faults.reorder_ms };
    let held = world.dice.below(bound + 1);
    let next = faults.lose_next > 0;
    if next {
        world.faults.hooks.lose_next -= 1;
    }
    let wait = faults.delay_ms + if reordered { held } else { 0 };
    let kept = faults.never_lost.contains(&delivery.topic);
    Fate { lost: (lost || next) && !kept, duplicated, wait: Duration::from_millis(wait) }
}

/// Delivers what comes until nobody sends any more.
pub(in super::super) async fn run(world: Arc<Mutex<World>>, mut inbox: UnboundedReceiver<Delivery>) {
    let (options, client) = {
        let options = lock(&world).options.hooks.clone();
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_millis(options.connect_ms))
            .timeout(Duration::from_millis(options.total_ms))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        (options, client)
    };
    let client = match client {
        Ok(client) => client,
        Err(why) => return eprintln!("webhooks can't be delivered: {why}"),
    };
    let places = Arc::new(Semaphore::new(options.at_once.max(1)));
    while let Some(delivery) = inbox.recv().await {
        let (fate, under_way) = {
            let mut world = lock(&world);
            let fate = fate(&mut world, &delivery);
            if fate.lost {
                world.hook_log.end(delivery.number, "lost");
            } else if fate.duplicated {
                world.hook_log.change(delivery.number, |one| one.duplicated = true);
            }
            (fate, world.under_way.clone())
        };
        if fate.lost {
            under_way.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (world, client, places) = (world.clone(), client.clone(), places.clone());
        tokio::spawn(async move {
            tokio::time::sleep(fate.wait).await;
            deliver(&world, &client, &places, &delivery).await;
            if fate.duplicated {
                attempt(&world, &client, &places, &delivery).await;
            }
            under_way.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// How long before the retry of a number: the gaps double, and add up to the span.
fn gap(retry: u32, retries: u32, span_ms: u64) -> Duration {
    let whole = (1u64 << retries.min(40)) - 1;
    Duration::from_millis((span_ms << retry.min(20)) / whole.max(1))
}

/// Tries, and tries again; the subscription ends when nothing of it arrived meanwhile.
async fn deliver(world: &Mutex<World>, client: &reqwest::Client, places: &Semaphore, delivery: &Delivery) {
    let options = lock(world).options.hooks.clone();
    for retry in 0..=options.retries {
        if attempt(world, client, places, delivery).await {
            return lock(world).hook_log.end(delivery.number, "delivered");
        }
        if retry < options.retries {
            tokio::time::sleep(gap(retry, options.retries, options.retry_span_ms)).await;
        }
    }
    let mut world = lock(world);
    world.hook_log.end(delivery.number, "failed");
    let (successes, id) = (delivery.successes, delivery.subscription);
    let Ok(shop) = world.shop_mut(&delivery.shop) else { return };
    let before = shop.hooks.len();
    shop.hooks.retain(|one| Some(one.id) != id || one.successes > successes);
    let removed = before - shop.hooks.len();
    world.hook_log.counts.removed_subscriptions += removed as u64;
}

fn mapped(world: &World, uri: &str) -> String {
    let map = &world.options.hooks.map;
    let found = map.iter().find_map(|(from, to)| uri.strip_prefix(from.as_str()).map(|rest| format!("{to}{rest}")));
    found.unwrap_or_else(|| uri.to_owned())
}

/// One request; whether it was answered by 2xx in time.
async fn attempt(world: &Mutex<World>, client: &reqwest::Client, places: &Semaphore, delivery: &Delivery) -> bool {
    let Ok(_place) = places.acquire().await else { return false };
    let uri = mapped(&lock(world), &delivery.uri);
    let mut request = client.post(&uri).body(delivery.body.clone());
    for (name, value) in &delivery.headers {
        request = request.header(*name, value);
    }
    let status = match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            // The answer counts once it is there as a whole.
            if answer.bytes().await.is_ok() { status } else { 0 }
        }
        Err(_) => 0,
    };
    let succeeded = (200..300).contains(&status);
    let mut world = lock(world);
    world.hook_log.change(delivery.number, |one| (one.attempts, one.status) = (one.attempts + 1, status));
    if succeeded && let Ok(shop) = world.shop_mut(&delivery.shop) {
        let own = shop.hooks.iter_mut().find(|one| Some(one.id) == delivery.subscription);
        if let Some(subscription) = own {
            subscription.successes += 1;
        }
    }
    succeeded
}
