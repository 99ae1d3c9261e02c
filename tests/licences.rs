//! Every package that is built in has a licence that we can live with.

use std::process::Command;

const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "Unlicense",
    "CC0-1.0",
    "MIT-0",
];

/// Packages that name a file in place of a licence: what that file says.
const BY_FILE: &[(&str, &str)] = &[("jsonpath-rust", "MIT")];

fn licence(package: &serde_json::Value) -> &str {
    let by_file = || BY_FILE.iter().find(|(name, _)| package["name"] == *name).map(|(_, licence)| *licence);
    package["license"].as_str().or_else(by_file).unwrap_or("none")
}

/// Whether one of the alternatives, with all its parts, is allowed.
fn allowed(expression: &str) -> bool {
    let flat = expression.replace(['(', ')'], "").replace('/', " OR ");
    flat.split(" OR ").any(|choice| choice.split(" AND ").all(|part| ALLOWED.contains(&part.trim())))
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !allowed(licence(package)))
        .map(|package| format!("{} ({})", package["name"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "licences that are not on the list: {refused:#?}");
}

#[test]
fn expressions_are_read() {
    assert!(allowed("MIT OR GPL-3.0"));
    assert!(allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(!allowed("GPL-3.0"));
    assert!(!allowed("MIT AND GPL-3.0"));
}
