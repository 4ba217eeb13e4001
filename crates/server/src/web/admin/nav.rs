//! The areas of the admin, in the order in which they are shown.

use super::Page;
use crate::web::error::ApiError;
use axum::response::Redirect;
use domain::Act;

/// An area: where it is, the name of its text, and what one must be allowed to see it.
#[derive(Debug)]
pub struct Link {
    pub path: &'static str,
    pub text: &'static str,
    pub act: Act,
}

const fn link(path: &'static str, text: &'static str, act: Act) -> Link {
    Link { path, text, act }
}

/// Only what exists. The order: overview, coupons, expiring, orders, customers, approvals, reviews,
/// reconciliation, audit, mail, reports, staff, settings.
pub const LINKS: &[Link] = &[
    link("/admin/overview", "nav-overview", Act::See),
    link("/admin/coupons", "nav-coupons", Act::See),
    link("/admin/expiring", "nav-expiring", Act::See),
    link("/admin/orders", "nav-orders", Act::See),
    link("/admin/customers", "nav-customers", Act::See),
    link("/admin/jobs", "nav-jobs", Act::See),
    link("/admin/approvals", "nav-approvals", Act::See),
    link("/admin/reviews", "nav-reviews", Act::See),
    link("/admin/reconciliation", "nav-reconciliation", Act::See),
    link("/admin/audit", "nav-audit", Act::See),
    link("/admin/mail", "nav-mail", Act::See),
    link("/admin/staff", "nav-staff", Act::ManageStaff),
];

/// `/admin`: the first area that the role may see.
pub async fn first(page: Page) -> Result<Redirect, ApiError> {
    let link = page.links().next().ok_or_else(ApiError::not_found)?;
    Ok(Redirect::to(link.path))
}
