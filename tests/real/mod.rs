//! Servers that are no doubles: a Vendure store and a Mailman core, installed by `make test-real`. Each is a process of
//! its own that ends with the test.

pub mod core;
pub mod process;
pub mod store;

use std::io::Write;
use std::path::PathBuf;

/// Where they are installed; `None`, with a word, when they are not to run.
pub fn installed() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/real");
    if std::env::var_os("SEGMENTD_REAL").is_none() {
        // Not by `println!`, which the test runner keeps to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: real servers run by `make test-real`, which installs them");
        return None;
    }
    for part in ["store/node_modules/complete", "core/venv/complete"] {
        assert!(folder.join(part).exists(), "{part} is missing in {}: make test-real", folder.display());
    }
    Some(folder)
}
