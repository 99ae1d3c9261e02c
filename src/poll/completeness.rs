//! How complete deliveries are: what polls find that no delivery had shown.
//!
//! A version counts once, in the hour in which a poll finds it. It is *missed* when no delivery had shown that
//! version or a newer one of the thing, and none does within two minutes after: a delivery that is merely
//! slower than the poll is not lost. Until those two minutes are over the figure may be too bad for a moment.
//! What lies before the end of the backfill and the settling time after it does not count, nor does what
//! is older than what is remembered. A crash forgets what deliveries showed since the last flush of
//! the store, some seconds: that may count as missed.

use super::keys::{Scope, prefix};
use super::records::{decode, encode};
use crate::store::db::{Db, StoreError};
use kit::receive::Version;
use model::Time;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

const TREE: &str = "poll-versions";
/// Newest version that a delivery showed of a thing, by the hour in which it came.
const SHOWN: u8 = b'V';
/// Newest version that a poll found of a thing, by the hour in which it was found.
const FOUND: u8 = b'F';
/// The figures of each hour.
const HOURS: u8 = b'H';

const HOUR_MICROS: i64 = 3_600_000_000;
/// Versions are remembered this long, hours; figures go back a week.
const KEPT_HOURS: i64 = 8 * 24;
/// Versions of one connection that are remembered at most. Beyond it the oldest hour goes, and no longer counts.
const KEPT_MAX: u64 = 200_000;
/// So many versions of which no delivery told are no chance.
const SILENT_MIN: u64 = 20;
/// Hours that are looked at for a platform that has fallen silent: lately, and where little happens.
const SILENT_HOURS: [i64; 2] = [2, 24];
/// A delivery that comes so long after a poll found the same was not missed, microseconds.
const LATE_MICROS: i64 = 120_000_000;

/// What polls found in some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// Versions of things that polls found.
    pub found: u64,
    /// Those among them that no delivery had shown.
    pub missed: u64,
}

/// How complete deliveries are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Figures {
    /// In the last 24 hours.
    pub day: Share,
    /// In the last 7 days.
    pub week: Share,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct FoundRecord {
    updated: Time,
    missed_at: Option<Time>,
}

#[derive(Default)]
struct Known {
    hours: BTreeMap<i64, Share>,
    /// Records of either kind, by hour.
    stored: BTreeMap<i64, u64>,
    /// Versions older than this are not judged any more.
    forgotten_before: Time,
}

impl Known {
    fn sum(&self, hours: i64, now: Time) -> Share {
        let shares = self.hours.range(hour_of(now).saturating_sub(hours - 1)..);
        let add = |sum: Share, one: &Share| Share { found: sum.found + one.found, missed: sum.missed + one.missed };
        shares.fold(Share::default(), |sum, (_, one)| add(sum, one))
    }
}

/// The figures of all connections.
pub struct Completeness {
    db: Db,
    tree: sled::Tree,
    known: Mutex<BTreeMap<Scope, Known>>,
}

fn hour_of(time: Time) -> i64 {
    time.0.div_euclid(HOUR_MICROS).clamp(0, i64::from(u32::MAX))
}

fn thing_key(kind: u8, scope: &Scope, hour: i64, version: &Version) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update((version.thing.kind.len() as u64).to_be_bytes());
    hash.update(version.thing.kind.as_bytes());
    hash.update(version.thing.id.as_bytes());
    let mut key = hour_prefix(kind, scope, hour);
    key.extend(hash.finalize().iter().take(16));
    key
}

fn hour_prefix(kind: u8, scope: &Scope, hour: i64) -> Vec<u8> {
    let mut key = prefix(kind, scope);
    key.extend_from_slice(&u32::try_from(hour).unwrap_or(u32::MAX).to_be_bytes());
    key
}

impl Completeness {
    pub(super) fn open(db: Db) -> Result<Completeness, StoreError> {
        let tree = db.tree(TREE)?;
        Ok(Completeness { db, tree, known: Mutex::default() })
    }

    /// A delivery showed versions.
    pub fn delivered(&self, scope: &Scope, versions: &[Version], now: Time) -> Result<(), StoreError> {
        if versions.is_empty() {
            return Ok(());
        }
        let mut all = self.lock();
        let known = self.known(&mut all, scope)?;
        let hour = hour_of(now);
        let mut corrected = false;
        for version in versions {
            let key = thing_key(SHOWN, scope, hour, version);
            let shown: Option<Time> = self.read(&key)?;
            if shown.is_none_or(|shown| shown < version.updated) {
                self.write(&key, &version.updated)?;
                *known.stored.entry(hour).or_default() += u64::from(shown.is_none());
            }
            corrected |= self.late(known, scope, version, now)?;
        }
        if corrected {
            self.write(&prefix(HOURS, scope), &known.hours)?;
        }
        self.trim(known, scope, now)
    }

    /// Takes back that a version was missed.
    fn late(&self, known: &mut Known, scope: &Scope, version: &Version, now: Time) -> Result<bool, StoreError> {
        let mut corrected = false;
        for hour in hour_of(now.plus_micros(-LATE_MICROS))..=hour_of(now) {
            let key = thing_key(FOUND, scope, hour, version);
            let Some(mut found) = self.read::<FoundRecord>(&key)? else { continue };
            let in_time = found.missed_at.filter(|at| now.0.saturating_sub(at.0) <= LATE_MICROS);
            if let Some(at) = in_time.filter(|_| found.updated <= version.updated) {
                let share = known.hours.entry(hour_of(at)).or_default();
                share.missed = share.missed.saturating_sub(1);
                found.missed_at = None;
                self.write(&key, &found)?;
                corrected = true;
            }
        }
        Ok(corrected)
    }

    /// A poll found versions. Those before `counts_from` are not judged.
    pub fn found(&self, scope: &Scope, versions: &[Version], counts_from: Time, now: Time) -> Result<(), StoreError> {
        if versions.is_empty() {
            return Ok(());
        }
        let mut all = self.lock();
        let known = self.known(&mut all, scope)?;
        let hour = hour_of(now);
        let oldest = counts_from.max(known.forgotten_before).max(now.plus_micros(-KEPT_HOURS * HOUR_MICROS));
        for version in versions.iter().filter(|version| version.updated >= oldest) {
            // The platform's clock may be a little ahead of ours.
            let hours = hour_of(version.updated).saturating_sub(1)..=hour;
            if self.any::<FoundRecord>(FOUND, scope, &hours, version, |found| found.updated >= version.updated)? {
                continue;
            }
            let shown = self.any::<Time>(SHOWN, scope, &hours, version, |shown| *shown >= version.updated)?;
            let share = known.hours.entry(hour).or_default();
            share.found += 1;
            share.missed += u64::from(!shown);
            let key = thing_key(FOUND, scope, hour, version);
            // An older version that was found within the hour makes place; what was missed of it stays missed.
            *known.stored.entry(hour).or_default() += u64::from(self.read::<FoundRecord>(&key)?.is_none());
            self.write(&key, &FoundRecord { updated: version.updated, missed_at: (!shown).then_some(now) })?;
        }
        self.trim(known, scope, now)?;
        self.write(&prefix(HOURS, scope), &known.hours)
    }

    fn any<T: serde::de::DeserializeOwned>(
        &self,
        kind: u8,
        scope: &Scope,
        hours: &std::ops::RangeInclusive<i64>,
        version: &Version,
        fits: impl Fn(&T) -> bool,
    ) -> Result<bool, StoreError> {
        for hour in hours.clone().rev() {
            if self.read(&thing_key(kind, scope, hour, version))?.is_some_and(|record| fits(&record)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The figures of a connection.
    pub fn figures(&self, scope: &Scope, now: Time) -> Result<Figures, StoreError> {
        let mut all = self.lock();
        let known = self.known(&mut all, scope)?;
        Ok(Figures { day: known.sum(24, now), week: known.sum(7 * 24, now) })
    }

    /// What polls found lately, if no delivery told of any of it though it was much: the platform sends nothing any
    /// more. Platforms switch topics off without a word.
    pub(super) fn silence(&self, scope: &Scope, now: Time) -> Result<Option<Share>, StoreError> {
        let mut all = self.lock();
        let known = self.known(&mut all, scope)?;
        let silent = |share: &Share| share.found >= SILENT_MIN && share.missed >= share.found;
        Ok(SILENT_HOURS.map(|hours| known.sum(hours, now)).into_iter().find(silent))
    }

    /// Forgets a connection.
    pub(super) fn forget(&self, scope: &Scope) -> Result<(), StoreError> {
        let mut all = self.lock();
        for kind in [SHOWN, FOUND, HOURS] {
            self.remove(&prefix(kind, scope))?;
        }
        all.remove(scope);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Scope, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known<'a>(&self, all: &'a mut BTreeMap<Scope, Known>, scope: &Scope) -> Result<&'a mut Known, StoreError> {
        if !all.contains_key(scope) {
            let mut known = Known { forgotten_before: Time::MIN, ..Known::default() };
            known.hours = self.read(&prefix(HOURS, scope))?.unwrap_or_default();
            for kind in [SHOWN, FOUND] {
                let start = prefix(kind, scope);
                for entry in self.tree.scan_prefix(&start) {
                    let (key, _) = entry.map_err(|why| self.db.failed(why))?;
                    let hour = key.get(start.len()..).and_then(|rest| rest.first_chunk::<4>());
                    *known.stored.entry(hour.map_or(0, |hour| i64::from(u32::from_be_bytes(*hour)))).or_default() += 1;
                }
            }
            all.insert(scope.clone(), known);
        }
        Ok(all.entry(scope.clone()).or_default())
    }

    /// Lets go of what is too old or too much.
    fn trim(&self, known: &mut Known, scope: &Scope, now: Time) -> Result<(), StoreError> {
        let oldest = hour_of(now).saturating_sub(KEPT_HOURS);
        while let Some((hour, _)) = known.stored.first_key_value().map(|(hour, count)| (*hour, *count)) {
            let much = known.stored.values().sum::<u64>() > KEPT_MAX && known.stored.len() > 1;
            if hour >= oldest && !much {
                break;
            }
            for kind in [SHOWN, FOUND] {
                self.remove(&hour_prefix(kind, scope, hour))?;
            }
            known.stored.remove(&hour);
            if much {
                known.forgotten_before = Time((hour + 2).saturating_mul(HOUR_MICROS));
            }
        }
        known.hours.retain(|hour, _| *hour >= oldest);
        Ok(())
    }

    fn remove(&self, start: &[u8]) -> Result<(), StoreError> {
        for entry in self.tree.scan_prefix(start) {
            let (key, _) = entry.map_err(|why| self.db.failed(why))?;
            self.tree.remove(key).map_err(|why| self.db.failed(why))?;
        }
        Ok(())
    }

    fn read<T: serde::de::DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let found = self.tree.get(key).map_err(|why| self.db.failed(why))?;
        found.map(|bytes| decode("version of a thing", &bytes)).transpose()
    }

    fn write<T: Serialize>(&self, key: &[u8], value: &T) -> Result<(), StoreError> {
        let bytes = encode("version of a thing", value)?;
        self.tree.insert(key, bytes).map_err(|why| self.db.failed(why))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::receive::Pointer;

    const MINUTE: i64 = 60_000_000;
    const START: Time = Time(500_000 * HOUR_MICROS);

    fn version(id: &str, minute: i64) -> Version {
        let thing = Pointer { kind: "order".to_owned(), id: id.to_owned() };
        Version { thing, updated: START.plus_micros(minute * MINUTE) }
    }

    fn at(minute: i64) -> Time {
        START.plus_micros(minute * MINUTE)
    }

    fn open(dir: &std::path::Path) -> Completeness {
        Completeness::open(Db::open(dir, 1 << 20).unwrap()).unwrap()
    }

    fn scope() -> Scope {
        Scope::new(&"w".into(), &"s".into())
    }

    #[test]
    fn what_no_delivery_showed_is_missed_once_and_for_a_week() {
        let dir = tempfile::tempdir().unwrap();
        let figures = |all: &Completeness, minute| all.figures(&scope(), at(minute)).unwrap();
        {
            let all = open(dir.path());
            all.delivered(&scope(), &[version("1", 5), version("2", 5)], at(5)).unwrap();
            // 1 as it was shown, 2 newer than that, 3 never shown, 4 before anything counts.
            let page = [version("1", 5), version("2", 6), version("3", 7), version("4", -1)];
            all.found(&scope(), &page, at(0), at(8)).unwrap();
            all.found(&scope(), &page, at(0), at(70)).unwrap();
            assert_eq!(figures(&all, 70).day, Share { found: 3, missed: 2 });
            all.db.make_durable().unwrap();
        }
        let all = open(dir.path());
        assert_eq!(figures(&all, 23 * 60).day, Share { found: 3, missed: 2 });
        assert_eq!(figures(&all, 25 * 60).day, Share::default());
        assert_eq!(figures(&all, 25 * 60).week, Share { found: 3, missed: 2 });
        assert_eq!(figures(&all, 8 * 24 * 60).week, Share::default());
        all.found(&scope(), &[version("3", 7)], at(0), at(80)).unwrap();
        assert_eq!(figures(&all, 80).day, Share { found: 3, missed: 2 }, "also after a restart it counts once");
        all.forget(&scope()).unwrap();
        assert_eq!((figures(&all, 80).week, all.tree.len()), (Share::default(), 0));
    }

    #[test]
    fn a_platform_that_tells_of_nothing_is_silent() {
        let dir = tempfile::tempdir().unwrap();
        let all = open(dir.path());
        let silence = |minute| all.silence(&scope(), at(minute)).unwrap();
        let find = |ids: std::ops::Range<u64>, minute| {
            let page: Vec<Version> = ids.map(|id| version(&id.to_string(), minute)).collect();
            all.found(&scope(), &page, at(0), at(minute)).unwrap();
        };
        all.delivered(&scope(), &[version("0", 1)], at(1)).unwrap();
        find(0..19, 1);
        assert_eq!(silence(1), None, "one was told of");
        find(100..119, 200);
        assert_eq!(silence(200), None, "few");
        find(119..121, 201);
        assert_eq!(silence(201), Some(Share { found: 21, missed: 21 }));
        all.delivered(&scope(), &[version("120", 201)], at(202)).unwrap();
        assert_eq!(silence(202), None, "it speaks again");
    }

    #[test]
    fn a_delivery_up_to_two_minutes_late_was_not_missed() {
        let dir = tempfile::tempdir().unwrap();
        let all = open(dir.path());
        all.found(&scope(), &[version("1", 58), version("2", 58), version("3", 59)], at(0), at(59)).unwrap();
        all.delivered(&scope(), &[version("1", 58)], at(61)).unwrap();
        all.delivered(&scope(), &[version("1", 58)], at(61)).unwrap();
        all.delivered(&scope(), &[version("3", 58)], at(61)).unwrap();
        all.delivered(&scope(), &[version("2", 58)], at(62)).unwrap();
        assert_eq!(all.figures(&scope(), at(62)).unwrap().day, Share { found: 3, missed: 2 });
    }

    #[test]
    fn what_is_remembered_is_bounded_by_age_and_number() {
        let dir = tempfile::tempdir().unwrap();
        let all = open(dir.path());
        all.delivered(&scope(), &[version("1", 0)], at(0)).unwrap();
        all.delivered(&scope(), &[version("2", 60)], at(60)).unwrap();
        all.delivered(&scope(), &[version("3", 9 * 24 * 60)], at(9 * 24 * 60)).unwrap();
        assert_eq!(all.tree.len(), 1);
        let mut many = all.lock();
        many.get_mut(&scope()).unwrap().stored.insert(hour_of(at(9 * 24 * 60)), KEPT_MAX + 1);
        drop(many);
        all.delivered(&scope(), &[version("4", 9 * 24 * 60 + 60)], at(9 * 24 * 60 + 60)).unwrap();
        assert_eq!(all.tree.len(), 1);
        let found = [version("3", 9 * 24 * 60), version("4", 9 * 24 * 60 + 60)];
        all.found(&scope(), &found, Time::MIN, at(9 * 24 * 60 + 61)).unwrap();
        let day = all.figures(&scope(), at(9 * 24 * 60 + 61)).unwrap().day;
        assert_eq!(day, Share { found: 0, missed: 0 }, "what is forgotten is not judged, nor the hour after it");
    }
}
