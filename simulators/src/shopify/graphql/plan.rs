//! A document as it is executed: fragments opened, variables filled in, directives decided.

use apollo_compiler::Node;
use apollo_compiler::ast::{Definition, Directive, DirectiveList, Document, OperationDefinition, Selection};
use apollo_compiler::ast::{FragmentDefinition, OperationType, Value as Ast};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Fragments within fragments at most.
const DEPTH_MAX: u32 = 32;

/// A field that is asked for.
#[derive(Clone, Debug)]
pub(in super::super) struct Field {
    /// The name in the answer.
    pub(in super::super) key: String,
    /// Its own name.
    pub(in super::super) name: String,
    /// Arguments that were given.
    pub(in super::super) arguments: Map<String, Value>,
    /// The type of which it is asked only.
    pub(in super::super) on: Option<String>,
    /// Fields of it.
    pub(in super::super) fields: Vec<Field>,
}

impl Field {
    /// An argument as text.
    pub(in super::super) fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).and_then(Value::as_str)
    }

    /// An argument as a number.
    pub(in super::super) fn number(&self, name: &str) -> Option<u64> {
        self.arguments.get(name).and_then(Value::as_u64)
    }

    /// An argument as a yes.
    pub(in super::super) fn yes(&self, name: &str) -> bool {
        self.arguments.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether it is asked as pages are.
    pub(in super::super) fn is_connection(&self) -> bool {
        self.fields.iter().any(|field| matches!(field.name.as_str(), "edges" | "nodes" | "pageInfo"))
    }

    /// The fields that are asked of the nodes of a connection.
    pub(in super::super) fn node_fields(&self) -> Vec<&Field> {
        let of = |field: &&Field| field.name == "nodes" || field.name == "edges";
        let outer = self.fields.iter().filter(of);
        outer
            .flat_map(|field| match field.name.as_str() {
                "nodes" => field.fields.iter().collect::<Vec<&Field>>(),
                _ => field.fields.iter().filter(|one| one.name == "node").flat_map(|one| &one.fields).collect(),
            })
            .collect()
    }
}

/// A document.
#[derive(Clone, Debug)]
pub(in super::super) struct Plan {
    pub(in super::super) mutation: bool,
    pub(in super::super) fields: Vec<Field>,
}

struct Reader<'d> {
    fragments: BTreeMap<&'d str, &'d FragmentDefinition>,
    variables: Map<String, Value>,
}

/// The operation of a name, or the only one.
pub(in super::super) fn operation<'d>(
    document: &'d Document,
    name: Option<&str>,
) -> Result<&'d Node<OperationDefinition>, String> {
    let mut found = document.definitions.iter().filter_map(|one| match one {
        Definition::OperationDefinition(operation) => Some(operation),
        _ => None,
    });
    match name {
        Some(name) => found
            .find(|one| one.name.as_ref().is_some_and(|own| own.as_str() == name))
            .ok_or_else(|| format!("No operation named \"{name}\"")),
        None => match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err("No operation was given".to_owned()),
            _ => Err("An operation name is required".to_owned()),
        },
    }
}

/// Makes a plan of an operation.
pub(in super::super) fn plan(
    document: &Document,
    operation: &OperationDefinition,
    given: &Map<String, Value>,
) -> Result<Plan, String> {
    let mut reader = Reader { fragments: BTreeMap::new(), variables: Map::new() };
    for definition in &document.definitions {
        if let Definition::FragmentDefinition(fragment) = definition {
            reader.fragments.insert(fragment.name.as_str(), fragment);
        }
    }
    let mut variables = Map::new();
    for variable in &operation.variables {
        let name = variable.name.as_str();
        match (given.get(name), &variable.default_value) {
            (Some(value), _) => drop(variables.insert(name.to_owned(), value.clone())),
            (None, Some(value)) => drop(variables.insert(name.to_owned(), reader.value(value)?)),
            (None, None) if variable.ty.is_non_null() => {
                return Err(format!("Variable ${name} of type {} was provided invalid value", variable.ty));
            }
            (None, None) => {}
        }
    }
    reader.variables = variables;
    let mut fields = Vec::new();
    reader.read(&operation.selection_set, None, &mut fields, 0)?;
    Ok(Plan { mutation: operation.operation_type == OperationType::Mutation, fields })
}

impl Reader<'_> {
    fn read(
        &self,
        selections: &[Selection],
        on: Option<&str>,
        fields: &mut Vec<Field>,
        depth: u32,
    ) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err("the document is too deep".to_owned());
        }
        for selection in selections {
            match selection {
                Selection::Field(field) if self.wanted(&field.directives) => {
                    let mut one = Field {
                        key: field.response_name().to_string(),
                        name: field.name.to_string(),
                        arguments: Map::new(),
                        on: on.map(str::to_owned),
                        fields: Vec::new(),
                    };
                    for argument in &field.arguments {
                        if let Some(value) = self.argument(&argument.value)? {
                            one.arguments.insert(argument.name.to_string(), value);
                        }
                    }
                    self.read(&field.selection_set, None, &mut one.fields, depth + 1)?;
                    merge(fields, one);
                }
                Selection::FragmentSpread(spread) if self.wanted(&spread.directives) => {
                    let name = spread.fragment_name.as_str();
                    let fragment = self.fragments.get(name).ok_or_else(|| format!("Fragment {name} is not known"))?;
                    self.read(&fragment.selection_set, Some(fragment.type_condition.as_str()), fields, depth + 1)?;
                }
                Selection::InlineFragment(inline) if self.wanted(&inline.directives) => {
                    let on = inline.type_condition.as_ref().map(|name| name.as_str()).or(on);
                    self.read(&inline.selection_set, on, fields, depth + 1)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn wanted(&self, directives: &DirectiveList) -> bool {
        let yes = |directive: &Node<Directive>| {
            let condition = directive.arguments.iter().find(|argument| argument.name.as_str() == "if");
            let value = condition.and_then(|argument| self.value(&argument.value).ok());
            value.and_then(|value| value.as_bool()).unwrap_or(false)
        };
        directives.iter().all(|directive| match directive.name.as_str() {
            "skip" => !yes(directive),
            "include" => yes(directive),
            _ => true,
        })
    }

    /// The value of an argument; none when it is a variable that was not given.
    fn argument(&self, value: &Ast) -> Result<Option<Value>, String> {
        match value {
            Ast::Variable(name) => Ok(self.variables.get(name.as_str()).cloned()),
            other => self.value(other).map(Some),
        }
    }

    fn value(&self, value: &Ast) -> Result<Value, String> {
        Ok(match value {
            Ast::Null => Value::Null,
            Ast::Enum(name) => Value::String(name.to_string()),
            Ast::Variable(name) => self.variables.get(name.as_str()).cloned().unwrap_or(Value::Null),
            Ast::String(text) => Value::String(text.clone()),
            Ast::Int(number) => number.as_str().parse().map(Value::Number).map_err(|why| why.to_string())?,
            Ast::Float(number) => number.as_str().parse().map(Value::Number).map_err(|why| why.to_string())?,
            Ast::Boolean(yes) => Value::Bool(*yes),
            Ast::List(items) => Value::Array(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?),
            Ast::Object(fields) => {
                let mut object = Map::new();
                for (name, field) in fields {
                    if let Some(value) = self.argument(field)? {
                        object.insert(name.to_string(), value);
                    }
                }
                Value::Object(object)
            }
        })
    }
}

/// A field asked twice is one field with the fields of both.
fn merge(fields: &mut Vec<Field>, new: Field) {
    match fields.iter_mut().find(|field| field.key == new.key && field.on == new.on) {
        Some(known) => new.fields.into_iter().for_each(|field| merge(&mut known.fields, field)),
        None => fields.push(new),
    }
}
