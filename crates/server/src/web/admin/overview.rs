//! `/admin/overview`: what needs a person now, today's figures, what is outstanding, and how the
//! last thirty days went.

use super::{
    Page,
    plots::{self, Bar, Column},
    show,
};
use crate::{
    app::App,
    store::overview,
    web::{
        api::{
            coupons,
            reports::{self, DayBody, LiabilityBody, ReportBody, ReportQuery, SumBody},
        },
        error::ApiError,
    },
};
use askama::Template;
use axum::{extract::State, response::Response};
use domain::Act;
use std::sync::Arc;

/// The times of so many coupons are plotted, the newest.
const TIMED: i64 = 1_000;

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct OverviewPage {
    page: Page,
    waiting: Vec<Waiting>,
    oldest: Option<String>,
    today: Vec<Figure>,
    owed: Vec<Figure>,
    report: ReportBody,
    days: Vec<Bar>,
    legend: Vec<(&'static str, String, i64)>,
    columns: Vec<Column>,
    /// Half of the coupons, and nearly all, were there within so long.
    pace: Option<(String, String)>,
    export: bool,
}

/// Something that a person should look at, and where.
struct Waiting {
    href: &'static str,
    text: String,
    count: String,
}

struct Figure {
    label: String,
    number: String,
    beside: String,
}

fn figure(page: &Page, label: &str, sum: &SumBody) -> Figure {
    Figure {
        label: page.t(label),
        number: page.with("overview-coupons", &[("count", &page.number(&sum.coupons))]),
        beside: format!("{} · {}", page.points(&sum.points), page.money(&sum.amount)),
    }
}

fn today(page: &Page, day: &DayBody) -> Vec<Figure> {
    vec![
        figure(page, "overview-converted", &day.claimed),
        figure(page, "overview-cancelled", &day.cancelled),
        figure(page, "overview-used", &day.used),
        figure(page, "overview-expired", &day.expired),
    ]
}

fn owed(page: &Page, owed: &LiabilityBody) -> Vec<Figure> {
    vec![
        figure(page, "overview-live", &owed.live),
        figure(page, "overview-held", &owed.held),
        figure(page, "overview-doubt", &owed.in_doubt),
    ]
}

fn legend(page: &Page, total: &DayBody) -> Vec<(&'static str, String, i64)> {
    [
        ("issued", total.claimed.coupons),
        ("used", total.used.coupons),
        ("cancelled", total.cancelled.coupons),
        ("expired", total.expired.coupons),
    ]
    .into_iter()
    .map(|(class, count)| (class, page.t(&format!("plot-{class}")), count))
    .collect()
}

async fn waiting(app: &App, page: &Page) -> Result<Vec<Waiting>, ApiError> {
    let counts = coupons::count(app, &page.staff).await?.counts;
    let of = |tab: &str| counts.get(tab).copied().unwrap_or(0);
    let all = [
        ("/admin/approvals", "overview-approvals", page.approvals),
        ("/admin/reviews", "overview-reviews", page.reviews),
        ("/admin/coupons?status=in_doubt", "overview-in-doubt", of("in_doubt")),
        ("/admin/coupons?status=held", "overview-on-hold", of("held")),
    ];
    let some = all.into_iter().filter(|(_, _, count)| *count > 0);
    let line = |(href, text, count): (&'static str, &str, i64)| Waiting {
        href,
        text: page.t(text),
        count: page.number(&count),
    };
    Ok(some.map(line).collect())
}

pub async fn see(State(app): State<Arc<App>>, page: Page) -> Result<Response, ApiError> {
    page.staff.may(Act::See)?;
    let report = reports::read(&app, &page.staff, &ReportQuery::default()).await?;
    let liability = reports::owed(&app, &page.staff).await?;
    let shop = page.staff.shop_id();
    let times = overview::times_to_coupon(&app.database, shop, TIMED).await?;
    let oldest = overview::oldest_doubt(&app.database, shop).await?;
    let seconds = |percent| plots::percentile(&times, percent).map(plots::span);
    show(&OverviewPage {
        waiting: waiting(&app, &page).await?,
        oldest: oldest.map(|at| page.moment(&at)),
        today: report.days.last().map(|day| today(&page, day)).unwrap_or_default(),
        owed: owed(&page, &liability),
        days: plots::days(&page, &report.days),
        legend: legend(&page, &report.total),
        columns: plots::times(&page, &times),
        pace: seconds(50).zip(seconds(95)),
        export: page.may(Act::Export),
        report,
        page,
    })
}
