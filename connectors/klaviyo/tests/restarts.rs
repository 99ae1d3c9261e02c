//! What was under way when the process ended: nothing is remembered of it, and it must not undo what comes after.

mod support;

use segmentd_simulators::klaviyo::SimOptions;
use serde_json::json;
use std::time::Duration;
use support::{World, batch, options};
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn an_import_from_before_a_restart_does_not_bring_back_who_left_since() {
    let world = World::start(SimOptions { job_step: Duration::from_millis(600), ..options() }).await;
    let killed = world.list(json!({}));
    let cut = timeout(Duration::from_millis(200), killed.push(&batch("b1", &["a@x.mx"], &[]))).await;
    assert!(cut.is_err(), "it waits for the end of the import");
    drop(killed);
    // The process starts anew; meanwhile the person left the segment.
    let list = world.list(json!({}));
    let after = batch("b2", &[], &["a@x.mx"]);
    let mut tries = 0;
    while list.push(&after).await.is_err() {
        tries += 1;
        assert!(tries < 100, "it never ends");
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_millis(1_400)).await;
    assert_eq!(world.members(), [""; 0], "the removal was told as done, and the import came after it");
}
