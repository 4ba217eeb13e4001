//! Orders as Shopify describes them: one, and the ids of those that have changed.

use super::{
    Shopify,
    operations::{OrderRead, OrdersChanged, order_read, orders_changed},
    orders::{STORE_CREDIT, currency, minor, moment, number, order_gid},
};
use crate::{
    http_client::Deadline,
    outcome::Stop,
    store::orders::{Goods, Payment, Pieces, Refund, SHOPIFY, Seen, Standing, Status},
};
use domain::{At, CustomerId, OrderId};
use iso_currency::Currency;

/// A page of what has changed, oldest first.
#[derive(Clone, Debug)]
pub struct Changed {
    pub orders: Vec<(OrderId, Standing)>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// How Shopify's own states read in four words.
pub fn status(cancelled: bool, financial: Option<&str>, fulfillment: Option<&str>) -> Status {
    let is = |text: Option<&str>, wanted: &[&str]| {
        text.is_some_and(|text| wanted.iter().any(|word| text.eq_ignore_ascii_case(word)))
    };
    if cancelled {
        Status::Cancelled
    } else if is(fulfillment, &["fulfilled"]) {
        Status::Completed
    } else if is(financial, &["pending", "authorized", "expired", "voided"]) {
        Status::Pending
    } else {
        Status::Confirmed
    }
}

impl Shopify {
    /// The order, and its payments with store credit. `None`: there is no such order.
    ///
    /// # Errors
    /// What any call may meet.
    pub async fn order(
        &self,
        id: &OrderId,
        until: Deadline,
    ) -> Result<Option<(Seen, Vec<Payment>)>, Stop> {
        let variables = order_read::Variables { id: order_gid(id) };
        let data = self.admin.call::<OrderRead>(variables, until).await?;
        data.order.map(|order| seen(id, order)).transpose()
    }

    /// The orders that have changed at that moment or later.
    ///
    /// # Errors
    /// What any call may meet.
    pub async fn orders_changed(
        &self,
        since: At,
        after: Option<String>,
        until: Deadline,
    ) -> Result<Changed, Stop> {
        let query = format!("updated_at:>='{}' status:any", since.rfc3339());
        let variables = orders_changed::Variables { query, after };
        let page = self.admin.call::<OrdersChanged>(variables, until).await?.orders;
        let read = |node: orders_changed::OrdersChangedOrdersNodes| {
            let standing = Standing {
                updated_at: moment(&node.updated_at)?,
                cancelled: node.cancelled_at.is_some(),
                financial_status: node.display_financial_status.map(|text| text.to_lowercase()),
            };
            Ok((OrderId(number(&node.id)?.to_string()), standing))
        };
        let orders = page.nodes.into_iter().map(read).collect::<Result<_, Stop>>()?;
        let more = page.page_info.has_next_page;
        Ok(Changed { orders, next: page.page_info.end_cursor.filter(|_| more) })
    }
}

fn seen(id: &OrderId, of: order_read::OrderReadOrder) -> Result<(Seen, Vec<Payment>), Stop> {
    use order_read::OrderReadOrderDiscountApplicationsNodes as Application;
    let currency = currency(&of.currency_code)?;
    let total = minor(&of.total_price_set.shop_money.amount, currency)?;
    let items = match &of.subtotal_price_set {
        Some(bag) => minor(&bag.shop_money.amount, currency)?,
        None => total,
    };
    let codes = of.discount_applications.nodes.into_iter();
    let codes = codes.filter_map(|application| match application {
        Application::DiscountCodeApplication(by_code) => Some(by_code.code),
        _ => None,
    });
    let codes = codes.collect();
    let payments = payments(&of.transactions, currency)?;
    let refunds = of.refunds.iter().map(|refund| self::refund(refund, currency));
    let refunds = refunds.collect::<Result<_, Stop>>()?;
    let lines = lines(&of.line_items, currency)?;
    let customer = of.customer.map(|customer| number(&customer.id)).transpose()?;
    let cancelled_at = of.cancelled_at.as_deref().map(moment).transpose()?;
    let financial = of.display_financial_status;
    let fulfillment = Some(of.display_fulfillment_status.as_str());
    let seen = Seen {
        id: id.clone(),
        name: of.name,
        channel: SHOPIFY.to_owned(),
        customer: customer.map(CustomerId),
        total,
        items,
        lines,
        currency: of.currency_code,
        status: status(cancelled_at.is_some(), financial.as_deref(), fulfillment),
        financial_status: financial.map(|text| text.to_lowercase()),
        cancel_reason: of.cancel_reason.map(|text| text.to_lowercase()),
        cancelled_at,
        created_at: moment(&of.created_at)?,
        updated_at: moment(&of.updated_at)?,
        codes,
        credit: !payments.is_empty(),
        refunds,
    };
    Ok((seen, payments))
}

/// `None` where there are more than were asked for.
fn lines(
    all: &order_read::OrderReadOrderLineItems,
    currency: Currency,
) -> Result<Option<Vec<Goods>>, Stop> {
    if all.page_info.has_next_page {
        return Ok(None);
    }
    let line = |of: &order_read::OrderReadOrderLineItemsNodes| {
        Ok(Goods {
            id: number(&of.id)?,
            title: of.title.clone(),
            quantity: of.quantity,
            price: minor(&of.original_unit_price_set.shop_money.amount, currency)?,
        })
    };
    all.nodes.iter().map(line).collect::<Result<_, _>>().map(Some)
}

fn payments(
    all: &[order_read::OrderReadOrderTransactions],
    currency: Currency,
) -> Result<Vec<Payment>, Stop> {
    let mut payments: Vec<Payment> = Vec::new();
    let by_credit = all.iter().filter(|of| of.gateway.as_deref() == Some(STORE_CREDIT));
    let counted = by_credit.filter(|of| !matches!(of.status.as_str(), "FAILURE" | "ERROR"));
    for of in counted {
        let amount = minor(&of.amount_set.shop_money.amount, currency)?;
        let parent = of.parent_transaction.as_ref().map(|parent| number(&parent.id)).transpose()?;
        match (of.kind.as_str(), parent) {
            ("SALE" | "CAPTURE", _) => {
                payments.push(Payment { id: number(&of.id)?, amount, by_shopify: 0 });
            }
            ("REFUND", Some(parent)) => {
                let payment = payments.iter_mut().find(|payment| payment.id == parent);
                if let Some(payment) = payment {
                    payment.by_shopify += amount;
                }
            }
            _ => {}
        }
    }
    Ok(payments)
}

fn refund(of: &order_read::OrderReadOrderRefunds, currency: Currency) -> Result<Refund, Stop> {
    let (mut items, mut goods, mut lines) = (0, 0, Vec::new());
    for line in &of.refund_line_items.nodes {
        items += minor(&line.subtotal_set.shop_money.amount, currency)?;
        let price = &line.line_item.original_unit_price_set.shop_money.amount;
        goods += minor(price, currency)? * line.quantity;
        lines.push(Pieces { line: number(&line.line_item.id)?, quantity: line.quantity });
    }
    Ok(Refund {
        id: number(&of.id)?.to_string(),
        amount: minor(&of.total_refunded_set.shop_money.amount, currency)?,
        items,
        // Of more lines than were asked for, a webhook may tell the sum.
        goods: (!of.refund_line_items.page_info.has_next_page).then_some(goods),
        lines,
        at: of.created_at.as_deref().map_or(Ok(At(0)), moment)?,
    })
}
