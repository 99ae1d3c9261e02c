//! Old signing secrets go when the overlap of a rotation is over.

use super::{Control, StoredDestination};
use model::Time;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked for secrets whose time is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The machine's time: receivers go by it, also when this daemon's clock is simulated.
pub fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Drops old secrets as their time comes and hands the changed destinations to `changed`. Never ends.
pub async fn run(control: Arc<Control>, changed: impl Fn(StoredDestination) + Send) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let control = Arc::clone(&control);
        match tokio::task::spawn_blocking(move || control.drop_old_secrets(now())).await {
            Ok(Ok(destinations)) => destinations.into_iter().for_each(&changed),
            Ok(Err(why)) => tracing::error!(%why, "old signing secrets can't be dropped"),
            Err(_) => return,
        }
    }
}
