//! Single contacts, as they are now.

use crate::api::{Api, BATCH_MAX};
use crate::contact::{GONE, MERGED, Reading, is_id};
use crate::wire::Contact;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::receive::{Facts, Pointer, Request};
use model::Time;
use std::collections::{BTreeMap, BTreeSet};

/// Reads the contacts that pointers are about. One that is said to be gone, and is, is forgotten; one that lives on in
/// another was merged.
pub(crate) async fn fetch(connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
    let (api, reading) = (Api(connection), Reading::of(connection, received));
    let (mut all, properties) = (Facts::default(), reading.properties());
    let ids: BTreeSet<&str> = pointers.iter().map(|one| one.id.as_str()).filter(|id| is_id(id)).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut found: BTreeMap<String, Contact> = BTreeMap::new();
    for part in ids.chunks(BATCH_MAX) {
        let answer = api.read(None, part, &properties).await?;
        found.extend(answer.results.into_iter().map(|contact| (contact.id.clone(), contact)));
    }
    for contact in found.values() {
        let facts = reading.facts(contact);
        all.events.extend(facts.events);
        all.versions.extend(facts.versions);
    }
    let lives = |id: &str| {
        let is = |contact: &Contact| contact.text(MERGED).split(';').any(|merged| merged.trim() == id);
        found.get(id).is_some_and(|contact| !contact.archived) || found.values().any(is)
    };
    for pointer in pointers.iter().filter(|one| one.kind == GONE && is_id(&one.id)) {
        if !lives(&pointer.id) {
            all.requests.push(Request::Forget { identities: vec![reading.identity(&pointer.id)] });
        }
    }
    Ok(all)
}
