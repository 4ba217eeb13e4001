//! The staff's pages: rendered here, usable without JavaScript. Each page is a file of its own.

mod act;
mod admit;
mod approval;
mod approvals;
mod audit;
mod cancel;
mod confirm;
mod coupon;
mod coupons;
mod credits;
mod customer;
mod customers;
mod expiring;
pub mod forms;
mod hold;
mod job;
mod jobs;
mod lot;
mod mail;
mod me;
mod merge;
mod nav;
mod oidc;
mod order;
mod order_new;
mod orders;
mod orders_bulk;
mod overview;
mod page;
mod person;
mod plots;
mod reconciliation;
mod refund_preview;
mod revert;
mod revert_parts;
mod review;
mod reviews;
mod secret;
mod sign_in;
mod staff;
mod take_back;
mod timeline;

pub use page::{Page, show};

use crate::{app::App, web::error::ApiError};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, header},
    middleware,
    routing::{any, get, post},
};
use std::sync::Arc;
use tower_http::set_header::SetResponseHeaderLayer;

/// Forms of staff who are signed in may be longer than what customers send: a list of codes.
pub const LARGEST_FORM: usize = 1024 * 1024;
/// Nothing inline, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'";

pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
    };
    Router::new()
        .merge(people())
        .merge(runs())
        .route("/admin/customers", get(customers::list))
        .route("/admin/customers/{id}", get(customer::see))
        .route("/admin/customers/{id}/credits", get(credits::see).post(credits::grant))
        .route("/admin/customers/{id}/grant", get(person::ask_grant).post(person::grant))
        .route("/admin/customers/{id}/merge", get(merge::ask).post(merge::merge))
        .route("/admin/customers/{id}/lots/{no}/extend", get(lot::ask).post(lot::extend))
        .route("/admin/customers/{id}/erase", get(person::ask_erase).post(person::erase))
        .route("/admin", get(nav::first))
        .route("/admin/overview", get(overview::see))
        .route("/admin/expiring", get(expiring::list))
        .route("/admin/coupons", get(coupons::list))
        .route("/admin/coupons/{code}", get(coupon::see))
        .route("/admin/coupons/{code}/cancel", get(cancel::ask).post(cancel::cancel))
        .route("/admin/coupons/{code}/hold", get(hold::ask_hold).post(hold::hold))
        .route("/admin/coupons/{code}/release", get(hold::ask_release).post(hold::release))
        .route("/admin/coupons/{code}/confirm", get(confirm::ask).post(confirm::confirm))
        .route("/admin/approvals", get(approvals::list))
        .route("/admin/approvals/{id}", get(approval::see).post(approval::settle))
        .route("/admin/reviews", get(reviews::list))
        .route("/admin/reviews/{id}", get(review::see).post(review::settle))
        .route("/admin/orders", get(orders::list))
        .route("/admin/orders/new", get(order_new::ask).post(order_new::place))
        .route("/admin/orders/{id}/status", post(order_new::status))
        .route("/admin/orders/bulk", get(orders_bulk::ask).post(orders_bulk::begin))
        .route("/admin/orders/{id}", get(order::see))
        .route("/admin/orders/{id}/revert", get(revert::ask_revert).post(revert::revert))
        .route("/admin/orders/{id}/take-back", get(take_back::ask).post(take_back::take))
        .route("/admin/orders/{id}/refund-preview", get(refund_preview::see))
        .route("/admin/orders/{id}/cancel", get(revert::ask_cancel).post(revert::cancel))
        .route("/admin/reconciliation", get(reconciliation::see).post(reconciliation::start))
        .route("/admin/audit", get(audit::list))
        .route("/admin/mail", get(mail::list))
        .route("/admin/mail/{id}", get(mail::see))
        .route("/admin/mail/{id}/resend", post(mail::resend))
        .route("/admin/sign-in", get(sign_in::ask).post(sign_in::begin))
        .route("/admin/oidc/start", get(oidc::start))
        .route("/admin/oidc/callback", get(oidc::callback))
        .route("/admin/sign-out", post(sign_in::end))
        .route("/admin/{*elsewhere}", any(nowhere))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(middleware::from_fn_with_state(Arc::clone(app), admit::admit))
        .layer(header(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(header(header::CACHE_CONTROL, "no-store"))
}

/// Runs over many coupons or orders.
fn runs() -> Router<Arc<App>> {
    Router::new()
        .route("/admin/jobs", get(jobs::list).post(jobs::begin))
        .route("/admin/jobs/new", get(jobs::ask))
        .route("/admin/jobs/{id}", get(job::see))
        .route("/admin/jobs/{id}/pause", post(job::pause))
        .route("/admin/jobs/{id}/resume", post(job::resume))
}

/// One's own account, and everybody's.
fn people() -> Router<Arc<App>> {
    Router::new()
        .route("/admin/me", get(me::see))
        .route("/admin/me/password", post(me::password))
        .route("/admin/me/tokens", post(me::add_token))
        .route("/admin/me/tokens/revoke", post(me::revoke_token))
        .route("/admin/me/factor", post(me::propose_factor))
        .route("/admin/me/factor/confirm", post(me::confirm_factor))
        .route("/admin/me/factor/remove", post(me::remove_factor))
        .route("/admin/me/sign-out", post(me::sign_out_everywhere))
        .route("/admin/staff", get(staff::list).post(staff::add))
        .route("/admin/staff/{id}", get(staff::see))
        .route("/admin/staff/{id}/role", post(staff::role))
        .route("/admin/staff/{id}/reset", post(staff::reset))
        .route("/admin/staff/{id}/disable", post(staff::disable))
        .route("/admin/staff/{id}/enable", post(staff::enable))
}

/// An address of ours that leads to no page.
async fn nowhere() -> ApiError {
    ApiError::not_found()
}
