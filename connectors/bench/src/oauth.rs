//! Refreshes at the platform's token endpoint.

use crate::faults::Fault;
use crate::finding::{Check, Findings};
use crate::proxy::Proxy;
use kit::failure::Failure;
use kit::install::Install;
use kit::platform::Platform;
use secrecy::{ExposeSecret, SecretString};

/// The install role of a connector whose tokens run out.
pub struct Refreshes<'a> {
    /// The role.
    pub role: &'static dyn Install,
    /// Where the double listens, without a trailing slash.
    pub address: String,
    /// The platform, with the double at an address.
    pub platform: &'a (dyn Fn(&str) -> Platform + Sync),
    /// The account.
    pub account: &'a str,
    /// A refresh token that is good, made anew each time it is asked for.
    pub good: &'a (dyn Fn() -> SecretString + Sync),
    /// A refresh token that the platform has taken back.
    pub revoked: SecretString,
}

impl Refreshes<'_> {
    pub(crate) async fn check(&self, findings: &mut Findings) {
        let proxy = match Proxy::start(self.address.clone(), || ()).await {
            Ok(proxy) => proxy,
            Err(why) => return findings.add(Check::Setup, "refresh", why.to_string()),
        };
        let platform = (self.platform)(proxy.address());
        match self.role.refresh(&platform, self.account, &(self.good)()).await {
            Ok(grant) if grant.access.expose_secret().is_empty() => {
                findings.add(Check::Refresh, "a good token", "the new token is empty");
            }
            Ok(_) => {}
            Err(why) => findings.add(Check::Refresh, "a good token", why.to_string()),
        }
        match self.role.refresh(&platform, self.account, &self.revoked).await {
            Err(Failure::NeedsAuthorization(_)) => {}
            other => findings.add(Check::Refresh, "a token that was taken back", told(&other.map(|_| ()))),
        }
        let faults = [
            Fault::TooMany,
            Fault::Status(500),
            Fault::Status(503),
            Fault::LostBefore,
            Fault::LostAfter,
            Fault::EndsAmid,
            Fault::Half,
        ];
        for fault in faults {
            proxy.plan_at(1, fault, true);
            let came = self.role.refresh(&platform, self.account, &(self.good)()).await.map(|_| ());
            let fine = matches!(came, Err(Failure::Retry { .. } | Failure::PlatformChanged(_)));
            findings.unless(fine, Check::Refresh, &format!("{fault:?}"), || told(&came));
            proxy.clear();
        }
    }
}

fn told(came: &Result<(), Failure>) -> String {
    match came {
        Ok(()) => "it gave a token".to_owned(),
        Err(why) => why.to_string(),
    }
}
