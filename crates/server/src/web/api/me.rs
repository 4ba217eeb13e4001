//! `GET /admin/api/v1/me`: who am I, and what may I do.

use super::session::{MeBody, me};
use crate::web::{auth_staff::Staff, error::ProblemBody};
use axum::Json;

#[utoipa::path(get, path = "/admin/api/v1/me", tag = "staff", security(("staff" = [])),
    responses((status = 200, body = MeBody), (status = 401, body = ProblemBody)))]
pub async fn show(staff: Staff) -> Json<MeBody> {
    Json(me(&staff.account, staff.csrf))
}
