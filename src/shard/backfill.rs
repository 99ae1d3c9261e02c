//! Building new versions of segments: other threads look at everybody, the shard takes what they found.

use super::lookers::{LookError, Lookers};
use super::options::ShardError;
use super::state::{Engine, Tenant, Tenants};
use crate::store::state::ShardStore;
use engine::workspace::backfill::Taken;
use engine::workspace::survey::Survey;
use model::SegmentId;
use std::sync::Arc;
use std::time::Instant;

/// With fewer people to look at the shard does it by itself.
const SURVEY_PEOPLE_MIN: u64 = 1_000;
/// People that the shard looks at by itself between two looks at the time.
const STEP_PEOPLE: usize = 32;

/// A survey for the versions of a workspace that are being built.
pub(super) struct Backfill {
    survey: Arc<Survey>,
    lookers: Lookers,
}

/// What a turn of building came to.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Versions that are complete and wait for their activation.
    pub complete: Vec<(SegmentId, u32)>,
    /// Nothing can be done before another thread has found something out.
    pub waits: bool,
}

/// Is called by threads that have found something out.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

fn failed(shard: u32, error: LookError) -> ShardError {
    match error {
        LookError::Store(error) => ShardError::Store(error),
        LookError::Thread(why) => ShardError::Thread { shard, why },
    }
}

impl Backfill {
    fn begin(engine: &mut Engine, store: &ShardStore, number: u32, wake: Wake) -> Result<Option<Backfill>, LookError> {
        if engine.unbuilt() < SURVEY_PEOPLE_MIN {
            return Ok(None);
        }
        let Some(survey) = engine.begin_build().map(Arc::new) else { return Ok(None) };
        match Lookers::start(store.people(number), survey.clone(), wake) {
            Ok(lookers) => Ok(Some(Backfill { survey, lookers })),
            Err(error) => {
                engine.drop_survey(&survey);
                Err(error)
            }
        }
    }
}

impl Tenants {
    /// Builds in a workspace for a while.
    pub fn build(&mut self, number: u32, until: Instant, wake: &Wake) -> Result<Turn, ShardError> {
        let (shard, store, other) = (self.shard, self.store.clone(), self.builds_other(number));
        let Some(tenant) = self.by_number(number) else { return Ok(Turn::default()) };
        if tenant.backfill.is_none() && !other {
            let begun = Backfill::begin(&mut tenant.engine, &store, number, wake.clone());
            tenant.backfill = begun.map_err(|error| failed(shard, error))?;
        }
        // Where no survey can be made of many, the shard does it all by itself.
        let near = if tenant.backfill.is_some() || other { SURVEY_PEOPLE_MIN } else { u64::MAX };
        let mut turn = Turn::default();
        if !tenant.engine.is_building() {
            // Nothing of it can be evaluated any more.
            tenant.end_backfill();
            self.building.remove(&number);
            return Ok(turn);
        }
        if tenant.backfill.is_some() {
            turn.waits = tenant.take_parts(until).map_err(|error| failed(shard, error))??;
        }
        // What surveys have left: those who came since.
        while turn.complete.is_empty() {
            turn.complete = tenant.engine.build_near(STEP_PEOPLE, near)?;
            if tenant.engine.unbuilt() > near || Instant::now() >= until {
                break;
            }
        }
        turn.waits |= other;
        turn.waits &= turn.complete.is_empty();
        Ok(turn)
    }

    /// Whether another workspace of the shard is being looked at: one after the other.
    fn builds_other(&self, number: u32) -> bool {
        self.iter().any(|tenant| tenant.number != number && tenant.backfill.is_some())
    }
}

impl Tenant {
    /// Takes parts until the time is over; true if the next one is not there yet.
    fn take_parts(&mut self, until: Instant) -> Result<Result<bool, ShardError>, LookError> {
        let Some(backfill) = &mut self.backfill else { return Ok(Ok(false)) };
        while let Some(next) = self.engine.next_of(&backfill.survey) {
            let Some(part) = backfill.lookers.take(next)? else { return Ok(Ok(true)) };
            match self.engine.take_part(&backfill.survey, part) {
                Ok(Taken::Built) if Instant::now() >= until => return Ok(Ok(false)),
                Ok(Taken::Built) => {}
                Ok(Taken::Void) => break,
                Err(error) => return Ok(Err(error.into())),
            }
        }
        self.end_backfill();
        Ok(Ok(false))
    }

    /// Ends what looks at people for this workspace.
    pub fn end_backfill(&mut self) {
        if let Some(backfill) = self.backfill.take() {
            self.engine.drop_survey(&backfill.survey);
        }
    }

    /// Builds everything that is being built at once, if it has to be for an activation: a replay comes
    /// to one before anybody had the time. Without this the engine does it alone, which takes many times as long.
    pub fn build_whole(
        &mut self,
        (segment, version): (&SegmentId, u32),
        shard: u32,
        store: &ShardStore,
    ) -> Result<(), ShardError> {
        if self.engine.unbuilt_of(segment, version) < SURVEY_PEOPLE_MIN {
            return Ok(());
        }
        self.end_backfill();
        let failed = |error| failed(shard, error);
        loop {
            let begun = Backfill::begin(&mut self.engine, store, self.number, Arc::new(|| ())).map_err(failed)?;
            let Some(mut backfill) = begun else { return Ok(()) };
            while let Some(next) = self.engine.next_of(&backfill.survey) {
                let part = backfill.lookers.wait(next, &|| false).map_err(failed)?;
                let Some(part) = part else { break };
                if self.engine.take_part(&backfill.survey, part)? == Taken::Void {
                    break;
                }
            }
            self.engine.drop_survey(&backfill.survey);
        }
    }
}
