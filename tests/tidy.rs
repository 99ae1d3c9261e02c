//! House rules, as a test: sizes by ratchet, banned calls, and arrows between crates.

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARS_MAX: usize = 120;

/// Files that were longer when the rule came: they may shrink, not grow.
const LONG_FILES: &[(&str, usize)] = &[];
/// Files with functions longer than the rule: the longest one may shrink, not grow.
const LONG_FUNCTIONS: &[(&str, usize)] = &[];

/// What may not stand in the pure crates, and what to use instead.
const BANNED_IN_PURE: &[(&str, &str)] = &[
    ("std::time", "time comes in as an argument"),
    ("SystemTime", "time comes in as an argument"),
    ("Instant::now", "time comes in as an argument"),
    ("std::fs", "no I/O here"),
    ("std::net", "no I/O here"),
    ("std::thread", "no threads here"),
    ("HashMap", "BTreeMap: the order must not depend on a run"),
    ("HashSet", "BTreeSet: the order must not depend on a run"),
    ("thread_rng", "no randomness here"),
    ("f64", "decimals, not floats"),
    ("f32", "decimals, not floats"),
];

/// What outside input must not be able to reach.
const BANNED_OUTSIDE_TESTS: &[&str] = &[".unwrap()", ".expect(", "todo!(", "unimplemented!(", "panic!(", "dbg!("];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(under: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join(under)];
    while let Some(dir) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target" && name != "node_modules") {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn all_files() -> Vec<PathBuf> {
    ["model", "engine", "connectors", "simulators", "src", "tests", "benches"]
        .iter()
        .flat_map(|dir| rust_files(dir))
        .collect()
}

/// The lines before the unit tests of a file.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
}

fn is_test_file(path: &Path) -> bool {
    let name = name(path);
    name.contains("/tests/") || name.starts_with("tests/") || name.ends_with("tests.rs") || name.contains("/faults.rs")
}

#[test]
fn files_and_lines_keep_to_their_length() {
    let mut wrong = Vec::new();
    for path in all_files() {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        let allowed = LONG_FILES.iter().find(|(file, _)| *file == name(&path)).map_or(FILE_LINES_MAX, |(_, max)| *max);
        if lines > allowed {
            wrong.push(format!("{}: {lines} lines, at most {allowed}", name(&path)));
        }
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.chars().count() > LINE_CHARS_MAX) {
            if !line.contains('"') {
                wrong.push(format!("{}:{}: a line of {} characters", name(&path), number + 1, line.chars().count()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn functions_keep_to_their_length() {
    let mut wrong = Vec::new();
    for path in all_files() {
        let text = fs::read_to_string(&path).unwrap();
        let allowed =
            LONG_FUNCTIONS.iter().find(|(file, _)| *file == name(&path)).map_or(FUNCTION_LINES_MAX, |(_, max)| *max);
        let mut begun: Option<(usize, String, usize)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            if begun.is_none()
                && (line.trim_start().starts_with("fn ") || line.contains(" fn "))
                && !line.trim_start().starts_with("//")
            {
                begun = Some((number, line.trim().to_owned(), indent));
            }
            let ends = line.trim_end() == format!("{}}}", " ".repeat(indent)) || line.trim_end().ends_with(';');
            if let Some((first, head, at)) = &begun
                && indent == *at
                && ends
            {
                let length = number - first + 1;
                if length > allowed {
                    wrong.push(format!("{}:{}: {length} lines: {head}", name(&path), first + 1));
                }
                begun = None;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_crates_know_no_clock_no_files_and_no_chance() {
    let mut wrong = Vec::new();
    for path in rust_files("engine/src").into_iter().chain(rust_files("model/src")) {
        let text = fs::read_to_string(&path).unwrap();
        // A JSON reader has to say what it does with a double: it hands it on as text.
        let exempt = |line: &str| line.contains("visit_f64") || line.contains("from_f64") || is_test_file(&path);
        let lines = code(&text).filter(|(_, line)| !line.trim_start().starts_with("//") && !exempt(line));
        for (number, line) in lines {
            for (call, instead) in BANNED_IN_PURE.iter().filter(|(call, _)| line.contains(call)) {
                wrong.push(format!("{}:{}: {call}: {instead}", name(&path), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_outside_tests_gives_up_on_input() {
    let mut wrong = Vec::new();
    for path in ["engine/src", "model/src", "src", "connectors"].iter().flat_map(|dir| rust_files(dir)) {
        if is_test_file(&path) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in code(&text).filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for call in BANNED_OUTSIDE_TESTS.iter().filter(|call| line.contains(**call)) {
                wrong.push(format!("{}:{}: {call}", name(&path), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn arrows_between_crates_point_down() {
    let allowed: &[(&str, &[&str])] = &[
        ("model", &[]),
        ("engine", &["model"]),
        ("connectors/kit", &["model"]),
        ("connectors/mailchimp", &["kit", "model"]),
        ("connectors/webhook", &["kit", "model"]),
        ("connectors/shopify", &["kit", "model"]),
        ("simulators", &[]),
    ];
    let ours = ["model", "engine", "kit", "connector-mailchimp", "connector-shopify", "connector-webhook", "segmentd"];
    for (dir, may) in allowed {
        let text = fs::read_to_string(root().join(dir).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).unwrap();
        for dependency in dependencies.keys().filter(|name| ours.contains(&name.as_str())) {
            assert!(may.contains(&dependency.as_str()), "{dir} must not depend on {dependency}");
        }
    }
}

#[test]
fn no_folder_of_a_developer_is_named() {
    let words = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    for path in all_files() {
        let text = fs::read_to_string(&path).unwrap();
        for word in words {
            assert!(!text.contains(word), "{} names {word}", name(&path));
        }
    }
}
