//! The definition language: a tree of `all` / `any` / `not` over conditions, in JSON or as text.
//!
//! It never knows of people or of a time zone: dates stay as written until a plan is compiled.

pub mod ast;
pub mod error;
#[cfg(test)]
mod generators;
mod json;
mod parse;
mod pattern;
mod print;
mod sequence;
mod terms;
#[cfg(test)]
mod tests;
pub mod text;

pub use ast::Definition;
pub use error::DefinitionError;
pub(crate) use pattern::pattern;
pub(crate) use terms::PERCENT_DIGITS;

/// Bytes of a definition, JSON or text.
pub const DEFINITION_BYTES_MAX: usize = 256 << 10;
/// Levels of nesting.
pub const DEPTH_MAX: usize = 24;
/// Groups, conditions and filters of one definition.
pub const NODES_MAX: usize = 500;
/// Values of one `in` list, children of one group, filters of one condition.
pub const LIST_MAX: usize = 1_000;
/// Characters of a text constant, a name or a pattern.
pub const TEXT_CHARS_MAX: usize = 1_000;
/// Steps of one sequence.
pub const SEQUENCE_STEPS_MAX: usize = 5;
/// Regular expressions of one definition.
pub const PATTERNS_MAX: usize = 20;
/// Bytes of memory of one compiled regular expression.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Reads a definition: one that begins with `{` is JSON, all else the text form.
///
/// What it accepts can be compiled in every time zone. Errors name the place and, of an unknown key or word, the
/// nearest known one.
pub fn parse(text: &str) -> Result<Definition, DefinitionError> {
    match is_json(text) {
        true => parse_json(text),
        false => parse_text(text).map(|read| read.definition),
    }
}

/// Reads a definition from its text form, with the places of its references.
pub fn parse_text(text: &str) -> Result<text::Read, DefinitionError> {
    check_length(text)?;
    text::read(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn parse_json(text: &str) -> Result<Definition, DefinitionError> {
    check_length(text)?;
    let json::Strict(value) =
        serde_json::from_str(text).map_err(|why| DefinitionError::new("", format!("no JSON: {why}")))?;
    parse::definition(&value)
}

fn check_length(text: &str) -> Result<(), DefinitionError> {
    match text.len() > DEFINITION_BYTES_MAX {
        true => Err(DefinitionError::new("", format!("longer than {DEFINITION_BYTES_MAX} bytes"))),
        false => Ok(()),
    }
}

/// Whether a definition is written in JSON.
pub fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}
