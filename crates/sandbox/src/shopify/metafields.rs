//! `metafieldsSet`: up to 25 at once, all or nothing, each with its own compare-and-set.

use std::io;

use serde_json::Value;

use super::graphql::{Field, Object, Out, Variables, gid};
use super::user_error::{self, UserError};
use crate::books::{Books, Entry, Metafield, Open};
use crate::clock::{Millis, rfc3339_s};

const MOST: usize = 25;
/// Bytes of a `json` value, for writes from 2026-04 on.
const LONGEST_JSON: usize = 128 * 1024;
/// Bytes of any other value.
const LONGEST_TEXT: usize = 64 * 1024;

/// What `metafieldsSet` answers.
pub struct Payload {
    /// `None` where Shopify answers null: the request was not even looked at.
    metafields: Option<Vec<Metafield>>,
    errors: Vec<UserError>,
}

/// Checks all rows, then writes all or none.
///
/// # Errors
/// When the journal cannot be written.
pub fn set(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    open: &mut Open,
    now: Millis,
) -> io::Result<Payload> {
    let refused = |metafields, errors| Payload { metafields, errors };
    if refuse {
        let error =
            UserError::new(&["metafields"], "APP_NOT_AUTHORIZED", "Refused at the switchboard.");
        return Ok(refused(Some(vec![]), vec![error]));
    }
    let argument = field.argument("metafields", variables);
    let rows = argument.as_deref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if rows.len() > MOST {
        let message = "Exceeded the maximum metafields input limit of 25.";
        let error = UserError::new(&["metafields"], "LESS_THAN_OR_EQUAL_TO", message);
        return Ok(refused(None, vec![error]));
    }
    let (mut fields, mut errors) = (Vec::with_capacity(rows.len()), Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let next = open.books().next_metafield() + at as u64;
        match checked(row, &at.to_string(), open.books(), (next, now.div_euclid(1_000))) {
            Ok(field) => fields.push(field),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Ok(refused(Some(vec![]), errors));
    }
    open.commit(Entry::Metafields(fields.clone()))?;
    Ok(Payload { metafields: Some(fields), errors })
}

/// The row as it will be written, or the first thing that is wrong with it.
fn checked(
    row: &Value,
    at: &str,
    books: &Books,
    (next_id, now): (u64, i64),
) -> Result<Metafield, UserError> {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let wrong = |name: &str, code, message: String| {
        UserError::new(&["metafields", at, name], code, message)
    };
    let (namespace, key, value) = (text("namespace"), text("key"), text("value"));
    length(namespace, (3, 255), "Namespace")
        .map_err(|(code, why)| wrong("namespace", code, why))?;
    length(key, (2, 64), "Key").map_err(|(code, why)| wrong("key", code, why))?;
    let owner = gid(text("ownerId")).filter(|(kind, _)| *kind == "Customer");
    let owner = owner
        .and_then(|(_, id)| books.customers.get(&id))
        .ok_or_else(|| wrong("ownerId", "INVALID_VALUE", "Owner does not exist.".into()))?;
    let before = owner.metafield(namespace, key);
    if let Some(wanted) = row.get("compareDigest") {
        compare(wanted.as_str(), before)
            .map_err(|(code, message)| UserError::new(&["metafields", at], code, message))?;
    }
    let kind = match (row.get("type").and_then(Value::as_str), before) {
        (Some(kind), _) if !kind.is_empty() => kind,
        (_, Some(before)) => &before.kind,
        _ => return Err(wrong("type", "BLANK", "Type can't be blank".into())),
    };
    fits(kind, value).map_err(|(name, code, why)| wrong(name, code, why))?;
    Ok(Metafield {
        id: before.map_or(next_id, |before| before.id),
        owner: owner.id,
        namespace: namespace.into(),
        key: key.into(),
        kind: kind.into(),
        value: value.into(),
        digest: Metafield::digest_of(kind, value),
        created_at: before.map_or(now, |before| before.created_at),
        updated_at: now,
    })
}

fn length(
    text: &str,
    (least, most): (usize, usize),
    name: &str,
) -> Result<(), (&'static str, String)> {
    let count = text.chars().count();
    if count < least {
        return Err(("TOO_SHORT", format!("{name} is too short (minimum is {least} characters)")));
    }
    if count > most {
        return Err(("TOO_LONG", format!("{name} is too long (maximum is {most} characters)")));
    }
    Ok(())
}

/// `None` wants that there is no such row yet.
fn compare(
    wanted: Option<&str>,
    before: Option<&Metafield>,
) -> Result<(), (&'static str, &'static str)> {
    const STALE: (&str, &str) = (
        "STALE_OBJECT",
        "The resource has been updated since it was loaded. Try again with an updated \
         `compareDigest` value.",
    );
    const INVALID: (&str, &str) = ("INVALID_COMPARE_DIGEST", "Invalid `compareDigest` value.");
    let is_digest =
        |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (wanted, before) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(STALE),
        (Some(_), None) => Err(INVALID),
        (Some(wanted), Some(_)) if !is_digest(wanted) => Err(INVALID),
        (Some(wanted), Some(before)) if before.digest != wanted => Err(STALE),
        (Some(_), Some(_)) => Ok(()),
    }
}

/// Whether the value is one of this type: the field, code and sentence if not.
fn fits(kind: &str, value: &str) -> Result<(), (&'static str, &'static str, String)> {
    let wrong = |message: &str| Err(("value", "INVALID_VALUE", message.to_owned()));
    if value.is_empty() {
        return wrong("Value can't be blank.");
    }
    let most = if kind == "json" { LONGEST_JSON } else { LONGEST_TEXT };
    if value.len() > most {
        // The limit is documented, the sentence is not recorded.
        return Err(("value", "TOO_LONG", format!("Value is too long (maximum is {most} bytes).")));
    }
    match kind {
        "json" => match serde_json::from_str::<serde::de::IgnoredAny>(value) {
            Ok(_) => Ok(()),
            Err(error) => wrong(&format!("Value is invalid JSON: {error}.")),
        },
        "single_line_text_field" if value.contains(['\n', '\r']) => {
            wrong("Value must be a single line text string.")
        }
        "single_line_text_field" | "multi_line_text_field" => Ok(()),
        "number_integer" if value.parse::<i64>().is_err() => wrong("Value must be an integer."),
        "boolean" if !matches!(value, "true" | "false") => wrong("Value must be true or false."),
        "number_integer" | "boolean" => Ok(()),
        other => {
            let message = format!("The sandbox does not emulate the type '{other}'.");
            Err(("type", "INVALID_TYPE", message))
        }
    }
}

impl Object for Payload {
    fn type_name(&self) -> &'static str {
        "MetafieldsSetPayload"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "metafields" => match &self.metafields {
                Some(fields) => out.objects(fields.iter().map(Shown), field),
                None => out.null(),
            },
            "userErrors" => {
                let shown = |error| user_error::Shown("MetafieldsSetUserError", error);
                out.objects(self.errors.iter().map(shown), field);
            }
            _ => out.unanswered("MetafieldsSetPayload", field),
        }
    }
}

/// A metafield as an object.
pub struct Shown<'a>(pub &'a Metafield);

impl Object for Shown<'_> {
    fn type_name(&self) -> &'static str {
        "Metafield"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let row = self.0;
        match field.name.as_str() {
            "id" => out.gid("Metafield", row.id),
            "legacyResourceId" => out.text(&row.id.to_string()),
            "namespace" => out.text(&row.namespace),
            "key" => out.text(&row.key),
            "type" => out.text(&row.kind),
            "value" => out.text(&row.value),
            "jsonValue" if matches!(row.kind.as_str(), "json" | "number_integer" | "boolean") => {
                out.json(&row.value);
            }
            "jsonValue" => out.text(&row.value),
            "compareDigest" => out.text(&row.digest),
            "sizeInBytes" => out.number(row.value.len()),
            "createdAt" => out.text(&rfc3339_s(row.created_at)),
            "updatedAt" => out.text(&rfc3339_s(row.updated_at)),
            _ => out.unanswered("Metafield", field),
        }
    }
}
