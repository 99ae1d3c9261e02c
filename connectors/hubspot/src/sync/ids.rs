//! From addresses to contacts' numbers.

use super::HubspotList;
use crate::api::{BATCH_MAX, Denied};
use crate::contact::addresses;
use crate::wire::{Contact, Upsert};
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use kit::failure::Failure;
use kit::sync::Change;
use std::collections::{BTreeMap, BTreeSet};

/// Calls at the same time.
const AT_ONCE: usize = 4;
/// What is asked of contacts to tell whose an address is.
pub(super) const ADDRESSES: [&str; 2] = ["email", crate::contact::MORE_ADDRESSES];
/// A contact without an address is called by its number, so that it can be taken out.
pub(super) const NUMBERED: &str = "contact:";

/// Whose addresses are.
#[derive(Default)]
pub(super) struct Known {
    /// The contact that is written to there.
    pub(super) ids: BTreeMap<String, String>,
    /// Addresses that are only further ones of a contact which is written to elsewhere.
    pub(super) further: BTreeSet<String>,
}

/// Why people did not become contacts.
pub(super) type Refused = BTreeMap<String, String>;

impl HubspotList {
    /// Looks addresses up. Those who are no contacts are left out.
    pub(super) async fn look_up(&self, identifiers: &[&str]) -> Result<Known, Failure> {
        let mut known = Known::default();
        let mut unknown = Vec::new();
        for identifier in identifiers {
            match identifier.strip_prefix(NUMBERED) {
                Some(id) => drop(known.ids.insert((*identifier).to_owned(), id.to_owned())),
                None => unknown.push(*identifier),
            }
        }
        let calls: Vec<_> = unknown.chunks(BATCH_MAX).map(|part| self.look_up_part(part)).collect();
        let parts: Vec<Known> = iter(calls).buffered(AT_ONCE).try_collect().await?;
        for part in parts {
            known.ids.extend(part.ids);
            known.further.extend(part.further);
        }
        Ok(known)
    }

    async fn look_up_part(&self, part: &[&str]) -> Result<Known, Failure> {
        let mut known = Known::default();
        let mut waiting = vec![part.to_vec()];
        while let Some(part) = waiting.pop() {
            match self.api().read(Some("email"), &part, &ADDRESSES).await {
                Ok(answer) => {
                    let asked: BTreeSet<&str> = part.into_iter().collect();
                    answer.results.iter().for_each(|contact| known.take(contact, &asked));
                }
                // One that is not liked must not keep the others from being found; alone, it is nobody's.
                Err(Denied::Invalid(_)) if part.len() > 1 => {
                    let (left, right) = part.split_at(part.len() / 2);
                    waiting.extend([left.to_vec(), right.to_vec()]);
                }
                Err(Denied::Invalid(_) | Denied::Missing(_)) => {}
                Err(denied) => return Err(denied.into()),
            }
        }
        Ok(known)
    }

    /// Makes contacts of people who are none; their numbers.
    pub(super) async fn create(
        &self,
        changes: &[&Change],
        refused: &mut Refused,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let calls: Vec<_> = changes.chunks(BATCH_MAX).map(|part| self.create_part(part)).collect();
        let parts: Vec<(BTreeMap<String, String>, Refused)> = iter(calls).buffered(AT_ONCE).try_collect().await?;
        let mut made = BTreeMap::new();
        for (ids, why) in parts {
            made.extend(ids);
            refused.extend(why);
        }
        Ok(made)
    }

    async fn create_part(&self, part: &[&Change]) -> Result<(BTreeMap<String, String>, Refused), Failure> {
        let (mut known, mut refused) = (Known::default(), Refused::new());
        let mut waiting = vec![(part.to_vec(), true)];
        while let Some((part, with_properties)) = waiting.pop() {
            let inputs = part.iter().map(|change| self.new_contact(change, with_properties)).collect();
            match self.api().upsert(inputs).await {
                Ok(answer) => {
                    let asked: BTreeSet<&str> = part.iter().map(|change| change.identifier.as_str()).collect();
                    answer.results.iter().for_each(|contact| known.take(contact, &asked));
                    let why = |address: &str| {
                        let of = answer.errors.iter().find(|error| names(&error.context, address));
                        of.or(answer.errors.first()).map_or("HubSpot said nothing of it", |error| &error.message)
                    };
                    for address in asked.iter().filter(|address| !known.ids.contains_key(**address)) {
                        refused
                            .insert((*address).to_owned(), format!("not taken: {}", crate::api::bounded(why(address))));
                    }
                }
                // The whole batch fails for one of them: it is parted until that one is alone, and then once more
                // without what is sent of its person.
                Err(Denied::Invalid(why) | Denied::Exists(why) | Denied::Missing(why)) => match part.as_slice() {
                    [one] if with_properties && !one.fields.is_empty() => waiting.push((part, false)),
                    [one] => drop(refused.insert(one.identifier.clone(), format!("not taken: {why}"))),
                    _ => {
                        let (left, right) = part.split_at(part.len() / 2);
                        waiting.extend([(left.to_vec(), with_properties), (right.to_vec(), with_properties)]);
                    }
                },
                Err(denied) => return Err(denied.into()),
            }
        }
        Ok((known.ids, refused))
    }

    fn new_contact<'c>(&'c self, change: &'c Change, with_properties: bool) -> Upsert<'c> {
        let mut properties = BTreeMap::from([("email", change.identifier.as_str())]);
        if with_properties {
            let fields = self.config.properties.iter().filter_map(|(there, here)| {
                let value = change.fields.get(here).map(|value| value.trim()).filter(|value| !value.is_empty())?;
                Some((there.as_str(), value))
            });
            properties.extend(fields);
        }
        Upsert { id_property: "email", id: &change.identifier, properties }
    }
}

impl Known {
    /// Takes a contact in under those of the addresses that were asked for.
    fn take(&mut self, contact: &Contact, asked: &BTreeSet<&str>) {
        for (place, address) in addresses(contact).into_iter().enumerate() {
            if !asked.contains(address.as_str()) {
                continue;
            }
            if place == 0 && contact.text("email").eq_ignore_ascii_case(&address) {
                self.further.remove(&address);
                self.ids.insert(address, contact.id.clone());
            } else if !self.ids.contains_key(&address) {
                self.further.insert(address);
            }
        }
    }
}

/// Whether an error names an address.
fn names(context: &BTreeMap<String, Vec<serde_json::Value>>, address: &str) -> bool {
    let mut values = context.values().flatten().filter_map(serde_json::Value::as_str);
    values.any(|value| value.eq_ignore_ascii_case(address))
}
