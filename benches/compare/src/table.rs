//! The table, and what stands below it.

use crate::outcome::Outcome;
use crate::ratios;
use crate::world::Size;

const COLUMNS: usize = 10;
const HEAD: [&str; COLUMNS] = [
    "what",
    "events",
    "events/s",
    "step p50",
    "step p99",
    "to membership p50",
    "p99",
    "memory",
    "net of input",
    "disk",
];

const NOTES: &str = "\
What each does not do:
- PostgreSQL's event by event looks at a person only when that person sends something: nobody leaves by the
  passing of time. To be equal it would need the recompute, or timers of its own, besides. It knows its twenty
  segments as one hand-written function; a segment more is a change of it.
- DuckDB recomputes everything: a membership is as old as the last recompute, and there is no event by event.
- differential-dataflow keeps five of the twenty segments here, knows no message twice, keeps nothing on disk,
  has no late events (an instant that has passed is closed) and forgets what has left its windows; so it can't
  tell of the past, or fill a new segment from it.
- The engine alone keeps every event for segments to come and knows each message again; it keeps nothing on
  disk. Of the daemon everything is on disk before it is acknowledged.
A step: so many records are put in and all that they bring has come out; of the daemon a request and its answer,
of PostgreSQL a transaction. The best of all rounds is shown of the in-memory engines. Net of input: without the
text of the files, which the in-memory engines hold while they read it. Disk: how long a bare write of a few
bytes took to be durable just before; where it is not alike, figures of single events can't be compared.
";

/// Something a second, or how many.
fn number(number: f64) -> String {
    let digits = format!("{number:.0}");
    let place = |place: usize| place > 0 && (digits.len() - place).is_multiple_of(3);
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if place(at) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time.
fn time(micros: f64) -> String {
    match micros {
        micros if micros < 1_000.0 => format!("{micros:.0} us"),
        micros if micros < 10_000.0 => format!("{:.2} ms", micros / 1e3),
        micros if micros < 1_000_000.0 => format!("{:.1} ms", micros / 1e3),
        micros => format!("{:.2} s", micros / 1e6),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn row(outcome: &Outcome) -> [String; COLUMNS] {
    let told = |micros: Option<f64>| micros.map_or_else(|| "-".to_owned(), time);
    let step = outcome.step;
    let fresh = outcome.to_membership;
    let memory = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), mebibytes);
    [
        outcome.what.clone(),
        number(outcome.events as f64),
        if outcome.recompute { "-".to_owned() } else { number(outcome.rate()) },
        told(step.map(|step| step.p50)),
        told(step.map(|step| step.p99)),
        told(fresh.map(|fresh| fresh.p50)),
        told(fresh.map(|fresh| fresh.p99)),
        memory(outcome.memory.map(|memory| memory.whole)),
        memory(outcome.memory.and_then(|memory| memory.net)),
        told(outcome.disk),
    ]
}

/// What is printed as soon as it is known.
pub fn progress(outcome: &Outcome) -> String {
    let [what, _, rate, p50, p99, fresh, fresh_99, memory, net, disk] = row(outcome);
    let changes = outcome.changes.map_or_else(String::new, |changes| format!(", {} changes", number(changes as f64)));
    format!(
        "{what}: {rate} events/s{changes}; step {p50}, {p99}; to membership {fresh}, {fresh_99}; {memory}, net {net}; \
         disk {disk}"
    )
}

/// Where the processor time of an event went.
fn processor(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes.iter().filter(|outcome| !outcome.processor.is_empty()) {
        let parts: Vec<String> = outcome.processor.iter().map(|(name, micros)| format!("{name} {micros:.1}")).collect();
        text.push_str(&format!("{}, processor time of an event in us: {}\n", outcome.what, parts.join(", ")));
    }
    if text.is_empty() { text } else { format!("{text}\n") }
}

/// Everything that was found.
pub fn whole(size: Size, outcomes: &[Outcome], verdict: String) -> String {
    let rows: Vec<[String; COLUMNS]> = [HEAD.map(str::to_owned)].into_iter().chain(outcomes.iter().map(row)).collect();
    let widths: Vec<usize> =
        (0..HEAD.len()).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text =
        format!("{} events of {} people, 20 segments.\n\n", number(size.events as f64), number(f64::from(size.people)));
    for (place, row) in rows.iter().enumerate() {
        text.push_str(&line(row));
        if place == 0 {
            text.push_str(&format!("| {} |\n", rule.join(" | ")));
        }
    }
    format!("{text}\n{verdict}\n\n{}\n{}{NOTES}", ratios::told(outcomes), processor(outcomes))
}

#[cfg(test)]
mod tests {
    use super::{number, time};

    #[test]
    fn figures_are_readable() {
        assert_eq!([1.0, 999.0, 1_000.4, 1_234_567.0].map(number), ["1", "999", "1,000", "1,234,567"]);
        assert_eq!([5.3, 1_500.0, 15_000.0, 2.5e6].map(time), ["5 us", "1.50 ms", "15.0 ms", "2.50 s"]);
    }
}
