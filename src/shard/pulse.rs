//! Whether a shard's thread goes on.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A question may keep a shard this long: it is slow then, and not stuck.
const QUESTION_MAX: Duration = Duration::from_secs(300);

/// What a shard's thread began last, and when.
pub(super) struct Pulse(Mutex<(Instant, bool)>);

impl Pulse {
    pub fn new() -> Pulse {
        Pulse(Mutex::new((Instant::now(), false)))
    }

    /// Told by the thread whenever it begins something; a question may take long.
    pub fn beat(&self, question: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), question);
    }

    /// For how long the thread has been stuck, if it has begun nothing for longer than `limit`.
    pub fn stuck(&self, limit: Duration) -> Option<Duration> {
        let (since, question) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = if question { QUESTION_MAX.max(limit) } else { limit };
        Some(since.elapsed()).filter(|elapsed| *elapsed > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_begins_nothing_is_stuck_unless_it_answers_a_question() {
        let pulse = Pulse::new();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(pulse.stuck(Duration::from_secs(5)), None);
        assert!(pulse.stuck(Duration::from_millis(10)).is_some());
        pulse.beat(true);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(pulse.stuck(Duration::from_millis(10)), None);
        pulse.beat(false);
        std::thread::sleep(Duration::from_millis(20));
        assert!(pulse.stuck(Duration::from_millis(10)).is_some());
    }
}
