//! The proof: what the endpoint and Mailchimp hold, against the independent count.

use super::stage::{STORE, Stage, path_of};
use super::truth::{self, Members};
use crate::mailchimp::Status;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const SETTLE_WAIT_MAX: Duration = Duration::from_secs(20);

/// What the endpoint holds of a segment.
fn at_endpoint(stage: &Stage, id: &str) -> BTreeSet<String> {
    stage.receiver.members(id).into_keys().collect()
}

/// Who carries a segment's tag at Mailchimp.
fn at_mailchimp(stage: &Stage, id: &str) -> BTreeSet<String> {
    stage.mailchimp.tag_members(&stage.audience, id).into_keys().collect()
}

/// A line of how many members each list has, at the endpoint and at Mailchimp.
pub fn held(stage: &Stage) -> String {
    let one = |(id, _, _): (&str, &str, _)| {
        format!("{id} {:>3}/{:<3}", at_endpoint(stage, id).len(), at_mailchimp(stage, id).len())
    };
    truth::segments().map(one).join(" ")
}

/// Waits until both hold what the count says, and says what differs if they never do.
pub async fn prove(stage: &Stage, now: i64) -> Result<bool, String> {
    println!("\ncounting independently who belongs where...");
    let everybody = truth::members(&stage.keeper.deeds, now);
    let mailable = truth::mailable(&stage.keeper.deeds, &everybody);
    let began = Instant::now();
    let differs = || {
        everybody.iter().any(|(id, members)| at_endpoint(stage, id) != *members)
            || mailable.iter().any(|(id, members)| at_mailchimp(stage, id) != *members)
    };
    while differs() && began.elapsed() < SETTLE_WAIT_MAX {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut equal = compare("endpoint", &everybody, |id| at_endpoint(stage, id));
    equal &= compare("mailchimp", &mailable, |id| at_mailchimp(stage, id));
    equal &= nobody_wrongly_mailed(stage);
    equal &= all_taken(stage);
    report(stage).await?;
    Ok(equal)
}

fn compare(at: &str, counted: &Members, held: impl Fn(&str) -> BTreeSet<String>) -> bool {
    let mut equal = true;
    for (id, members) in counted {
        let held = held(id);
        if held == *members {
            println!("  {at:9} {id:9} {:>4} members: equal", members.len());
            continue;
        }
        equal = false;
        let missing: Vec<_> = members.difference(&held).take(5).collect();
        let surplus: Vec<_> = held.difference(members).take(5).collect();
        println!(
            "  {at:9} {id:9} DIFFERS: {} held, {} counted; missing {missing:?}, surplus {surplus:?}",
            held.len(),
            members.len()
        );
    }
    equal
}

/// Whether Mailchimp saw nothing that must not be: nobody subscribed again, nobody tagged who may not be written to.
fn nobody_wrongly_mailed(stage: &Stage) -> bool {
    let violations = stage.mailchimp.violations();
    violations.iter().take(5).for_each(|one| println!("  mailchimp VIOLATION: {one:?}"));
    let of = |id: &str| stage.mailchimp.tag_members(&stage.audience, id);
    let wrong = truth::segments().iter().any(|(id, _, _)| of(id).values().any(|status| *status != Status::Subscribed));
    if wrong {
        println!("  mailchimp WRONG: somebody is tagged who is not subscribed");
    }
    violations.is_empty() && !wrong
}

/// Whether every delivery that arrived was taken.
fn all_taken(stage: &Stage) -> bool {
    let shop = stage.shopify.deliveries();
    let of_shop = shop.newest.iter().filter(|one| one.outcome == "failed").map(|one| (one.topic.clone(), one.status));
    let mail = stage.mailchimp.deliveries();
    let of_mail = mail.iter().filter(|one| one.status != 200).map(|one| (one.kind.clone(), one.status));
    let refused: Vec<(String, u16)> = of_shop.chain(of_mail).take(5).collect();
    refused.iter().for_each(|(topic, status)| println!("  a delivery of {topic} was answered {status}"));
    refused.is_empty()
}

async fn report(stage: &Stage) -> Result<(), String> {
    let deliveries = stage.shopify.deliveries();
    let of = |outcome: &str| deliveries.by_outcome.get(outcome).copied().unwrap_or_default();
    println!("  webhooks of the shop: {} made, {} lost on the way", deliveries.count, of("lost"));
    let shown = stage.daemon.get(&path_of(STORE)).await?;
    let week = &shown["reading"]["completeness"]["week"];
    println!(
        "  of its last week polls found {} changes, {} of them no webhook had told",
        week["found"], week["missed"]
    );
    let calls = stage.mailchimp.counters().total();
    println!("  calls to Mailchimp: {} ({} refused or failed)", calls.succeeded + calls.failed, calls.failed);
    let stats = stage.receiver.stats();
    let (messages, doubles, bad) = (stats.messages, stats.duplicates, stats.bad_signature);
    println!("  messages to the endpoint: {messages}, {doubles} doubled, {bad} with a bad signature");
    Ok(())
}
