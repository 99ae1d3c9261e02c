//! Reading members back. Whoever is in the list is held, whatever the consent.

use super::remove::by_filter;
use super::{KlaviyoList, folded};
use crate::denied::{Denied, words};
use crate::wire::{Profile, Resource};
use kit::failure::Failure;
use kit::sync::HeldPage;
use std::collections::BTreeSet;

/// How a profile is named that has neither address nor phone.
pub(super) const PROFILE: &str = "profile:";

/// By what a profile is looked up; `None` where it is named by its id.
pub(super) fn field_of(identifier: &str) -> Option<&'static str> {
    match identifier {
        text if text.starts_with(PROFILE) => None,
        text if text.starts_with('+') && !text.contains('@') => Some("phone_number"),
        _ => Some("email"),
    }
}

/// How a profile is named here: by its address, else by what it has.
fn name(profile: &Resource<Profile>) -> String {
    let (email, phone) = (folded(&profile.attributes.email), profile.attributes.phone_number.trim());
    match (email.is_empty(), phone.starts_with('+')) {
        (false, _) => email,
        (true, true) => phone.to_owned(),
        (true, false) => format!("{PROFILE}{}", profile.id),
    }
}

impl KlaviyoList {
    pub(super) async fn held_page(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        let page = match self.api().members(&self.config.list, after).await {
            Ok(page) => page,
            Err(Denied::Missing(errors)) => return Err(self.gone(&words(&errors))),
            Err(denied) => return Err(denied.into()),
        };
        let mut memory = self.memory();
        let held = page.items.iter().map(|profile| {
            let name = name(profile);
            memory.learn(&name, &profile.id);
            name
        });
        Ok(HeldPage { held: held.collect(), next: page.next })
    }

    pub(super) async fn those_held(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let asked: Vec<&str> = identifiers.iter().map(String::as_str).collect();
        let mut found = BTreeSet::new();
        for (field, values) in by_filter(&asked) {
            let members = match self.api().members_of(&self.config.list, field, &values).await {
                Ok(members) => members,
                Err(Denied::Missing(errors)) => return Err(self.gone(&words(&errors))),
                Err(denied) => return Err(denied.into()),
            };
            let mut memory = self.memory();
            for profile in &members {
                let at = if field == "email" { name(profile) } else { profile.attributes.phone_number.clone() };
                memory.learn(&at, &profile.id);
                found.insert(at);
            }
        }
        Ok(identifiers.iter().filter(|identifier| found.contains(&folded(identifier))).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_named_by_the_best_that_it_has() {
        let profile = |email: &str, phone: &str| Resource {
            id: "01G".to_owned(),
            attributes: Profile { email: email.to_owned(), phone_number: phone.to_owned() },
        };
        for (email, phone, expected) in
            [("Ana@X.mx", "+525512345678", "ana@x.mx"), ("", "+525512345678", "+525512345678"), ("", "", "profile:01G")]
        {
            assert_eq!(name(&profile(email, phone)), expected);
        }
        let fields = ["a@x.mx", "+5255", "+a@x.mx", "profile:01G"].map(field_of);
        assert_eq!(fields, [Some("email"), Some("phone_number"), Some("email"), None]);
    }
}
