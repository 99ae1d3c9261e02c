//! Contacts that are not on the audience yet.

use super::MailchimpTag;
use super::push::Refused;
use super::reasons::{self, Verdict};
use crate::address::folded;
use crate::api::{Denied, no_audience};
use crate::wire::{Created, NewMember, NewMembers};
use kit::failure::Failure;
use kit::sync::Change;
use std::collections::BTreeMap;

/// Some to be created, with their merge fields or without.
type Part<'b> = (Vec<&'b Change>, bool);

impl MailchimpTag {
    /// Creates those who are not on the audience, as subscribed: they are among the list's members only with consent.
    /// Who is there already stays as they are.
    pub(super) async fn create<'b>(&self, adds: &[&'b Change], refused: &mut Refused) -> Result<(), Failure> {
        let mut waiting: Vec<Part<'b>> = vec![(adds.to_vec(), true)];
        while let Some((part, fields)) = waiting.pop() {
            if part.is_empty() {
                continue;
            }
            match self.create_once(&part, fields).await {
                Ok(created) => waiting.push((self.take_in(created, (&part, fields), refused), false)),
                Err(Denied::Missing(why)) => return Err(no_audience(&self.config.audience, why)),
                // One that is not liked must not keep the others out.
                Err(Denied::Invalid(why)) => match part.as_slice() {
                    [one] => refused.add(&one.identifier, reasons::not_taken(&why)),
                    _ => {
                        let (left, right) = part.split_at(part.len() / 2);
                        waiting.extend([(left.to_vec(), fields), (right.to_vec(), fields)]);
                    }
                },
                Err(denied) => return Err(denied.into()),
            }
        }
        Ok(())
    }

    async fn create_once(&self, part: &[&Change], fields: bool) -> Result<Created, Denied> {
        let members = part.iter().map(|change| NewMember {
            email_address: &change.identifier,
            status: "subscribed",
            merge_fields: if fields { self.merge_fields(change) } else { BTreeMap::new() },
        });
        let body = NewMembers { members: members.collect(), sync_tags: false, update_existing: false };
        self.api()?.create(&self.config.audience, &body).await
    }

    fn merge_fields<'c>(&'c self, change: &'c Change) -> BTreeMap<&'c str, &'c str> {
        let one = |(tag, property): (&'c String, &'c String)| {
            let value = change.fields.get(property).map(|value| value.trim()).filter(|value| !value.is_empty())?;
            Some((tag.as_str(), value))
        };
        self.config.merge_fields.iter().filter_map(one).collect()
    }

    /// Reads an answer; those who may do without their merge fields.
    fn take_in<'b>(
        &self,
        created: Created,
        (part, fields): (&[&'b Change], bool),
        refused: &mut Refused,
    ) -> Vec<&'b Change> {
        let mut again = Vec::new();
        let by_address: BTreeMap<String, &'b Change> =
            part.iter().map(|change| (folded(&change.identifier), *change)).collect();
        let mut memory = self.memory();
        for member in created.new_members.iter().chain(&created.updated_members) {
            memory.learn(&member.email_address);
        }
        for error in &created.errors {
            let Some(change) = by_address.get(&folded(&error.email_address)) else { continue };
            match reasons::verdict(error) {
                Verdict::Exists => memory.learn(&change.identifier),
                Verdict::BadField if fields => again.push(*change),
                Verdict::BadField => refused.add(&change.identifier, reasons::not_taken(&error.error)),
                Verdict::Refused(reason) => refused.add(&change.identifier, reason),
            }
        }
        again
    }
}
