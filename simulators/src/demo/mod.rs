//! The demo: a store and Mailchimp are connected by OAuth, then a shop's month goes by in less than a minute, through
//! the real daemon, and the proof that every list holds exactly what an independent count says.

mod play;
mod prove;
mod random;
mod sdk;
mod shop;
mod stage;
mod truth;
mod visits;

pub use play::{Options, play};
