//! Applies settings, sources, rates and lists.

use super::settle::Wanted;
use super::{Applied, When, Workspace};
use crate::effect::Effect;
use crate::person::view::day_number;
use crate::storage::{PersonNo, Storage, StorageError};
use model::{Command, ListDefinition, ListId, Source, SourceKind};
use rust_decimal::Decimal;

impl<S: Storage> Workspace<S> {
    pub(super) fn define(
        &mut self,
        command: &Command,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        if matches!(command, Command::WorkspacePut { .. } | Command::SourcePut(_) | Command::RatePut { .. }) {
            self.people.drop_lines();
        }
        match command {
            Command::WorkspacePut { .. } => self.put_workspace(command, when, effects),
            Command::SourcePut(source) => self.put_source(source, when, effects),
            Command::RatePut { from, to, date, rate } => self.put_rate([from, to, date, rate], when, effects),
            Command::SegmentPut(definition) => Ok(self.put_segment(definition, false)),
            Command::SegmentPrepare(definition) => Ok(self.put_segment(definition, true)),
            Command::SegmentCancel { id, version } => Ok(self.cancel_version(id, *version)),
            Command::SegmentActivate { id, version } => self.activate(id, *version, when, effects),
            Command::SegmentDelete { id } => self.delete_segment(id, when, effects),
            Command::ListPut(list) => self.put_list(list, when, effects),
            Command::ListDelete { id, empty } => Ok(self.delete_list(id, *empty, effects)),
            _ => Ok(Applied::Refused("not_a_definition")),
        }
    }

    fn put_workspace(
        &mut self,
        command: &Command,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        let Command::WorkspacePut { name, time_zone, currency, retention_days, crowded_links_max } = command else {
            return Ok(Applied::Refused("not_a_definition"));
        };
        let Ok(zone) = jiff::tz::TimeZone::get(time_zone) else { return Ok(Applied::Refused("bad_time_zone")) };
        let fresh = self.settings.time_zone.is_empty();
        let same = self.settings.time_zone == *time_zone
            && self.settings.currency == *currency
            && self.settings.retention_days == *retention_days;
        if !fresh {
            self.settle_retention(when);
        }
        self.settings.name.clone_from(name);
        self.settings.time_zone.clone_from(time_zone);
        self.settings.currency.clone_from(currency);
        self.settings.retention_days = *retention_days;
        if fresh {
            self.settings.crowded_links_max = *crowded_links_max;
        }
        self.zone = zone;
        self.definitions_changed = true;
        if !fresh && !same {
            self.recompile(&self.segments.versions.keys().copied().collect());
            self.index();
            self.reevaluate_all(when, effects)?;
        }
        Ok(Applied::Changed { person: None })
    }

    fn put_source(&mut self, source: &Source, when: When, effects: &mut Vec<Effect>) -> Result<Applied, StorageError> {
        self.definitions_changed = true;
        match self.sources.iter_mut().find(|known| known.id == source.id) {
            Some(known) if known == source => {}
            Some(known) => {
                *known = source.clone();
                self.reevaluate_all(when, effects)?;
            }
            None => {
                let had_platform = self.has_platform();
                self.sources.push(source.clone());
                if had_platform != self.has_platform() {
                    self.reevaluate_all(when, effects)?;
                }
            }
        }
        Ok(Applied::Changed { person: None })
    }

    /// Whether a platform is among the sources: then orders of trackers only match.
    fn has_platform(&self) -> bool {
        self.sources.iter().any(|source| source.kind == SourceKind::Platform)
    }

    fn put_rate(
        &mut self,
        [from, to, date, rate]: [&String; 4],
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        let (Ok(day), Ok(number)) = (date.parse::<jiff::civil::Date>(), Decimal::from_str_exact(rate)) else {
            return Ok(Applied::Refused("bad_rate"));
        };
        if number <= Decimal::ZERO {
            return Ok(Applied::Refused("bad_rate"));
        }
        let pair = (from.to_uppercase(), to.to_uppercase());
        self.rates.entry(pair).or_default().insert(day_number(day), number);
        self.rate_texts.insert((from.clone(), to.clone(), date.clone()), rate.clone());
        self.definitions_changed = true;
        // Nothing but money asks for rates; everybody is a long way.
        if self.segments.index.asks_money() {
            self.reevaluate_all(when, effects)?;
        }
        Ok(Applied::Changed { person: None })
    }

    fn put_list(
        &mut self,
        list: &ListDefinition,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        if !self.segments.slots.contains_key(&list.segment) {
            return Ok(Applied::Refused("no_such_segment"));
        }
        let before = self.list_members(&list.id)?;
        self.lists.insert(list.id.clone(), list.clone());
        self.definitions_changed = true;
        self.sequence += 1;
        effects.push(Effect::ListDefined { definition: list.clone(), sequence: self.sequence });
        let after = self.list_members(&list.id)?;
        self.desire(&before, &after, when, effects)?;
        Ok(Applied::Changed { person: None })
    }

    fn delete_list(&mut self, id: &ListId, empty: bool, effects: &mut Vec<Effect>) -> Applied {
        if self.lists.remove(id).is_none() {
            return Applied::Refused("no_such_list");
        }
        self.definitions_changed = true;
        self.sequence += 1;
        effects.push(Effect::ListRemoved { list: id.clone(), empty, sequence: self.sequence });
        Applied::Changed { person: None }
    }

    /// Everything a list should hold now: list, identifier, person.
    pub(super) fn list_members(&mut self, id: &ListId) -> Result<Wanted, StorageError> {
        let mut wanted = Wanted::new();
        let Some(list) = self.lists.get(id).cloned() else { return Ok(wanted) };
        let members: Vec<PersonNo> = self
            .segments
            .active(&list.segment)
            .map(|(_, version)| version.members.from(0, usize::MAX, &self.segments.people))
            .unwrap_or_default();
        for no in members {
            let mut wants = self.wants(no)?;
            wants.retain(|list, _| list == id);
            if let Some(person) = self.stable_id(no) {
                self.wanted(no, &person, &wants, &mut wanted);
            }
            self.people.evict();
        }
        Ok(wanted)
    }
}
