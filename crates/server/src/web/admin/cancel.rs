//! `/admin/coupons/{code}/cancel`: an unused coupon becomes points again.

use super::{
    Page,
    act::{self, Sent, Shape},
    forms,
};
use crate::{
    app::App,
    web::{
        api::cancel::{self, CancelRequest},
        error::ApiError,
    },
};
use axum::{
    extract::{Form, Path, State},
    response::Response,
};
use domain::{Act, coupon::Status};
use std::sync::Arc;

const SHAPE: Shape = Shape {
    name: "cancel",
    danger: true,
    reasons: true,
    note_required: false,
    notify: true,
    refund: None,
};

pub async fn ask(
    State(app): State<Arc<App>>,
    page: Page,
    Path(code): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    act::ask(&app, page, &code, SHAPE).await
}

pub async fn cancel(
    State(app): State<Arc<App>>,
    page: Page,
    Path(code): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    if !SHAPE.complete(&page, &sent) {
        return act::again(&app, page, &code, SHAPE, sent, None).await;
    }
    let said = [sent.reason.as_str(), &sent.note, &sent.notify];
    let request = forms::request(&sent.key, &code, &said)?;
    let wanted = CancelRequest {
        reason: sent.reason.clone(),
        note: Some(sent.note.clone()),
        notify: sent.notify == "on",
    };
    let (staff, active) = (&page.staff, Status::Active);
    let begun = cancel::cancel(&app, staff, &code, &wanted, active, true, Some(request)).await;
    match begun.and_then(|(_, flow)| act::outcome(&flow)) {
        Ok(name) => Ok(act::done(&code, name)),
        Err(error) => act::again(&app, page, &code, SHAPE, sent, Some(error)).await,
    }
}
