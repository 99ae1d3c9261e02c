//! Compiled definitions.
