//! The platform's double, as the battery plays with it, and what it asks a connector to do there.

use kit::platform::Connection;
use kit::receive::Pointer;
use kit::sync::{Batch, Destination};
use kit::token::Tokens;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A platform's double: an HTTP server that keeps to the platform's rules.
pub trait Double: Send + Sync {
    /// Where it listens, without a trailing slash.
    fn address(&self) -> String;

    /// A connection whose calls go to `address` instead, with these tokens. Its limit should be far above what a task
    /// needs (1,000 calls a second): a rate limiter's own clock can't be stopped.
    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection;

    /// The list that batches go to, over a connection.
    fn destination(&self, connection: Connection) -> Option<Arc<dyn Destination>> {
        let _ = connection;
        None
    }

    /// A token that it takes.
    fn token(&self) -> SecretString;

    /// It takes no token of before any more; the one that it takes now.
    fn expire(&self) -> SecretString;

    /// Everything as it was at the beginning, its tokens too.
    fn reset(&self);

    /// Something changes there while a task is under way, after its `nth` page: things of the pages that were read
    /// are updated, new ones come, others go.
    fn change(&self, nth: usize) {
        let _ = nth;
    }

    /// The identifiers that the list holds.
    fn members(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// It refuses this identifier from now on, and only it.
    fn refuse(&self, identifier: &str) {
        let _ = identifier;
    }
}

/// What a connector is asked to do.
#[derive(Clone, Debug)]
pub enum Task {
    /// The past of a stream.
    Backfill(&'static str),
    /// What changed in a stream since the instant, seconds since the epoch.
    Poll(&'static str, i64),
    /// Single things.
    Fetch(Vec<Pointer>),
    /// Who the token is for.
    Identify,
    /// What is registered there.
    Register,
    /// Changes of a list.
    Push(Batch),
    /// What a list holds, to the end.
    Held,
    /// Which of these a list holds.
    Holds(Vec<String>),
}

impl Task {
    /// Its name in findings.
    pub fn name(&self) -> String {
        match self {
            Task::Backfill(stream) => format!("backfill of {stream}"),
            Task::Poll(stream, _) => format!("poll of {stream}"),
            Task::Fetch(pointers) => {
                format!("fetch of {}", pointers.first().map_or("nothing", |one| one.kind.as_str()))
            }
            Task::Identify => "identify".to_owned(),
            Task::Register => "register".to_owned(),
            Task::Push(_) => "push".to_owned(),
            Task::Held => "held".to_owned(),
            Task::Holds(_) => "holds".to_owned(),
        }
    }
}
