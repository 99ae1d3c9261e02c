//! What an operator sets for all stores, and a merchant for one.

use kit::failure::Failure;
use kit::platform::Platform;
use model::ConsentState;
use serde_json::{Map, Value};
use std::time::Duration;

/// Our name on the store's consent page unless `app_name` is set.
const APP_NAME: &str = "segmentd";
/// A call may take this long, seconds: shared hosts are slow.
const TIMEOUT_S: u64 = 60;
/// All customers are read again so often, hours.
const SWEEP_HOURS: i64 = 24;
/// What plugins write for yes and no unless it is set.
const YES: [&str; 6] = ["1", "yes", "true", "on", "subscribed", "optin"];
const NO: [&str; 6] = ["0", "no", "false", "off", "unsubscribed", "optout"];
/// Settings of a connection.
const KNOWN: [&str; 5] = ["email_consent_meta", "sms_consent_meta", "consent_yes", "consent_no", "sweep_hours"];

/// Whether stores at plain http addresses may be connected.
pub(crate) fn allows_plain_http(platform: &Platform) -> bool {
    platform.settings.get("allow_plain_http").and_then(Value::as_bool).unwrap_or(false)
}

/// Our name on the store's consent page.
pub(crate) fn app_name(platform: &Platform) -> &str {
    platform.text("app_name").unwrap_or(APP_NAME)
}

/// How long one call may take.
pub(crate) fn timeout(platform: &Platform) -> Duration {
    let set = platform.settings.get("timeout_s").and_then(Value::as_u64);
    Duration::from_secs(set.unwrap_or(TIMEOUT_S).clamp(1, 600))
}

/// After how many hours all customers are read again; `None` for never.
pub(crate) fn sweep_hours(settings: &Map<String, Value>) -> Option<i64> {
    let hours = settings.get("sweep_hours").and_then(Value::as_i64).unwrap_or(SWEEP_HOURS);
    (hours > 0).then_some(hours)
}

/// Says which setting of a connection can't be used.
pub(crate) fn check(settings: &Map<String, Value>) -> Result<(), Failure> {
    if let Some(name) = settings.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(Failure::Refused(format!("{name}: not a setting of a WooCommerce store")));
    }
    let wrong = |name: &str, expected: &str| Failure::Refused(format!("{name}: expected {expected}"));
    for name in ["email_consent_meta", "sms_consent_meta"] {
        if settings.get(name).is_some_and(|value| value.as_str().is_none_or(|text| text.trim().is_empty())) {
            return Err(wrong(name, "the name of a meta field"));
        }
    }
    for name in ["consent_yes", "consent_no"] {
        let texts = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        if settings.get(name).is_some_and(|value| !texts(value)) {
            return Err(wrong(name, "a list of texts"));
        }
    }
    match settings.get("sweep_hours") {
        Some(hours) if !hours.as_i64().is_some_and(|hours| (0..=24 * 365).contains(&hours)) => {
            Err(wrong("sweep_hours", "hours, or 0 for never"))
        }
        _ => Ok(()),
    }
}

/// What a meta field's value says of consent; `None` for nothing.
pub(crate) fn consent(settings: &Map<String, Value>, value: &str) -> Option<ConsentState> {
    let says = |name: &str, usual: &[&str]| match settings.get(name).and_then(Value::as_array) {
        Some(list) => list.iter().filter_map(Value::as_str).any(|text| text.trim().eq_ignore_ascii_case(value.trim())),
        None => usual.iter().any(|text| text.eq_ignore_ascii_case(value.trim())),
    };
    if says("consent_yes", &YES) {
        Some(ConsentState::Subscribed)
    } else {
        says("consent_no", &NO).then_some(ConsentState::Unsubscribed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn settings_are_checked() {
        assert_eq!(
            check(&map(json!({"email_consent_meta": "_optin", "consent_yes": ["si"], "sweep_hours": 6}))),
            Ok(())
        );
        for wrong in [
            json!({"email_consent": "x"}),
            json!({"email_consent_meta": 1}),
            json!({"sms_consent_meta": " "}),
            json!({"consent_no": "no"}),
            json!({"sweep_hours": -1}),
        ] {
            assert!(matches!(check(&map(wrong.clone())), Err(Failure::Refused(_))), "{wrong}");
        }
        assert_eq!(sweep_hours(&map(json!({"sweep_hours": 0}))), None);
        assert_eq!(sweep_hours(&Map::new()), Some(24));
    }

    #[test]
    fn only_known_words_are_statements() {
        let none = Map::new();
        assert_eq!(consent(&none, "1"), Some(ConsentState::Subscribed));
        assert_eq!(consent(&none, "No"), Some(ConsentState::Unsubscribed));
        assert_eq!((consent(&none, ""), consent(&none, "maybe")), (None, None));
        let own = map(json!({"consent_yes": ["Sí"]}));
        assert_eq!((consent(&own, "1"), consent(&own, "Sí")), (None, Some(ConsentState::Subscribed)));
    }
}
