//! What platforms allow is used and hardly exceeded, lists take few calls, and accounts share fairly: the measures of
//! `measure`, small, through the real binary.

use segmentd_simulators::measure::{self, List, Listed, Shared, Walk, Walked, Wanted};
use std::path::PathBuf;

/// Tests share the machine: a call that comes late may cost a second.
const WANTED: Wanted = Wanted { used_percent: 70.0, rejected: 2 };

fn segmentd() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_segmentd"))
}

async fn walks(platform: Walked, records: u64) {
    let walk = Walk { segmentd: segmentd(), platform, records, calls_per_second: 10, again: false, wanted: WANTED };
    measure::walk(walk).await.unwrap();
}

async fn lists(platform: Listed, members: u64) {
    measure::list(List { segmentd: segmentd(), platform, members }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_through_contacts_searches_as_often_as_an_account_allows() {
    walks(Walked::Hubspot, 3_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_through_orders_calls_as_often_as_a_host_lets_through() {
    walks(Walked::Woocommerce, 3_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_list_is_replaced_with_the_fewest_calls() {
    lists(Listed::Hubspot, 1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_imported_is_replaced_with_the_fewest_calls() {
    lists(Listed::Klaviyo, 2_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_one_account_share_what_it_allows_and_cost_another_nothing() {
    let shared = Shared { segmentd: segmentd(), seconds: 6, wanted: WANTED, unfair_percent: 20.0 };
    measure::shared(shared).await.unwrap();
}
