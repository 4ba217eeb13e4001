//! What a query costs, by Shopify's rules: an object 1, a scalar 0, a connection as many as it is
//! sized for, a mutation 10. A mutation's 10 include the objects that its payload answers with (as
//! recorded: `discountCodeBasicCreate { codeDiscountNode { id } … }` costs 10).

use serde_json::Value;

use super::compile::{Field, Selection, Variables};
use crate::shopify::root::Root;

/// Points of a mutation.
pub const MUTATION: u32 = 10;

/// How a field is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Nothing: a scalar, or what something else already pays for.
    Free,
    Object,
    Mutation,
    /// For each node that `first` or `last` may bring.
    Connection,
    /// For each id that is asked for.
    Ids,
}

impl Weight {
    pub fn of(parent: &str, field: &str, returns: &str) -> Self {
        match (parent, field) {
            ("QueryRoot", "nodes") => Self::Ids,
            // As recorded: an order's sums cost nothing.
            ("MoneyBag", _) => Self::Free,
            _ if returns == "MoneyBag" => Self::Free,
            _ if returns.ends_with("Connection") => Self::Connection,
            _ if parent.ends_with("Connection") || parent.ends_with("Edge") => Self::Free,
            _ => Self::Object,
        }
    }
}

/// The requested cost, when no variable has a say in it.
pub fn fixed(roots: &[(Root, Field)], mutation: bool) -> Option<u32> {
    let sized_by_variable = roots.iter().any(|(_, field)| sized_by_variable(field));
    (!sized_by_variable).then(|| requested(roots, mutation, &Variables::new()))
}

/// The requested cost of an operation.
pub fn requested(roots: &[(Root, Field)], mutation: bool, variables: &Variables) -> u32 {
    let sum = roots.iter().fold(0_u32, |sum, (_, field)| sum.saturating_add(of(field, variables)));
    // A query of scalars alone still costs one.
    if mutation { sum } else { sum.max(1) }
}

fn of(field: &Field, variables: &Variables) -> u32 {
    let inner = widest(&field.selection, variables);
    let times = |count: u32| count.saturating_mul(inner.saturating_add(1));
    match field.weight {
        Weight::Free => inner,
        Weight::Object => inner.saturating_add(1),
        Weight::Mutation => inner.saturating_add(MUTATION),
        Weight::Connection => times(size(field, variables)),
        Weight::Ids => {
            let ids = field.argument("ids", variables);
            let count = ids.as_deref().and_then(Value::as_array).map_or(0, Vec::len);
            times(u32::try_from(count).unwrap_or(u32::MAX))
        }
    }
}

/// Of a union or interface the dearest choice counts.
fn widest(selection: &Selection, variables: &Variables) -> u32 {
    let sum = |fields: &[Field]| {
        fields.iter().fold(0_u32, |sum, field| sum.saturating_add(of(field, variables)))
    };
    selection.by_type.iter().map(|(_, fields)| sum(fields)).max().unwrap_or(0)
}

fn size(field: &Field, variables: &Variables) -> u32 {
    let size = field.integer("first", variables).or_else(|| field.integer("last", variables));
    size.and_then(|size| u32::try_from(size).ok()).unwrap_or(1)
}

fn sized_by_variable(field: &Field) -> bool {
    use super::compile::Template;
    let sized = matches!(field.weight, Weight::Connection | Weight::Ids);
    let own = |(name, of): &(String, Template)| {
        matches!(name.as_str(), "first" | "last" | "ids") && !matches!(of, Template::Constant(_))
    };
    (sized && field.arguments.iter().any(own))
        || field.selection.by_type.iter().any(|(_, fields)| fields.iter().any(sized_by_variable))
}
