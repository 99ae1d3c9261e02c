//! Tokens of one connection, as the daemon gives them: one refresh for all who wait.

use kit::failure::Failure;
use kit::token::{Token, Tokens};
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Mutex;

/// Where a new token comes from; `None` when there is none any more.
pub type Renew = Arc<dyn Fn() -> Option<SecretString> + Send + Sync>;

/// Tokens that are renewed when the platform refuses them.
pub struct Renewed {
    held: Mutex<Token>,
    renew: Renew,
    refreshes: AtomicUsize,
}

impl Renewed {
    /// Begins with a token.
    pub fn new(token: SecretString, renew: Renew) -> Renewed {
        Renewed { held: Mutex::new(Token { value: token, generation: 1 }), renew, refreshes: AtomicUsize::new(0) }
    }

    /// How many refreshes there were.
    pub fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl Tokens for Renewed {
    async fn current(&self) -> Result<Token, Failure> {
        Ok(self.held.lock().await.clone())
    }

    async fn refused(&self, token: &Token, why: &str) -> Result<Token, Failure> {
        let mut held = self.held.lock().await;
        if held.generation == token.generation {
            let value = (self.renew)().ok_or_else(|| Failure::NeedsAuthorization(why.to_owned()))?;
            self.refreshes.fetch_add(1, Ordering::Relaxed);
            *held = Token { value, generation: token.generation + 1 };
        }
        Ok(held.clone())
    }
}
