//! Discount codes: created, changed, deactivated, activated, deleted, looked up.
//!
//! Deactivating sets the end to now, activating forgets the end, deleting frees the code; each as
//! recorded of real stores.

use std::io;

use rust_decimal::Decimal;
use serde_json::Value;

use super::discount_view::DiscountNode;
use super::execute::View;
use super::graphql::{Connection, ConnectionOf, Errors, Field, Object, Out, Variables, gid};
use super::user_error::{self, UserError};
use crate::books::{Books, Buyers, Coupon, Entry, Minimum, Open, Status, Worth};
use crate::clock::{Millis, Seconds, parse_seconds};

const INPUT: &str = "basicCodeDiscount";

/// What a discount mutation came to.
pub enum Done {
    Changed(u64),
    Deleted(u64),
    Refused(UserError),
}

impl Done {
    pub fn write(&self, name: &'static str, view: View<'_>, field: &Field, out: &mut Out<'_>) {
        out.object(&Payload { name, done: self, view }, field);
    }
}

struct Payload<'a> {
    name: &'static str,
    done: &'a Done,
    view: View<'a>,
}

impl Object for Payload<'_> {
    fn type_name(&self) -> &'static str {
        self.name
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match (field.name.as_str(), self.done) {
            ("codeDiscountNode", Done::Changed(id)) => {
                let (type_name, view) = ("DiscountCodeNode", self.view);
                let coupon = self.view.books.coupons.get(id);
                out.nullable(coupon.map(|coupon| DiscountNode { type_name, coupon, view }), field);
            }
            ("deletedCodeDiscountId", Done::Deleted(id)) => out.gid("DiscountCodeNode", *id),
            ("codeDiscountNode" | "deletedCodeDiscountId", _) => out.null(),
            ("userErrors", done) => {
                let error = match done {
                    Done::Refused(error) => Some(error),
                    _ => None,
                };
                let shown = error.map(|error| user_error::Shown("DiscountUserError", error));
                out.objects(shown, field);
            }
            _ => out.unanswered(self.name, field),
        }
    }
}

/// # Errors
/// When the journal cannot be written.
pub fn create(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    open: &mut Open,
    now: Millis,
) -> io::Result<Done> {
    if refuse {
        return Ok(Done::Refused(UserError::refused_on_purpose(INPUT)));
    }
    let argument = field.argument(INPUT, variables);
    let input = argument.as_deref().unwrap_or(&Value::Null);
    let now = now.div_euclid(1_000);
    match new_coupon(input, open.books(), now) {
        Ok(coupon) => {
            let id = coupon.id;
            open.commit(Entry::Coupon(Box::new(coupon)))?;
            Ok(Done::Changed(id))
        }
        Err(error) => Ok(Done::Refused(error)),
    }
}

/// # Errors
/// When the journal cannot be written.
pub fn update(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    open: &mut Open,
    now: Millis,
) -> io::Result<Done> {
    if refuse {
        return Ok(Done::Refused(UserError::refused_on_purpose(INPUT)));
    }
    let known = number(field, variables).and_then(|id| open.books().coupons.get(&id));
    let Some(coupon) = known else {
        let field = vec!["id".to_owned()];
        let message = "Discount does not exist".to_owned();
        return Ok(Done::Refused(UserError { field, code: None, message }));
    };
    let argument = field.argument(INPUT, variables);
    let input = argument.as_deref().unwrap_or(&Value::Null);
    let mut coupon = coupon.clone();
    let id = coupon.id;
    if let Err(error) = change(&mut coupon, input, open.books()) {
        return Ok(Done::Refused(error));
    }
    coupon.updated_at = now.div_euclid(1_000);
    open.commit(Entry::Coupon(Box::new(coupon)))?;
    Ok(Done::Changed(id))
}

/// # Errors
/// When the journal cannot be written.
pub fn activate(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    open: &mut Open,
    now: Millis,
) -> io::Result<Done> {
    turn(field, variables, refuse, open, now, |coupon, now| {
        if coupon.status(now * 1_000) == Status::Active {
            return false;
        }
        coupon.ends_at = None;
        coupon.starts_at = coupon.starts_at.min(now);
        true
    })
}

/// # Errors
/// When the journal cannot be written.
pub fn deactivate(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    open: &mut Open,
    now: Millis,
) -> io::Result<Done> {
    turn(field, variables, refuse, open, now, |coupon, now| {
        if coupon.status(now * 1_000) == Status::Expired {
            return false;
        }
        coupon.ends_at = Some(now);
        coupon.starts_at = coupon.starts_at.min(now);
        true
    })
}

/// `switch` says whether it changed anything: doing it twice changes nothing, not even the time.
fn turn(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    open: &mut Open,
    now: Millis,
    switch: impl FnOnce(&mut Coupon, Seconds) -> bool,
) -> io::Result<Done> {
    if refuse {
        return Ok(Done::Refused(UserError::refused_on_purpose("id")));
    }
    let known = number(field, variables).and_then(|id| open.books().coupons.get(&id));
    let Some(mut coupon) = known.cloned() else { return Ok(Done::Refused(gone())) };
    let (id, now) = (coupon.id, now.div_euclid(1_000));
    if switch(&mut coupon, now) {
        coupon.updated_at = now;
        open.commit(Entry::Coupon(Box::new(coupon)))?;
    }
    Ok(Done::Changed(id))
}

/// # Errors
/// When the journal cannot be written.
pub fn delete(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    open: &mut Open,
) -> io::Result<Done> {
    if refuse {
        return Ok(Done::Refused(UserError::refused_on_purpose("id")));
    }
    match number(field, variables).filter(|id| open.books().coupons.contains_key(id)) {
        Some(id) => {
            open.commit(Entry::CouponDeleted { id })?;
            Ok(Done::Deleted(id))
        }
        None => Ok(Done::Refused(gone())),
    }
}

pub fn by_code(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let coupon = view.books.coupon_by_code(&field.text("code", out.variables));
    let type_name = "DiscountCodeNode";
    out.nullable(coupon.map(|coupon| DiscountNode { type_name, coupon, view }), field);
}

pub fn by_id(view: View<'_>, field: &Field, type_name: &'static str, out: &mut Out<'_>) {
    let coupon = number(field, out.variables).and_then(|id| view.books.coupons.get(&id));
    out.nullable(coupon.map(|coupon| DiscountNode { type_name, coupon, view }), field);
}

/// A page of all discounts, in the order of their numbers or of their creation.
pub fn list(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let refused = |what: &str, out: &mut Out<'_>| {
        let errors = Errors::not_emulated(what).to_json();
        out.error(errors["errors"][0].clone());
    };
    if !field.text("query", out.variables).is_empty() {
        return refused("a filter of discountNodes", out);
    }
    let mut found: Vec<&Coupon> = view.books.coupons.values().collect();
    match field.text("sortKey", out.variables).as_str() {
        "" | "ID" => found.sort_by_key(|coupon| coupon.id),
        "CREATED_AT" => found.sort_by_key(|coupon| (coupon.created_at, coupon.id)),
        other => return refused(&format!("the sort key {other} of discountNodes"), out),
    }
    if field.flag("reverse", out.variables) {
        found.reverse();
    }
    let node = |coupon| DiscountNode { type_name: "DiscountNode", coupon, view };
    let nodes = found.into_iter().map(|of| (of.id.to_string(), node(of))).collect();
    Connection::write(ConnectionOf::DiscountNodes, nodes, field, out);
}

fn number(field: &Field, variables: &Variables) -> Option<u64> {
    gid(&field.text("id", variables)).map(|(_, number)| number)
}

fn gone() -> UserError {
    UserError::new(&["id"], "INVALID", "Code discount does not exist.")
}

fn wrong(name: &str, code: &'static str, message: &str) -> UserError {
    UserError::new(&[INPUT, name], code, message)
}

fn new_coupon(input: &Value, books: &Books, now: Seconds) -> Result<Coupon, UserError> {
    let given = |name: &str| input.get(name).filter(|value| !value.is_null());
    if given("code").is_none() {
        return Err(wrong("code", "BLANK", "Code can't be blank"));
    }
    if given("startsAt").is_none() {
        return Err(wrong("startsAt", "BLANK", "Starts at can't be blank"));
    }
    if given("title").is_none() {
        return Err(wrong("title", "BLANK", "Title can't be blank"));
    }
    let (id, code_id) = books.next_discount();
    let mut coupon = Coupon {
        id,
        code_id,
        code: String::new(),
        title: String::new(),
        starts_at: now,
        ends_at: None,
        created_at: now,
        updated_at: now,
        usage_limit: None,
        once_per_customer: false,
        buyers: Buyers::All,
        worth: Worth::Amount { amount: Decimal::ZERO, each_item: false },
        on_one_time_purchase: true,
        on_subscription: false,
        combines_with_orders: false,
        combines_with_products: false,
        combines_with_shipping: false,
        minimum: None,
        recurring_cycle_limit: None,
        tags: vec![],
        uses: vec![],
    };
    change(&mut coupon, input, books)?;
    Ok(coupon)
}

/// Writes what the input gives into the coupon; what it leaves out stays.
fn change(coupon: &mut Coupon, input: &Value, books: &Books) -> Result<(), UserError> {
    let given = |name: &str| input.get(name).filter(|value| !value.is_null());
    if let Some(code) = given("code").and_then(Value::as_str) {
        coupon.code = checked_code(code, coupon.id, books)?;
    }
    if let Some(title) = given("title").and_then(Value::as_str) {
        if title.trim().is_empty() {
            return Err(wrong("title", "BLANK", "Title can't be blank"));
        }
        coupon.title = title.to_owned();
    }
    if let Some(at) = given("startsAt").and_then(Value::as_str).and_then(parse_seconds) {
        coupon.starts_at = at;
    }
    if let Some(at) = input.get("endsAt") {
        coupon.ends_at = at.as_str().and_then(parse_seconds);
    }
    if coupon.ends_at.is_some_and(|ends| ends < coupon.starts_at) {
        return Err(wrong("endsAt", "INVALID", "Ends at needs to be after starts_at"));
    }
    if let Some(limit) = given("usageLimit").and_then(Value::as_i64) {
        if limit <= 0 {
            return Err(wrong("usageLimit", "GREATER_THAN", "Usage limit must be greater than 0"));
        }
        coupon.usage_limit = Some(limit);
    }
    if let Some(once) = given("appliesOncePerCustomer").and_then(Value::as_bool) {
        coupon.once_per_customer = once;
    }
    if let Some(context) = given("context") {
        change_buyers(coupon, context, given("customerSelection").is_some())?;
    }
    if let Some(worth) = given("customerGets").and_then(|gets| gets.get("value")) {
        coupon.worth = checked_worth(worth)?;
    }
    if let Some(combines) = given("combinesWith") {
        let flag = |name: &str| combines.get(name).and_then(Value::as_bool).unwrap_or(false);
        coupon.combines_with_orders = flag("orderDiscounts");
        coupon.combines_with_products = flag("productDiscounts");
        coupon.combines_with_shipping = flag("shippingDiscounts");
    }
    if let Some(minimum) = given("minimumRequirement") {
        coupon.minimum = checked_minimum(minimum)?;
    }
    if let Some(tags) = given("tags").and_then(Value::as_array) {
        coupon.tags = tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect();
    }
    Ok(())
}

fn checked_code(code: &str, own: u64, books: &Books) -> Result<String, UserError> {
    let count = code.chars().count();
    if count == 0 {
        let message = "Code is too short (minimum is 1 character)";
        return Err(wrong("code", "TOO_SHORT", message));
    }
    if count > 255 {
        let message = "Code is too long (maximum is 255 characters)";
        return Err(wrong("code", "TOO_LONG", message));
    }
    if code.contains(['\r', '\n']) {
        return Err(wrong("code", "INVALID", "Code cannot contain newline characters."));
    }
    if books.coupon_by_code(code).is_some_and(|other| other.id != own) {
        let message = "Code must be unique. Please try a different code.";
        return Err(wrong("code", "TAKEN", message));
    }
    Ok(code.to_owned())
}

fn change_buyers(coupon: &mut Coupon, context: &Value, both: bool) -> Result<(), UserError> {
    if both {
        let message = "Only one of context or customerSelection can be provided.";
        return Err(wrong("context", "INVALID", message));
    }
    if context.get("all").is_some_and(|all| !all.is_null()) {
        coupon.buyers = Buyers::All;
        return Ok(());
    }
    let listed = |name: &str| -> Vec<u64> {
        let list = context.pointer(&format!("/customers/{name}")).and_then(Value::as_array);
        let ids = list.into_iter().flatten().filter_map(Value::as_str);
        ids.filter_map(|id| gid(id).map(|(_, number)| number)).collect()
    };
    let mut only = match &coupon.buyers {
        Buyers::All => vec![],
        Buyers::Customers(only) => only.clone(),
    };
    only.extend(listed("add"));
    let removed = listed("remove");
    only.retain(|customer| !removed.contains(customer));
    coupon.buyers = Buyers::Customers(only);
    Ok(())
}

fn checked_worth(value: &Value) -> Result<Worth, UserError> {
    if let Some(share) = value.get("percentage").and_then(Value::as_f64) {
        if !(0.0..=1.0).contains(&share) {
            let field = &[INPUT, "customerGets", "value", "percentage"];
            let message = "Value must be between 0.0 and 1.0";
            return Err(UserError::new(field, "VALUE_OUTSIDE_RANGE", message));
        }
        return Ok(Worth::Percentage(share));
    }
    let amount = value.pointer("/discountAmount/amount");
    let amount = amount.and_then(super::graphql::decimal).unwrap_or(Decimal::ZERO);
    if amount < Decimal::ZERO {
        // The message is the wrong way round at Shopify too.
        let field = &[INPUT, "customerGets", "value", "discountAmount", "amount"];
        let message = "Value must be less than or equal to 0";
        return Err(UserError::new(field, "LESS_THAN_OR_EQUAL_TO", message));
    }
    let each = value.pointer("/discountAmount/appliesOnEachItem").and_then(Value::as_bool);
    Ok(Worth::Amount { amount, each_item: each.unwrap_or(false) })
}

fn checked_minimum(value: &Value) -> Result<Option<Minimum>, UserError> {
    let quantity = value.pointer("/quantity/greaterThanOrEqualToQuantity");
    let subtotal = value.pointer("/subtotal/greaterThanOrEqualToSubtotal");
    let quantity = quantity.and_then(super::graphql::unsigned);
    let subtotal = subtotal.and_then(super::graphql::decimal);
    match (quantity, subtotal) {
        (Some(_), Some(_)) => {
            let field = &[INPUT, "minimumRequirement", "subtotal"];
            let message = "Minimum subtotal cannot be defined when minimum quantity is.";
            Err(UserError::new(field, "CONFLICT", message))
        }
        (Some(least), None) => Ok(Some(Minimum::Quantity(least))),
        (None, Some(least)) => Ok(Some(Minimum::Subtotal(least))),
        (None, None) => Ok(None),
    }
}
