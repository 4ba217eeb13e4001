//! `/admin/coupons/{code}/confirm`: a suspicion was right; the coupon goes, and its points stay
//! away or return.

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

fn shape(page: &Page) -> Shape {
    Shape {
        name: "confirm",
        danger: true,
        reasons: true,
        note_required: false,
        notify: false,
        refund: Some(page.may(Act::ReleaseWithRefund)),
    }
}

pub async fn ask(
    State(app): State<Arc<App>>,
    page: Page,
    Path(code): Path<String>,
) -> Result<Response, ApiError> {
    page.staff.may(Act::Cancel)?;
    let shape = shape(&page);
    act::ask(&app, page, &code, shape).await
}

pub async fn confirm(
    State(app): State<Arc<App>>,
    page: Page,
    Path(code): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    let refund = sent.refund == "yes";
    page.staff.may(if refund { Act::ReleaseWithRefund } else { Act::Cancel })?;
    let shape = shape(&page);
    if !shape.complete(&page, &sent) {
        return act::again(&app, page, &code, shape, sent, None).await;
    }
    let said = ["confirm", &sent.refund, &sent.reason, &sent.note];
    let request = forms::request(&sent.key, &code, &said)?;
    let wanted =
        CancelRequest { reason: sent.reason.clone(), note: Some(sent.note.clone()), notify: false };
    let (staff, held) = (&page.staff, Status::Held);
    let begun = cancel::cancel(&app, staff, &code, &wanted, held, refund, Some(request)).await;
    match begun.and_then(|(_, flow)| act::outcome(&flow)) {
        Ok(name) => Ok(act::done(&code, name)),
        Err(error) => act::again(&app, page, &code, shape, sent, Some(error)).await,
    }
}
