//! Imports: what is sent, and how it begins.

use super::memory::{Running, Unanswered};
use super::push::digest;
use super::{IMPORT_MAX, KlaviyoList, reasons};
use crate::config::OWN_FIELDS;
use crate::denied::{Denied, words};
use crate::wire::{ErrorObject, NewProfile, NewProfileAttributes};
use kit::failure::Failure;
use kit::sync::Change;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of the profiles of one import: Klaviyo takes 5 MB, and the rest of the body has to fit.
const IMPORT_BYTES_MAX: usize = 4_900_000;
/// Bytes of one profile: Klaviyo takes 100 KB. One with more properties goes without them.
const PROFILE_BYTES_MAX: usize = 99_000;
/// An import whose answer was lost is looked for so long.
const UNANSWERED_MAX: Duration = Duration::from_secs(600);
/// Between two looks.
const REST: Duration = Duration::from_secs(10);
/// Where errors point to a profile.
const POINTER: &str = "/data/attributes/profiles/data/";

/// Which of the profiles that were sent an error is about.
pub(super) fn place(error: &ErrorObject) -> Option<usize> {
    error.source.pointer.strip_prefix(POINTER)?.split('/').next()?.parse().ok()
}

impl KlaviyoList {
    /// Begins an import of those who come: one, unless they are too many or their properties too long.
    pub(super) async fn begin_imports(&self, adds: &[&Change]) -> Result<(), Failure> {
        let profiles: Vec<NewProfile<'_>> = adds.iter().map(|change| self.profile(change)).collect();
        let mut waiting = parts(&profiles);
        while let Some(part) = waiting.pop() {
            let marks = digest("import", part.iter().map(|profile| profile.attributes.email));
            if part.is_empty() || self.memory().progress.sent.contains(&marks) {
                continue;
            }
            self.await_unanswered().await?;
            let begun = Instant::now();
            match self.api().import(&self.config.list, &part).await {
                Ok(job) => {
                    let identifiers = part.iter().map(|profile| profile.attributes.email.to_owned()).collect();
                    let mut memory = self.memory();
                    memory.progress.sent.insert(marks);
                    memory.progress.running.push(Running { job, identifiers, begun });
                }
                Err(Denied::Missing(errors)) => return Err(self.gone(&words(&errors))),
                Err(Denied::Invalid(errors)) if errors.iter().any(is_about_the_list) => {
                    return Err(self.gone(&words(&errors)));
                }
                Err(Denied::Invalid(errors)) => waiting.extend(self.without(part, &errors)),
                Err(Denied::TooLarge(_)) if part.len() > 1 => waiting.extend(halves(part)),
                Err(denied) => {
                    if matches!(denied, Denied::Other(Failure::Retry { .. } | Failure::PlatformChanged(_))) {
                        self.memory().unanswered = Some(Unanswered { profiles: Some(part.len()), since: begun });
                    }
                    return Err(denied.into());
                }
            }
        }
        Ok(())
    }

    fn profile<'c>(&'c self, change: &'c Change) -> NewProfile<'c> {
        let (mut own, mut properties) = (BTreeMap::new(), BTreeMap::new());
        for (there, here) in &self.config.properties {
            let value = change.fields.get(here).map(|value| value.trim()).filter(|value| !value.is_empty());
            let Some(value) = value else { continue };
            let among = if OWN_FIELDS.contains(&there.as_str()) { &mut own } else { &mut properties };
            among.insert(there.as_str(), value);
        }
        let attributes = NewProfileAttributes { email: &change.identifier, own, properties };
        NewProfile { r#type: "profile", attributes }
    }

    /// The profiles that are not liked are refused, and the others go again; when it is not said which, they are parted
    /// until it shows.
    fn without<'c>(&self, part: Vec<NewProfile<'c>>, errors: &[ErrorObject]) -> Vec<Vec<NewProfile<'c>>> {
        let named: BTreeSet<usize> = errors.iter().filter_map(place).filter(|at| *at < part.len()).collect();
        if named.is_empty() && part.len() > 1 {
            return halves(part);
        }
        let mut memory = self.memory();
        let mut left = Vec::new();
        for (at, profile) in part.into_iter().enumerate() {
            if !named.is_empty() && !named.contains(&at) {
                left.push(profile);
                continue;
            }
            let its = errors.iter().filter(|error| named.is_empty() || place(error) == Some(at));
            let reason = reasons::not_taken(&its.cloned().collect::<Vec<_>>());
            memory.progress.refused.insert(profile.attributes.email.to_owned(), reason);
        }
        vec![left]
    }

    /// An import whose answer was lost, or of before a restart, may be under way: one that ends after what comes next
    /// would undo it. Nothing here tells ours from another of the same size, so each of those is waited for, not for
    /// ever.
    pub(super) async fn await_unanswered(&self) -> Result<(), Failure> {
        let Some(lost) = self.memory().unanswered else { return Ok(()) };
        if lost.since.elapsed() < UNANSWERED_MAX {
            let running = self.api().running_jobs().await?;
            let may_be = |size: u64| lost.profiles.is_none_or(|sent| size == sent as u64);
            if running.iter().any(|job| may_be(job.total_count)) {
                let why = match lost.profiles {
                    Some(_) => "an import whose answer was lost may be under way",
                    None => "an import that was begun before may be under way",
                };
                return Err(Failure::retry(why, Some(REST)));
            }
        }
        self.memory().unanswered = None;
        Ok(())
    }
}

fn is_about_the_list(error: &ErrorObject) -> bool {
    error.source.pointer.starts_with("/data/relationships/lists")
}

fn halves(mut part: Vec<NewProfile<'_>>) -> Vec<Vec<NewProfile<'_>>> {
    let right = part.split_off(part.len() / 2);
    vec![part, right]
}

/// The imports that profiles need: as few as their number and bytes allow.
fn parts<'c>(profiles: &[NewProfile<'c>]) -> Vec<Vec<NewProfile<'c>>> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for profile in profiles {
        let mut profile = profile.clone();
        let size = |profile: &NewProfile<'_>| serde_json::to_vec(profile).map_or(0, |json| json.len() + 1);
        let mut more = size(&profile);
        if more > PROFILE_BYTES_MAX {
            (profile.attributes.own, profile.attributes.properties) = (BTreeMap::new(), BTreeMap::new());
            more = size(&profile);
        }
        if part.len() >= IMPORT_MAX || bytes + more > IMPORT_BYTES_MAX {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += more;
        part.push(profile);
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile<'a>(email: &'a str, value: &'a str) -> NewProfile<'a> {
        let properties = if value.is_empty() { BTreeMap::new() } else { BTreeMap::from([("note", value)]) };
        NewProfile { r#type: "profile", attributes: NewProfileAttributes { email, own: BTreeMap::new(), properties } }
    }

    #[test]
    fn an_import_is_as_large_as_it_may_be_and_no_larger() {
        let sizes = |profiles: &[NewProfile<'_>]| parts(profiles).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&vec![profile("a@x.mx", ""); 20_001]), [10_000, 10_000, 1]);
        let (long, too_long) = ("n".repeat(49_000), "n".repeat(100_000));
        assert_eq!(sizes(&vec![profile("a@x.mx", &long); 150]), [99, 51]);
        assert_eq!(parts(&[profile("a@x.mx", &too_long)])[0][0].attributes.properties, BTreeMap::new());
    }
}
