//! The control API over HTTP: what the Rust methods do, under `/_sim`.

use super::control::{Deed, NewContact};
use super::counters::Counters;
use super::faults::{Fates, Faults};
use super::hooks::Source;
use super::server::{Reply, Shared, json_reply, reply};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAudience {
    name: String,
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DoneBy {
    email: String,
    #[serde(default)]
    source: Source,
    deed: Deed,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct TagEdit {
    add: Vec<String>,
    remove: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    secret: String,
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|why| why.to_string())
}

/// Text of a part of a path.
fn plain(part: &str) -> String {
    super::query::pairs(&format!("v={}", part.replace('+', "%2B"))).pop().map(|(_, text)| text).unwrap_or_default()
}

pub(super) fn answer(shared: &Shared, method: &str, path: &[&str], body: &[u8]) -> Reply {
    match run(shared, method, path, body) {
        Ok(Value::Null) => reply(204, "", bytes::Bytes::new()),
        Ok(value) => json_reply(200, &value),
        Err(why) => json_reply(400, &json!({"error": why})),
    }
}

fn run(shared: &Shared, method: &str, path: &[&str], body: &[u8]) -> Result<Value, String> {
    let mut world = shared.world();
    let done = Ok(Value::Null);
    match (method, path) {
        ("POST", ["audiences"]) => {
            let new: NewAudience = read(body)?;
            Ok(json!({"id": world.create_audience(new.id.as_deref(), &new.name)}))
        }
        ("POST", ["audiences", list, "contacts"]) => {
            world.add_contacts(list, &read::<Vec<NewContact>>(body)?)?;
            done
        }
        ("GET", ["audiences", list, "contacts"]) => Ok(json!(world.contacts(list)?)),
        ("POST", ["audiences", list, "deeds"]) => {
            let by: DoneBy = read(body)?;
            world.deed(list, &by.email, &by.deed, by.source)?;
            done
        }
        ("GET", ["audiences", list, "tags", tag]) => Ok(json!(world.tag_members(list, &plain(tag))?)),
        ("POST", ["audiences", list, "tags", tag]) => {
            let edit: TagEdit = read(body)?;
            world.edit_tag(list, &plain(tag), &edit.add, &edit.remove)?;
            done
        }
        ("GET", ["faults"]) => Ok(json!(world.fates.faults)),
        ("PUT", ["faults"]) => {
            world.fates = Fates::new(read::<Faults>(body)?);
            done
        }
        ("GET", ["counters"]) => Ok(json!(world.counters)),
        ("GET", ["violations"]) => Ok(json!(world.violations)),
        ("GET", ["deliveries"]) => Ok(json!(world.attempts)),
        ("POST", ["reset"]) => {
            world.counters = Counters::default();
            world.violations.clear();
            world.attempts.clear();
            done
        }
        ("PUT", ["refused"]) => {
            world.refused = read::<Vec<String>>(body)?.iter().map(|email| email.to_lowercase()).collect();
            done
        }
        ("POST", ["keys"]) => {
            let secret: Secret = read(body)?;
            world.account.keys.insert(secret.secret);
            done
        }
        ("POST", ["revoke"]) => match world.account.revoke(&read::<Secret>(body)?.secret) {
            true => done,
            false => Err("no such key or token".to_owned()),
        },
        ("PUT", ["disabled"]) => {
            world.account.disabled = read(body)?;
            done
        }
        _ => Err(format!("there is no {method} /_sim/{}", path.join("/"))),
    }
}
