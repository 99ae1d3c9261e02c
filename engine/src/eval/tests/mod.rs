//! Evaluation of people made by hand.

mod activity;
mod dates;
pub(super) mod fake;
mod money;
mod promise;
mod properties;
mod sequences;
mod why;
