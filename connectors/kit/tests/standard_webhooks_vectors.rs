//! Verdicts of the official packages on recorded messages, where the recordings are at hand.

use segmentd_kit::standard_webhooks::{Secret, verify};
use std::io::Write;
use std::path::PathBuf;

/// The packages accept a fraction of a second; ours is stricter.
const STRICTER: &[&str] = &["timestamp with a fraction"];

fn recordings() -> PathBuf {
    match std::env::var_os("SEGMENTD_CAPTURES") {
        Some(folder) => PathBuf::from(folder).join("standard-webhooks.json"),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures/standard-webhooks.json"),
    }
}

#[test]
fn verdicts_are_those_of_the_official_packages() {
    let path = recordings();
    let Ok(text) = std::fs::read_to_string(&path) else {
        let said = format!("SKIPPED: no recordings at {} (set SEGMENTD_CAPTURES to their folder)", path.display());
        // The harness swallows what is printed.
        let _ = writeln!(std::io::stderr(), "{said}");
        return;
    };
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let header = |wanted: &str| {
            let headers = vector["headers"].as_object().unwrap();
            let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.and_then(|(_, value)| value.as_str())
        };
        let headers = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
        let body = vector["body_text"].as_str().unwrap().as_bytes();
        let secret = Secret::parse(vector["secret"].as_str().unwrap());
        let ours = secret.is_ok_and(|secret| verify(&[secret], headers, body, vector["now"].as_i64().unwrap()).is_ok());
        let (npm, pypi) = (vector["accepted_by_npm"] == true, vector["accepted_by_pypi"] == true);
        let wanted = npm && pypi && !STRICTER.contains(&name);
        assert_eq!(ours, wanted, "{name}");
    }
    assert!(vectors.len() >= 50, "only {} recordings", vectors.len());
}
