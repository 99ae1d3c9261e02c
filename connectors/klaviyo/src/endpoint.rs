//! Where Klaviyo is, how calls show who they are, and how often each endpoint may be called.

use kit::api::bearer;
use kit::http::Request;
use kit::platform::Platform;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// The revision of the API that the requests keep to; one lives two years.
const REVISION: &str = "2026-07-15";
/// How private keys begin.
const KEY_PREFIX: &str = "pk_";
/// How much of the documented rates is taken.
const RATE_PERCENT: u64 = 99;

/// Where browsers are sent.
pub(crate) fn site(platform: &Platform) -> String {
    platform.base("www", "https://www.klaviyo.com")
}

/// The API, and the token endpoint.
pub(crate) fn api(platform: &Platform) -> String {
    platform.base("a", "https://a.klaviyo.com")
}

/// The revision that is asked for: the setting `revision`, or the one that this was written for.
pub(crate) fn revision(platform: &Platform) -> String {
    platform.text("revision").unwrap_or(REVISION).to_owned()
}

/// Whether a credential is a private key; all others are tokens of the OAuth flow.
pub(crate) fn is_key(token: &SecretString) -> bool {
    token.expose_secret().trim().starts_with(KEY_PREFIX)
}

/// Puts the credential in its place.
pub(crate) fn authorize(request: Request, token: &SecretString) -> Request {
    if is_key(token) {
        return request.header("authorization", format!("Klaviyo-API-Key {}", token.expose_secret().trim()));
    }
    bearer(request, token)
}

/// Endpoints that are counted apart. What is not among them is called too seldom to matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lane {
    /// Imports that are begun.
    Import,
    /// How imports stand.
    Job,
    /// What imports did not take.
    ImportErrors,
    /// Profiles that leave a list.
    Remove,
    /// Profiles of a list.
    Members,
    /// Profiles of the account.
    Profiles,
    /// Profiles that are deleted for good.
    Delete,
}

impl Lane {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lane::Import => "import",
            Lane::Job => "job",
            Lane::ImportErrors => "import errors",
            Lane::Remove => "remove",
            Lane::Members => "members",
            Lane::Profiles => "profiles",
            Lane::Delete => "delete",
        }
    }

    /// Calls of a minute that Klaviyo takes. Those of a second are kept by the gap between two calls, too.
    fn a_minute(self) -> u32 {
        match self {
            Lane::Import | Lane::Job | Lane::ImportErrors | Lane::Remove => 150,
            Lane::Members | Lane::Profiles => 750,
            Lane::Delete => 60,
        }
    }

    /// The gap between two calls. The setting `rate_percent` says how much of the documented rates is ours: all but one
    /// percent, which is left for windows that are not ours; less where other programs use keys of the same account.
    pub(crate) fn gap(self, platform: &Platform) -> Duration {
        let asked = platform.settings.get("rate_percent").and_then(serde_json::Value::as_u64);
        let percent = asked.unwrap_or(RATE_PERCENT).clamp(1, 100_000);
        Duration::from_micros(60_000_000 * 100 / (u64::from(self.a_minute()) * percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_go_each_in_their_own_way() {
        let header = |token: &str| {
            let request = authorize(Request::get("http://x"), &token.into());
            request.headers.into_iter().find(|(name, _)| *name == "authorization").unwrap().1
        };
        assert_eq!(header("pk_0123456789abcdef\n"), "Klaviyo-API-Key pk_0123456789abcdef");
        assert_eq!(header("eyJhbGciOi"), "Bearer eyJhbGciOi");
    }

    #[test]
    fn gaps_keep_the_documented_rates() {
        let platform = |settings: serde_json::Value| Platform {
            settings: settings.as_object().unwrap().clone(),
            ..Platform::default()
        };
        let (usual, half) = (platform(serde_json::json!({})), platform(serde_json::json!({ "rate_percent": 50 })));
        for (lane, a_minute) in [(Lane::Import, 150), (Lane::Members, 750), (Lane::Delete, 60)] {
            assert!(lane.gap(&usual) * a_minute >= Duration::from_secs(60), "{lane:?}");
            assert!(lane.gap(&usual) * a_minute <= Duration::from_secs(61), "{lane:?}: slower than need be");
            assert_eq!(lane.gap(&half) * a_minute, Duration::from_secs(120), "{lane:?}");
        }
    }
}
