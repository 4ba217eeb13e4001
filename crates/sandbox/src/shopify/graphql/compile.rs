//! A query text, once parsed, as it is needed on every request: variables to check, root fields
//! with their arguments, and for each type the fields to write, already merged.

use std::borrow::Cow;

use apollo_compiler::ast::{self, OperationType, Value as Literal};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::{self, Selection as Selected, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};
use serde_json::{Value, json};

use super::cost::{self, Weight};
use super::errors::Errors;
use super::input::{self, InputType, Kind};
use super::lint::{lint, literal_error, locations};
use super::{Map, Object};
use crate::shopify::root::Root;

/// All operations of one query text.
pub struct Compiled {
    operations: Vec<Operation>,
}

pub struct Operation {
    name: Option<String>,
    pub mutation: bool,
    variables: Vec<Variable>,
    pub roots: Vec<(Root, Field)>,
    /// Known beforehand when no connection is sized by a variable.
    fixed_cost: Option<u32>,
}

struct Variable {
    name: String,
    ty: InputType,
    ty_text: String,
    default: Option<Value>,
    at: (usize, usize),
}

/// The checked variables of a request.
pub type Variables = Map;

/// A field that was asked for.
pub struct Field {
    /// `"alias":`
    pub key: String,
    pub name: String,
    pub arguments: Vec<(String, Template)>,
    pub selection: Selection,
    pub weight: Weight,
}

/// What was asked for, by concrete type: fragments are resolved and equal fields merged.
#[derive(Default)]
pub struct Selection {
    pub by_type: Vec<(String, Vec<Field>)>,
}

/// An argument as the query has it.
pub enum Template {
    Constant(Value),
    Variable(String),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

/// Parses, validates and compiles.
pub fn compile(schema: &Valid<Schema>, query: &str) -> Result<Compiled, Errors> {
    let parsed = match ast::Document::parse(query, "query") {
        Ok(document) => document,
        Err(broken) => return Err(foreign(&broken.errors)),
    };
    let unfit = lint(schema, &parsed);
    if !unfit.is_empty() {
        return Err(Errors::many(unfit));
    }
    let document = ExecutableDocument::parse_and_validate(schema, query, "query")
        .map_err(|broken| foreign(&broken.errors))?;
    let compiler = Compiler { schema, document: &document };
    let operations = document.operations.iter();
    Ok(Compiled {
        operations: operations.map(|of| compiler.operation(of)).collect::<Result<_, _>>()?,
    })
}

/// Errors in the compiler crate's own words.
fn foreign(diagnostics: &apollo_compiler::validation::DiagnosticList) -> Errors {
    Errors::many(vec![json!({
        "message": diagnostics.to_string(),
        "extensions": { "code": "GRAPHQL_VALIDATION_FAILED" },
    })])
}

impl Compiled {
    /// The operation of this name, or the only one.
    pub fn operation(&self, name: Option<&str>) -> Result<&Operation, Errors> {
        let found = match name {
            Some(name) => self.operations.iter().find(|of| of.name.as_deref() == Some(name)),
            None if self.operations.len() == 1 => self.operations.first(),
            None => None,
        };
        found.ok_or_else(|| {
            let message = match name {
                Some(name) => format!("No operation named \"{name}\""),
                None => "An operation name is required".to_owned(),
            };
            Errors::one(json!({ "message": message }))
        })
    }
}

impl Operation {
    /// Checks the request's variables and adds defaults. Unknown ones are ignored, as Shopify does.
    pub fn variables(&self, mut given: Map) -> Result<Variables, Errors> {
        let mut errors = Vec::new();
        for variable in &self.variables {
            let name = variable.name.as_str();
            if !given.contains_key(name) {
                match &variable.default {
                    Some(default) => drop(given.insert(name.to_owned(), default.clone())),
                    None if variable.ty.non_null => {}
                    None => continue,
                }
            }
            let mut missing = Value::Null;
            let value = given.get_mut(name).unwrap_or(&mut missing);
            let mut problems = Vec::new();
            variable.ty.check(value, &mut Vec::new(), &mut problems);
            if !problems.is_empty() {
                let at = variable.at;
                errors.push(input::variable_error(name, &variable.ty_text, at, value, &problems));
            }
        }
        if errors.is_empty() { Ok(given) } else { Err(Errors::many(errors)) }
    }

    /// Points that Shopify asks for before it runs the operation.
    pub fn cost(&self, variables: &Variables) -> u32 {
        self.fixed_cost.unwrap_or_else(|| cost::requested(&self.roots, self.mutation, variables))
    }
}

impl Field {
    /// The argument's value; `None` when it was left out.
    pub fn argument<'a>(&'a self, name: &str, variables: &'a Variables) -> Option<Cow<'a, Value>> {
        let (_, template) = self.arguments.iter().find(|(given, _)| given == name)?;
        template.value(variables)
    }

    /// A string argument; empty when it was left out.
    pub fn text(&self, name: &str, variables: &Variables) -> String {
        let value = self.argument(name, variables);
        value.as_deref().and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// An integer argument.
    pub fn integer(&self, name: &str, variables: &Variables) -> Option<i64> {
        self.argument(name, variables)?.as_i64()
    }

    pub fn flag(&self, name: &str, variables: &Variables) -> bool {
        self.argument(name, variables).is_some_and(|value| *value == Value::Bool(true))
    }
}

impl Selection {
    /// The fields asked of this object.
    pub fn of(&self, object: &impl Object) -> &[Field] {
        self.of_type(object.type_name())
    }

    pub fn of_type(&self, name: &str) -> &[Field] {
        self.by_type.iter().find(|(of, _)| of == name).map_or(&[], |(_, fields)| fields)
    }
}

impl Template {
    /// The JSON; `None` for a variable that was not given.
    pub fn value<'a>(&'a self, variables: &'a Variables) -> Option<Cow<'a, Value>> {
        match self {
            Self::Constant(value) => Some(Cow::Borrowed(value)),
            Self::Variable(name) => variables.get(name).map(Cow::Borrowed),
            Self::List(items) => {
                let given = |item: &'a Self| item.value(variables).map(Cow::into_owned);
                let items = items.iter().map(|item| given(item).unwrap_or(Value::Null));
                Some(Cow::Owned(Value::Array(items.collect())))
            }
            Self::Object(fields) => {
                let given = |(key, of): &'a (String, Self)| {
                    Some((key.clone(), of.value(variables)?.into_owned()))
                };
                Some(Cow::Owned(Value::Object(fields.iter().filter_map(given).collect())))
            }
        }
    }
}

struct Compiler<'a> {
    schema: &'a Valid<Schema>,
    document: &'a Valid<ExecutableDocument>,
}

impl Compiler<'_> {
    fn operation(&self, operation: &Node<executable::Operation>) -> Result<Operation, Errors> {
        let mutation = match operation.operation_type {
            OperationType::Query => false,
            OperationType::Mutation => true,
            OperationType::Subscription => return Err(Errors::not_emulated("subscriptions")),
        };
        let set = &operation.selection_set;
        let mut roots = Vec::new();
        for field in self.fields(&set.ty, &[set], mutation)? {
            let root = Root::from_name(&field.name)
                .ok_or_else(|| Errors::not_emulated(&format!("the root field '{}'", field.name)))?;
            roots.push((root, field));
        }
        let variables = operation.variables.iter().map(|of| self.variable(of)).collect();
        let fixed_cost = cost::fixed(&roots, mutation);
        let name = operation.name.as_ref().map(ToString::to_string);
        Ok(Operation { name, mutation, variables, roots, fixed_cost })
    }

    fn variable(&self, definition: &Node<executable::VariableDefinition>) -> Variable {
        let place = definition.location().and_then(|at| at.line_column(&self.document.sources));
        Variable {
            name: definition.name.to_string(),
            ty: InputType::of(self.schema, &definition.ty),
            ty_text: definition.ty.to_string(),
            default: definition.default_value.as_deref().and_then(input::constant),
            at: place.map_or((1, 1), |at| (at.line, at.column)),
        }
    }

    fn selection(&self, ty: &Name, sets: &[&SelectionSet]) -> Result<Selection, Errors> {
        let mut by_type = Vec::new();
        for concrete in self.concrete_types(ty) {
            by_type.push((concrete.to_string(), self.fields(&concrete, sets, false)?));
        }
        Ok(Selection { by_type })
    }

    /// The merged fields that these sets ask of one concrete type.
    fn fields(
        &self,
        concrete: &Name,
        sets: &[&SelectionSet],
        mutation_root: bool,
    ) -> Result<Vec<Field>, Errors> {
        let mut asked = IndexMap::default();
        for set in sets {
            self.collect(concrete, set, &mut asked)?;
        }
        let payload = concrete.ends_with("Payload");
        let mut fields = Vec::with_capacity(asked.len());
        for (key, same) in asked {
            let Some(first) = same.first() else { continue };
            let inner: Vec<_> = same.iter().map(|field| &field.selection_set).collect();
            let returns = first.definition.ty.inner_named_type();
            let leaf = first.selection_set.selections.is_empty();
            let selection =
                if leaf { Selection::default() } else { self.selection(returns, &inner)? };
            let weight = match returns.as_str() {
                _ if leaf => Weight::Free,
                _ if mutation_root => Weight::Mutation,
                _ if payload => Weight::Free,
                _ => Weight::of(concrete, &first.name, returns),
            };
            fields.push(Field {
                key: format!("\"{key}\":"),
                name: first.name.to_string(),
                arguments: self.arguments(first)?,
                selection,
                weight,
            });
        }
        Ok(fields)
    }

    fn collect<'a>(
        &'a self,
        concrete: &Name,
        set: &'a SelectionSet,
        asked: &mut IndexMap<Name, Vec<&'a Node<executable::Field>>>,
    ) -> Result<(), Errors> {
        for selection in &set.selections {
            let directives = match selection {
                Selected::Field(of) => &of.directives,
                Selected::InlineFragment(of) => &of.directives,
                Selected::FragmentSpread(of) => &of.directives,
            };
            if let Some(directive) = directives.first() {
                return Err(Errors::not_emulated(&format!("the directive @{}", directive.name)));
            }
            match selection {
                Selected::Field(field) => {
                    asked.entry(field.response_key().clone()).or_default().push(field);
                }
                Selected::InlineFragment(inline) => {
                    if inline.type_condition.as_ref().is_none_or(|on| self.applies(on, concrete)) {
                        self.collect(concrete, &inline.selection_set, asked)?;
                    }
                }
                Selected::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment
                        && self.applies(fragment.type_condition(), concrete)
                    {
                        self.collect(concrete, &fragment.selection_set, asked)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn applies(&self, condition: &Name, concrete: &Name) -> bool {
        condition == concrete || self.schema.is_subtype(condition, concrete)
    }

    fn concrete_types(&self, ty: &Name) -> Vec<Name> {
        match self.schema.types.get(ty) {
            Some(ExtendedType::Object(_)) => vec![ty.clone()],
            _ => {
                let concrete = |(name, def): (&Name, &ExtendedType)| {
                    (def.is_object() && self.schema.is_subtype(ty, name)).then(|| name.clone())
                };
                self.schema.types.iter().filter_map(concrete).collect()
            }
        }
    }

    fn arguments(
        &self,
        field: &Node<executable::Field>,
    ) -> Result<Vec<(String, Template)>, Errors> {
        let mut arguments = Vec::new();
        for definition in &field.definition.arguments {
            let given = field.arguments.iter().find(|given| given.name == definition.name);
            let literal = match (given, &definition.default_value) {
                (Some(given), _) => &given.value,
                (None, Some(default)) => default,
                (None, None) => continue,
            };
            let ty = InputType::of(self.schema, &definition.ty);
            let template = template(&ty, literal).map_err(|why| {
                let shown = literal.serialize().no_indent().to_string();
                let (message, extensions) =
                    literal_error(&field.name, &definition.name, &shown, &why);
                Errors::one(json!({
                    "message": message,
                    "locations": locations(literal.location(), &self.document.sources),
                    "extensions": extensions,
                }))
            })?;
            arguments.push((definition.name.to_string(), template));
        }
        Ok(arguments)
    }
}

/// Compiles a literal; what is constant in it is checked here, once.
fn template(ty: &InputType, literal: &Literal) -> Result<Template, String> {
    if let Some(mut value) = input::constant(literal) {
        let mut problems = Vec::new();
        ty.check(&mut value, &mut Vec::new(), &mut problems);
        return match problems.into_iter().next() {
            None => Ok(Template::Constant(value)),
            Some(problem) => Err(problem.explanation),
        };
    }
    match (literal, &ty.kind) {
        (Literal::Variable(name), _) => Ok(Template::Variable(name.to_string())),
        (Literal::List(items), Kind::List(inner)) => {
            let items = items.iter().map(|item| template(inner, item));
            Ok(Template::List(items.collect::<Result<_, _>>()?))
        }
        // A single value stands for a list of one.
        (single, Kind::List(inner)) => Ok(Template::List(vec![template(inner, single)?])),
        (Literal::Object(fields), Kind::Object(object)) => {
            if let Some(problem) = object.one_of_problem(fields.len()) {
                return Err(problem);
            }
            let mut compiled = Vec::with_capacity(fields.len());
            for (name, value) in fields {
                if let Some(field) = object.fields.iter().find(|field| field.name == name.as_str())
                {
                    compiled.push((name.to_string(), template(&field.ty, value)?));
                }
            }
            Ok(Template::Object(compiled))
        }
        (other, _) => Err(format!("Could not coerce value {other}")),
    }
}
