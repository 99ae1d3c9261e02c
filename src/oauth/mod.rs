//! Authorization: where merchants agree, and tokens that are always fresh.

pub mod flow;
mod page;
pub mod routes;
pub mod tokens;

pub use tokens::{ConnectionTokens, TokenState, TokenStatus};
