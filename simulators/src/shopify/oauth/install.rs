//! The app in a shop: its scopes and its tokens.

use super::super::faults::Dice;
use super::super::options::AppOptions;
use super::scopes;
use serde::{Deserialize, Serialize};

/// A refresh token stops at most so long after its own first use, seconds.
const REPLAY_S: i64 = 30 * 86_400;

/// What the token endpoint answers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Installed {
    /// `shpat_...`.
    pub access_token: String,
    /// Granted scopes, compressed, with commas.
    pub scope: String,
    /// Life of the access token, seconds; absent for one that never expires.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_in: Option<i64>,
    /// `shprt_...`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refresh_token: Option<String>,
    /// Life of the refresh token, seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refresh_token_expires_in: Option<i64>,
}

#[derive(Clone, Debug)]
struct Access {
    token: String,
    expires_at: Option<i64>,
    /// The secret that minted it: it ends with that.
    secret: String,
}

#[derive(Clone, Debug)]
struct Refresh {
    token: String,
    expires_at: i64,
    first_used: Option<i64>,
    /// The one that it was made from: ends when this one is used.
    parent: Option<String>,
    secret: String,
}

/// The app in a shop.
#[derive(Clone, Debug)]
pub(in super::super) struct Installation {
    pub(in super::super) id: u64,
    /// Granted scopes, compressed.
    pub(in super::super) scopes: Vec<String>,
    access: Vec<Access>,
    refresh: Vec<Refresh>,
}

impl Installation {
    pub(in super::super) fn new(id: i64) -> Installation {
        let id = u64::try_from(id).unwrap_or_default();
        Installation { id, scopes: Vec::new(), access: Vec::new(), refresh: Vec::new() }
    }

    /// Whether a scope is granted, also by implication.
    pub(in super::super) fn allows(&self, scope: &str) -> bool {
        scopes::expand(&self.scopes).iter().any(|granted| granted == scope)
    }

    /// Whether an access token is good now.
    pub(in super::super) fn accepts(&self, token: &str, app: &AppOptions, now: i64) -> bool {
        let live = |one: &Access| one.expires_at.is_none_or(|at| now < at) && app.secrets.contains(&one.secret);
        self.access.iter().any(|one| one.token == token && live(one))
    }

    /// Whether a token that never expires is good.
    fn is_eternal(&self, token: &str) -> bool {
        self.access.iter().any(|one| one.token == token && one.expires_at.is_none())
    }

    fn minted(app: &AppOptions) -> String {
        app.secrets.last().cloned().unwrap_or_default()
    }

    /// A new pair that expires.
    pub(in super::super) fn issue(
        &mut self,
        dice: &mut Dice,
        app: &AppOptions,
        now: i64,
        parent: Option<String>,
    ) -> Installed {
        let (access, refresh) = (format!("shpat_{}", dice.hex(16)), format!("shprt_{}", dice.hex(16)));
        let secret = Installation::minted(app);
        self.access.retain(|one| one.expires_at.is_none_or(|at| now < at));
        self.access.push(Access {
            token: access.clone(),
            expires_at: Some(now + app.access_token_s),
            secret: secret.clone(),
        });
        let expires_at = now + app.refresh_token_s;
        self.refresh.push(Refresh { token: refresh.clone(), expires_at, first_used: None, parent, secret });
        Installed {
            access_token: access,
            scope: self.scopes.join(","),
            expires_in: Some(app.access_token_s),
            refresh_token: Some(refresh),
            refresh_token_expires_in: Some(app.refresh_token_s),
        }
    }

    /// A token without refresh: one that never expires, or one for a person that lasts a day.
    pub(in super::super) fn issue_alone(
        &mut self,
        dice: &mut Dice,
        app: &AppOptions,
        now: i64,
        life: Option<i64>,
    ) -> Installed {
        let start = if life.is_some() { "shpua_" } else { "shpat_" };
        let token = format!("{start}{}", dice.hex(16));
        self.access.push(Access {
            token: token.clone(),
            expires_at: life.map(|life| now + life),
            secret: Installation::minted(app),
        });
        Installed { access_token: token, scope: self.scopes.join(","), expires_in: life, ..Installed::default() }
    }

    /// A new pair for a refresh token, by the rule of replays: the old one works until the new one is first used, at
    /// most 30 days after its own first use, and never past its own end.
    pub(in super::super) fn refresh(
        &mut self,
        dice: &mut Dice,
        app: &AppOptions,
        now: i64,
        token: &str,
    ) -> Option<Installed> {
        let used = self.refresh.iter_mut().find(|one| one.token == token)?;
        let replayed = used.first_used.is_some_and(|at| now >= at + REPLAY_S);
        if now >= used.expires_at || replayed || !app.secrets.contains(&used.secret) {
            return None;
        }
        used.first_used = used.first_used.or(Some(now));
        if let Some(parent) = used.parent.take() {
            self.refresh.retain(|one| one.token != parent);
        }
        Some(self.issue(dice, app, now, Some(token.to_owned())))
    }

    /// A pair for a token that never expires, which ends by that.
    pub(in super::super) fn migrate(
        &mut self,
        dice: &mut Dice,
        app: &AppOptions,
        now: i64,
        token: &str,
    ) -> Option<Installed> {
        if !self.is_eternal(token) {
            return None;
        }
        self.access.retain(|one| one.token != token);
        Some(self.issue(dice, app, now, None))
    }
}
