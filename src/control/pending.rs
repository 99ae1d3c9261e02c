//! Authorizations that are under way: what a browser that comes back must match.

use super::{Control, ControlError, random_text};
use kit::token::Grant;
use model::{SourceId, Time, WorkspaceId};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const INVITATIONS: &str = "invitation/";
const STATES: &str = "oauth-state/";
/// Characters of secrets that browsers carry: about 190 bits.
const SECRET_CHARS: usize = 32;
/// How long a merchant may take to open an invitation, microseconds.
const INVITATION_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;
/// How long a merchant may take on the platform, microseconds.
const STATE_MICROS: i64 = 15 * 60 * 1_000_000;

/// The connection that an authorization is for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct For {
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its id.
    pub id: SourceId,
}

#[derive(Serialize, Deserialize)]
struct Invitation {
    r#for: For,
    until: i64,
}

#[derive(Serialize, Deserialize)]
struct State {
    r#for: For,
    connector: String,
    account: String,
    /// Hash of what the browser's cookie holds.
    session: Vec<u8>,
    until: i64,
    /// What the platform's server posted meanwhile.
    #[serde(default)]
    posted: Option<PostedKey>,
}

/// A key that waits for the browser to come back.
#[derive(Serialize, Deserialize)]
struct PostedKey {
    /// Sealed.
    access: String,
    scopes: Option<Vec<String>>,
}

/// An authorization that came to its end. Its `Debug` shows no secret.
#[derive(Debug)]
pub struct Ended {
    /// The connection.
    pub r#for: For,
    /// The account that it was begun with.
    pub account: String,
    /// What the platform's server posted meanwhile.
    pub posted: Option<Grant>,
}

/// What a browser is sent to the platform with.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Goes with the browser to the platform and comes back.
    pub state: String,
    /// Stays in the browser as a cookie.
    pub session: String,
}

fn hashed(prefix: &str, secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    digest.iter().fold(prefix.to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

impl Control {
    /// A secret that lets its bearer authorize a connection.
    pub fn invite(&self, r#for: &For, now: Time) -> Result<String, ControlError> {
        self.drop_old::<Invitation>(INVITATIONS, now, |invitation| invitation.until)?;
        let secret = random_text(SECRET_CHARS)?;
        let until = now.plus_micros(INVITATION_MICROS).0;
        self.put(&hashed(INVITATIONS, &secret), &Invitation { r#for: r#for.clone(), until })?;
        Ok(secret)
    }

    /// The connection of an invitation, if it is still good.
    pub fn invited(&self, secret: &str, now: Time) -> Result<Option<For>, ControlError> {
        let found = self.get::<Invitation>(&hashed(INVITATIONS, secret))?;
        Ok(found.filter(|invitation| invitation.until > now.0).map(|invitation| invitation.r#for))
    }

    /// Notes that a browser is sent to a platform.
    pub fn begin_authorization(
        &self,
        r#for: &For,
        (connector, account): (&str, &str),
        now: Time,
    ) -> Result<Begun, ControlError> {
        self.drop_old::<State>(STATES, now, |state| state.until)?;
        let begun = Begun { state: random_text(SECRET_CHARS)?, session: random_text(SECRET_CHARS)? };
        let state = State {
            r#for: r#for.clone(),
            connector: connector.to_owned(),
            account: account.to_owned(),
            session: Sha256::digest(begun.session.as_bytes()).to_vec(),
            until: now.plus_micros(STATE_MICROS).0,
            posted: None,
        };
        self.put(&hashed(STATES, &begun.state), &state)?;
        Ok(begun)
    }

    /// Keeps what a platform's server posted for a state until its browser comes back; of several the newest. False
    /// when there is no such state, or when it is too old.
    pub fn keep_posted(&self, state: &str, connector: &str, grant: &Grant, now: Time) -> Result<bool, ControlError> {
        let key = hashed(STATES, state);
        let Some(mut found) = self.get::<State>(&key)? else { return Ok(false) };
        if found.connector != connector || found.until <= now.0 {
            return Ok(false);
        }
        let access = self.vault.seal(&key, grant.access.expose_secret())?;
        found.posted = Some(PostedKey { access, scopes: grant.scopes.clone() });
        self.put(&key, &found)?;
        Ok(true)
    }

    /// Takes the authorization of a state, once. `None` when there is no such state, when it is too old, or when
    /// another browser or another connection began it.
    pub fn end_authorization(
        &self,
        state: &str,
        (connector, session): (&str, &str),
        now: Time,
    ) -> Result<Option<Ended>, ControlError> {
        let key = hashed(STATES, state);
        let Some(found) = self.get::<State>(&key)? else { return Ok(None) };
        let same = Sha256::digest(session.as_bytes()).ct_eq(&found.session);
        if !bool::from(same) || found.connector != connector {
            // Another browser must not be able to spend it.
            return Ok(None);
        }
        self.remove(&key)?;
        if found.until <= now.0 {
            return Ok(None);
        }
        let posted = found.posted.map(|posted| self.open_posted(&key, posted)).transpose()?;
        Ok(Some(Ended { r#for: found.r#for, account: found.account, posted }))
    }

    fn open_posted(&self, key: &str, posted: PostedKey) -> Result<Grant, ControlError> {
        let access = SecretString::from(self.vault.unseal(key, &posted.access)?);
        let (expires_in, refresh, refresh_expires_in, extra) = (None, None, None, serde_json::Map::new());
        Ok(Grant { access, expires_in, refresh, refresh_expires_in, scopes: posted.scopes, extra })
    }

    fn drop_old<T: DeserializeOwned>(&self, prefix: &str, now: Time, until: fn(&T) -> i64) -> Result<(), ControlError> {
        for entry in self.tree.scan_prefix(prefix.as_bytes()) {
            let (key, value) = entry.map_err(|why| self.db.failed(why))?;
            if until(&super::decode::<T>(&value)?) <= now.0 {
                self.tree.remove(key).map_err(|why| self.db.failed(why))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Vault;
    use super::*;
    use crate::store::db::Db;

    fn control() -> (tempfile::TempDir, Control) {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open(&dir.path().join("key")).unwrap();
        let control = Control::open(Db::open(&dir.path().join("store"), 1 << 20).unwrap(), vault).unwrap();
        (dir, control)
    }

    #[test]
    fn a_state_is_good_once_for_its_browser_and_its_connector_and_for_a_while() {
        let (_dir, control) = control();
        let wanted = For { workspace: "w".into(), id: "shop".into() };
        let now = Time(0);
        let begin = || control.begin_authorization(&wanted, ("shopify", "a.myshopify.com"), now).unwrap();
        let begun = begin();
        let other = begin();
        let end = |state: &str, connector: &str, session: &str, now: Time| {
            let ended = control.end_authorization(state, (connector, session), now).unwrap();
            ended.map(|ended| (ended.r#for, ended.account))
        };
        assert_eq!(end(&begun.state, "shopify", &other.session, now), None, "another browser");
        assert_eq!(end(&begun.state, "hubspot", &begun.session, now), None, "another platform");
        assert_eq!(end("forged", "shopify", &begun.session, now), None);
        let right = Some((wanted.clone(), "a.myshopify.com".to_owned()));
        assert_eq!(end(&begun.state, "shopify", &begun.session, now), right, "and it is not spent by those");
        assert_eq!(end(&begun.state, "shopify", &begun.session, now), None, "once");
        assert_eq!(end(&other.state, "shopify", &other.session, Time(STATE_MICROS)), None, "too late");
    }

    #[test]
    fn what_is_posted_waits_sealed_for_the_browser_that_began() {
        let (_dir, control) = control();
        let wanted = For { workspace: "w".into(), id: "shop".into() };
        let begun = control.begin_authorization(&wanted, ("store", "a.example"), Time(0)).unwrap();
        let grant = |key: &str| Grant {
            access: key.into(),
            expires_in: None,
            refresh: None,
            refresh_expires_in: None,
            scopes: Some(vec!["read".to_owned()]),
            extra: serde_json::Map::new(),
        };
        let post = |state: &str, connector: &str, key: &str, at: i64| {
            control.keep_posted(state, connector, &grant(key), Time(at)).unwrap()
        };
        assert!(!post("forged", "store", "k", 0) && !post(&begun.state, "shopify", "k", 0));
        assert!(!post(&begun.state, "store", "k", STATE_MICROS), "too late");
        assert!(post(&begun.state, "store", "first", 1) && post(&begun.state, "store", "second", 2));
        let kept = control.get::<State>(&hashed(STATES, &begun.state)).unwrap().unwrap().posted.unwrap();
        assert!(!kept.access.contains("second"), "sealed");
        let ended = control.end_authorization(&begun.state, ("store", &begun.session), Time(3)).unwrap().unwrap();
        let posted = ended.posted.unwrap();
        assert_eq!((posted.access.expose_secret(), posted.scopes), ("second", Some(vec!["read".to_owned()])));
        assert!(!post(&begun.state, "store", "k", 4), "it is over");
    }

    #[test]
    fn invitations_end() {
        let (_dir, control) = control();
        let wanted = For { workspace: "w".into(), id: "shop".into() };
        let secret = control.invite(&wanted, Time(0)).unwrap();
        assert_eq!(control.invited(&secret, Time(1)).unwrap(), Some(wanted.clone()));
        assert_eq!(control.invited("guess", Time(1)).unwrap(), None);
        assert_eq!(control.invited(&secret, Time(INVITATION_MICROS)).unwrap(), None);
        control.invite(&wanted, Time(INVITATION_MICROS)).unwrap();
        assert_eq!(control.all::<Invitation>(INVITATIONS).unwrap().len(), 1, "old ones go");
    }
}
