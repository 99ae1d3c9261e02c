//! What is to be ahead of what, as ratios of one run.

use crate::outcome::Outcome;

/// One way in which something was run: the part, and its mode as [`Outcome::mode`] has it.
fn find<'a>(outcomes: &'a [Outcome], part: &str, mode: &str) -> Option<&'a Outcome> {
    outcomes.iter().find(|outcome| outcome.part == part && outcome.mode == mode)
}

/// By how much the disk may be slower for one than for the other.
const DISK_ALIKE: f64 = 1.5;

fn ahead(ratio: f64) -> &'static str {
    if ratio >= 1.0 { "ahead" } else { "BEHIND" }
}

/// The engine and differential-dataflow over the same segments.
fn engines(outcomes: &[Outcome]) -> Vec<String> {
    let mut lines = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.part == "dd") {
        let Some((step, "1")) = outcome.mode.split_once('x') else { continue };
        let Some(engine) = find(outcomes, "engine", &format!("{step}x5")) else { continue };
        let ratio = engine.rate() / outcome.rate();
        lines.push(format!(
            "engine to differential-dataflow (1 worker), the same 5 segments, steps of {step}: {ratio:.2} in \
             events/s, {}",
            ahead(ratio)
        ));
        let net = |outcome: &Outcome| outcome.memory.and_then(|memory| memory.net).map(|net| net as f64);
        if let (Some(own), Some(other)) = (net(engine), net(outcome)) {
            lines.push(format!("  in memory net of input: {:.2} of it, {}", own / other, ahead(other / own)));
        }
    }
    lines
}

/// Says so if the disk was another one for both, so to speak.
fn disk(own: &Outcome, other: &Outcome) -> String {
    match (own.disk, other.disk) {
        (Some(own), Some(other)) if own.max(other) > DISK_ALIKE * own.min(other) => {
            format!(
                "; BUT THE DISK CHANGED: a bare write was durable after {own:.0} us, of PostgreSQL after {other:.0} us"
            )
        }
        _ => String::new(),
    }
}

fn best<'a>(outcomes: &'a [Outcome], part: &str) -> Option<&'a Outcome> {
    let durable = |outcome: &&Outcome| outcome.part == part && outcome.durable && !outcome.recompute;
    outcomes.iter().filter(durable).max_by(|one, other| one.rate().total_cmp(&other.rate()))
}

/// The daemon and PostgreSQL, both durable.
fn durable(outcomes: &[Outcome]) -> Vec<String> {
    let mut lines = Vec::new();
    if let (Some(own), Some(other)) = (best(outcomes, "daemon"), best(outcomes, "postgres")) {
        let ratio = own.rate() / other.rate();
        lines.push(format!(
            "daemon to PostgreSQL, best durable figure of each: {ratio:.1} in events/s (8 wanted), {}{}",
            if ratio >= 8.0 { "reached" } else { "NOT REACHED" },
            disk(own, other)
        ));
    }
    for other in outcomes.iter().filter(|outcome| outcome.part == "postgres" && outcome.durable && !outcome.recompute) {
        if let Some(own) = find(outcomes, "daemon", &other.mode) {
            let ratio = own.rate() / other.rate();
            let (clients, events) = other.mode.split_once('x').unwrap_or((&other.mode, "1"));
            let disk = disk(own, other);
            lines.push(format!(
                "  {clients} clients, {events} events at once, either: {ratio:.1}, {}{disk}",
                ahead(ratio)
            ));
        }
    }
    lines
}

/// From an event to its membership: the daemon and what recomputes.
fn freshness(outcomes: &[Outcome]) -> Vec<String> {
    let Some(own) = outcomes.iter().find_map(|outcome| outcome.to_membership.filter(|_| outcome.part == "daemon"))
    else {
        return Vec::new();
    };
    let recomputes = outcomes.iter().filter(|outcome| outcome.recompute);
    let line = |other: &Outcome| {
        let micros = other.seconds * 1e6;
        format!(
            "from event to membership, daemon to {}: a recompute takes {:.0} times the daemon's p50 and \
             {:.0} times its p99, {}",
            other.what,
            micros / own.p50,
            micros / own.p99,
            ahead(micros / own.p99)
        )
    };
    recomputes.map(line).collect()
}

/// All of them, a line each.
pub fn told(outcomes: &[Outcome]) -> String {
    let lines = [engines(outcomes), durable(outcomes), freshness(outcomes)].concat();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::told;
    use crate::outcome::Outcome;

    fn outcome(part: &str, mode: &str, rate: u64) -> Outcome {
        let (part, mode) = (part.to_owned(), mode.to_owned());
        Outcome { part, mode, events: rate, seconds: 1.0, durable: true, ..Outcome::default() }
    }

    #[test]
    fn who_is_behind_is_said() {
        let told = told(&[
            outcome("engine", "100x5", 50),
            outcome("dd", "100x1", 100),
            outcome("postgres", "1x1", 10),
            outcome("postgres", "1x100", 20),
            outcome("daemon", "1x1", 100),
        ]);
        assert!(told.contains("steps of 100: 0.50 in events/s, BEHIND"), "{told}");
        assert!(told.contains("best durable figure of each: 5.0 in events/s (8 wanted), NOT REACHED"), "{told}");
        assert!(!told.contains("DISK"), "{told}");
        assert!(told.contains("1 clients, 1 events at once, either: 10.0, ahead"), "{told}");
    }

    #[test]
    fn another_disk_is_told() {
        let on = |part: &str, disk: f64| Outcome { disk: Some(disk), ..outcome(part, "4x1", 10) };
        assert!(told(&[on("postgres", 4_000.0), on("daemon", 100.0)]).contains("THE DISK CHANGED"));
        assert!(!told(&[on("postgres", 110.0), on("daemon", 100.0)]).contains("THE DISK CHANGED"));
    }
}
