//! `GET /pos/{shop}/customers/{id}/points/transactions?reference=`: what stands under a reference.

use super::{Till, TillError};
use crate::store::ledger;
use axum::{
    Json,
    extract::{Query, rejection::QueryRejection},
};
use domain::Reference;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    pub reference: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Transactions {
    /// Empty where there is none.
    transactions: Vec<Transaction>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Transaction {
    reference: String,
    /// Signed: −500 for a deduction.
    #[schema(example = -500)]
    amount: i64,
    /// After it.
    balance: i64,
    reason: String,
    created_at: String,
}

#[utoipa::path(get, path = "/pos/{shop}/customers/{id}/points/transactions", tag = "till",
    security(("till" = [])), params(("shop" = String, Path), ("id" = String, Path), Wanted),
    responses((status = 200, body = Transactions), (status = 400, body = TillError),
        (status = 401, body = TillError)))]
pub async fn find(
    till: Till,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Transactions>, TillError> {
    let Query(wanted) = query.map_err(|error| TillError::invalid(error.body_text()))?;
    let holder = till.book.holder(&till.customer);
    let reference = Reference(wanted.reference);
    // Waits for a movement that is being made now.
    ledger::find_for_good(&till.book.database, holder.clone(), reference.clone()).await?;
    let found = ledger::find(&till.book.database, &holder, &reference).await?;
    let transactions = found.map(|row| Transaction {
        reference: row.reference,
        amount: row.amount,
        balance: row.balance,
        reason: row.reason,
        created_at: row.at.rfc3339(),
    });
    Ok(Json(Transactions { transactions: transactions.into_iter().collect() }))
}
