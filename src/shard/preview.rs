//! Counting who would match a definition: a first estimate from a sample at once, the exact count by
//! looking at everybody, both beside the shard and as of one instant.

use super::answers::unavailable;
use super::api::{Preview, QueryError};
use super::lookers::{LookError, Lookers, look};
use super::runner::Runner;
use crate::store::people::StoredPeople;
use engine::storage::PersonNo;
use engine::workspace::survey::{Part, Survey};
use model::WorkspaceId;
use roaring::RoaringBitmap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Blocks of people looked at for an estimate, and the time that they may take.
const SAMPLE_BLOCKS: usize = 256;
const SAMPLE_TIME_MAX: Duration = Duration::from_millis(40);
/// An estimate looks at these however long it takes: of fewer nothing can be said.
const SAMPLE_BLOCKS_MIN: usize = 16;
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
    pub fn new(
        shard: Arc<super::inbox::Inbox<Runner>>,
        workspace: WorkspaceId,
        survey: Survey,
        people: StoredPeople,
    ) -> Asked {
        Asked { shard, workspace, survey: Arc::new(survey), people, gone: Arc::default() }
    }

    /// Looks at a sample; which blocks of it there was time for. Blocks for some tens of milliseconds.
    pub fn sample(&self) -> impl FnOnce() -> Result<Sampled, QueryError> + use<> {
        let (survey, people) = (self.survey.clone(), self.people.clone());
        move || {
            let began = Instant::now();
            let mut blocks = survey.sample(SAMPLE_BLOCKS + 1);
            let all = blocks.len() <= SAMPLE_BLOCKS;
            blocks.truncate(SAMPLE_BLOCKS);
            let mut part = survey.part(survey.range());
            for (place, block) in blocks.iter().enumerate() {
                if place >= SAMPLE_BLOCKS_MIN && !all && began.elapsed() > SAMPLE_TIME_MAX {
                    blocks.truncate(place);
                    break;
                }
                part.absorb(look(&people, &survey, block.clone()).map_err(unavailable)?);
            }
            Ok(Sampled { part, blocks: if all { None } else { Some(blocks) } })
        }
    }

    /// Looks at everybody. Blocks.
    pub fn everybody(&self) -> impl FnOnce() -> Result<Sampled, QueryError> + use<> {
        let (survey, people, gone) = (self.survey.clone(), self.people.clone(), self.gone.clone());
        move || {
            let ended = || gone.load(Ordering::Acquire);
            let part = whole(people, survey, &ended).map_err(unavailable)?;
            let part = part.ok_or_else(|| unavailable("nobody waits any more"))?;
            Ok(Sampled { part, blocks: None })
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

/// What was found out, and about which blocks of people; `None`: about everybody.
pub(super) struct Sampled {
    pub part: Part,
    pub blocks: Option<Vec<Range<PersonNo>>>,
}

impl Sampled {
    /// What is told of it.
    pub fn told(&self, survey: &Survey) -> Preview {
        let empty = RoaringBitmap::new();
        let (looked, matching) = (self.part.looked_at(), self.part.matches(0).unwrap_or(&empty));
        let Some(blocks) = &self.blocks else { return exact(survey.people(), matching.len()) };
        let count = |block: &Range<PersonNo>| {
            let within = |people: &RoaringBitmap| people.range_cardinality(block.clone());
            (within(looked), within(matching))
        };
        estimate(survey.people(), &blocks.iter().map(count).collect::<Vec<_>>())
    }
}

fn exact(people: u64, count: u64) -> Preview {
    Preview { exact: true, count, low: count, high: count, people, looked_at: people, sample: Vec::new() }
}

/// What a sample says of everybody: of each of its blocks how many were looked at, and how many match.
///
/// The bounds hold in 95 of 100 cases. It is Wilson's interval for as many people as the sample is worth:
/// fewer than were looked at where blocks differ more than chance would have it, for those who came
/// together are alike; and narrowed by the part of everybody that was looked at.
fn estimate(people: u64, blocks: &[(u64, u64)]) -> Preview {
    let blocks: Vec<(f64, f64)> =
        blocks.iter().filter(|block| block.0 > 0).map(|(looked, found)| (*looked as f64, *found as f64)).collect();
    let (all, k) = (people as f64, blocks.len() as f64);
    let (n, found) = blocks.iter().fold((0.0, 0.0), |sum, block| (sum.0 + block.0, sum.1 + block.1));
    let looked_at = n as u64;
    if looked_at == 0 {
        return Preview { exact: false, count: 0, low: 0, high: people, people, looked_at, sample: Vec::new() };
    }
    let share = found / n;
    let by_chance = share * (1.0 - share) / n;
    let between = blocks.iter().map(|(looked, found)| (found - share * looked).powi(2)).sum::<f64>();
    let seen = between / (n * n) * k / (k - 1.0).max(1.0);
    // Where nobody or everybody matches blocks can't differ; then one is worth one person, no more.
    let worth = if by_chance > 0.0 { n / (seen / by_chance).max(1.0) } else { k };
    let z = Z * ((all - n).max(0.0) / (all - 1.0).max(1.0)).sqrt();
    let middle = share + z * z / (2.0 * worth);
    let spread = z * (share * (1.0 - share) / worth + z * z / (4.0 * worth * worth)).sqrt();
    let scale = 1.0 + z * z / worth;
    // What was seen is sure.
    let sure = found as u64..=people.saturating_sub(looked_at).saturating_add(found as u64);
    let within = |count: f64| (count.max(0.0) as u64).clamp(*sure.start(), *sure.end());
    Preview {
        exact: false,
        count: within((share * all).round()),
        low: within(((middle - spread) / scale * all).floor()),
        high: within(((middle + spread) / scale * all).ceil()),
        people,
        looked_at,
        sample: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: &mut u64) -> u64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed >> 33
    }

    #[test]
    fn the_bounds_hold_what_was_seen_and_their_width_is_that_of_the_sample() {
        let nothing = estimate(50, &[(0, 0)]);
        assert_eq!((nothing.exact, nothing.low, nothing.high), (false, 0, 50));
        let none = estimate(1_000_000, &[(20, 0); 100]);
        assert_eq!((none.count, none.low), (0, 0));
        assert!((30_000..=40_000).contains(&none.high), "{none:?}");
        let half = estimate(1_000_000, &[(20, 10); 100]);
        assert_eq!((half.count, half.looked_at), (500_000, 2_000));
        assert!((475_000..=480_000).contains(&half.low) && (520_000..=525_000).contains(&half.high), "{half:?}");
        // All or nobody of a block: as good as a hundred people.
        let alike: Vec<(u64, u64)> = (0..100).map(|block| (20, block % 2 * 20)).collect();
        let alike = estimate(1_000_000, &alike);
        assert!((400_000..=410_000).contains(&alike.low) && (590_000..=600_000).contains(&alike.high), "{alike:?}");
        let most = estimate(2_001, &[(20, 10); 100]);
        assert!(most.low >= 1_000 && most.high <= 1_001, "{most:?}");
    }

    #[test]
    fn of_a_hundred_samples_about_95_hold_the_true_count_also_where_those_who_came_together_are_alike() {
        for alike in [false, true] {
            let held = (0..300_u64).filter(|round| {
                let mut seed = round * 7_919 + 1;
                let block = |seed: &mut u64| {
                    let share = if alike { [0, 2, 7][(random(seed) % 3) as usize] } else { 3 };
                    (20, (0..20).filter(|_| random(seed) % 10 < share).count() as u64)
                };
                let blocks: Vec<(u64, u64)> = (0..120).map(|_| block(&mut seed)).collect();
                let told = estimate(1_000_000, &blocks);
                (told.low..=told.high).contains(&300_000)
            });
            let held = held.count();
            assert!((276..=297).contains(&held), "{held} of 300, alike: {alike}");
        }
    }
}
