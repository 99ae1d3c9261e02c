//! Names that people and the daemon give to things. All are opaque strings.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What an id has to be that stands in a path and in a file's name.
pub const PLAIN_ID: &str = "an id has 1 to 64 letters, digits, hyphens, underscores or dots";

/// Whether an id is one: see [`PLAIN_ID`]. Dots alone would be a folder.
pub fn is_plain_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&id.len()) && id.chars().all(plain) && !id.chars().all(|c| c == '.')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub struct $name(pub String);

        impl $name {
            /// The text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $name(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One merchant's audience: its sources, people, segments and lists.
    WorkspaceId
);
id!(
    /// A tracking source or store connection of a workspace.
    SourceId
);
id!(
    /// A segment of a workspace, by its name in definitions (`"vip"`).
    SegmentId
);
id!(
    /// An external list that follows a segment.
    ListId
);
