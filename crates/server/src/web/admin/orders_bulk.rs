//! `/admin/orders/bulk`: many orders cancelled, or given back, in one run. What comes back is
//! chosen order by order; it is tried out first.

use super::{Page, forms, orders, page::Said, show};
use crate::{
    app::App,
    jobs::orders::{Choice, Wanted},
    store::jobs::{self as store, Job, Status},
    web::{
        api::{
            order::{self, OrderDetail},
            orders_many::{self, Asked, CancelOrdersRequest, ChosenOrder, OrderRow},
            revert::RevertChoice,
        },
        error::ApiError,
    },
};
use askama::Template;
use axum::{
    extract::{Form, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Act,
    reversal::{Cancel, Why},
};
use std::{collections::BTreeSet, sync::Arc};

/// Orders on one page of choices; a longer list is the API's.
const MOST: usize = 200;

type Pairs = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "admin/orders_bulk.html")]
struct BulkPage {
    page: Page,
    /// `revert` or `cancel`.
    way: &'static str,
    title: String,
    rows: Vec<Row>,
    reasons: Vec<(&'static str, String, bool)>,
    note: String,
    restock: bool,
    notify: bool,
    key: String,
    problem: Option<Said>,
    /// Something can be tried.
    open: bool,
}

struct Row {
    detail: OrderDetail,
    href: String,
    customer: String,
    points: String,
    credits: Vec<String>,
    /// Why it cannot be done; `None`: it can.
    objection: Option<String>,
    with_points: bool,
    with_credits: bool,
    extend_to: String,
}

/// What a form says, by its fields.
struct Sent(Pairs);

impl Sent {
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    fn one(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(of, _)| of == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    fn on(&self, name: &str) -> bool {
        self.one(name) == "on"
    }

    fn way(&self) -> &'static str {
        if self.one("way") == "cancel" { "cancel" } else { "revert" }
    }

    fn orders(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let new = self.all("order").filter(|id| seen.insert(*id)).take(MOST);
        new.map(str::to_owned).collect()
    }

    fn asked(&self) -> Result<Asked, ApiError> {
        let chosen = |id: String| {
            let extend_to = self.one(&format!("extend {id}")).to_owned();
            OrderRow::Chosen(ChosenOrder {
                points: self.all("points").any(|of| of == id),
                credits: self.all("credits").any(|of| of == id),
                keep_earned: false,
                extend_to: Some(extend_to),
                id,
            })
        };
        let orders = self.orders().into_iter().map(chosen).collect();
        let (notify, dry_run) = (self.on("notify"), true);
        let revert = RevertChoice::default();
        if self.way() == "revert" {
            return Ok(Asked { orders, cancel: None, choice: revert, notify, dry_run });
        }
        let (reason, note) = (self.one("reason").to_owned(), Some(self.one("note").to_owned()));
        let restock = self.on("restock");
        CancelOrdersRequest { orders, reason, note, restock, revert, notify, dry_run }.asked()
    }
}

async fn form(
    app: &App,
    page: Page,
    sent: &Sent,
    fresh: bool,
    problem: Option<Said>,
) -> Result<Response, ApiError> {
    let way = sent.way();
    let mut rows = Vec::new();
    for id in sent.orders() {
        let detail = order::read(app, &page.staff, &id).await?;
        rows.push(row(&page, detail, sent, fresh));
    }
    let reason = |why: Why| {
        let name = why.as_str();
        (name, page.t(&format!("order-reason-{name}")), sent.one("reason") == name)
    };
    let none = rows
        .is_empty()
        .then(|| Said { title: page.t("bulk-none"), detail: page.t("bulk-none-hint") });
    show(&BulkPage {
        title: page.t(&format!("bulk-{way}")),
        reasons: if way == "cancel" { Why::ALL.map(reason).to_vec() } else { vec![] },
        note: sent.one("note").to_owned(),
        restock: sent.on("restock"),
        notify: fresh || sent.on("notify"),
        key: if fresh { page.key.clone() } else { sent.one("key").to_owned() },
        problem: problem.or(none),
        open: rows.iter().any(|row| row.objection.is_none()),
        way,
        rows,
        page,
    })
}

fn row(page: &Page, detail: OrderDetail, sent: &Sent, fresh: bool) -> Row {
    let may = if sent.way() == "cancel" { &detail.actions.cancel } else { &detail.actions.revert };
    let objection = may.problem.map(|code| page.language.problem(code).0.to_owned());
    let id = &detail.order.id;
    let ticked = |name: &'static str| fresh || sent.all(name).any(|of| of == id);
    let points: i64 = detail.coupons.iter().map(|coupon| coupon.points_open).sum();
    Row {
        href: orders::place(id),
        customer: orders::buyer(page, &detail.order),
        points: page.points(&points),
        credits: detail.credits.iter().map(|credit| page.money(&credit.open)).collect(),
        with_points: ticked("points"),
        with_credits: ticked("credits"),
        extend_to: sent.one(&format!("extend {id}")).to_owned(),
        objection,
        detail,
    }
}

/// `?way=revert&order=A&order=B`: as they were chosen in the list.
pub async fn ask(
    State(app): State<Arc<App>>,
    page: Page,
    Query(chosen): Query<Pairs>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Bulk)?;
    form(&app, page, &Sent(chosen), true, None).await
}

pub async fn begin(
    State(app): State<Arc<App>>,
    page: Page,
    Form(sent): Form<Pairs>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Bulk)?;
    let sent = Sent(sent);
    let begin = async {
        let said: Vec<&str> = sent
            .0
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "csrf" | "key"))
            .flat_map(|(name, value)| [name.as_str(), value.as_str()])
            .collect();
        let request = forms::request(sent.one("key"), "job", &said)?;
        orders_many::begin(&app, &page.staff, sent.asked()?, request).await
    };
    match begin.await {
        Ok(job) => Ok(Redirect::to(&format!("/admin/jobs/{}", job.id)).into_response()),
        Err(error) => {
            let (status, said) = (error.status, page.problem(&error));
            Ok((status, form(&app, page, &sent, false, Some(said)).await?).into_response())
        }
    }
}

/// For real what a trial found possible.
pub async fn for_real(app: &App, trial: &Job) -> Result<Asked, ApiError> {
    let unreadable = |_| ApiError::internal();
    let Wanted { reason, note, restock, choice, notify } =
        serde_json::from_str(&trial.body).map_err(unreadable)?;
    let rows = store::rows(&app.database, trial.id, Some(Status::Possible), 0, usize::MAX).await?;
    let mut orders = Vec::with_capacity(rows.len());
    for row in rows {
        orders.push(match row.wish {
            None => OrderRow::Id(row.subject),
            Some(wish) => {
                let Choice { points, credits, keep_earned, extend_to } =
                    serde_json::from_str(&wish).map_err(unreadable)?;
                OrderRow::Chosen(ChosenOrder {
                    id: row.subject,
                    points,
                    credits,
                    keep_earned,
                    extend_to,
                })
            }
        });
    }
    let cancel = reason.map(|reason| Cancel { reason, restock, note, here: false });
    let Choice { points, credits, keep_earned, extend_to } = choice;
    let choice =
        RevertChoice { points, credits, keep_earned, extend_to, ..RevertChoice::default() };
    Ok(Asked { orders, cancel, choice, notify, dry_run: false })
}
