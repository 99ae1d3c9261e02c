//! Single events, acknowledged durably, against the bare handler.

use super::load::{self, Load};
use super::server::Server;
use super::{bare, world};
use std::time::Duration;

const PEOPLE: u64 = 5_000;

pub(super) async fn run(seconds: u64, connections: &[usize]) -> Result<(), String> {
    let floor = bare::serve().await?;
    println!("single-event /v1/track, {seconds} s each; client and server share this machine");
    for connections in connections {
        let server = Server::start().await?;
        let load = |port, write_key| Load {
            port,
            path: "/v1/track",
            write_key,
            connections: *connections,
            duration: Duration::from_secs(seconds),
            rate: None,
            requests_max: u64::MAX,
        };
        let bare = load::run(load(floor, "none"), |number| world::event(number, PEOPLE)).await;
        let ours = load::run(load(server.port, &server.write_key), |number| world::event(number, PEOPLE)).await;
        for (name, loaded) in [("bare handler", &bare), ("segmentd", &ours)] {
            println!(
                "  {connections:>4} connections  {name:12} {:>8.0} requests/s  p50 {:.2} ms  p99 {:.2} ms  failed {}",
                loaded.per_second(),
                loaded.percentile(50.0),
                loaded.percentile(99.0),
                loaded.failed
            );
        }
        println!("  {connections:>4} connections  ratio {:.2}", ours.per_second() / bare.per_second());
        server.wait_applied().await?;
    }
    Ok(())
}
