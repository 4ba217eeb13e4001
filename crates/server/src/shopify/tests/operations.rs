//! The operations are valid, narrow, and cost what we say.

use crate::shopify::operations::{ALL, head};
use apollo_compiler::{
    ExecutableDocument, Schema,
    ast::OperationType,
    executable::{Field, Selection, SelectionSet},
    schema::ExtendedType,
    validation::Valid,
};
use std::{collections::BTreeSet, fs::File, io::Read, path::Path};

const KEPT: &str = include_str!("../schema.graphql");
/// Beside the repository where the project's owner keeps it; not part of it.
const WHOLE: &str = "../../../shared/shopify/admin-2026-10.graphql.gz";

fn kept() -> Valid<Schema> {
    Schema::parse_and_validate(KEPT, "schema.graphql").unwrap()
}

fn whole() -> Option<Valid<Schema>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(WHOLE);
    let Ok(file) = File::open(&path) else {
        eprintln!("skipped: there is no whole Admin schema at {}", path.display());
        return None;
    };
    let mut text = "directive @oneOf on INPUT_OBJECT\n".to_owned();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    // Shopify's own schema is taken as valid; the compiler does not know all that is in it.
    Some(Valid::assume_valid(Schema::parse(text, "admin.graphql").unwrap()))
}

fn documents(schema: &Valid<Schema>) -> Vec<(&'static str, Valid<ExecutableDocument>, u32)> {
    let parse = |&(name, text, cost): &(&'static str, &str, u32)| {
        let document = ExecutableDocument::parse_and_validate(schema, text, name);
        (name, document.unwrap_or_else(|errors| panic!("{name}: {errors}")), cost)
    };
    ALL.iter().map(parse).collect()
}

#[test]
fn every_operation_is_valid() {
    for (name, document, _) in documents(&kept()) {
        assert!(document.operations.get(Some(name)).is_ok(), "{name} names itself so");
        assert_eq!(document.operations.iter().count(), 1, "{name}: one operation a file");
    }
    if let Some(whole) = whole() {
        documents(&whole);
    }
}

#[test]
fn what_is_sent_is_the_operation() {
    let schema = kept();
    for (name, text, _) in ALL {
        let body = [head(name, text), b"null}".to_vec()].concat();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["operationName"], *name);
        let parsed = |text: &str| {
            ExecutableDocument::parse_and_validate(&schema, text, *name).unwrap().to_string()
        };
        assert_eq!(parsed(body["query"].as_str().unwrap()), parsed(text), "{name}");
    }
}

/// Fields, arguments and members as `Type.field(argument): Type`, one a line.
fn facts(schema: &Schema) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for (name, of) in schema.types.iter().filter(|(_, of)| !of.is_built_in()) {
        match of {
            ExtendedType::Object(of) => {
                for (field, of) in &of.fields {
                    facts.insert(format!("{name}.{field}: {}", of.ty));
                    let arguments = of.arguments.iter();
                    facts.extend(
                        arguments.map(|arg| format!("{name}.{field}({}: {})", arg.name, arg.ty)),
                    );
                }
            }
            ExtendedType::InputObject(of) => {
                facts.extend(
                    of.fields.iter().map(|(field, of)| format!("{name}.{field}: {}", of.ty)),
                );
            }
            ExtendedType::Enum(of) => {
                facts.extend(of.values.keys().map(|value| format!("{name}: {value}")));
            }
            ExtendedType::Union(of) => {
                facts.extend(of.members.iter().map(|member| format!("{name} = {}", member.name)));
            }
            ExtendedType::Scalar(_) | ExtendedType::Interface(_) => {
                facts.insert(format!("{name}"));
            }
        }
    }
    facts
}

#[test]
fn the_kept_schema_is_a_part_of_the_whole() {
    let Some(whole) = whole() else { return };
    let (kept, whole) = (facts(&kept()), facts(&whole));
    assert!(kept.len() > 50, "{kept:?}");
    let invented: Vec<&String> = kept.difference(&whole).collect();
    assert!(invented.is_empty(), "not in the Admin schema: {invented:#?}");
}

/// Every field of the kept schema's output types is selected by some operation.
#[test]
fn the_kept_schema_holds_nothing_unused() {
    fn selected(set: &SelectionSet, seen: &mut BTreeSet<String>) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    seen.insert(format!("{}.{}", set.ty, field.name));
                    selected(&field.selection_set, seen);
                }
                Selection::InlineFragment(of) => selected(&of.selection_set, seen),
                Selection::FragmentSpread(_) => panic!("no named fragments here"),
            }
        }
    }
    let schema = kept();
    let mut seen = BTreeSet::new();
    for (_, document, _) in documents(&schema) {
        document.operations.iter().for_each(|of| selected(&of.selection_set, &mut seen));
    }
    for (name, of) in schema.types.iter().filter(|(_, of)| !of.is_built_in()) {
        let ExtendedType::Object(of) = of else { continue };
        let demanded = |field: &str| {
            let mut interfaces = of.implements_interfaces.iter();
            interfaces.any(|name| schema.get_interface(name).unwrap().fields.contains_key(field))
        };
        for field in of.fields.keys().filter(|field| !demanded(field)) {
            assert!(seen.contains(&format!("{name}.{field}")), "{name}.{field} is not used");
        }
    }
}

/// Shopify's rule: a scalar 0, an object 1, a union the dearest of its members. A mutation is 10,
/// its payload and what that holds directly included (as recorded from real stores). A connection
/// counts as many nodes as it is asked for.
fn cost(schema: &Schema, field: &Field) -> u32 {
    let returns = field.ty().inner_named_type();
    // As recorded: an order's sums cost nothing.
    if returns == "MoneyBag" {
        return 0;
    }
    if returns.ends_with("Connection") {
        let first = field.argument_by_name("first").ok().and_then(|first| first.to_i32());
        let nodes = field.selection_set.fields().filter(|of| of.name == "nodes");
        let nodes = nodes.map(|of| sum(schema, &of.selection_set) + 1);
        return u32::try_from(first.unwrap_or(1)).unwrap_or(1) * nodes.sum::<u32>();
    }
    let inner = match schema.types.get(returns) {
        Some(ExtendedType::Object(_)) => sum(schema, &field.selection_set),
        Some(ExtendedType::Union(_) | ExtendedType::Interface(_)) => {
            sum(schema, &field.selection_set)
        }
        _ => return 0,
    };
    inner + 1
}

/// What each has, and the dearest of what only some have.
fn sum(schema: &Schema, set: &SelectionSet) -> u32 {
    let some = set.selections.iter().map(|selection| match selection {
        Selection::InlineFragment(of) => sum(schema, &of.selection_set),
        _ => 0,
    });
    set.fields().map(|field| cost(schema, field)).sum::<u32>() + some.max().unwrap_or(0)
}

#[test]
fn operations_cost_what_we_say() {
    let schema = kept();
    for (name, document, said) in documents(&schema) {
        let operation = document.operations.get(Some(name)).unwrap();
        let roots = &operation.selection_set;
        let requested = match operation.operation_type {
            OperationType::Mutation => {
                let payloads = roots.fields().map(|payload| &payload.selection_set);
                10 + payloads
                    .flat_map(SelectionSet::fields)
                    .map(|field| sum(&schema, &field.selection_set))
                    .sum::<u32>()
            }
            _ => sum(&schema, roots),
        };
        assert_eq!(requested, said, "{name}");
        // What is asked once in a while may cost more than what every conversion asks.
        let most = match name {
            "CreditsRead" | "CreditsReverted" | "DiscountsNewest" => 190,
            "CouponUsage" | "Installation" | "OrderRead" | "OrdersChanged" => 60,
            _ => 11,
        };
        assert!(said <= most, "{name} is too dear");
    }
}
