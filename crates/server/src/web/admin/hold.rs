//! `/admin/coupons/{code}/hold` and `/release`: a suspected coupon is dead at once and its points
//! stay; or it lives again.

use super::{
    Page,
    act::{self, Sent, Shape},
    forms,
};
use crate::{
    app::App,
    web::{api::hold, error::ApiError},
};
use axum::{
    extract::{Form, Path, State},
    response::Response,
};
use domain::{Act, hold::Act as Way};
use std::sync::Arc;

const fn shape(name: &'static str) -> Shape {
    Shape { name, danger: false, reasons: false, note_required: true, notify: false, refund: None }
}

const HOLD: Shape = shape("hold");
const RELEASE: Shape = shape("release");

pub async fn ask_hold(
    State(app): State<Arc<App>>,
    page: Page,
    Path(code): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    act::ask(&app, page, &code, HOLD).await
}

pub async fn ask_release(
    State(app): State<Arc<App>>,
    page: Page,
    Path(code): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    act::ask(&app, page, &code, RELEASE).await
}

pub async fn hold(
    State(app): State<Arc<App>>,
    page: Page,
    Path(code): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    carry_out(&app, page, &code, HOLD, Way::Hold, sent).await
}

pub async fn release(
    State(app): State<Arc<App>>,
    page: Page,
    Path(code): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    carry_out(&app, page, &code, RELEASE, Way::Release, sent).await
}

async fn carry_out(
    app: &Arc<App>,
    page: Page,
    code: &str,
    shape: Shape,
    way: Way,
    sent: Sent,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    if !shape.complete(&page, &sent) {
        return act::again(app, page, code, shape, sent, None).await;
    }
    let request = forms::request(&sent.key, code, &[shape.name, &sent.note])?;
    let begun = hold::carry_out(app, &page.staff, code, way, &sent.note, Some(request)).await;
    match begun {
        Ok(body) if body.status == "in_doubt" => Ok(act::done(code, "confirming")),
        Ok(body) if body.status == "held" => Ok(act::done(code, "held")),
        Ok(_) => Ok(act::done(code, "released")),
        Err(error) => act::again(app, page, code, shape, sent, Some(error)).await,
    }
}
