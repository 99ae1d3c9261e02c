//! A strict reader of the Prometheus text format, version 0.0.4.

use std::collections::{BTreeMap, BTreeSet};

/// Samples by name and labels as written.
pub type Samples = BTreeMap<String, f64>;

fn is_name(text: &str, colon: bool) -> bool {
    let good = |first: bool, c: char| {
        c.is_ascii_alphabetic() || c == '_' || (colon && c == ':') || (!first && c.is_ascii_digit())
    };
    !text.is_empty() && text.chars().enumerate().all(|(place, c)| good(place == 0, c))
}

/// The labels between braces, unescaped.
fn labels(text: &str) -> Result<Vec<(String, String)>, String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or("a label without a value")?;
        if !is_name(name, false) {
            return Err(format!("{name} is no label"));
        }
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().ok_or("a value that does not end")? {
                (place, '"') => break place,
                (_, '\\') => match chars.next().ok_or("an escape that does not end")?.1 {
                    'n' => value.push('\n'),
                    c @ ('"' | '\\') => value.push(c),
                    c => return Err(format!("there is no escape \\{c}")),
                },
                (_, c) => value.push(c),
            }
        };
        found.push((name.to_owned(), value));
        rest = &after[end + 1..];
        rest = match rest.strip_prefix(',') {
            Some(more) if !more.is_empty() => more,
            None if rest.is_empty() => rest,
            _ => return Err("labels are not separated by one comma".to_owned()),
        };
    }
    let names: BTreeSet<_> = found.iter().map(|(name, _)| name).collect();
    if names.len() == found.len() { Ok(found) } else { Err("a label comes twice".to_owned()) }
}

#[derive(Default)]
struct Reader {
    kinds: BTreeMap<String, String>,
    helped: BTreeSet<String>,
    family: String,
    closed: BTreeSet<String>,
    samples: Samples,
    buckets: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Reader {
    fn enter(&mut self, family: &str) -> Result<(), String> {
        if self.family == family {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.family, family.to_owned());
        self.closed.insert(before);
        if self.closed.contains(family) { Err(format!("{family} is in two places")) } else { Ok(()) }
    }

    fn comment(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.splitn(4, ' ');
        let (_, word, name) = (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let rest = words.next().unwrap_or_default();
        if !is_name(name, true) {
            return Err("a comment that is neither HELP nor TYPE of a name".to_owned());
        }
        self.enter(name)?;
        match word {
            "HELP" if self.helped.insert(name.to_owned()) && !rest.is_empty() => Ok(()),
            "TYPE" if ["counter", "gauge", "histogram", "summary", "untyped"].contains(&rest) => {
                match self.kinds.insert(name.to_owned(), rest.to_owned()) {
                    None => Ok(()),
                    Some(_) => Err("a second TYPE".to_owned()),
                }
            }
            _ => Err("a HELP or TYPE that can't be".to_owned()),
        }
    }

    fn family_of<'a>(&self, name: &'a str) -> &'a str {
        let histogram = |base: &&str| self.kinds.get(*base).is_some_and(|kind| kind == "histogram");
        let bases = ["_bucket", "_sum", "_count"].iter().filter_map(|suffix| name.strip_suffix(suffix));
        bases.into_iter().find(histogram).unwrap_or(name)
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let (series, value) = line.rsplit_once(' ').ok_or("a line without a value")?;
        let number: f64 = match value {
            "+Inf" => f64::INFINITY,
            value => value.parse().map_err(|_| format!("{value} is no number"))?,
        };
        let (name, inside) = match series.split_once('{') {
            Some((name, rest)) => (name, rest.strip_suffix('}').ok_or("braces that do not close")?),
            None => (series, ""),
        };
        if !is_name(name, true) {
            return Err(format!("{name} is no name"));
        }
        let labels = labels(inside)?;
        let family = self.family_of(name).to_owned();
        self.enter(&family)?;
        let kind = self.kinds.get(&family).ok_or("a sample without a TYPE before it")?;
        if kind == "counter" && (!name.ends_with("_total") || number < 0.0) {
            return Err("a counter that is negative or not called _total".to_owned());
        }
        if kind == "histogram" && name.ends_with("_bucket") {
            let (bound, others): (Vec<_>, Vec<_>) = labels.into_iter().partition(|(name, _)| name == "le");
            let [(_, bound)] = bound.as_slice() else { return Err("a bucket without le".to_owned()) };
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().map_err(|_| "a bad le")? };
            self.buckets.entry(format!("{family}{others:?}")).or_default().push((bound, number));
        }
        match self.samples.insert(series.to_owned(), number) {
            None => Ok(()),
            Some(_) => Err("a series that comes twice".to_owned()),
        }
    }
}

/// Reads an exposition; the error names the line.
pub fn read(text: &str) -> Result<Samples, String> {
    let mut reader = Reader::default();
    let body = text.strip_suffix('\n').ok_or("the last line does not end")?;
    for (place, line) in body.split('\n').enumerate() {
        let read = match line {
            "" => Ok(()),
            line if line.starts_with('#') => reader.comment(line),
            line => reader.sample(line),
        };
        read.map_err(|why| format!("line {}: {why}: {line}", place + 1))?;
    }
    for (series, buckets) in &reader.buckets {
        let rising = buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1);
        if !rising || buckets.last().is_none_or(|last| last.0 != f64::INFINITY) {
            return Err(format!("the buckets of {series} do not rise to +Inf"));
        }
    }
    for (name, kind) in &reader.kinds {
        let (all, count) = (format!("{name}_bucket{{le=\"+Inf\"}}"), format!("{name}_count"));
        if kind == "histogram" && (reader.samples.get(&all) != reader.samples.get(&count)) {
            return Err(format!("{name}_count is not its largest bucket"));
        }
    }
    Ok(reader.samples)
}

#[test]
fn the_reader_is_strict() {
    let good = "# HELP a_total x\n# TYPE a_total counter\na_total{l=\"x\\\"y\"} 1\n";
    assert_eq!(read(good).unwrap().len(), 1);
    for bad in [
        "a 1\n",
        "# TYPE a_total counter\na_total 1",
        "# TYPE a counter\na 1\n",
        "# TYPE a gauge\na 1\na 2\n",
        "# TYPE a gauge\na{l=\"x} 1\n",
        "# TYPE a gauge\na one\n",
        "# TYPE a gauge\n# TYPE b gauge\nb 1\na 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
