//! The form of an act on a coupon: what it will do is said first, the safe way out has the focus,
//! and what is wrong is said in place. A page of its own; with JavaScript the same page opens as a
//! dialog over the one it is called from.

use super::{Page, coupon::place, coupons::customer_name, page::Said, show};
use crate::{
    app::App,
    web::{
        api::coupon::{self, CouponDetail, MayBody},
        error::ApiError,
    },
};
use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use domain::{
    Cancellation,
    cancellation::{View, Why},
};
use serde::Deserialize;

/// What a form of an act may send. Which fields it has is the act's.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sent {
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub note: String,
    /// `on` where it is ticked.
    #[serde(default)]
    pub notify: String,
    /// `yes` or `no`.
    #[serde(default)]
    pub refund: String,
}

/// What an act looks like before it is done.
pub struct Shape {
    /// `cancel`, `hold`, `release` or `confirm`: the address's last part, and its texts' names.
    pub name: &'static str,
    pub danger: bool,
    /// Asks for one of the reasons.
    pub reasons: bool,
    /// The note is required, whatever the reason.
    pub note_required: bool,
    pub notify: bool,
    /// Whether the points return is asked; `Some(false)`: this role may not give them back.
    pub refund: Option<bool>,
}

#[derive(Template)]
#[template(path = "admin/act.html")]
struct ActPage {
    page: Page,
    shape: Shape,
    detail: CouponDetail,
    title: String,
    safe: String,
    notify: String,
    recorded: String,
    customer: String,
    back: String,
    consequences: Vec<String>,
    reasons: Vec<(&'static str, String, bool)>,
    sent: Sent,
    problem: Option<Said>,
    reason_problem: Option<String>,
    note_problem: Option<String>,
    /// The act is possible.
    open: bool,
}

impl Shape {
    fn may<'a>(&self, detail: &'a CouponDetail) -> &'a MayBody {
        match self.name {
            "hold" => &detail.actions.hold,
            "release" => &detail.actions.release,
            "confirm" => &detail.actions.confirm,
            _ => &detail.actions.cancel,
        }
    }

    /// What will happen, in the order in which it will.
    fn consequences(&self, page: &Page, detail: &CouponDetail, customer: &str) -> Vec<String> {
        let points = page.points(&detail.coupon.points_used);
        let mut said = vec![page.t(&format!("{}-first", self.name))];
        if self.name == "cancel" {
            said.push(page.with("cancel-returns", &[("points", &points)]));
            let after = detail.balance.map(|before| before + detail.coupon.points_used);
            if let (Some(before), Some(after)) = (detail.balance, after) {
                let (before, after) = (page.number(&before), page.number(&after));
                let values = [("customer", customer), ("before", &before), ("after", &after)];
                said.push(page.with("cancel-balance", &values));
            }
            return said;
        }
        let values =
            [("points", points.as_str()), ("expires", &page.day_of(&detail.coupon.expires_at))];
        said.push(page.with(&format!("{}-second", self.name), &values));
        said
    }

    /// What is missing in the form, field by field: the reason, the note.
    fn missing(&self, page: &Page, sent: &Sent) -> (Option<String>, Option<String>) {
        let known = Why::ALL.iter().any(|why| why.as_str() == sent.reason);
        let reason = (self.reasons && !known).then(|| page.t("act-reason-missing"));
        let other = sent.reason == Why::Other.as_str();
        let needed = self.note_required || (self.reasons && other);
        let name = if self.note_required { "act-note-missing" } else { "act-note-missing-other" };
        let note = (needed && sent.note.trim().is_empty()).then(|| page.t(name));
        (reason, note)
    }

    /// Whether the form can be acted on.
    pub fn complete(&self, page: &Page, sent: &Sent) -> bool {
        self.missing(page, sent) == (None, None)
    }
}

/// The form as it is opened first.
pub async fn ask(app: &App, page: Page, code: &str, shape: Shape) -> Result<Response, ApiError> {
    let sent = Sent { key: page.key.clone(), notify: "on".to_owned(), ..Sent::default() };
    let detail = coupon::read(app, &page.staff, code).await?;
    let may = shape.may(&detail);
    let problem = may.problem.map(|code| {
        let (title, detail) = page.language.problem(code);
        Said { title: title.to_owned(), detail: detail.to_owned() }
    });
    form(page, shape, detail, sent, problem, (None, None))
}

/// The form again, with what was typed and what was wrong.
pub async fn again(
    app: &App,
    page: Page,
    code: &str,
    shape: Shape,
    sent: Sent,
    error: Option<ApiError>,
) -> Result<Response, ApiError> {
    let detail = coupon::read(app, &page.staff, code).await?;
    let missing = shape.missing(&page, &sent);
    let status = error.as_ref().map_or(axum::http::StatusCode::UNPROCESSABLE_ENTITY, |e| e.status);
    let problem = error.map(|error| page.problem(&error));
    let page = form(page, shape, detail, sent, problem, missing)?;
    Ok((status, page).into_response())
}

fn form(
    page: Page,
    shape: Shape,
    detail: CouponDetail,
    sent: Sent,
    problem: Option<Said>,
    (reason_problem, note_problem): (Option<String>, Option<String>),
) -> Result<Response, ApiError> {
    let customer = customer_name(&page, &detail.coupon);
    let reason = |why: Why| {
        let name = why.as_str();
        (name, page.t(&format!("reason-{name}")), sent.reason == name)
    };
    show(&ActPage {
        title: page.t(&format!("coupon-{}", shape.name)),
        safe: page.t(&format!("{}-safe", shape.name)),
        notify: page.with("act-notify", &[("customer", &customer)]),
        recorded: page.with("act-recorded", &[("name", &page.name)]),
        back: place(&detail.coupon.code),
        consequences: shape.consequences(&page, &detail, &customer),
        reasons: if shape.reasons { Why::ALL.map(reason).to_vec() } else { vec![] },
        open: shape.may(&detail).allowed,
        customer,
        sent,
        problem,
        reason_problem,
        note_problem,
        detail,
        shape,
        page,
    })
}

/// Back to the coupon, saying what was done.
pub fn done(code: &str, name: &str) -> Response {
    Redirect::to(&format!("{}?done={name}", place(code))).into_response()
}

/// How a cancellation is answered: the text's name, or the problem.
pub fn outcome(flow: &Cancellation) -> Result<&'static str, ApiError> {
    match flow.view() {
        View::Completed { moved: Some(_) } => Ok("cancelled"),
        View::Completed { moved: None } => Ok("confirmed"),
        View::Processing | View::Confirming => Ok("confirming"),
        View::Failed { problem } => Err(ApiError::of(problem)),
    }
}
