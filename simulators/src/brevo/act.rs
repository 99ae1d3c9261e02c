//! What people and others do there.

use super::BrevoSim;
use super::world::{Counters, Faults, World};
use std::collections::BTreeSet;

/// A contact that is there before.
#[derive(Clone, Debug, Default)]
pub struct NewContact {
    /// The address.
    pub email: String,
    /// Whether it is blocked.
    pub blacklisted: bool,
    /// Lists that it is on.
    pub lists: Vec<u64>,
    /// Lists that it unsubscribed from.
    pub left: Vec<u64>,
}

impl NewContact {
    /// One on no list.
    pub fn new(email: &str) -> NewContact {
        NewContact { email: email.to_owned(), ..NewContact::default() }
    }
}

impl BrevoSim {
    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.shared.world();
        world.tick();
        act(&mut world)
    }

    /// Makes a list.
    pub fn add_list(&self, id: u64, name: &str) {
        self.with(|world| world.lists.insert(id, name.to_owned()));
    }

    /// Makes contacts.
    pub fn add_contacts(&self, contacts: &[NewContact]) {
        self.with(|world| {
            for new in contacts {
                let (id, _) = world.upsert(&new.email);
                if let Some(contact) = world.contacts.get_mut(&id) {
                    contact.blacklisted = new.blacklisted;
                    contact.lists = new.lists.iter().copied().collect();
                    contact.left = new.left.iter().copied().collect();
                }
            }
        });
    }

    /// Who is on a list.
    pub fn members(&self, list: u64) -> BTreeSet<String> {
        let world = self.shared.world();
        let on = world.contacts.values().filter(|contact| contact.lists.contains(&list));
        on.map(|contact| contact.email.clone()).collect()
    }

    /// Somebody blocks all mail of the account.
    pub fn unsubscribe(&self, email: &str) {
        self.with(|world| {
            let now = world.now;
            if let Some(contact) = world.of_email_mut(email) {
                (contact.blacklisted, contact.modified) = (true, now);
            }
        });
    }

    /// Somebody leaves one list.
    pub fn leave(&self, email: &str, list: u64) {
        self.with(|world| {
            let now = world.now;
            if let Some(contact) = world.of_email_mut(email) {
                contact.lists.remove(&list);
                contact.left.insert(list);
                contact.modified = now;
            }
        });
    }

    /// Somebody in the account takes people off a list and puts others on it.
    pub fn edit(&self, list: u64, on: &[&str], off: &[&str]) {
        self.with(|world| {
            for (email, put) in on.iter().map(|one| (one, true)).chain(off.iter().map(|one| (one, false))) {
                let (id, _) = world.upsert(email);
                let Some(contact) = world.contacts.get_mut(&id) else { continue };
                if put {
                    contact.lists.insert(list)
                } else {
                    contact.lists.remove(&list)
                };
            }
        });
    }

    /// Whether an address is a contact, and its attribute.
    pub fn attribute(&self, email: &str, name: &str) -> Option<serde_json::Value> {
        self.shared.world().of_email(email).and_then(|contact| contact.attributes.get(name).cloned())
    }

    /// Whether an address is a contact.
    pub fn knows(&self, email: &str) -> bool {
        self.shared.world().of_email(email).is_some()
    }

    /// Everything is gone: contacts, and what was counted.
    pub fn reset(&self) {
        self.with(|world| {
            world.contacts.clear();
            world.by_email.clear();
            world.next_id = 1;
            world.refuses.clear();
            world.counters = Counters::default();
        });
    }

    /// The account takes no contact of this address.
    pub fn refuse(&self, email: &str) {
        self.with(|world| world.refuses.insert(email.to_owned()));
    }

    /// The key is taken back; the new one.
    pub fn new_key(&self) -> String {
        self.with(|world| {
            world.keys_made += 1;
            world.key = format!("xkeysib-{}-new", world.keys_made);
            world.key.clone()
        })
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.world().faults = faults;
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.shared.world().counters.clone()
    }
}
