//! Connections over a folder: whatever fails, and wherever the daemon is killed, they end as they should.

mod fake;
mod saga;
mod tokens;
