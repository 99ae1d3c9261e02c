//! The official SDL, and documents judged by it in the platform's form of errors.

use apollo_compiler::ast::Document;
use apollo_compiler::diagnostic::Diagnostic;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::{DiagnosticData, DiagnosticList, Valid};
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Fields that the live schema has and a trimmed SDL lacks, because they lead to types that were left out. The first is
/// named by the SDL's own notes on deprecated fields.
const LEFT_OUT: [(&str, &str); 2] = [
    (
        "smsMarketingConsent: CustomerPhoneNumberSmsMarketingConsent",
        "type CustomerPhoneNumberSmsMarketingConsent { state: CustomerSmsMarketingState! optInLevel: \
         CustomerMarketingOptInLevel updatedAt: DateTime collectedFrom: CustomerConsentCollectedFrom } \
         extend type CustomerPhoneNumber { smsMarketingConsent: CustomerPhoneNumberSmsMarketingConsent }",
    ),
    (
        "[CustomerSmsMarketingConsentError!]!",
        "type CustomerSmsMarketingConsentError { field: [String!] message: String! } \
         extend type CustomerSmsMarketingConsentUpdatePayload { userErrors: [CustomerSmsMarketingConsentError!]! }",
    ),
];

/// The schema.
pub(in super::super) struct Official {
    schema: Valid<Schema>,
}

impl Official {
    /// Reads an SDL file.
    pub(in super::super) fn load(path: &Path) -> Result<Official, String> {
        let mut text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
        // Built into the specification since 2025, and not known to the parser.
        if text.contains("@oneOf") && !text.contains("directive @oneOf") {
            text.push_str("\ndirective @oneOf on INPUT_OBJECT");
        }
        for (mark, more) in LEFT_OUT {
            if !text.contains(mark) {
                text.push('\n');
                text.push_str(more);
            }
        }
        let schema =
            Schema::parse_and_validate(text, path).map_err(|why| format!("{}: {}", path.display(), why.errors))?;
        Ok(Official { schema })
    }

    /// Judges a document and its variables; errors in the platform's form.
    pub(in super::super) fn check(
        &self,
        text: &str,
        name: Option<&str>,
        variables: &Map<String, Value>,
    ) -> Result<(), Vec<Value>> {
        let document = ExecutableDocument::parse_and_validate(&self.schema, text, "query.graphql")
            .map_err(|why| said_all(&why.errors))?;
        let operation = document.operations.get(name).map_err(|why| vec![said(&format!("{why:?}"), Vec::new())])?;
        let given: JsonMap = serde_json::from_value(Value::Object(variables.clone()))
            .map_err(|why| vec![said(&why.to_string(), vec![])])?;
        coerce_variable_values(&self.schema, operation, &given).map_err(|why| {
            let message = why.to_graphql_error(&document.sources).message;
            vec![json!({"message": message, "extensions": {"code": "INVALID_VARIABLE"}})]
        })?;
        Ok(())
    }
}

/// Names in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// All errors of a document. An unknown field makes others that are only its consequence: it is said alone.
fn said_all(errors: &DiagnosticList) -> Vec<Value> {
    let one = |one: Diagnostic<'_, DiagnosticData>| {
        let locations = one.unstable_to_json_compat().locations;
        let locations = locations.iter().map(|at| json!({"line": at.line, "column": at.column})).collect();
        said(&one.error.to_string(), locations)
    };
    let all: Vec<Value> = errors.iter().map(one).collect();
    let is_unknown =
        |error: &Value| error.pointer("/extensions/code").and_then(Value::as_str) == Some("undefinedField");
    let unknown: Vec<Value> = all.iter().filter(|error| is_unknown(error)).cloned().collect();
    if unknown.is_empty() { all } else { unknown }
}

fn said(message: &str, locations: Vec<Value>) -> Value {
    let names = quoted(message);
    if message.contains("does not have a field") && names.len() >= 2 {
        let (kind, field) = (names[0], names[1]);
        return json!({
            "message": format!("Field '{field}' doesn't exist on type '{kind}'"),
            "locations": locations,
            "extensions": {"code": "undefinedField", "typeName": kind, "fieldName": field},
        });
    }
    json!({"message": message, "locations": locations, "extensions": {"code": "invalid"}})
}

/// Reads a document without a schema.
pub(in super::super) fn parse(text: &str) -> Result<Document, Vec<Value>> {
    Document::parse(text, "query.graphql").map_err(|why| {
        let message = why.errors.iter().next().map(|one| one.error.to_string()).unwrap_or_default();
        vec![json!({"message": format!("syntax error, {message}"), "extensions": {"code": "syntaxError"}})]
    })
}
