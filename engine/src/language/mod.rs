//! The definition language.
