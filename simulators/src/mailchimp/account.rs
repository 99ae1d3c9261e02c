//! Who may call: API keys, OAuth codes and tokens.

use super::problem::Problem;
use base64::Engine;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A code can be exchanged this long.
const CODE_LIVES: Duration = Duration::from_secs(600);

/// The account's identifier.
const ACCOUNT_ID: &str = "c0ffee00c0ffee00c0ffee00c";

/// A code that waits to be exchanged.
pub(super) struct Code {
    pub redirect_uri: String,
    issued: Instant,
}

#[derive(Default)]
pub(super) struct Account {
    pub name: String,
    pub keys: BTreeSet<String>,
    pub tokens: BTreeSet<String>,
    codes: BTreeMap<String, Code>,
    /// The account is switched off: 403.
    pub disabled: bool,
}

impl Account {
    /// Whose a credential is.
    pub fn json(&self) -> Value {
        json!({
            "account_id": ACCOUNT_ID, "login_id": "1", "account_name": self.name, "email": "owner@example.com",
            "first_name": "Ana", "last_name": "Owner", "username": "owner", "role": "owner",
            "account_timezone": "America/Mexico_City", "_links": [],
        })
    }

    pub fn issue_code(&mut self, code: &str, redirect_uri: &str) {
        self.codes.insert(code.to_owned(), Code { redirect_uri: redirect_uri.to_owned(), issued: Instant::now() });
    }

    /// A code is good once, for the address that it was made for.
    pub fn take_code(&mut self, code: &str, redirect_uri: &str) -> bool {
        let taken = self.codes.remove(code);
        taken.is_some_and(|code| code.redirect_uri == redirect_uri && code.issued.elapsed() < CODE_LIVES)
    }

    /// Whether an `Authorization` header opens the API.
    pub fn check(&self, header: Option<&str>) -> Result<(), Problem> {
        let invalid = || {
            let why = "Your API key may be invalid, or you've attempted to access the wrong datacenter.";
            Problem::new(401, "API Key Invalid", why)
        };
        let Some(header) = header.filter(|header| !header.is_empty()) else {
            return Err(Problem::new(401, "API Key Missing", "Your request did not include an API key."));
        };
        let (scheme, rest) = header.split_once(' ').ok_or_else(invalid)?;
        let known = match scheme.to_lowercase().as_str() {
            "basic" => {
                let plain = base64::engine::general_purpose::STANDARD.decode(rest.trim()).map_err(|_| invalid())?;
                let plain = String::from_utf8(plain).map_err(|_| invalid())?;
                let secret = plain.split_once(':').map(|(_, secret)| secret).unwrap_or_default();
                self.opens(secret)
            }
            "bearer" => self.opens(rest.trim()),
            _ => false,
        };
        if !known {
            return Err(invalid());
        }
        if self.disabled {
            return Err(Problem::new(403, "User Disabled", "This account has been deactivated."));
        }
        Ok(())
    }

    fn opens(&self, secret: &str) -> bool {
        self.keys.contains(secret) || self.tokens.contains(secret)
    }

    /// Whether the key or token was known.
    pub fn revoke(&mut self, secret: &str) -> bool {
        let (key, token) = (self.keys.remove(secret), self.tokens.remove(secret));
        key || token
    }
}
