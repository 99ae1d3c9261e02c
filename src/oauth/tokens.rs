//! The tokens of one connection: fresh whenever they are asked for, refreshed by one at a time.

use crate::control::rotation::now;
use crate::control::{Control, ControlError, StoredTokens};
use kit::failure::Failure;
use kit::install::{Install, RefreshReuse};
use kit::platform::Platform;
use kit::token::{Grant, Token, Tokens};
use model::{SourceId, Time, WorkspaceId};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use utoipa::ToSchema;

/// A token is refreshed when less than this is left, or less than a fifth of its life.
const MARGIN_MICROS: i64 = 5 * 60 * 1_000_000;
/// A refresh may take this long as a whole; it goes on when whoever asked for it does not.
const REFRESH_WAIT: Duration = Duration::from_secs(45);

/// How a connection's token stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// There is none.
    None,
    /// It is good.
    Fresh,
    /// It ends soon, or has ended, and is refreshed when it is needed.
    Expiring,
    /// A new one is being asked for.
    Refreshing,
    /// It can't be used: it is for another account, say. The merchant has to authorize again.
    Refused,
    /// The platform takes it no more and gives no other: uninstalled, taken back, or too long unused. The merchant
    /// has to authorize again.
    Revoked,
    /// The answer to a refresh was lost, and the old token was good once only: the merchant has to authorize again.
    Lost,
}

/// What is shown of a connection's token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct TokenStatus {
    /// How it stands.
    pub state: TokenState,
    /// When it ends, RFC 3339; absent when it does not.
    pub expires: Option<String>,
    /// When the right to refresh it ends, RFC 3339.
    pub refresh_expires: Option<String>,
    /// How often it was renewed.
    pub generation: u64,
    /// Why the platform refuses it.
    pub refused: Option<String>,
}

/// Hears of it when only the merchant can help.
pub trait Watch: Send + Sync {
    /// The platform refuses the connection's tokens.
    fn refused(&self, why: &str);
}

/// The tokens of one connection. All who need one share this.
pub struct ConnectionTokens {
    control: Arc<Control>,
    place: (WorkspaceId, SourceId),
    install: &'static dyn Install,
    /// Our app, and the account as it is spelled: both may change.
    at: Mutex<(Arc<Platform>, String)>,
    watch: Arc<dyn Watch>,
    /// Held over a refresh: whoever comes meanwhile waits and gets the new token.
    one_at_a_time: Arc<tokio::sync::Mutex<()>>,
    /// The generation whose refresh came to no answer while we looked on. Its token may be good still (a platform that
    /// is down took nothing): it is shown once more, which spends nothing that is not lost already.
    unanswered: AtomicU64,
}

/// No generation.
const NONE: u64 = u64::MAX;

impl ConnectionTokens {
    /// The tokens of a connection. A refresh whose answer was lost is noticed here where it matters.
    pub fn open(
        control: Arc<Control>,
        place: (WorkspaceId, SourceId),
        (install, platform): (&'static dyn Install, Arc<Platform>),
        account: &str,
        watch: Arc<dyn Watch>,
    ) -> Result<Arc<ConnectionTokens>, ControlError> {
        let tokens = Arc::new(ConnectionTokens {
            control,
            place,
            install,
            at: Mutex::new((platform, account.to_owned())),
            watch,
            one_at_a_time: Arc::default(),
            unanswered: AtomicU64::new(NONE),
        });
        if let Some(stored) = tokens.load()? {
            if let Some(why) = &stored.refused {
                tokens.watch.refused(why);
            } else if tokens.is_lost(&stored) {
                tokens.watch.refused(LOST);
            }
        }
        Ok(tokens)
    }

    fn load(&self) -> Result<Option<StoredTokens>, ControlError> {
        self.control.tokens(&self.place.0, &self.place.1)
    }

    fn keep(&self, tokens: &StoredTokens) -> Result<(), ControlError> {
        self.control.put_tokens(&self.place.0, &self.place.1, tokens)
    }

    /// Whether a refresh was begun and nobody knows what came of it, where that matters. Of use only while no refresh
    /// is under way: to whoever holds the turn.
    fn is_lost(&self, stored: &StoredTokens) -> bool {
        stored.refresh_begun
            && self.install.capabilities().refresh_reuse == RefreshReuse::Never
            && !self.is_unanswered(stored)
    }

    fn is_unanswered(&self, stored: &StoredTokens) -> bool {
        self.unanswered.load(Ordering::Acquire) == stored.generation
    }

    /// Our app was set anew, or the account is known now.
    pub fn set_platform(&self, platform: Arc<Platform>, account: &str) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = (platform, account.to_owned());
    }

    /// Keeps what an authorization gave. A refresh that is under way ends first: it must not write over it.
    pub async fn grant(&self, grant: &Grant) -> Result<(), ControlError> {
        let _turn = self.one_at_a_time.lock().await;
        let before = self.load()?;
        self.keep(&StoredTokens::of(grant, before.as_ref(), now()))
    }

    /// The tokens turned out to be for somebody else: nothing is done with them any more.
    pub async fn disown(&self, why: &str) -> Result<(), ControlError> {
        let _turn = self.one_at_a_time.lock().await;
        let Some(stored) = self.load()? else { return Ok(()) };
        self.keep(&StoredTokens { refused: Some(why.to_owned()), ..stored })
    }

    /// Forgets the tokens. A refresh that is under way ends first: it must not bring them back.
    pub async fn forget(&self) -> Result<(), ControlError> {
        let _turn = self.one_at_a_time.lock().await;
        self.control.delete_tokens(&self.place.0, &self.place.1)
    }

    /// Whether there are tokens that nobody has refused.
    pub fn are_good(&self) -> bool {
        let turn = self.one_at_a_time.try_lock();
        self.unrefused().is_ok_and(|stored| turn.is_err() || !self.is_lost(&stored))
    }

    /// The scopes that came with the tokens.
    pub fn scopes(&self) -> Result<Option<Vec<String>>, ControlError> {
        Ok(self.load()?.and_then(|stored| stored.scopes))
    }

    /// How the token stands.
    pub fn status(&self) -> Result<TokenStatus, ControlError> {
        let turn = self.one_at_a_time.try_lock();
        let Some(stored) = self.load()? else {
            let (expires, refresh_expires, refused) = (None, None, None);
            return Ok(TokenStatus { state: TokenState::None, expires, refresh_expires, generation: 0, refused });
        };
        let state = if stored.refused.is_some() {
            if stored.revoked { TokenState::Revoked } else { TokenState::Refused }
        } else if turn.is_err() {
            TokenState::Refreshing
        } else if self.is_lost(&stored) {
            TokenState::Lost
        } else if expires_soon(&stored, now()) {
            TokenState::Expiring
        } else {
            TokenState::Fresh
        };
        Ok(TokenStatus {
            state,
            expires: stored.expires.map(|time| time.to_string()),
            refresh_expires: stored.refresh_expires.map(|time| time.to_string()),
            generation: stored.generation,
            refused: stored.refused,
        })
    }

    /// Refreshes the token if it ends soon: keeps a connection alive that nobody uses.
    pub async fn keep_fresh(self: &Arc<Self>) -> Result<(), Failure> {
        match self.load().map_err(unkept)? {
            Some(stored) if stored.refused.is_none() && expires_soon(&stored, now()) => {
                self.renew(&stored, ENDED).await.map(|_| ())
            }
            _ => Ok(()),
        }
    }

    fn unrefused(&self) -> Result<StoredTokens, Failure> {
        let stored = self.load().map_err(unkept)?;
        let stored = stored.ok_or_else(|| Failure::NeedsAuthorization("the connection has no token".to_owned()))?;
        match &stored.refused {
            Some(why) => Err(Failure::NeedsAuthorization(why.clone())),
            None => Ok(stored),
        }
    }

    /// The same for whoever holds the turn.
    fn usable_in_turn(&self) -> Result<StoredTokens, Failure> {
        match self.unrefused()? {
            stored if self.is_lost(&stored) => Err(Failure::NeedsAuthorization(LOST.to_owned())),
            stored => Ok(stored),
        }
    }

    /// Tokens that can be used. A refresh that is under way is no lost one: it is waited for.
    async fn usable(&self) -> Result<StoredTokens, Failure> {
        match self.unrefused()? {
            stored if self.is_lost(&stored) => {
                let _turn = self.one_at_a_time.lock().await;
                self.usable_in_turn()
            }
            stored => Ok(stored),
        }
    }

    /// Another token than `old`, which is of no use because of `why`: that of somebody who was faster, or a new one.
    async fn renew(&self, old: &StoredTokens, why: &str) -> Result<StoredTokens, Failure> {
        let turn = Arc::clone(&self.one_at_a_time).lock_owned().await;
        let stored = self.usable_in_turn()?;
        if stored.generation > old.generation {
            return Ok(stored);
        }
        let Some(refresh) = stored.refresh.clone() else {
            return Err(self.refuse(&stored, why));
        };
        // The answer holds a pair that may come once only: the call must not end with whoever waits for it.
        let (platform, account) = self.at.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (control, place, install) = (Arc::clone(&self.control), self.place.clone(), self.install);
        let call = RefreshCall { control, place, install, platform, account };
        // The turn comes back with the answer: nothing is written in between.
        let done = tokio::spawn(async move {
            let answer = call.run(&stored, &refresh).await;
            (answer, stored, turn)
        });
        match done.await {
            Ok((Ok(fresh), ..)) => Ok(fresh),
            Ok((Err(Failure::NeedsAuthorization(_)), stored, _turn)) if self.is_unanswered(&stored) => {
                // The answer that did not come held the new pair.
                self.unanswered.store(NONE, Ordering::Release);
                Err(self.lose(&stored))
            }
            Ok((Err(Failure::NeedsAuthorization(why)), stored, _turn)) => Err(self.refuse(&stored, &why)),
            Ok((Err(failure), stored, _turn)) => {
                let once = self.install.capabilities().refresh_reuse == RefreshReuse::Never;
                if once && !matches!(failure, Failure::Refused(_)) {
                    self.unanswered.store(stored.generation, Ordering::Release);
                }
                Err(failure)
            }
            Err(why) => Err(Failure::retry(format!("the refresh ended badly: {why}"), None)),
        }
    }

    /// For whoever holds the turn: a refresh was begun, and what it gave is lost.
    fn lose(&self, stored: &StoredTokens) -> Failure {
        if let Err(failed) = self.keep(&StoredTokens { refresh_begun: true, ..stored.clone() }) {
            return unkept(failed);
        }
        self.watch.refused(LOST);
        Failure::NeedsAuthorization(LOST.to_owned())
    }

    /// For whoever holds the turn: the tokens are as they were read in it.
    fn refuse(&self, stored: &StoredTokens, why: &str) -> Failure {
        let refused = Some(why.to_owned());
        let refused = StoredTokens { refused, revoked: true, refresh_begun: false, ..stored.clone() };
        if let Err(failed) = self.keep(&refused) {
            return unkept(failed);
        }
        self.watch.refused(why);
        Failure::NeedsAuthorization(why.to_owned())
    }
}

const ENDED: &str = "the token has ended and can't be refreshed";
const LOST: &str = "the answer to a refresh was lost, and this platform's refresh tokens are good once only";

/// One refresh, that goes on by itself.
struct RefreshCall {
    control: Arc<Control>,
    place: (WorkspaceId, SourceId),
    install: &'static dyn Install,
    platform: Arc<Platform>,
    account: String,
}

impl RefreshCall {
    async fn run(&self, stored: &StoredTokens, refresh: &secrecy::SecretString) -> Result<StoredTokens, Failure> {
        let keep =
            |tokens: &StoredTokens| self.control.put_tokens(&self.place.0, &self.place.1, tokens).map_err(unkept);
        keep(&StoredTokens { refresh_begun: true, ..stored.clone() })?;
        let call = self.install.refresh(&self.platform, &self.account, refresh);
        let answer = tokio::time::timeout(REFRESH_WAIT, call).await;
        let grant = match answer.unwrap_or_else(|_| Err(Failure::retry("the refresh timed out", None))) {
            Ok(grant) => grant,
            Err(failure) => {
                // Whether a lost answer spent the token is known of platforms whose tokens may be used again only.
                let known = self.install.capabilities().refresh_reuse == RefreshReuse::UntilNewIsUsed
                    || matches!(failure, Failure::NeedsAuthorization(_) | Failure::Refused(_));
                if known {
                    keep(&StoredTokens { refresh_begun: false, ..stored.clone() })?;
                }
                return Err(failure);
            }
        };
        let fresh = StoredTokens::of(&grant, Some(stored), now());
        keep(&fresh)?;
        Ok(fresh)
    }
}

fn expires_soon(stored: &StoredTokens, now: Time) -> bool {
    stored.expires.is_some_and(|end| {
        let fifth = end.0.saturating_sub(stored.issued.0) / 5;
        end <= now.plus_micros(MARGIN_MICROS.min(fifth))
    })
}

fn still_good(stored: &StoredTokens) -> bool {
    stored.expires.is_none_or(|end| end > now())
}

fn unkept(why: ControlError) -> Failure {
    Failure::retry(format!("tokens can't be kept: {why}"), None)
}

fn token(stored: &StoredTokens) -> Token {
    Token { value: stored.access.clone(), generation: stored.generation }
}

#[async_trait::async_trait]
impl Tokens for ConnectionTokens {
    async fn current(&self) -> Result<Token, Failure> {
        let stored = self.usable().await?;
        if !expires_soon(&stored, now()) {
            return Ok(token(&stored));
        }
        match self.renew(&stored, ENDED).await {
            Ok(fresh) => Ok(token(&fresh)),
            Err(Failure::NeedsAuthorization(why)) => Err(Failure::NeedsAuthorization(why)),
            Err(_) if still_good(&stored) => Ok(token(&stored)),
            Err(failure) => Err(failure),
        }
    }

    async fn refused(&self, refused: &Token, why: &str) -> Result<Token, Failure> {
        let stored = self.usable().await?;
        if stored.generation > refused.generation {
            return Ok(token(&stored));
        }
        self.renew(&stored, why).await.map(|fresh| token(&fresh))
    }
}
