//! Orders at Shopify: cancelled in a job of its own, and their store credit.
//!
//! A cancellation that is sent again finds the order cancelled. A credit that is sent again is
//! given again: it carries nothing but its amount and its expiry, so it never is sent blindly.

use super::{
    Shopify, customer_gid,
    operations::{
        CancelProgress, CreditGive, CreditsRead, CreditsReverted, OrderCancel, OrderProgress,
        cancel_progress, credit_give, credits_read, credits_reverted, order_cancel, order_progress,
    },
    user_error::{UserError, none_of},
};
use crate::{
    http_client::Deadline,
    outcome::{Stop, answer},
};
use async_trait::async_trait;
use domain::{At, Money, OrderId, Refusal, reversal::Cancel};
use engine::ports::{Answer, Credit, CreditOrder, Orders, Progress};
use iso_currency::Currency;
use std::{collections::BTreeMap, time::Duration};

/// The gateway that store credit pays through.
pub const STORE_CREDIT: &str = "shopify_store_credit";
/// Shopify takes a note of the staff's up to this length.
const LONGEST_NOTE: usize = 255;

pub fn order_gid(order: &OrderId) -> String {
    format!("gid://shopify/Order/{order}")
}

/// The number at the end of a gid.
pub fn number(gid: &str) -> Result<u64, Stop> {
    let number = gid.rsplit('/').next().and_then(|text| text.split('?').next());
    number.and_then(|text| text.parse().ok()).ok_or(Stop::UNREADABLE)
}

pub fn moment(text: &str) -> Result<At, Stop> {
    text.parse::<jiff::Timestamp>().map(At::from).map_err(|_| Stop::UNREADABLE)
}

/// An amount of a known currency, in minor units.
pub fn minor(amount: &str, currency: Currency) -> Result<i64, Stop> {
    let amount = amount.parse().map_err(|_| Stop::UNREADABLE)?;
    Money::exact(amount, currency).map(|money| money.minor).ok_or(Stop::UNREADABLE)
}

pub fn currency(code: &str) -> Result<Currency, Stop> {
    Currency::from_code(code).ok_or(Stop::UNREADABLE)
}

fn unknown_order() -> Stop {
    Stop::other("unknown_order")
}

impl UserError {
    /// Shopify refuses to cancel; mostly because it has.
    fn may_be_cancelled(&self) -> bool {
        self.code.as_deref() == Some("INVALID")
            && self.field.last().is_some_and(|field| field == "orderId")
    }

    fn has_lapsed(&self) -> bool {
        self.code.as_deref() == Some("EXPIRES_AT_IN_PAST")
    }
}

impl Shopify {
    async fn try_cancel(
        &self,
        order: &OrderId,
        cancel: &Cancel,
        until: Deadline,
    ) -> Result<Option<String>, Stop> {
        let note = cancel.note.as_deref().map(|note| note.chars().take(LONGEST_NOTE).collect());
        let variables = order_cancel::Variables {
            id: order_gid(order),
            reason: cancel.reason.as_str().to_uppercase(),
            restock: cancel.restock,
            note,
        };
        let data = self.admin.call::<OrderCancel>(variables, until).await?;
        let payload = data.order_cancel.ok_or(Stop::UNREADABLE)?;
        match none_of(payload.order_cancel_user_errors) {
            Ok(()) => Ok(payload.job.map(|job| job.id)),
            Err(error) if error.may_be_cancelled() => {
                match self.try_progress(order, None, until).await? {
                    Progress::Cancelled => Ok(None),
                    Progress::Working | Progress::Failed => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn try_progress(
        &self,
        order: &OrderId,
        job: Option<&str>,
        until: Deadline,
    ) -> Result<Progress, Stop> {
        let id = order_gid(order);
        let (cancelled, done) = match job {
            Some(job) => {
                let variables = cancel_progress::Variables { id, job: job.to_owned() };
                let data = self.admin.call::<CancelProgress>(variables, until).await?;
                let order = data.order.ok_or_else(unknown_order)?;
                (order.cancelled_at.is_some(), data.job.is_some_and(|job| job.done))
            }
            None => {
                let variables = order_progress::Variables { id };
                let data = self.admin.call::<OrderProgress>(variables, until).await?;
                let order = data.order.ok_or_else(unknown_order)?;
                (order.cancelled_at.is_some(), false)
            }
        };
        Ok(match (cancelled, done) {
            // The refunds are made in the same job.
            (true, true) => Progress::Cancelled,
            (true, false) if job.is_none() => Progress::Cancelled,
            (false, true) => Progress::Failed,
            _ => Progress::Working,
        })
    }

    /// Both books are read, the order's payments and the customer's account, and the larger sum
    /// counts: either of them may be behind.
    async fn try_reverted(
        &self,
        order: &OrderId,
        until: Deadline,
    ) -> Result<Vec<(u64, i64)>, Stop> {
        use credits_reverted::{
            CreditsRevertedOrderCustomerStoreCreditAccountsNodesTransactionsNodesOn as Line,
            CreditsRevertedOrderCustomerStoreCreditAccountsNodesTransactionsNodesOnStoreCreditAccountDebitRevertTransactionDebitTransactionOrigin as Origin,
        };
        let variables = credits_reverted::Variables { id: order_gid(order) };
        let data = self.admin.call::<CreditsReverted>(variables, until).await?;
        let order = data.order.ok_or_else(unknown_order)?;
        let currency = currency(&order.currency_code)?;
        let mut payments: BTreeMap<u64, (i64, i64)> = BTreeMap::new();
        for payment in &order.transactions {
            let minor = minor(&payment.amount_set.shop_money.amount, currency)?;
            let by_credit = payment.gateway.as_deref() == Some(STORE_CREDIT);
            let parent = payment.parent_transaction.as_ref().map(|parent| number(&parent.id));
            match (payment.kind.as_str(), parent.transpose()?) {
                ("REFUND", Some(parent)) if by_credit && is_counted(&payment.status) => {
                    payments.entry(parent).or_default().0 += minor;
                }
                ("SALE" | "CAPTURE", _) if by_credit => {
                    payments.entry(number(&payment.id)?).or_default();
                }
                _ => {}
            }
        }
        let accounts = order.customer.into_iter().flat_map(|of| of.store_credit_accounts.nodes);
        for line in accounts.flat_map(|account| account.transactions.nodes) {
            let Line::StoreCreditAccountDebitRevertTransaction(revert) = line.on else { continue };
            let Some(Origin::OrderTransaction(origin)) = revert.debit_transaction.origin else {
                continue;
            };
            if let Some(sums) = payments.get_mut(&number(&origin.id)?) {
                let amount = minor(&line.amount.amount, currency)?;
                sums.1 += amount.abs();
            }
        }
        Ok(payments.into_iter().map(|(payment, (a, b))| (payment, a.max(b))).collect())
    }

    async fn try_credit(&self, wanted: CreditOrder, until: Deadline) -> Result<Credit, Stop> {
        let variables = credit_give::Variables {
            customer: customer_gid(wanted.customer),
            credit: credit_give::StoreCreditAccountCreditInput {
                credit_amount: credit_give::MoneyInput {
                    amount: wanted.amount.to_string(),
                    currency_code: wanted.amount.currency.code().to_owned(),
                },
                expires_at: wanted.expires_at.map(At::rfc3339),
            },
        };
        let data = self.admin.call::<CreditGive>(variables, until).await?;
        let payload = data.store_credit_account_credit.ok_or(Stop::UNREADABLE)?;
        match none_of(payload.user_errors) {
            Ok(()) => {}
            Err(error) if error.has_lapsed() => return Err(Stop::Refused(Refusal::Lapsed)),
            Err(error) => return Err(error.into()),
        }
        let given = payload.store_credit_account_transaction.ok_or(Stop::UNREADABLE)?;
        Ok(Credit {
            transaction: number(&given.id)?,
            minor: wanted.amount.minor,
            expires_at: given.expires_at.as_deref().map(moment).transpose()?,
            at: moment(&given.created_at)?,
        })
    }

    async fn try_credits(
        &self,
        like: CreditOrder,
        since: At,
        until: Deadline,
    ) -> Result<Vec<Credit>, Stop> {
        use credits_read::CreditsReadCustomerStoreCreditAccountsNodesTransactionsNodesOn as Line;
        let variables = credits_read::Variables { customer: customer_gid(like.customer) };
        let data = self.admin.call::<CreditsRead>(variables, until).await?;
        let customer = data.customer.ok_or(Stop::Refused(Refusal::UnknownCustomer))?;
        let mut found = Vec::new();
        let accounts = customer.store_credit_accounts.nodes.into_iter();
        for line in accounts.flat_map(|account| account.transactions.nodes) {
            let at = moment(&line.created_at)?;
            let Line::StoreCreditAccountCreditTransaction(credit) = line.on else { continue };
            if at < since || line.amount.currency_code != like.amount.currency.code() {
                continue;
            }
            found.push(Credit {
                transaction: number(&credit.id)?,
                minor: minor(&line.amount.amount, like.amount.currency)?,
                expires_at: credit.expires_at.as_deref().map(moment).transpose()?,
                at,
            });
        }
        Ok(found)
    }
}

/// What failed has moved nothing; what is pending will.
fn is_counted(status: &str) -> bool {
    !matches!(status, "FAILURE" | "ERROR")
}

#[async_trait]
impl Orders for Shopify {
    async fn cancel(
        &self,
        order: &OrderId,
        cancel: &Cancel,
        limit: Duration,
    ) -> Answer<Option<String>> {
        answer(self.try_cancel(order, cancel, Deadline::after(limit)).await)
    }

    async fn progress(
        &self,
        order: &OrderId,
        job: Option<&str>,
        limit: Duration,
    ) -> Answer<Progress> {
        answer(self.try_progress(order, job, Deadline::after(limit)).await)
    }

    async fn reverted(&self, order: &OrderId, limit: Duration) -> Answer<Vec<(u64, i64)>> {
        answer(self.try_reverted(order, Deadline::after(limit)).await)
    }

    async fn credit(&self, order: CreditOrder, limit: Duration) -> Answer<Credit> {
        answer(self.try_credit(order, Deadline::after(limit)).await)
    }

    async fn credits(&self, like: CreditOrder, since: At, limit: Duration) -> Answer<Vec<Credit>> {
        answer(self.try_credits(like, since, Deadline::after(limit)).await)
    }
}
