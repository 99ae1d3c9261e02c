//! A daemon whose clock is simulated takes what platforms sign by the real time.

mod support;

use reqwest::Method;
use segmentd_simulators::mailchimp::{MailchimpSim, NewContact, SimOptions, Status};
use serde_json::json;
use std::time::{Duration, Instant};
use support::{Daemon, Setup};

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_is_judged_by_the_real_time() {
    let sim = MailchimpSim::start(SimOptions::default()).await;
    let audience = sim.create_audience("Customers");
    sim.add_contacts(&audience, &[NewContact::new("ana@example.com", Status::Subscribed)]).unwrap();
    let sections = format!(
        "[clock]\nsimulated_start = \"2026-03-01T00:00:00Z\"\n[connections]\npoll_schedule = \"\"\n\
         addresses = {{ mailchimp = \"{}\" }}\n",
        sim.base()
    );
    let daemon = Daemon::with(Setup { sections, ..Setup::default() }).await;
    daemon.workspace().await;
    let path = "/workspaces/main/connections/mail";
    let key = SimOptions::default().api_keys[0].clone();
    let (status, made) = daemon.send(Method::POST, path, json!({"connector": "mailchimp", "api_key": key})).await;
    assert_eq!(status, 201, "{made}");
    daemon.wait(path, |shown| shown["step"] == "running").await;
    sim.unsubscribe(&audience, "ana@example.com").unwrap();
    let began = Instant::now();
    while sim.deliveries().is_empty() && began.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answers: Vec<u16> = sim.deliveries().iter().map(|one| one.status).collect();
    assert_eq!(answers, [200]);
}
