//! Counting who would match a definition: a first estimate from a sample at once, the exact count by
//! looking at everybody, both beside the shard and as of one instant.

use super::answers::unavailable;
use super::api::{Preview, QueryError};
use super::lookers::{LookError, Lookers, look_at};
use super::runner::Runner;
use super::start::Shard;
use crate::store::people::StoredPeople;
use engine::storage::PersonNo;
use engine::workspace::survey::{Part, Survey};
use model::WorkspaceId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// People looked at for an estimate, and the time that they may take.
const SAMPLE_PEOPLE: usize = 4_000;
const SAMPLE_TIME_MAX: Duration = Duration::from_millis(40);
/// People between two looks at the time.
const SAMPLE_STEP: usize = 16;
/// An estimate looks at these however long it takes: of fewer nothing can be said.
const SAMPLE_PEOPLE_MIN: usize = 200;
/// People shown.
pub(super) const SHOWN_PEOPLE: usize = 10;
/// Estimates, and exact counts, at the same time; others wait.
pub(super) const ESTIMATES_MAX: usize = 4;
pub(super) const COUNTS_MAX: usize = 1;
/// Standard deviations within which 95 of 100 estimates lie.
const Z: f64 = 1.96;

/// A survey for a preview. Whoever asked may go away at any time: the shard is told then.
pub(super) struct Asked {
    shard: Arc<super::inbox::Inbox<Runner>>,
    workspace: WorkspaceId,
    pub survey: Arc<Survey>,
    pub people: StoredPeople,
    gone: Arc<AtomicBool>,
}

impl Asked {
    pub fn new(shard: &Shard, workspace: &WorkspaceId, survey: Survey, people: StoredPeople) -> Asked {
        let (shard, workspace, gone) = (shard.inbox.clone(), workspace.clone(), Arc::default());
        Asked { shard, workspace, survey: Arc::new(survey), people, gone }
    }

    /// Looks at a sample. Blocks for some tens of milliseconds.
    pub fn sample(&self) -> impl FnOnce() -> Result<(Part, bool), QueryError> + use<> {
        let (survey, people) = (self.survey.clone(), self.people.clone());
        move || {
            let began = Instant::now();
            let sample = survey.sample(SAMPLE_PEOPLE);
            let (whole, mut looked) = (sample.len() as u64 == survey.people(), 0);
            let mut part = survey.part(survey.range());
            for some in sample.chunks(SAMPLE_STEP) {
                let enough = looked >= SAMPLE_PEOPLE_MIN && began.elapsed() > SAMPLE_TIME_MAX;
                if enough && !whole {
                    return Ok((part, false));
                }
                looked += some.len();
                for no in some {
                    look_at(&people, &survey, *no, &mut part).map_err(unavailable)?;
                }
            }
            Ok((part, whole))
        }
    }

    /// Looks at everybody. Blocks.
    pub fn everybody(&self) -> impl FnOnce() -> Result<Part, QueryError> + use<> {
        let (survey, people, gone) = (self.survey.clone(), self.people.clone(), self.gone.clone());
        move || {
            let ended = || gone.load(Ordering::Acquire);
            whole(people, survey, &ended).map_err(unavailable)?.ok_or_else(|| unavailable("nobody waits any more"))
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
        let (survey, workspace) = (self.survey.clone(), self.workspace.clone());
        self.shard.ask(Box::new(move |runner| {
            if let Some(tenant) = runner.tenants.get(&workspace) {
                tenant.engine.drop_survey(&survey);
            }
        }));
    }
}

fn whole(people: StoredPeople, survey: Arc<Survey>, ended: &dyn Fn() -> bool) -> Result<Option<Part>, LookError> {
    let mut all = survey.part(survey.range().start..survey.range().start);
    let mut lookers = Lookers::start(people, survey.clone(), Arc::new(|| ()))?;
    let end: PersonNo = survey.range().end;
    while all.people.end < end {
        let Some(part) = lookers.wait(all.people.end, ended)? else { return Ok(None) };
        if ended() {
            return Ok(None);
        }
        all.absorb(part);
    }
    Ok(Some(all))
}

/// What a sample says of everybody: the bounds hold in 95 of 100 cases (Wilson's interval, narrowed
/// by what was looked at).
pub(super) fn estimate(people: u64, looked_at: u64, matching: u64) -> Preview {
    let (all, n, found) = (people as f64, looked_at as f64, matching as f64);
    if looked_at == 0 {
        let (count, low, high) = (0, 0, people);
        return Preview { exact: people == 0, count, low, high, people, looked_at, sample: Vec::new() };
    }
    let share = found / n;
    // Of a sample that is a good part of everybody less is left to chance.
    let z = Z * ((all - n).max(0.0) / (all - 1.0).max(1.0)).sqrt();
    let (middle, spread) = (share + z * z / (2.0 * n), z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt());
    let (low, high) = ((middle - spread) / (1.0 + z * z / n), (middle + spread) / (1.0 + z * z / n));
    // What was seen is sure.
    let sure = matching..=people.saturating_sub(looked_at - matching);
    let within = |count: f64| (count.max(0.0) as u64).clamp(*sure.start(), *sure.end());
    Preview {
        exact: looked_at == people,
        count: within((share * all).round()),
        low: within((low * all).floor()),
        high: within((high * all).ceil()),
        people,
        looked_at,
        sample: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_of_everybody_is_exact_and_one_of_nobody_says_nothing() {
        let exact = estimate(50, 50, 7);
        assert_eq!((exact.exact, exact.count, exact.low, exact.high), (true, 7, 7, 7));
        let nothing = estimate(50, 0, 0);
        assert_eq!((nothing.exact, nothing.low, nothing.high), (false, 0, 50));
        assert!(estimate(0, 0, 0).exact);
    }

    #[test]
    fn the_bounds_hold_what_was_seen_and_their_width_is_that_of_the_sample() {
        let none = estimate(1_000_000, 2_000, 0);
        assert_eq!((none.count, none.low), (0, 0));
        assert!((1_500..=2_500).contains(&none.high), "{none:?}");
        let half = estimate(1_000_000, 2_000, 1_000);
        assert_eq!(half.count, 500_000);
        assert!((475_000..=480_000).contains(&half.low) && (520_000..=525_000).contains(&half.high), "{half:?}");
        let all = estimate(3_000, 2_999, 1);
        assert_eq!((all.low, all.count), (1, 1));
        assert!(all.high <= 2, "{all:?}");
    }

    #[test]
    fn of_a_hundred_samples_about_95_hold_the_true_count() {
        let (people, every): (u64, u64) = (100_000, 7);
        let held = (0..200_u64).filter(|round| {
            let mut random = round * 7_919 + 1;
            let found = (0..500).filter(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (random >> 33) % every == 0
            });
            let told = estimate(people, 500, found.count() as u64);
            (told.low..=told.high).contains(&(people / every))
        });
        let held = held.count();
        assert!((180..=199).contains(&held), "{held} of 200");
    }
}
