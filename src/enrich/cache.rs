//! Devices of user agents seen lately: a shop's visitors use few.

use super::Device;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// User agents kept. When they are more, all are forgotten.
const AGENTS_MAX: usize = 4_096;
/// Bytes of a user agent that are looked at.
const AGENT_BYTES_MAX: usize = 512;

type Found = Option<Arc<Device>>;

/// What was found for each user agent.
#[derive(Default)]
pub(super) struct DeviceCache {
    known: RwLock<HashMap<String, Found>>,
}

impl DeviceCache {
    /// The device behind a user agent.
    pub(super) fn get(&self, agent: &str) -> Found {
        let agent = agent.get(..agent.floor_char_boundary(AGENT_BYTES_MAX)).unwrap_or_default();
        if let Some(found) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(agent) {
            return found.clone();
        }
        let found = Device::parse(agent).map(Arc::new);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= AGENTS_MAX {
            known.clear();
        }
        known.insert(agent.to_owned(), found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_answers_the_same() {
        let cache = DeviceCache::default();
        let agent =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari";
        let first = cache.get(agent);
        assert_eq!(first.as_ref().unwrap().kind, "desktop");
        for number in 0..3 * AGENTS_MAX {
            cache.get(&format!("{agent} {number}{}", "ñ".repeat(AGENT_BYTES_MAX)));
            assert!(cache.known.read().unwrap().len() <= AGENTS_MAX);
        }
        assert_eq!(cache.get(agent), first);
        assert!(cache.known.read().unwrap().keys().all(|agent| agent.len() <= AGENT_BYTES_MAX));
    }
}
