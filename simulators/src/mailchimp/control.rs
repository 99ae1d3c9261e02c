//! What happens to the account without the API: contacts decide, people edit, tests prepare.

use super::contact::{SIGNUP_FORM, Status, check_email};
use super::hooks::{Event, Source};
use super::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A contact to prepare.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    /// Address.
    pub email: String,
    /// Status, any.
    #[serde(default = "subscribed")]
    pub status: Status,
    /// Values by merge tag.
    #[serde(default)]
    pub merge_fields: Map<String, Value>,
    /// Names of tags, created if need be.
    #[serde(default)]
    pub tags: Vec<String>,
}

fn subscribed() -> Status {
    Status::Subscribed
}

impl NewContact {
    /// A contact without values and tags.
    pub fn new(email: &str, status: Status) -> NewContact {
        NewContact { email: email.to_owned(), status, merge_fields: Map::new(), tags: Vec::new() }
    }
}

/// A contact as the account holds it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ContactView {
    /// Address.
    pub email: String,
    /// Status.
    pub status: Status,
    /// Names of its tags.
    pub tags: Vec<String>,
    /// Values by merge tag.
    pub merge_fields: Map<String, Value>,
}

/// What a contact does by itself, or a mailing finds out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum Deed {
    /// Signs up by a form, also after an unsubscription or a deletion.
    Subscribe,
    /// Unsubscribes.
    Unsubscribe,
    /// Mail bounces for good.
    Bounce,
    /// Complains: cleaned with the reason `abuse`.
    Complain,
    /// Takes another address.
    ChangeAddress {
        /// The new one.
        to: String,
    },
    /// Changes values.
    Profile {
        /// By merge tag.
        merge_fields: Map<String, Value>,
    },
}

type Done = Result<(), String>;

impl World {
    fn list(&mut self, list: &str) -> Result<&mut super::audience::Audience, String> {
        self.audiences.get_mut(list).ok_or_else(|| format!("there is no audience {list}"))
    }

    /// Puts contacts on an audience as they are given, without telling any webhook.
    pub fn add_contacts(&mut self, list: &str, contacts: &[NewContact]) -> Done {
        let now = super::time::now();
        let audience = self.list(list)?;
        for new in contacts {
            check_email(&new.email).map_err(|why| format!("{}: {why}", new.email))?;
            let number = match audience.by_email(&new.email).map(|contact| contact.number) {
                Some(number) => number,
                None => audience.insert(&new.email, new.status, "Admin Add", now),
            };
            audience.remember(&new.email);
            if let Some(contact) = audience.get_mut(number) {
                contact.before = (new.status == Status::Archived).then_some(Status::Subscribed);
                (contact.status, contact.changed) = (new.status, now);
                contact.merge_fields.extend(new.merge_fields.clone());
            }
            for tag in &new.tags {
                audience.put_tag(number, tag, true, now);
            }
        }
        Ok(())
    }

    /// Does what a contact does, and tells the webhooks of its source.
    pub fn deed(&mut self, list: &str, email: &str, deed: &Deed, source: Source) -> Done {
        let now = super::time::now();
        let audience = self.list(list)?;
        let number = match (audience.by_email(email).map(|contact| contact.number), deed) {
            (Some(number), _) => number,
            (None, Deed::Subscribe) => {
                check_email(email).map_err(|why| format!("{email}: {why}"))?;
                audience.remember(email);
                audience.insert(email, Status::Subscribed, SIGNUP_FORM, now)
            }
            (None, _) => return Err(format!("{email} is not on the audience {list}")),
        };
        if let Deed::ChangeAddress { to } = deed {
            check_email(to).map_err(|why| format!("{to}: {why}"))?;
            if audience.by_email(to).is_some() {
                return Err(format!("{to} is already on the audience {list}"));
            }
            audience.rename(number, to);
        }
        let Some(contact) = audience.get_mut(number) else { return Ok(()) };
        contact.changed = now;
        let event = match deed {
            Deed::Subscribe => {
                (contact.status, contact.before) = (Status::Subscribed, None);
                (contact.source, contact.signed_up) = (SIGNUP_FORM, now);
                Event::Subscribe
            }
            Deed::Unsubscribe => {
                contact.status = Status::Unsubscribed;
                contact.unsubscribe_reason = Some("N/A (Unsubscribed by the contact)".to_owned());
                Event::unsubscribed("manual")
            }
            Deed::Bounce | Deed::Complain => {
                contact.status = Status::Cleaned;
                Event::Cleaned { reason: if *deed == Deed::Bounce { "hard" } else { "abuse" } }
            }
            Deed::ChangeAddress { .. } => Event::Upemail { old: email.to_owned() },
            Deed::Profile { merge_fields } => {
                contact.merge_fields.extend(merge_fields.clone());
                Event::Profile
            }
        };
        self.emit(list, number, &event, source);
        Ok(())
    }

    /// Edits a tag as somebody else in the account would: drift.
    pub fn edit_tag(&mut self, list: &str, tag: &str, add: &[String], remove: &[String]) -> Done {
        let now = super::time::now();
        let audience = self.list(list)?;
        for (emails, inside) in [(add, true), (remove, false)] {
            for email in emails {
                let number = audience.by_email(email).map(|contact| contact.number);
                let number = number.ok_or_else(|| format!("{email} is not on the audience {list}"))?;
                audience.put_tag(number, tag, inside, now);
            }
        }
        Ok(())
    }

    /// Everybody who carries a tag at this instant, whatever reads show.
    pub fn tag_members(&mut self, list: &str, tag: &str) -> Result<BTreeMap<String, Status>, String> {
        let audience = self.list(list)?;
        let Some(segment) = audience.tag(tag).and_then(|id| audience.segments.get(&id)) else {
            return Ok(BTreeMap::new());
        };
        let contacts = segment.members().filter_map(|number| audience.get(number));
        Ok(contacts.map(|contact| (contact.email.clone(), contact.status)).collect())
    }

    /// Everybody on an audience.
    pub fn contacts(&mut self, list: &str) -> Result<Vec<ContactView>, String> {
        let audience = self.list(list)?;
        let view = |contact: &super::contact::Contact| ContactView {
            email: contact.email.clone(),
            status: contact.status,
            tags: audience.tags_of(contact.number).into_iter().map(|(_, name, _)| name.to_owned()).collect(),
            merge_fields: contact.merge_fields.clone(),
        };
        Ok(audience.contacts().map(view).collect())
    }
}
