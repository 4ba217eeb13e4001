//! What Shopify says about a query that does not fit the schema, in its words and shape. Rules that
//! are not here are checked by the compiler crate, in its own words.

use apollo_compiler::Schema;
use apollo_compiler::ast::{self, Selection};
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::schema::ExtendedType;
use serde_json::{Value, json};

/// Added to an unknown field, because the real Shopify may well have it.
const HINT: &str = "not in the part of the Admin schema that the sandbox emulates";

/// All errors of the document, in its order.
pub fn lint(schema: &Schema, document: &ast::Document) -> Vec<Value> {
    let mut lint = Lint { schema, sources: &document.sources, path: vec![], errors: vec![] };
    for definition in &document.definitions {
        match definition {
            ast::Definition::OperationDefinition(operation) => {
                let kind = operation.operation_type.name();
                let name = operation.name.as_ref();
                lint.path = vec![name.map_or(kind.into(), |name| format!("{kind} {name}"))];
                if let Some(root) = schema.root_operation(operation.operation_type) {
                    lint.selections(root, &operation.selection_set);
                }
            }
            ast::Definition::FragmentDefinition(fragment) => {
                lint.path = vec![format!("fragment {}", fragment.name)];
                lint.selections(&fragment.type_condition, &fragment.selection_set);
            }
            _ => {}
        }
    }
    lint.errors
}

struct Lint<'a> {
    schema: &'a Schema,
    sources: &'a SourceMap,
    path: Vec<String>,
    errors: Vec<Value>,
}

impl Lint<'_> {
    fn selections(&mut self, parent: &str, selections: &[Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    self.path.push(field.response_name().to_string());
                    self.field(parent, field, field.location());
                    self.path.pop();
                }
                Selection::InlineFragment(inline) => {
                    let parent = inline.type_condition.as_ref().map_or(parent, |on| on.as_str());
                    self.path.push(format!("... on {parent}"));
                    self.selections(parent, &inline.selection_set);
                    self.path.pop();
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn field(&mut self, parent: &str, field: &ast::Field, at: Option<SourceSpan>) {
        // An unknown parent type is the compiler crate's to report.
        if !self.schema.types.contains_key(parent) {
            return;
        }
        let name = field.name.as_str();
        let Ok(definition) = self.schema.type_field(parent, name) else {
            let message = format!("Field '{name}' doesn't exist on type '{parent}'");
            let extensions = json!({
                "code": "undefinedField", "typeName": parent, "fieldName": name, "sandbox": HINT,
            });
            return self.error(&message, at, extensions);
        };
        let definition = definition.clone();
        self.arguments(&definition, field, at);
        let returns = definition.ty.inner_named_type();
        let leaf = matches!(
            self.schema.types.get(returns),
            Some(ExtendedType::Scalar(_) | ExtendedType::Enum(_))
        );
        if leaf && !field.selection_set.is_empty() {
            let names: Vec<_> = field.selection_set.iter().filter_map(selected).collect();
            let message = format!(
                "Selections can't be made on scalars (field '{name}' returns {returns} but has \
                 selections {})",
                json!(names)
            );
            self.mismatch(&message, name, returns, at);
        } else if !leaf && field.selection_set.is_empty() {
            let message = format!(
                "Field must have selections (field '{name}' returns {returns} but has no \
                 selections. Did you mean '{name} {{ ... }}'?)"
            );
            self.mismatch(&message, name, returns, at);
        }
        self.selections(returns, &field.selection_set);
    }

    fn arguments(
        &mut self,
        definition: &ast::FieldDefinition,
        field: &ast::Field,
        at: Option<SourceSpan>,
    ) {
        let name = field.name.as_str();
        for argument in &field.arguments {
            let known = definition.arguments.iter().find(|known| known.name == argument.name);
            self.path.push(argument.name.to_string());
            match known {
                None => {
                    let message =
                        format!("Field '{name}' doesn't accept argument '{}'", argument.name);
                    let extensions = json!({
                        "code": "argumentNotAccepted", "name": name, "typeName": "Field",
                        "argumentName": argument.name.as_str(),
                    });
                    self.error(&message, argument.location(), extensions);
                }
                Some(known) if argument.value.is_null() && known.ty.is_non_null() => {
                    let expected = format!("Expected type '{}'.", known.ty);
                    let error = literal_error(name, &argument.name, "null", &expected);
                    self.error(&error.0, at, error.1);
                }
                Some(_) => {}
            }
            self.path.pop();
        }
        let given = |wanted: &str| field.arguments.iter().any(|argument| argument.name == wanted);
        let missing: Vec<_> = definition
            .arguments
            .iter()
            .filter(|argument| argument.is_required() && !given(&argument.name))
            .map(|argument| argument.name.to_string())
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let message = format!("Field '{name}' is missing required arguments: {missing}");
            let extensions = json!({
                "code": "missingRequiredArguments", "className": "Field", "name": name,
                "arguments": missing,
            });
            self.error(&message, at, extensions);
        }
    }

    fn mismatch(&mut self, message: &str, name: &str, returns: &str, at: Option<SourceSpan>) {
        let extensions = json!({
            "code": "selectionMismatch", "nodeName": format!("field '{name}'"),
            "typeName": returns,
        });
        self.error(message, at, extensions);
    }

    fn error(&mut self, message: &str, at: Option<SourceSpan>, extensions: Value) {
        self.errors.push(json!({
            "message": message,
            "locations": locations(at, self.sources),
            "path": self.path,
            "extensions": extensions,
        }));
    }
}

/// Message and extensions for a literal argument that does not fit.
pub fn literal_error(field: &str, argument: &str, given: &str, why: &str) -> (String, Value) {
    let message =
        format!("Argument '{argument}' on Field '{field}' has an invalid value ({given}). {why}");
    let extensions = json!({
        "code": "argumentLiteralsIncompatible", "typeName": "Field", "argumentName": argument,
    });
    (message, extensions)
}

/// Where a node begins, as GraphQL errors tell it.
pub fn locations(at: Option<SourceSpan>, sources: &SourceMap) -> Value {
    match at.and_then(|at| at.line_column(sources)) {
        Some(at) => json!([{ "line": at.line, "column": at.column }]),
        None => json!([]),
    }
}

fn selected(selection: &Selection) -> Option<String> {
    match selection {
        Selection::Field(field) => Some(field.name.to_string()),
        Selection::InlineFragment(_) | Selection::FragmentSpread(_) => None,
    }
}
