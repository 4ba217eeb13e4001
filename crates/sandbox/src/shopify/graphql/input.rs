//! Values that come in: variables, and arguments written into the query.

use std::sync::Arc;

use apollo_compiler::Schema;
use apollo_compiler::ast;
use apollo_compiler::schema::ExtendedType;
use serde_json::{Value, json};

use crate::clock;

/// An input type, resolved so that no schema is needed to check a value.
#[derive(Clone)]
pub struct InputType {
    pub non_null: bool,
    pub kind: Kind,
}

#[derive(Clone)]
pub enum Kind {
    List(Box<InputType>),
    Scalar(Scalar),
    Enum(Arc<[String]>),
    Object(Arc<InputObject>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    Int,
    Float,
    String,
    Boolean,
    Id,
    DateTime,
    Decimal,
    UnsignedInt64,
    Json,
}

pub struct InputObject {
    pub name: String,
    pub one_of: bool,
    pub fields: Vec<InputField>,
}

pub struct InputField {
    pub name: String,
    pub ty: InputType,
    pub default: Option<Value>,
}

/// What is wrong with a value, and where in it.
pub struct Problem {
    pub path: Vec<Value>,
    pub explanation: String,
}

impl InputType {
    pub fn of(schema: &Schema, ty: &ast::Type) -> Self {
        match ty {
            ast::Type::Named(name) => Self { non_null: false, kind: kind(schema, name) },
            ast::Type::NonNullNamed(name) => Self { non_null: true, kind: kind(schema, name) },
            ast::Type::List(inner) => Self { non_null: false, kind: list(schema, inner) },
            ast::Type::NonNullList(inner) => Self { non_null: true, kind: list(schema, inner) },
        }
    }

    /// Checks the value, writes defaults into it, and notes what is wrong.
    pub fn check(&self, value: &mut Value, path: &mut Vec<Value>, problems: &mut Vec<Problem>) {
        let mut problem = |explanation| problems.push(Problem { path: path.clone(), explanation });
        if value.is_null() {
            if self.non_null {
                problem("Expected value to not be null".into());
            }
            return;
        }
        match &self.kind {
            Kind::Scalar(scalar) => {
                if let Err(explanation) = scalar.check(value) {
                    problem(explanation);
                }
            }
            Kind::Enum(names) => {
                if !value.as_str().is_some_and(|text| names.iter().any(|name| name == text)) {
                    problem(format!("Expected {value} to be one of: {}", names.join(", ")));
                }
            }
            Kind::List(inner) => {
                if !value.is_array() {
                    // A single value stands for a list of one.
                    *value = Value::Array(vec![value.take()]);
                }
                for (at, item) in value.as_array_mut().into_iter().flatten().enumerate() {
                    path.push(at.into());
                    inner.check(item, path, problems);
                    path.pop();
                }
            }
            Kind::Object(object) => object.check(value, path, problems),
        }
    }
}

impl InputObject {
    fn check(&self, value: &mut Value, path: &mut Vec<Value>, problems: &mut Vec<Problem>) {
        let given = value.to_string();
        let Some(map) = value.as_object_mut() else {
            let explanation = format!("Expected {given} to be a key-value object.");
            problems.push(Problem { path: path.clone(), explanation });
            return;
        };
        for key in map.keys() {
            if !self.fields.iter().any(|field| field.name == *key) {
                let mut path = path.clone();
                path.push(key.as_str().into());
                let explanation = format!("Field is not defined on {}", self.name);
                problems.push(Problem { path, explanation });
            }
        }
        if let Some(explanation) = self.one_of_problem(map.len()) {
            problems.push(Problem { path: path.clone(), explanation });
        }
        for field in &self.fields {
            if !map.contains_key(&field.name) {
                match &field.default {
                    Some(default) => drop(map.insert(field.name.clone(), default.clone())),
                    None if !field.ty.non_null => continue,
                    None => {}
                }
            }
            path.push(field.name.as_str().into());
            match map.get_mut(&field.name) {
                Some(value) => field.ty.check(value, path, problems),
                None => field.ty.check(&mut Value::Null, path, problems),
            }
            path.pop();
        }
    }

    /// What is wrong when `given` fields are set, if this type takes exactly one.
    pub fn one_of_problem(&self, given: usize) -> Option<String> {
        (self.one_of && given != 1).then(|| {
            format!("'{}' requires exactly one argument, but {given} were provided.", self.name)
        })
    }
}

impl Scalar {
    fn check(self, value: &Value) -> Result<(), String> {
        let (fits, name) = match self {
            // Beyond 32 bits too: what the number means then is the field's to say.
            Self::Int => (value.is_i64(), "Int"),
            Self::Float => (value.is_number(), "Float"),
            Self::String => (value.is_string(), "String"),
            Self::Boolean => (value.is_boolean(), "Boolean"),
            Self::Id => {
                return match value.as_str() {
                    Some(text) if is_gid(text) => Ok(()),
                    Some(text) => Err(format!("Invalid global id '{text}'")),
                    None => Err(format!("Could not coerce value {value} to ID")),
                };
            }
            Self::DateTime => {
                let time = |text: &str| clock::parse_seconds(text).is_some();
                (value.as_str().is_some_and(time), "DateTime")
            }
            Self::Decimal => (decimal(value).is_some(), "Decimal"),
            Self::UnsignedInt64 => (unsigned(value).is_some(), "UnsignedInt64"),
            Self::Json => (true, "JSON"),
        };
        if fits { Ok(()) } else { Err(format!("Could not coerce value {value} to {name}")) }
    }
}

/// Whether it is a global id: those of jobs are no numbers.
fn is_gid(text: &str) -> bool {
    let parts = text.strip_prefix("gid://shopify/").and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(kind, id)| {
        let fits = |byte: u8| byte.is_ascii_digit() || (kind == "Job" && is_uuid_byte(byte));
        !id.is_empty() && id.bytes().all(fits)
    })
}

fn is_uuid_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b'-'
}

/// Type and number of `gid://shopify/Type/123`.
pub fn gid(text: &str) -> Option<(&str, u64)> {
    let (kind, number) = text.strip_prefix("gid://shopify/")?.split_once('/')?;
    Some((kind, number.parse().ok()?))
}

/// A `Decimal` comes as a string or as a number.
pub fn decimal(value: &Value) -> Option<rust_decimal::Decimal> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => {
            let text = number.to_string();
            text.parse().ok().or_else(|| rust_decimal::Decimal::from_scientific(&text).ok())
        }
        _ => None,
    }
}

/// An `UnsignedInt64` comes as a string or as a number.
pub fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// The top-level error of a variable that does not fit its type.
pub fn variable_error(
    name: &str,
    ty: &str,
    (line, column): (usize, usize),
    given: &Value,
    problems: &[Problem],
) -> Value {
    let path = |problem: &Problem| {
        let text = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
        problem.path.iter().map(text).collect::<Vec<_>>().join(".")
    };
    let details: Vec<_> = problems
        .iter()
        .filter(|problem| !problem.path.is_empty())
        .map(|problem| format!("{} ({})", path(problem), problem.explanation))
        .collect();
    let mut message = format!("Variable ${name} of type {ty} was provided invalid value");
    if !details.is_empty() {
        message = format!("{message} for {}", details.join(", "));
    }
    let problem = |of: &Problem| json!({ "path": of.path, "explanation": of.explanation });
    json!({
        "message": message,
        "locations": [{ "line": line, "column": column }],
        "extensions": {
            "code": "INVALID_VARIABLE",
            "value": given,
            "problems": problems.iter().map(problem).collect::<Vec<_>>(),
        },
    })
}

fn list(schema: &Schema, inner: &ast::Type) -> Kind {
    Kind::List(Box::new(InputType::of(schema, inner)))
}

fn kind(schema: &Schema, name: &ast::NamedType) -> Kind {
    match schema.types.get(name) {
        Some(ExtendedType::Enum(def)) => {
            Kind::Enum(def.values.keys().map(ToString::to_string).collect())
        }
        Some(ExtendedType::InputObject(def)) => {
            let fields = def.fields.values().map(|field| InputField {
                name: field.name.to_string(),
                ty: InputType::of(schema, &field.ty),
                default: field.default_value.as_deref().and_then(constant),
            });
            Kind::Object(Arc::new(InputObject {
                name: name.to_string(),
                one_of: def.directives.has("oneOf"),
                fields: fields.collect(),
            }))
        }
        _ => Kind::Scalar(match name.as_str() {
            "Int" => Scalar::Int,
            "Float" => Scalar::Float,
            "String" => Scalar::String,
            "Boolean" => Scalar::Boolean,
            "ID" => Scalar::Id,
            "DateTime" => Scalar::DateTime,
            "Decimal" => Scalar::Decimal,
            "UnsignedInt64" => Scalar::UnsignedInt64,
            "URL" => Scalar::String,
            _ => Scalar::Json,
        }),
    }
}

/// The JSON of a literal; `None` when a variable is in it.
pub fn constant(value: &ast::Value) -> Option<Value> {
    Some(match value {
        ast::Value::Null => Value::Null,
        ast::Value::Enum(name) => name.as_str().into(),
        ast::Value::String(text) => text.as_str().into(),
        ast::Value::Boolean(flag) => (*flag).into(),
        ast::Value::Int(number) => serde_json::from_str(number.as_str()).ok()?,
        ast::Value::Float(number) => serde_json::from_str(number.as_str()).ok()?,
        ast::Value::Variable(_) => return None,
        ast::Value::List(items) => {
            Value::Array(items.iter().map(|item| constant(item)).collect::<Option<_>>()?)
        }
        ast::Value::Object(fields) => {
            let field = |(key, value): &(_, apollo_compiler::Node<ast::Value>)| {
                let key: &apollo_compiler::Name = key;
                Some((key.to_string(), constant(value)?))
            };
            Value::Object(fields.iter().map(field).collect::<Option<_>>()?)
        }
    })
}
