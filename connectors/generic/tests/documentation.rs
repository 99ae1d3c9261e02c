//! The example of docs/generic-connector.md comes to what the page says.

use kit::signature::hmac_sha256;
use model::Time;
use segmentd_connector_generic::trial::{Sample, sample};
use segmentd_connector_generic::{Description, read};
use serde_json::Value;

/// The blocks of a language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let page = include_str!("../../../docs/generic-connector.md");
    let begins = format!("```{language}\n");
    let parts = page.split(begins.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_example_of_the_page_works() {
    let description = read("kiosk.toml", &blocks("toml")[0]).unwrap_or_else(|problems| panic!("{problems}"));
    let of: &'static Description = Box::leak(Box::new(description));
    let json = blocks("json");
    let payload = json[0].trim_end();
    let time = Time::parse("2026-03-01T12:00:05Z").unwrap();
    let seconds = time.0 / 1_000_000;
    let mac = hmac_sha256(&"s3cret".into(), format!("{seconds}.{payload}").as_bytes()).unwrap();
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let given = Sample {
        payload: payload.as_bytes().to_vec(),
        headers: vec![format!("Kiosk-Signature: t={seconds},v1={hex}")],
        secret: Some("s3cret".into()),
        now: time,
        ..Sample::default()
    };
    let came = sample(of, &given).unwrap();
    assert_eq!(came["events"][0], serde_json::from_str::<Value>(&json[1]).unwrap());
    assert_eq!((&came["delivery_id"], &came["signature"]), (&"d-1".into(), &"good".into()));
    let late = Sample { now: time.plus_micros(301_000_000), ..given.clone() };
    assert!(sample(of, &late).unwrap_err().contains("too far from now"));
    let forged = Sample { secret: Some("another".into()), ..given };
    assert!(sample(of, &forged).unwrap_err().contains("not made with our secret"));
}
