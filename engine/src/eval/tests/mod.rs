//! Evaluation of people made by hand.

mod activity;
mod dates;
mod fake;
mod money;
mod promise;
mod properties;
mod sequences;
mod why;
