//! What an operator sets for a list, and what is shown of it.

use model::{Channel, ListIdentifier, ListMode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How a list is sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SyncSettings {
    /// Calls a second at most.
    pub calls_per_second: u32,
    /// Changes of one call at most; 0 for as many as the destination takes.
    pub batch_changes_max: usize,
    /// Whether the first sync waits for `start` after showing what it would do.
    pub dry_run_first: bool,
    /// When a full snapshot is sent: a cron expression, seconds first, UTC; empty for never.
    pub snapshot_schedule: String,
    /// When members are read back and compared, where the destination allows it: as `snapshot_schedule`.
    pub reconcile_schedule: String,
}

impl Default for SyncSettings {
    fn default() -> SyncSettings {
        SyncSettings {
            calls_per_second: 20,
            batch_changes_max: 0,
            dry_run_first: false,
            snapshot_schedule: "0 17 * * * *".to_owned(),
            reconcile_schedule: "0 43 * * * *".to_owned(),
        }
    }
}

/// Bounds that hold for every list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SyncDefaults {
    /// A removal of more than this part of a list waits for the operator.
    pub brake_percent: u32,
    /// Lists with fewer members have no brake.
    pub brake_members_min: u64,
    /// Wait after the first failure, milliseconds; doubles up to `retry_longest_ms`.
    pub retry_first_ms: u64,
    /// Longest wait between tries, milliseconds.
    pub retry_longest_ms: u64,
}

impl Default for SyncDefaults {
    fn default() -> SyncDefaults {
        SyncDefaults { brake_percent: 20, brake_members_min: 100, retry_first_ms: 500, retry_longest_ms: 600_000 }
    }
}

/// Where a list stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListState {
    /// Changes are sent as they come.
    Active,
    /// The first sync waits for `start`.
    DryRun,
    /// What the destination holds is read before anything is sent.
    Reading,
    /// The operator holds it, or something that it depends on is not ready.
    Held,
    /// A removal waits for the operator's word.
    Braked,
    /// The destination is gone or refuses our credentials.
    Stopped,
    /// It is being emptied before it is unlinked.
    Emptying,
    /// No destination is set.
    Unconfigured,
}

/// What is shown of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListStatus {
    /// Its workspace.
    pub workspace: String,
    /// Its id.
    pub list: String,
    /// The segment that it follows.
    pub segment: String,
    /// Where it stands.
    pub state: ListState,
    /// Why, when it does not go on by itself.
    pub reason: Option<String>,
    /// Members that it should hold.
    pub desired: u64,
    /// Members that the destination is known to hold.
    pub confirmed: u64,
    /// Members to add.
    pub to_add: u64,
    /// Members to remove.
    pub to_remove: u64,
    /// Some identifiers that would be sent next.
    pub sample: Vec<String>,
    /// Age of the oldest change that is not sent, milliseconds.
    pub oldest_pending_ms: u64,
    /// Whether the first sync with this destination is not over.
    pub first_sync: bool,
    /// Failed tries in a row.
    pub failures: u32,
    /// The last failure.
    pub last_error: Option<String>,
    /// When the next try is made, milliseconds from now; absent when nothing keeps it back.
    pub next_attempt_ms: Option<u64>,
    /// Members that the destination refused, with its reasons; at most 100 are shown.
    pub refused: BTreeMap<String, String>,
    /// How many it refused.
    pub refused_count: u64,
    /// Messages delivered since the start.
    pub delivered: u64,
    /// Parts of a snapshot that are still to be sent.
    pub snapshot_parts_left: u64,
    /// When the last snapshot was delivered, RFC 3339.
    pub last_snapshot: Option<String>,
    /// When the destination's members were last read back and compared, RFC 3339.
    pub last_reconciled: Option<String>,
    /// Whether they are being read back, or are to be.
    pub reconciling: bool,
    /// Members that were there and should not have been, or the other way round, since the start.
    pub drift_found: u64,
    /// How many of them are as they should be again.
    pub drift_repaired: u64,
    /// Members there that are not ours and are left alone, at the last comparison.
    pub strangers: u64,
    /// Members who left the destination by themselves and are not added again, since the start.
    pub left: u64,
    /// How it is kept.
    #[schema(value_type = String)]
    pub mode: ListMode,
    /// By what it knows its members: `person`, `email`, `phone`, or `{"user": "SOURCE"}`.
    #[schema(value_type = serde_json::Value)]
    pub identifier: ListIdentifier,
    /// Consent that a member needs: `email` or `sms`.
    #[schema(value_type = Option<String>)]
    pub consent: Option<Channel>,
}
