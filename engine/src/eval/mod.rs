//! Evaluation of a compiled definition for one person at one instant.

pub mod subject;
