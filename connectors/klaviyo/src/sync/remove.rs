//! Takes profiles out of the list. That needs their ids, and changes nobody's consent.

use super::push::digest;
use super::read::{PROFILE, field_of};
use super::{KlaviyoList, folded, reasons};
use crate::api::PAGE_MAX;
use crate::denied::{Denied, words};
use crate::wire::ErrorObject;
use kit::failure::Failure;
use kit::sync::Change;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Profiles of one call.
const REMOVE_MAX: usize = 1_000;
/// Bytes of the values of one filter: they go into an address.
const FILTER_BYTES_MAX: usize = 5_000;

/// Identifier and id.
type Known<'c> = (&'c str, String);

impl KlaviyoList {
    pub(super) async fn remove(&self, removes: &[&Change]) -> Result<(), Failure> {
        for part in removes.chunks(REMOVE_MAX) {
            let identifiers: Vec<&str> = part.iter().map(|change| change.identifier.as_str()).collect();
            let marks = digest("remove", identifiers.iter().copied());
            if self.memory().progress.sent.contains(&marks) {
                continue;
            }
            let known = self.resolve(&identifiers, true).await?;
            // Profiles that were merged into others since they were read have another id now.
            let stale = self.take_out(known).await?;
            let anew = self.resolve(&stale, false).await?;
            self.take_out(anew).await?;
            let mut memory = self.memory();
            identifiers.iter().for_each(|identifier| memory.unlearn(identifier));
            memory.progress.sent.insert(marks);
        }
        Ok(())
    }

    /// The ids of profiles, those that are remembered and those that are looked up. Whoever has no profile is in no
    /// list; but one that was imported a moment ago may only not show yet.
    async fn resolve<'c>(&self, identifiers: &[&'c str], remembered: bool) -> Result<Vec<Known<'c>>, Failure> {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        {
            let memory = self.memory();
            for identifier in identifiers {
                let direct = identifier.strip_prefix(PROFILE).map(str::to_owned);
                match direct.or_else(|| memory.id(identifier)).filter(|_| remembered) {
                    Some(id) => known.push((*identifier, id)),
                    None => unknown.push(*identifier),
                }
            }
        }
        for (field, values) in by_filter(&unknown) {
            let mut found = BTreeMap::new();
            for profile in self.api().profiles(field, &values).await? {
                let attributes = profile.attributes;
                let at = if field == "email" { folded(&attributes.email) } else { attributes.phone_number };
                found.insert(at, profile.id);
            }
            let (mut memory, now) = (self.memory(), Instant::now());
            for value in values {
                match found.remove(&folded(value)) {
                    Some(id) => {
                        memory.learn(value, &id);
                        known.push((value, id));
                    }
                    None if memory.is_fresh(value, now) => {
                        memory.progress.refused.insert(value.to_owned(), reasons::not_shown());
                    }
                    None => {}
                }
            }
        }
        Ok(known)
    }

    /// Takes them out; those whose id is none.
    async fn take_out<'c>(&self, known: Vec<Known<'c>>) -> Result<Vec<&'c str>, Failure> {
        let (mut waiting, mut stale, mut is_there) = (vec![known], Vec::new(), false);
        while let Some(part) = waiting.pop() {
            if part.is_empty() {
                continue;
            }
            let ids: Vec<&str> = part.iter().map(|(_, id)| id.as_str()).collect();
            let errors = match self.api().take_out(&self.config.list, &ids).await {
                Ok(()) => continue,
                Err(Denied::Missing(errors) | Denied::Invalid(errors)) => errors,
                Err(denied) => return Err(denied.into()),
            };
            if !is_there && !self.api().has_list(&self.config.list).await? {
                return Err(self.gone(&words(&errors)));
            }
            is_there = true;
            let named: Vec<usize> = errors.iter().filter_map(place).filter(|at| *at < part.len()).collect();
            match part.as_slice() {
                [(one, _)] => stale.push(*one),
                _ if named.is_empty() => {
                    let (left, right) = part.split_at(part.len() / 2);
                    waiting.extend([left.to_vec(), right.to_vec()]);
                }
                _ => {
                    let (gone, left): (Vec<_>, Vec<_>) =
                        part.into_iter().enumerate().partition(|(at, _)| named.contains(at));
                    stale.extend(gone.into_iter().map(|(_, (identifier, _))| identifier));
                    waiting.push(left.into_iter().map(|(_, one)| one).collect());
                }
            }
        }
        Ok(stale)
    }
}

/// Which of the profiles that were named an error is about.
fn place(error: &ErrorObject) -> Option<usize> {
    error.source.pointer.strip_prefix("/data/")?.split('/').next()?.parse().ok()
}

/// Parted so that each part fits into one filter. Who is named by an id is in none.
pub(super) fn by_filter<'c>(identifiers: &[&'c str]) -> Vec<(&'static str, Vec<&'c str>)> {
    let mut parts: Vec<(&'static str, Vec<&'c str>)> = Vec::new();
    for wanted in ["email", "phone_number"] {
        let mut bytes = usize::MAX;
        for identifier in identifiers.iter().filter(|identifier| field_of(identifier) == Some(wanted)) {
            // Quotes and comma are written with three characters each.
            bytes = bytes.saturating_add(identifier.len() + 9);
            match parts.last_mut() {
                Some((_, values)) if values.len() < PAGE_MAX && bytes <= FILTER_BYTES_MAX => values.push(identifier),
                _ => {
                    bytes = identifier.len() + 9;
                    parts.push((wanted, vec![identifier]));
                }
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_as_many_as_it_may() {
        let emails: Vec<String> = (0..201).map(|number| format!("c{number}@x.mx")).collect();
        let mut all: Vec<&str> = emails.iter().map(String::as_str).collect();
        all.extend(["+525512345678", "profile:01G"]);
        let sizes: Vec<(&str, usize)> = by_filter(&all).iter().map(|(field, values)| (*field, values.len())).collect();
        assert_eq!(sizes, [("email", 100), ("email", 100), ("email", 1), ("phone_number", 1)]);
        let long = format!("{}@x.mx", "a".repeat(235));
        assert_eq!(by_filter(&vec![long.as_str(); 30]).iter().map(|(_, values)| values.len()).max(), Some(20));
    }

    #[test]
    fn an_error_names_an_id_by_its_place() {
        let source = crate::wire::ErrorSource { pointer: "/data/3/id".to_owned() };
        assert_eq!(place(&ErrorObject { source, ..ErrorObject::default() }), Some(3));
        assert_eq!(place(&ErrorObject::default()), None);
    }
}
