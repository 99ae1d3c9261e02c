//! What the places of a template may be called, by where it stands.

use crate::nearest::nearest;

/// Names that mean something in a template.
#[derive(Clone, Copy)]
pub(super) struct Names {
    names: &'static [&'static str],
    /// Beginnings behind which a name follows that the operator or the merchant chose.
    open: &'static [&'static str],
}

const SETTINGS: &[&str] = &["setting.", "operator.", "detail."];

impl Names {
    pub(super) const ADDRESS: Names = Names { names: &["account", "client_id", "public_url"], open: SETTINGS };
    pub(super) const HEADER: Names = Names { names: &["account", "client_id", "public_url", "token"], open: SETTINGS };
    pub(super) const AUTHORIZE: Names = Names {
        names: &["account", "client_id", "public_url", "state", "redirect_uri", "scopes", "challenge"],
        open: &["operator."],
    };
    pub(super) const HOOK: Names = Names {
        names: &["account", "client_id", "public_url", "hook_url", "topic", "id", "hook_secret"],
        open: SETTINGS,
    };
    pub(super) const FETCH: Names = Names { names: &["account", "client_id", "public_url", "id"], open: SETTINGS };
    pub(super) const STREAM: Names = Names {
        names: &["account", "client_id", "public_url", "since", "until", "page", "offset", "cursor", "size"],
        open: SETTINGS,
    };
    pub(super) const MEMBER: Names = Names {
        names: &["account", "client_id", "public_url", "identifier", "identifiers", "fields"],
        open: &["setting.", "operator.", "detail.", "list."],
    };
    pub(super) const MEMBERS: Names = Names {
        names: &["account", "client_id", "public_url", "page", "offset", "cursor", "size"],
        open: &["setting.", "operator.", "detail.", "list."],
    };
    pub(super) const SIGNED: Names = Names { names: &["body", "timestamp", "url"], open: &["header."] };

    /// Whether a name means something here; else what would.
    pub(super) fn knows(self, name: &str) -> Result<(), String> {
        let behind = |open: &&str| name.strip_prefix(open).is_some_and(|rest| !rest.is_empty());
        if self.names.contains(&name) || self.open.iter().any(behind) {
            return Ok(());
        }
        let open: Vec<String> = self.open.iter().map(|open| format!("{open}NAME")).collect();
        let known: Vec<&str> = self.names.iter().copied().chain(open.iter().map(String::as_str)).collect();
        Err(format!("{{{name}}} means nothing here{}", nearest(name, &known)))
    }
}
