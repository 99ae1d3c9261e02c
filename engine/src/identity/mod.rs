//! Who is one person: a function of the set of links, not of their order.

pub mod anchor;
pub mod cluster;
