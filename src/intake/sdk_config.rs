//! The settings documents that browser SDKs fetch before they send anything.

use serde_json::{Value, json};

/// What analytics.js needs: exactly one integration, which posts to our address.
pub(super) fn segment_settings(write_key: &str, url: &str) -> Value {
    let (protocol, host) = url.split_once("://").unwrap_or(("https", url));
    json!({
        "integrations": {
            "Segment.io": {
                "apiKey": write_key,
                "apiHost": format!("{host}/v1"),
                "protocol": protocol,
                "unbundledIntegrations": [],
                "addBundledMetadata": true,
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]}
            }
        },
        "plan": {
            "track": {"__default": {"enabled": true, "integrations": {}}},
            "identify": {"__default": {"enabled": true}},
            "group": {"__default": {"enabled": true}}
        },
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": []
    })
}

/// What RudderStack's browser SDK needs: an enabled source without destinations.
pub(super) fn rudder_source(write_key: &str, source: &str, workspace: &str, url: &str) -> Value {
    json!({
        "source": {
            "id": source,
            "name": source,
            "writeKey": write_key,
            "enabled": true,
            "workspaceId": workspace,
            "config": {"statsCollection": {"errors": {"enabled": false}, "metrics": {"enabled": false}}},
            "destinations": [],
            "dataplanes": {"US": [{"url": url, "default": true}]}
        },
        "updatedAt": "2026-01-01T00:00:00Z"
    })
}
