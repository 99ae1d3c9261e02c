//! Access scopes: what is asked, what is granted, what is implied.

/// Those of a comma- or space-separated text, sorted, without repeats.
pub(in super::super) fn parse(text: &str) -> Vec<String> {
    let mut scopes: Vec<String> =
        text.split([',', ' ']).map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

/// The scope that another one implies.
fn implied(scope: &str) -> Option<String> {
    if let Some(rest) = scope.strip_prefix("unauthenticated_write_") {
        return Some(format!("unauthenticated_read_{rest}"));
    }
    scope.strip_prefix("write_").map(|rest| format!("read_{rest}"))
}

/// Without those that others imply: as answers of tokens have them.
pub(in super::super) fn compress(scopes: &[String]) -> Vec<String> {
    let implied: Vec<String> = scopes.iter().filter_map(|scope| implied(scope)).collect();
    let mut left: Vec<String> = scopes.iter().filter(|scope| !implied.contains(scope)).cloned().collect();
    left.sort();
    left.dedup();
    left
}

/// With those that are implied.
pub(in super::super) fn expand(scopes: &[String]) -> Vec<String> {
    let mut all: Vec<String> =
        scopes.iter().flat_map(|scope| [Some(scope.clone()), implied(scope)]).flatten().collect();
    all.sort();
    all.dedup();
    all
}

/// What the merchant leaves of what is asked.
pub(in super::super) fn grant(asked: &[String], only: Option<&[String]>) -> Vec<String> {
    let left: Vec<String> = match only {
        Some(only) => {
            let only = expand(only);
            expand(asked).into_iter().filter(|scope| only.contains(scope)).collect()
        }
        None => asked.to_vec(),
    };
    compress(&left)
}

/// Whether it has the form of a scope that an app can ask for.
pub(in super::super) fn is_scope(scope: &str) -> bool {
    let start = ["read_", "write_", "unauthenticated_read_", "unauthenticated_write_"]
        .iter()
        .any(|start| scope.strip_prefix(start).is_some_and(|rest| !rest.is_empty()));
    start && scope.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
}
