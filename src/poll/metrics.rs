//! Figures of connections, in Prometheus's text format.

use super::status::ConnectionStatus;
use std::fmt::Write;

/// Writes the figures of every connection.
pub fn write(connections: &[ConnectionStatus], out: &mut String) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&ConnectionStatus) -> u64| {
        // Writing to a string does not fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for one in connections {
            let labels = format!("workspace=\"{}\",source=\"{}\"", one.workspace, one.source);
            let _ = writeln!(out, "{name}{{{labels}}} {}", value(one));
        }
    };
    each("segmentd_connection_running", "Whether a worker reads the connection", &|one| u64::from(one.running));
    each("segmentd_connection_holds_lists", "Whether lists wait for its past", &|one| u64::from(one.holds_lists));
    each("segmentd_connection_failures", "Failed calls in a row, of the worst stream", &|one| {
        one.streams.iter().map(|stream| u64::from(stream.failures)).max().unwrap_or(0)
    });
    each("segmentd_connection_pointers", "Things that wait to be fetched", &|one| one.pointers_waiting);
    each("segmentd_connection_requests", "Privacy requests that wait", &|one| one.requests_waiting);
    each("segmentd_connection_found_day", "Versions that polls found in 24 hours", &|one| one.completeness.day.found);
    each("segmentd_connection_missed_day", "Those of them that deliveries had missed", &|one| {
        one.completeness.day.missed
    });
}
