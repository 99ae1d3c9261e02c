//! The control over HTTP: what the Rust methods do, under `/_sim`.

use super::contact::Properties;
use super::faults::{Fates, Faults};
use super::server::{Reply, Shared, json_reply, reply};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|why| why.to_string())
}

pub(super) fn answer(shared: &Shared, method: &str, path: &[&str], body: &[u8]) -> Reply {
    match run(shared, method, path, body) {
        Ok(Value::Null) => reply(204, "", bytes::Bytes::new()),
        Ok(value) => json_reply(200, &value),
        Err(why) => json_reply(400, &json!({ "error": why })),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn run(shared: &Shared, method: &str, path: &[&str], body: &[u8]) -> Result<Value, String> {
    let mut world = shared.world();
    match (method, path) {
        ("POST", ["portals", portal, "contacts"]) => {
            let (portal, contacts) = (number(portal)?, read::<Vec<Properties>>(body)?);
            let ids: Vec<u64> = contacts.iter().map(|one| world.add(portal, one)).collect();
            Ok(json!(ids))
        }
        ("GET", ["portals", portal, "contacts"]) => Ok(json!(world.views(number(portal)?))),
        ("POST", ["portals", portal, "contacts", id]) => {
            world.change(number(portal)?, number(id)?, &read(body)?);
            Ok(Value::Null)
        }
        ("DELETE", ["portals", portal, "contacts", id]) => {
            world.archive(number(portal)?, number(id)?);
            Ok(Value::Null)
        }
        ("GET", ["portals", portal, "lists", name]) => Ok(json!(world.members(number(portal)?, name))),
        ("GET", ["faults"]) => Ok(json!(world.fates.faults)),
        ("PUT", ["faults"]) => {
            world.fates = Fates::new(read::<Faults>(body)?);
            Ok(Value::Null)
        }
        ("GET", ["exchanges"]) => Ok(json!(world.exchanges)),
        ("GET", ["deliveries"]) => Ok(json!(world.attempts)),
        _ => Err(format!("there is no {method} /_sim/{}", path.join("/"))),
    }
}
