//! What docs/adding-a-connector.md says to write is what stands here.

use std::collections::BTreeMap;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The code of the page by the file that it is to be written to.
fn blocks(page: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = page.lines();
    let mut file = None;
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:")) {
            file = Some(name.to_owned());
        } else if line.starts_with("```")
            && let Some(file) = file.take()
        {
            let code: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.insert(file, code.join("\n") + "\n");
        }
    }
    found
}

#[test]
fn the_page_and_the_crate_are_the_same() {
    let page = std::fs::read_to_string(root().join("docs/adding-a-connector.md")).unwrap();
    let blocks = blocks(&page);
    let files = [
        "Cargo.toml",
        "src/lib.rs",
        "src/api.rs",
        "src/install.rs",
        "src/receive.rs",
        "src/sync.rs",
        "tests/battery.rs",
    ];
    let expected: Vec<String> = files.iter().map(|file| format!("connectors/example/{file}")).collect();
    for file in &expected {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(blocks.get(file).is_some_and(|block| *block == text), "{file} is not what the page says");
    }
    assert_eq!(blocks.len(), expected.len(), "the page names files that are not here: {:?}", blocks.keys());
    let members = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(members.contains("\"connectors/example\""));
}
