//! The staff's API. Each endpoint asks for what its role must be allowed.

pub mod account;
pub mod approvals;
pub mod audit;
pub mod cancel;
pub mod cancel_many;
pub mod coupon;
pub mod coupons;
pub mod credits;
pub mod customer;
pub mod customer_history;
pub mod customers;
pub mod expiring;
pub mod grants;
pub mod hold;
pub mod job_begin;
pub mod jobs;
pub mod lots;
pub mod mails;
pub mod me;
pub mod merge;
pub mod order;
pub mod order_new;
pub mod order_status;
pub mod orders;
pub mod orders_many;
pub mod person;
pub mod reconciliation;
pub mod refund_preview;
pub mod reports;
pub mod revert;
pub mod revert_preview;
pub mod reviews;
pub mod session;
pub mod take_back;
pub mod tokens;

use crate::app::App;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{MethodRouter, delete, get, post, put},
};
use std::sync::Arc;

/// Takes many orders in one body.
fn many(route: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    route.layer(DefaultBodyLimit::max(orders_many::LARGEST))
}

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/session", post(session::create).delete(session::end))
        .route("/me", get(me::show))
        .route("/me/password", put(account::password))
        .route("/me/sessions", get(account::sessions).delete(account::sign_out_everywhere))
        .route("/me/second-factor", post(account::propose))
        .route("/me/second-factor/confirm", post(account::confirm))
        .route("/me/second-factor/remove", post(account::remove))
        .route("/me/tokens", get(tokens::list).post(tokens::create))
        .route("/me/tokens/{id}", delete(tokens::remove))
        .route("/coupons", get(coupons::list))
        .route("/coupons/counts", get(coupons::counts))
        .route(
            "/coupons/cancel",
            post(cancel_many::create).layer(DefaultBodyLimit::max(cancel_many::LARGEST)),
        )
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(jobs::show))
        .route("/jobs/{id}/pause", post(jobs::pause))
        .route("/jobs/{id}/resume", post(jobs::resume))
        .route("/jobs/{id}/rows.csv", get(jobs::download))
        .route("/coupons/expiring", get(expiring::list))
        .route("/coupons/{code}", get(coupon::show))
        .route("/coupons/{code}/cancel", post(cancel::create))
        .route("/coupons/{code}/hold", post(hold::hold))
        .route("/coupons/{code}/release", post(hold::release))
        .route("/coupons/{code}/confirm", post(hold::confirm))
        .route("/orders", get(orders::list).post(order_new::create))
        .route("/orders/cancel", many(post(orders_many::cancel)))
        .route("/orders/revert", many(post(orders_many::revert)))
        .route("/orders/{id}", get(order::show))
        .route("/orders/{id}/revert", post(revert::revert))
        .route("/orders/{id}/cancel", post(revert::cancel))
        .route("/orders/{id}/refund-preview", get(refund_preview::show))
        .route("/orders/{id}/revert-preview", get(revert_preview::show))
        .route("/orders/{id}/status", post(order_status::set))
        .route("/orders/{id}/take-back", post(take_back::create))
        .route("/approvals", get(approvals::list))
        .route("/approvals/{id}", get(approvals::show))
        .route("/approvals/{id}/settle", post(approvals::settle))
        .route("/reviews", get(reviews::list))
        .route("/reviews/{id}/settle", post(reviews::settle))
        .route("/reconciliation", get(reconciliation::show).post(reconciliation::create))
        .route("/reports/coupons", get(reports::coupons))
        .route("/reports/liability", get(reports::liability))
        .route("/customers", get(customers::list))
        .route("/customers/{id}", get(customer::show))
        .route("/customers/{id}/history", get(customer_history::list))
        .route("/customers/{id}/export", get(person::export))
        .route("/customers/{id}/erase", post(person::erase))
        .route("/customers/{id}/merge", post(merge::create))
        .route("/customers/{id}/grants", post(grants::create))
        .route("/customers/{id}/lots/{no}/extend", post(lots::extend))
        .route("/customers/{id}/credits", get(credits::show).post(credits::create))
        .route("/customers/{id}/credits/lots/{no}/extend", post(credits::extend))
        .route("/mails", get(mails::list))
        .route("/mails/{id}", get(mails::show))
        .route("/mails/{id}/resend", post(mails::resend))
        .route("/audit", get(audit::list))
}
