//! Signatures by the plugin's own formula.

mod support;

use kit::receive::Delivery;
use secrecy::SecretString;
use serde_json::Value;
use support::{headers, receive, shared};

fn pairs(value: &Value) -> Vec<(&str, &str)> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

#[test]
fn signatures_are_judged_as_the_plugin_makes_them() {
    let Some(text) = shared("captures/woocommerce-signatures.json") else { return };
    let captures: Value = serde_json::from_str(&text).unwrap();
    let vectors = captures["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 6);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let headers = headers(&pairs(&vector["headers"]));
        let delivery = Delivery {
            headers: &headers,
            url: "",
            query: None,
            body: vector["body_text"].as_str().unwrap().as_bytes(),
        };
        let secrets: [SecretString; 2] = ["another".into(), vector["hmac_key"].as_str().unwrap().into()];
        let verdict = receive().verify(&delivery, &secrets, 0);
        assert_eq!(verdict.is_ok(), vector["right"].as_bool().unwrap(), "{name}: {verdict:?}");
        assert!(receive().verify(&delivery, &secrets[..1], 0).is_err(), "{name}");
        assert!(receive().verify(&delivery, &[], 0).is_err(), "{name}");
    }
    let ping = &captures["ping"];
    let body = ping["body_text"].as_str().unwrap();
    let headers = headers(&pairs(&ping["headers"]));
    assert!(
        receive().verify(&Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() }, &[], 0).is_ok()
    );
}
