//! The battery finds nothing in a connector without faults, and each fault that is planted by its check.

mod toy;

use http::{HeaderMap, HeaderName};
use kit::signature::hmac_sha256;
use kit::sync::{Batch, Change};
use secrecy::SecretString;
use segmentd_connector_bench::calls::Clock;
use segmentd_connector_bench::finding::Check;
use segmentd_connector_bench::{Battery, Calls, Findings, Pages, Partial, Receives, Refreshes, Sample, Signed, Task};
use serde_json::Map;
use std::collections::BTreeMap;
use toy::Planted;
use toy::connector::{GOOD_FOR_S, SENT, SIGNATURE, connector};
use toy::platform::{World, order, platform};

fn change(identifier: &str, member: bool) -> Change {
    Change {
        identifier: identifier.to_owned(),
        person: "p_1".to_owned(),
        member,
        sequence: 1,
        at: "2026-11-24T10:00:00Z".to_owned(),
        cause: "event".to_owned(),
        fields: BTreeMap::new(),
    }
}

fn batch(changes: Vec<Change>) -> Batch {
    Batch { id: "b1".to_owned(), list: "l".to_owned(), segment: "s".to_owned(), first_sync: false, changes }
}

fn signed(sample: &Sample, now: i64, secret: &SecretString) -> Signed {
    let mac = hmac_sha256(secret, &[now.to_string().as_bytes(), b".", &sample.body].concat()).unwrap();
    let text: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let pairs = [(SIGNATURE, text), (SENT, now.to_string())];
    let headers = pairs.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    Signed { headers: HeaderMap::from_iter(headers), query: None, ..Signed::default() }
}

fn bare(_: &Sample, _: i64, _: &SecretString) -> Signed {
    Signed::default()
}

fn receives(planted: Planted, unsigned: bool) -> Receives<'static> {
    let (older, newer) = (order(1, "2026-11-20T10:00:00Z"), order(1, "2026-11-21T10:00:00Z"));
    Receives {
        role: connector(planted).receive.unwrap(),
        signature: (!unsigned).then_some(SIGNATURE),
        good_for_s: Some(GOOD_FOR_S),
        sign: if unsigned { &bare } else { &signed },
        samples: vec![Sample::json("order", &older)],
        pairs: vec![(Sample::json("order", &older), Sample::json("order", &newer))],
        account: "acme",
        region: None,
        details: Map::new(),
        settings: Map::new(),
    }
}

async fn received(planted: Planted, unsigned: bool) -> Findings {
    let battery = Battery { receive: Some(receives(planted, unsigned)), ..Battery::default() };
    battery.run().await.err().unwrap_or_default()
}

async fn called(planted: Planted) -> Findings {
    let world = World::start(planted).await;
    let connector = connector(planted);
    let push = vec![change("new@example.com", true), change("gone@example.com", false)];
    let partly = vec![change("new@example.com", true), change("never@example.com", true)];
    let calls = Calls {
        connector: &connector,
        double: &world,
        tasks: vec![Task::Backfill("orders"), Task::Push(batch(push))],
        pages: vec![Pages {
            task: Task::Backfill("orders"),
            steady: (3..=7).map(|id| format!("order/{}/", id * 10)).collect(),
        }],
        partial: vec![Partial { batch: batch(partly), refused: ["never@example.com".to_owned()].into() }],
        now_s: 1_795_000_000,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: true,
    };
    let refresh = Refreshes {
        role: connector.install.unwrap(),
        address: segmentd_connector_bench::Double::address(&world),
        platform: &platform,
        account: "acme",
        good: &|| "good".into(),
        revoked: "revoked".into(),
    };
    let battery = Battery { receive: None, calls: Some(calls), refresh: Some(refresh) };
    battery.run().await.err().unwrap_or_default()
}

#[tokio::test]
async fn a_connector_without_faults_passes() {
    let findings = received(Planted::Nothing, false).await;
    assert!(findings.all.is_empty(), "{findings:?}");
    let findings = received(Planted::Nothing, true).await;
    assert!(findings.all.is_empty(), "{findings:?}");
    let findings = called(Planted::Nothing).await;
    assert!(findings.all.is_empty(), "{findings:?}");
}

#[tokio::test]
async fn faults_of_receiving_are_found_each_by_its_check() {
    let all = [
        (Planted::TakesAnyKey, Check::WrongKey),
        (Planted::VerifiesTrimmedBody, Check::ChangedByte),
        (Planted::TakesAnySpelling, Check::OtherSpelling),
        (Planted::ForgetsTheAge, Check::Replay),
        (Planted::IdOfTheClock, Check::Duplicate),
        (Planted::TimeOfReceipt, Check::Reordered),
        (Planted::MakesUpForRubbish, Check::TruncatedDelivery),
        (Planted::RefusesTheUnknown, Check::UnknownFields),
        (Planted::EventOfNobody, Check::MissingFields),
        (Planted::ZeroForText, Check::NumbersAsText),
    ];
    for (planted, check) in all {
        let findings = received(planted, false).await;
        assert!(findings.has(check), "{planted:?} was not found by {check:?}: {findings:?}");
    }
    let findings = received(Planted::BelievesTheUnsigned, true).await;
    assert!(findings.has(Check::Unsigned), "{findings:?}");
}

#[tokio::test]
async fn faults_of_calling_are_found_each_by_its_check() {
    let all = [
        (Planted::StopsAtAnyStatus, Check::TooManyRequests),
        (Planted::LosesTheWait, Check::RetryAfter),
        (Planted::GivesUpAt5xx, Check::ServerError),
        (Planted::StopsWhenLost, Check::LostConnection),
        (Planted::WaitsForEver, Check::Timeout),
        (Planted::TakesHalfAnAnswer, Check::TruncatedAnswer),
        (Planted::ReadsWithoutEnd, Check::OversizedAnswer),
        (Planted::KeepsTheToken, Check::ConcurrentRefresh),
        (Planted::CallsRevokedTemporary, Check::RevokedToken),
        (Planted::PagesByOffset, Check::Pages),
        (Planted::HidesRefusals, Check::PartialFailure),
        (Planted::BlamesTheMerchant, Check::Refresh),
    ];
    for (planted, check) in all {
        let findings = called(planted).await;
        assert!(findings.has(check), "{planted:?} was not found by {check:?}: {findings:?}");
    }
}
