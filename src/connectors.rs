//! Every connector of the daemon: one line each, and those that files describe.

use connector_generic::Description;
use kit::connector::Connector;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The connectors of the binary.
pub const CONNECTORS: &[Connector] = &[
    connector_files::CONNECTOR,
    connector_hubspot::CONNECTOR,
    connector_klaviyo::CONNECTOR,
    connector_mailchimp::CONNECTOR,
    connector_mercadolibre::CONNECTOR,
    connector_mailman::CONNECTOR,
    connector_shopify::CONNECTOR,
    connector_vendure::CONNECTOR,
    connector_webhook::CONNECTOR,
    connector_woocommerce::CONNECTOR,
];

/// Those of the files, too, once the daemon has begun with them.
static ALL: OnceLock<Vec<Connector>> = OnceLock::new();

/// Descriptions that can't be used. Each line names a file and a place in it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DescribedError(String);

/// Reads and checks descriptions of platforms: files, and folders of files that end in `.toml`.
///
/// # Errors
/// Everything that is wrong with them; two of one name, too.
pub fn described(paths: &[PathBuf]) -> Result<Vec<Description>, DescribedError> {
    let unread = |path: &Path, why: std::io::Error| DescribedError(format!("{}: {why}", path.display()));
    let (mut descriptions, mut problems) = (Vec::<Description>::new(), Vec::new());
    for path in paths {
        let mut files = vec![path.clone()];
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|why| unread(path, why))?;
            let found: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
            files = found.map_err(|why| unread(path, why))?;
            files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
            files.sort();
        }
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|why| unread(&file, why))?;
            match connector_generic::read(&file.display().to_string(), &text) {
                Ok(description) => {
                    let name = description.name();
                    let taken = CONNECTORS.iter().any(|one| one.name == name)
                        || descriptions.iter().any(|one| one.name() == name);
                    if taken {
                        problems.push(format!("{}: there is a connector {name} already", file.display()));
                    }
                    descriptions.push(description);
                }
                Err(why) => problems.push(why.to_string()),
            }
        }
    }
    if problems.is_empty() { Ok(descriptions) } else { Err(DescribedError(problems.join("\n"))) }
}

/// Begins with the connectors of the binary and those that are described. Only the first call of a process counts.
///
/// # Errors
/// See [`described`].
pub fn begin(paths: &[PathBuf]) -> Result<&'static [Connector], DescribedError> {
    if ALL.get().is_none() {
        let more = described(paths)?.into_iter().map(connector_generic::connector);
        let all = CONNECTORS.iter().copied().chain(more).collect();
        // Whoever was faster read the same files.
        let _ = ALL.set(all);
    }
    Ok(all())
}

/// All of them.
pub fn all() -> &'static [Connector] {
    ALL.get().map_or(CONNECTORS, Vec::as_slice)
}

/// The connector of this name.
pub fn find(name: &str) -> Option<&'static Connector> {
    all().iter().find(|connector| connector.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_connector_has_a_name_of_its_own_and_is_found_by_it() {
        let names: BTreeSet<&str> = CONNECTORS.iter().map(|connector| connector.name).collect();
        assert_eq!(names.len(), CONNECTORS.len());
        assert!(names.iter().all(|name| find(name).is_some_and(|found| found.name == *name)));
        assert!(find("nothing").is_none());
    }

    #[test]
    fn a_folder_of_descriptions_is_read_and_what_is_wrong_with_each_is_told() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("connectors/generic/platforms");
        let names: Vec<String> =
            described(std::slice::from_ref(&shipped)).unwrap().iter().map(|one| one.name().to_owned()).collect();
        assert_eq!(names, ["brevo", "tiendanube"]);
        let folder = tempfile::tempdir().unwrap();
        let brevo = std::fs::read_to_string(shipped.join("brevo.toml")).unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.toml", brevo.replace("name = \"brevo\"", "name = \"mailchimp\""));
        write("b.toml", brevo.replace("batch = 150", "batch = 0"));
        write("c.toml", brevo);
        write("d.txt", "not looked at".to_owned());
        let told = described(&[folder.path().to_owned(), shipped.join("brevo.toml")]).unwrap_err().to_string();
        for wanted in [
            "a.toml: there is a connector mailchimp already",
            "b.toml:",
            "expected 1 to 10000",
            "connector brevo already",
        ] {
            assert!(told.contains(wanted), "{wanted}: {told}");
        }
        assert!(described(&[folder.path().join("none.toml")]).is_err());
    }
}
