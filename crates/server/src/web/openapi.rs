//! `/openapi.json`, and `/docs` to try it.

use super::{
    api,
    storefront::{conversions, coupons, history, points, undo},
    till,
};
use crate::app::App;
use axum::{Json, Router, routing::get};
use std::sync::Arc;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

const PATH: &str = "/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(title = "Kaeru", description = "Points become coupons, and come back."),
    paths(points::show, conversions::create, conversions::show, coupons::list, undo::create,
        undo::show, history::list, api::session::create, api::session::end, api::me::show,
        api::account::password, api::account::sessions, api::account::sign_out_everywhere,
        api::account::propose, api::account::confirm, api::account::remove, api::tokens::list,
        api::tokens::create, api::tokens::remove, api::coupons::list, api::coupons::counts,
        api::expiring::list, api::coupon::show, api::cancel::create, api::hold::hold,
        api::hold::release, api::hold::confirm, api::orders::list, api::order::show,
        api::refund_preview::show, api::revert_preview::show, api::revert::revert,
        api::revert::cancel,
        api::orders_many::cancel, api::orders_many::revert, api::order_status::set,
        api::order_new::create, api::take_back::create, api::credits::show,
        api::credits::create, api::credits::extend,
        api::reviews::list, api::reviews::settle, api::approvals::list, api::approvals::show,
        api::approvals::settle, api::reconciliation::show, api::reconciliation::create,
        api::audit::list, api::reports::coupons, api::reports::liability, api::customers::list,
        api::customer::show, api::customer_history::list, api::person::export, api::person::erase,
        api::merge::create, api::grants::create, api::lots::extend, till::show, till::deduct,
        till::add, till::find, api::cancel_many::create, api::jobs::list, api::jobs::show,
        api::jobs::download, api::jobs::pause, api::jobs::resume, api::mails::list,
        api::mails::show, api::mails::resend),
    modifiers(&Security)
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        if let Some(components) = document.components.as_mut() {
            let bearer = || SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            components.add_security_scheme("customer", bearer());
            components.add_security_scheme("staff", bearer());
            components.add_security_scheme("till", bearer());
        }
    }
}

/// The document as it is served and checked in.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Made anew whenever somebody asks, which is seldom: as objects it takes more memory than all
/// flows that are under way.
async fn show() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

pub fn routes() -> Router<Arc<App>> {
    let page: Router<Arc<App>> = SwaggerUi::new("/docs").config(Config::from(PATH)).into();
    page.route(PATH, get(show))
}
