//! The same battery of checks for every connector: what a platform, a network or a forger may do to it.
//!
//! A connector's tests describe the platform's double and some samples, and call [`Battery::run`] once. What the
//! battery finds is returned, each with the check that found it: nothing found, nothing returned.

#![warn(missing_docs)]

pub mod calls;
pub mod double;
pub mod drift;
pub mod faults;
pub mod finding;
pub mod oauth;
pub mod outcome;
pub mod proxy;
pub mod receive;
pub mod spelling;
pub mod tokens;

pub use calls::{Calls, Clock, Pages, Partial};
pub use double::{Double, Task};
pub use finding::{Check, Finding, Findings};
pub use oauth::Refreshes;
pub use receive::{Receives, Sample, Signed};

/// What a connector brings to the battery. A role that it lacks is `None`.
#[derive(Default)]
pub struct Battery<'a> {
    /// Deliveries.
    pub receive: Option<Receives<'a>>,
    /// Calls to the platform.
    pub calls: Option<Calls<'a>>,
    /// New tokens.
    pub refresh: Option<Refreshes<'a>>,
}

impl Battery<'_> {
    /// Runs every check that the connector's roles allow. Needs a runtime of one thread when [`Calls::clock`] is set.
    ///
    /// # Errors
    /// What was found, each with its check and case.
    pub async fn run(&self) -> Result<(), Findings> {
        let mut findings = Findings::default();
        if let Some(receive) = &self.receive {
            receive.check(&mut findings);
        }
        if let Some(calls) = &self.calls {
            calls.check(&mut findings).await;
        }
        if let Some(refresh) = &self.refresh {
            refresh.check(&mut findings).await;
        }
        if findings.all.is_empty() { Ok(()) } else { Err(findings) }
    }
}
