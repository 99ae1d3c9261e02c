//! The definition language: a tree of `all` / `any` / `not` over conditions, in JSON.

pub mod ast;
pub mod error;
mod parse;
mod print;
mod terms;

pub use ast::Definition;
pub use error::DefinitionError;

/// Levels of nesting.
pub const DEPTH_MAX: usize = 24;
/// Conditions and groups of one definition.
pub const NODES_MAX: usize = 500;
/// Values of one `in` list, children of one group, filters of one condition.
pub const LIST_MAX: usize = 1_000;
/// Characters of a text constant or pattern.
pub const TEXT_CHARS_MAX: usize = 1_000;

/// Reads a definition from its JSON form.
pub fn parse(json: &str) -> Result<Definition, DefinitionError> {
    let value = serde_json::from_str(json).map_err(|why| DefinitionError::new("", format!("not JSON: {why}")))?;
    parse::definition(&value)
}
