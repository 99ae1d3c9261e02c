//! How long the disk takes to make a few bytes durable: whatever is durable can't be faster, and on a machine that is
//! shared it changes from minute to minute. So it is looked at beside each durable figure.

use std::fs::File;
use std::io::Error;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

const WRITES: usize = 64;
const BYTES: [u8; 256] = [b'x'; 256];
/// Room that is there before, as the logs of databases have it.
const ROOM: usize = 1 << 20;

/// Half of all writes of a few bytes were durable (`fdatasync`) after so long, microseconds.
pub fn durable_after(dir: &Path) -> Result<f64, String> {
    let path = dir.join("disk");
    let took = writes(&path).map_err(|why| format!("{}: {why}", path.display()));
    let _ = std::fs::remove_file(&path);
    let mut took = took?;
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}

fn writes(path: &Path) -> Result<Vec<f64>, Error> {
    let file = File::create(path)?;
    file.write_all_at(&vec![0; ROOM], 0)?;
    file.sync_all()?;
    let write = |place: usize| {
        let began = Instant::now();
        file.write_all_at(&BYTES, (place * BYTES.len()) as u64)?;
        file.sync_data()?;
        Ok(began.elapsed().as_secs_f64() * 1e6)
    };
    (0..WRITES).map(write).collect()
}
