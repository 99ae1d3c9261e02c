//! The twenty segments: in segmentd's own words, and as queries.

use crate::world::DAY;

/// One segment.
pub struct Segment {
    /// From 1 on.
    pub number: usize,
    /// Its definition as text.
    pub text: &'static str,
    /// Who is in it, as a query over the tables `person`, `event` and `membership`. `{now}` is the instant and
    /// `{30d}` the instant so long before it, in milliseconds.
    query: &'static str,
}

/// How many of them, from the first on, differential-dataflow is made to keep here.
pub const INCREMENTAL: usize = 5;

const TEXTS: &str = include_str!("../segments/segments.txt");
const QUERIES: &str = include_str!("../segments/queries.sql");

/// All of them.
pub fn all() -> Vec<Segment> {
    let texts = TEXTS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let queries = QUERIES.split(';').map(str::trim).filter(|query| !query.is_empty());
    let both = texts.zip(queries).enumerate();
    both.map(|(place, (text, query))| Segment { number: place + 1, text, query }).collect()
}

impl Segment {
    /// The query as of an instant, milliseconds.
    pub fn query(&self, now: i64) -> String {
        let mut query = String::new();
        let mut parts = self.query.split('{');
        query.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (length, rest) = part.split_once('}').unwrap_or((part, ""));
            query.push_str(&(now - millis(length)).to_string());
            query.push_str(rest);
        }
        query
    }
}

/// How long `30d` or `6h` is; `now` is no time.
fn millis(length: &str) -> i64 {
    let number = |text: &str| text.parse::<i64>().unwrap_or(0);
    match (length.strip_suffix('d'), length.strip_suffix('h')) {
        (Some(days), _) => number(days) * DAY,
        (_, Some(hours)) => number(hours) * DAY / 24,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{all, millis};

    #[test]
    fn there_are_twenty_and_the_engine_takes_each() {
        let segments = all();
        assert_eq!(segments.len(), 20);
        for segment in &segments {
            engine::language::parse(segment.text).unwrap_or_else(|why| panic!("{}: {why}", segment.text));
            assert!(segment.query.to_lowercase().contains("select"), "{}", segment.query);
            assert!(!segment.query(0).contains('{'));
        }
    }

    #[test]
    fn lengths_of_time_are_taken_off() {
        assert_eq!([millis("2d"), millis("6h"), millis("now")], [172_800_000, 21_600_000, 0]);
    }
}
