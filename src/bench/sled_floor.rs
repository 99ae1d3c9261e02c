//! The floor of sustained work: bare sled, two random writes an event, one fdatasync for 256 events.

use crate::store::db::Db;
use std::time::Instant;

const GROUP: u64 = 256;

/// Events: as many as a minute of sustained work brings, so that the tree is about as large.
const EVENTS: u64 = 2_000_000;

/// Events a second that bare sled takes over so many people.
pub(super) fn events_per_second(people: u64) -> Result<f64, String> {
    let dir = std::env::temp_dir().join(format!("segmentd-floor-{}", uuid::Uuid::now_v7()));
    let measured = measure(&dir, people);
    let _ = std::fs::remove_dir_all(&dir);
    measured
}

fn measure(dir: &std::path::Path, people: u64) -> Result<f64, String> {
    let text = |why: crate::store::db::StoreError| why.to_string();
    let db = Db::open(dir, 256 << 20).map_err(text)?;
    let tree = db.tree("floor").map_err(text)?;
    let began = Instant::now();
    let mut events = 0u64;
    let mut state = 88_172_645_463_325_252u64;
    while events < EVENTS {
        let mut batch = sled::Batch::default();
        for _ in 0..GROUP {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let person = state % people.max(1);
            batch.insert([b"p".as_slice(), &person.to_be_bytes()].concat(), vec![7u8; 300]);
            batch.insert([b"e".as_slice(), &state.to_be_bytes()].concat(), vec![7u8; 150]);
        }
        tree.apply_batch(batch).map_err(|why| why.to_string())?;
        db.make_durable().map_err(text)?;
        events += GROUP;
    }
    Ok(events as f64 / began.elapsed().as_secs_f64())
}
