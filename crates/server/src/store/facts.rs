//! What a transition changes beside the flow's own row, as statements. Each changes one row.

use super::{
    placing, replacements, reversals, sql,
    tx::{DbError, Statement, Value, number, values},
};
use domain::{At, Fact, Flow, Terms, coupon::Status};
use engine::store::Row;

/// The statements that make a fact true.
pub fn write<'a>(
    statements: &mut Vec<Statement<'a>>,
    row: &'a Row,
    fact: &'a Fact,
    at: At,
) -> Result<(), DbError> {
    let shop = row.shop().as_str();
    let customer = number(row.customer().0)?;
    let mut run = |sql: &'static str, values: &[Value<'a>]| {
        statements.push(Statement { sql, values: values.to_vec() });
    };
    match fact {
        Fact::Moved { reference, points, balance, reason, linked_to, good_until } => {
            let linked = linked_to.as_ref().map(|reference| reference.as_str());
            let (reference, balance) = (reference.as_str(), balance.map(i64::from));
            let moved = values![
                shop,
                reference,
                row.id,
                customer,
                *points,
                balance,
                *reason,
                at,
                linked,
                *good_until
            ];
            run(sql::MOVEMENT_ADD, &moved);
            if let Some(linked) = linked {
                run(sql::MOVEMENT_LINK, &values![shop, linked, reference]);
            }
        }
        Fact::ReviewOpened(reason) => {
            run(sql::REVIEW_OPEN, &values![shop, row.id, reason.as_str(), at]);
        }
        Fact::ReviewClosed(reason) => {
            run(sql::REVIEW_CLOSE, &values![row.id, reason.as_str(), at]);
        }
        Fact::Alert(reason) => {
            let reason = reason.as_str();
            let body = format!(r#"{{"flow":"{}","reason":"{reason}"}}"#, row.id);
            let none = None::<At>;
            let alert = values![row.id, row.version, shop, "alert", body, at, none, reason];
            run(sql::OUTBOX_ADD, &alert);
        }
        Fact::Notify(notice) => {
            let body = format!(r#"{{"flow":"{}","notice":"{}"}}"#, row.id, notice.as_str());
            let none = None::<&str>;
            let mail = values![row.id, row.version, shop, "mail", body, at, at, none];
            run(sql::OUTBOX_ADD, &mail);
        }
        Fact::KeyReleased => run(sql::KEY_RELEASE, &values![row.id]),
        fact => match (&row.flow, row.flow.terms()) {
            (Flow::Placing(flow), _) => placing::write_fact(statements, &flow.terms, fact)?,
            (Flow::Reversal(flow), _) => reversals::write_fact(statements, row, flow, fact, at)?,
            (_, Some(terms)) => {
                if let Some(replaced) = &terms.replaces {
                    replacements::settle(statements, row, terms, replaced, fact);
                }
                about_coupon(statements, terms, fact, at)?;
            }
            (_, None) => {}
        },
    }
    Ok(())
}

fn about_coupon<'a>(
    statements: &mut Vec<Statement<'a>>,
    terms: &'a Terms,
    fact: &'a Fact,
    at: At,
) -> Result<(), DbError> {
    let (shop, code) = (terms.shop.as_str(), terms.code.as_str());
    let customer = number(terms.customer.0)?;
    let mut run = |sql: &'static str, values: &[Value<'a>]| {
        statements.push(Statement { sql, values: values.to_vec() });
    };
    match fact {
        Fact::Issued { node } => {
            run(sql::COUPON_ISSUE, &values![shop, code, number(node.0)?]);
            run(sql::COUPON_SEARCHABLE, &values![shop, code]);
        }
        Fact::Voided => {
            run(sql::COUPON_STAND, &values![shop, code, Status::Void.as_str(), None::<At>]);
        }
        Fact::Coupon(status) => {
            let ended = match status {
                Status::Cancelled | Status::Used | Status::Expired => Some(at),
                _ => None,
            };
            run(sql::COUPON_STAND, &values![shop, code, status.as_str(), ended]);
        }
        Fact::Used { order } => {
            run(sql::COUPON_USED, &values![shop, code, order.as_deref().unwrap_or_default()]);
        }
        Fact::Released { give_back } => {
            let day = terms.day.to_string();
            let values = values![shop, customer, terms.points.get(), *give_back, day];
            run(sql::RELEASE, &values);
        }
        Fact::DoubtOpened => run(sql::DOUBT, &values![shop, customer, 1_i64]),
        Fact::DoubtClosed => run(sql::DOUBT, &values![shop, customer, -1_i64]),
        _ => {}
    }
    Ok(())
}
