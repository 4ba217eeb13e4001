//! The GraphQL half of Shopify: each distinct query text is parsed, validated and compiled once;
//! after that a request costs a look-up, a check of its variables, and writing the answer.

mod compile;
mod cost;
mod errors;
mod input;
mod lint;
mod project;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;
use serde_json::Value;

pub use compile::{Compiled, Field, Operation, Variables};
pub use cost::MUTATION;
pub use errors::Errors;
pub use input::{decimal, gid, unsigned};
pub use project::{Connection, ConnectionOf, Object, Out};

/// More distinct texts than this come from a client that writes values into its queries; the cache
/// then starts anew rather than grow.
const CACHE_LIMIT: usize = 1_000;

/// The schema and the queries compiled so far.
pub struct Graphql {
    schema: Valid<Schema>,
    compiled: RwLock<HashMap<String, Arc<Compiled>>>,
}

impl Graphql {
    /// # Errors
    /// When the embedded schema does not parse.
    pub fn new() -> Result<Self, String> {
        let text = include_str!("../schema.graphql");
        let schema = Schema::parse_and_validate(text, "schema.graphql")
            .map_err(|error| error.errors.to_string())?;
        Ok(Self { schema, compiled: RwLock::default() })
    }

    /// The compiled form of a query text.
    ///
    /// # Errors
    /// Shopify's `errors`, when the text does not parse or does not fit the schema.
    pub fn compiled(&self, query: &str) -> Result<Arc<Compiled>, Errors> {
        let known = self.compiled.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known.get(query) {
            return Ok(Arc::clone(compiled));
        }
        drop(known);
        let compiled = Arc::new(compile::compile(&self.schema, query)?);
        let mut known = self.compiled.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CACHE_LIMIT {
            known.clear();
        }
        known.insert(query.to_owned(), Arc::clone(&compiled));
        Ok(compiled)
    }
}

/// A JSON object.
pub type Map = serde_json::Map<String, Value>;

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(query: &str) -> Value {
        match Graphql::new().unwrap().compiled(query) {
            Ok(_) => Value::Null,
            Err(errors) => errors.to_json()["errors"][0].clone(),
        }
    }

    #[test]
    fn an_unfit_query_is_refused_as_shopify_does() {
        let cases: &[(&str, &str, &str)] = &[
            (
                "query A { shop { frogs } }",
                "undefinedField",
                "Field 'frogs' doesn't exist on type 'Shop'",
            ),
            (
                "mutation { orderEdit { x } }",
                "undefinedField",
                "Field 'orderEdit' doesn't exist on type 'Mutation'",
            ),
            (
                "{ customer(id: \"gid://shopify/Customer/1\", x: 1) { id } }",
                "argumentNotAccepted",
                "Field 'customer' doesn't accept argument 'x'",
            ),
            (
                "{ customer { id } }",
                "missingRequiredArguments",
                "Field 'customer' is missing required arguments: id",
            ),
            (
                "{ shop }",
                "selectionMismatch",
                "Field must have selections (field 'shop' returns Shop but has no selections. \
                 Did you mean 'shop { ... }'?)",
            ),
            (
                "{ shop { id { x } } }",
                "selectionMismatch",
                "Selections can't be made on scalars (field 'id' returns ID but has selections \
                 [\"x\"])",
            ),
            (
                "mutation { discountCodeBasicCreate(basicCodeDiscount: null) { \
                 userErrors { code } } }",
                "argumentLiteralsIncompatible",
                "Argument 'basicCodeDiscount' on Field 'discountCodeBasicCreate' has an invalid \
                 value (null). Expected type 'DiscountCodeBasicInput!'.",
            ),
            (
                "{ customer(id: \"12\") { id } }",
                "argumentLiteralsIncompatible",
                "Argument 'id' on Field 'customer' has an invalid value (\"12\"). Invalid global \
                 id '12'",
            ),
        ];
        for (query, code, message) in cases {
            let error = error_of(query);
            assert_eq!(error["message"], *message, "{query}");
            assert_eq!(error["extensions"]["code"], *code, "{query}");
        }
    }

    #[test]
    fn one_of_is_checked_in_literals() {
        let create = |context: &str| {
            error_of(&format!(
                "mutation($x: ID!) {{ discountCodeBasicCreate(basicCodeDiscount: \
                 {{context: {{ {context} }}}}) {{ userErrors {{ code }} }} }}"
            ))
        };
        assert_eq!(create("customers: {add: [$x]}"), Value::Null);
        let both = create("all: ALL, customers: {add: [$x]}");
        assert_eq!(both["extensions"]["code"], "argumentLiteralsIncompatible");
    }

    #[test]
    fn a_text_is_compiled_once() {
        let graphql = Graphql::new().unwrap();
        let first = graphql.compiled("{ shop { id } }").unwrap();
        let again = graphql.compiled("{ shop { id } }").unwrap();
        assert!(Arc::ptr_eq(&first, &again));
    }
}
