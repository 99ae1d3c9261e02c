//! The demo: a shop's month in less than a minute, through the real daemon, and the proof that
//! every list holds exactly what an independent count says.

mod daemon;
mod play;
mod sdk;
mod shop;
mod truth;

pub use play::{Options, play};
