//! `/admin/api/v1/me/…`: one's own password, sessions and second factor. Never with a token.

use super::session::{self, MeBody, me};
use crate::{
    app::App,
    secrets,
    store::{
        second_factor,
        staff::{self, Change},
    },
    totp,
    web::{
        auth_staff::Staff,
        body::Body,
        error::{ApiError, ProblemBody},
    },
};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    pub current: String,
    /// At least ten characters.
    pub new: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Password {
    pub password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    #[schema(example = "287082")]
    pub code: String,
}

/// A session of one's own.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionBody {
    pub began_at: String,
    pub seen_at: String,
}

/// What the authenticator app is to hold. Shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecretBody {
    /// To be typed.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    pub secret: String,
    /// To be opened, or read as a QR code.
    pub url: String,
}

/// The password again: whoever sits at an open screen is not always its owner.
pub async fn prove(app: &App, staff: &Staff, password: String) -> Result<(), ApiError> {
    staff.in_person()?;
    let account = &staff.account;
    if app.sign_ins.check_key(&account.email).is_err() {
        let mut error = ApiError::new("rate-limited", StatusCode::TOO_MANY_REQUESTS);
        error.retry_after = Some(60);
        return Err(error.in_language(staff.language));
    }
    let known = staff::by_email(&app.database, &account.email).await?;
    let hash = known.into_iter().find(|(found, _)| found == account).map(|(_, hash)| hash);
    if secrets::verify(password, hash.unwrap_or_default()).await {
        return Ok(());
    }
    let error = ApiError::new("sign-in-failed", StatusCode::FORBIDDEN);
    Err(error.in_language(staff.language))
}

/// Changes the password, signs out everywhere and in again here.
pub async fn change_password(
    app: &App,
    staff: &Staff,
    wanted: NewPassword,
) -> Result<session::Begun, ApiError> {
    prove(app, staff, wanted.current).await?;
    if wanted.new.chars().count() < secrets::SHORTEST_PASSWORD {
        let least = secrets::SHORTEST_PASSWORD;
        let error = ApiError::invalid(format!("new: at least {least} characters"));
        return Err(error.in_language(staff.language));
    }
    let hash = secrets::hash(wanted.new).await.map_err(|_| ApiError::internal())?;
    let entry = staff.entry(app, "staff.change_password");
    let account = &staff.account;
    let change = Change::Password(hash);
    staff::alter(&app.database, &account.shop, &account.email, change, entry).await?;
    session::begin(app, account.clone(), staff.origin.clone()).await
}

#[utoipa::path(put, path = "/admin/api/v1/me/password", tag = "staff",
    security(("staff" = [])), request_body = NewPassword,
    responses((status = 200, body = MeBody, description = "Signed out everywhere else"),
        (status = 400, body = ProblemBody), (status = 403, body = ProblemBody)))]
pub async fn password(
    State(app): State<Arc<App>>,
    staff: Staff,
    body: Body<NewPassword>,
) -> Result<Response, ApiError> {
    let begun = change_password(&app, &staff, body.said).await?;
    let mut response = Json(me(&begun.account, Some(begun.csrf))).into_response();
    response.headers_mut().insert(header::SET_COOKIE, begun.cookie);
    Ok(response)
}

#[utoipa::path(get, path = "/admin/api/v1/me/sessions", tag = "staff",
    security(("staff" = [])), responses((status = 200, body = Vec<SessionBody>)))]
pub async fn sessions(
    State(app): State<Arc<App>>,
    staff: Staff,
) -> Result<Json<Vec<SessionBody>>, ApiError> {
    let open = staff::sessions(&app.database, &staff.account, app.now()).await?;
    let body = |(began, seen): (domain::At, domain::At)| SessionBody {
        began_at: began.timestamp().to_string(),
        seen_at: seen.timestamp().to_string(),
    };
    Ok(Json(open.into_iter().map(body).collect()))
}

#[utoipa::path(delete, path = "/admin/api/v1/me/sessions", tag = "staff",
    security(("staff" = [])),
    responses((status = 204, description = "Signed out everywhere, here too")))]
pub async fn sign_out_everywhere(
    State(app): State<Arc<App>>,
    staff: Staff,
) -> Result<Response, ApiError> {
    staff.in_person()?;
    let entry = staff.entry(&app, "session.end_all");
    staff::close_all(&app.database, &staff.account, entry).await?;
    let gone = session::cookie(&app, "", 0)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

/// A new secret for an authenticator app; nothing changes until a code of it is seen.
pub async fn propose_factor(
    app: &App,
    staff: &Staff,
    password: String,
) -> Result<SecretBody, ApiError> {
    prove(app, staff, password).await?;
    let secret = totp::secret();
    let url = totp::url(&secret, &staff.account.email).ok_or_else(ApiError::internal)?;
    let account = staff.account.clone();
    if !second_factor::propose(&app.database, account, secret.clone()).await? {
        let error = ApiError::new("second-factor-set", StatusCode::CONFLICT);
        return Err(error.in_language(staff.language));
    }
    Ok(SecretBody { secret, url })
}

/// A code of the new secret: it is asked for from now on.
pub async fn confirm_factor(app: &App, staff: &Staff, code: &str) -> Result<(), ApiError> {
    staff.in_person()?;
    let wrong = || {
        let error = ApiError::new("second-factor-wrong", StatusCode::UNPROCESSABLE_ENTITY);
        error.in_language(staff.language)
    };
    let factor = second_factor::of(&app.database, &staff.account).await?;
    let factor = factor.filter(|factor| !factor.confirmed).ok_or_else(wrong)?;
    let step = totp::step(&factor.secret, code, app.now()).ok_or_else(wrong)?;
    let entry = staff.entry(app, "staff.second_factor");
    let done = second_factor::confirm(&app.database, staff.account.clone(), step, entry).await?;
    if done { Ok(()) } else { Err(wrong()) }
}

/// The password alone is enough from now on.
pub async fn remove_factor(app: &App, staff: &Staff, password: String) -> Result<(), ApiError> {
    prove(app, staff, password).await?;
    let entry = staff.entry(app, "staff.second_factor_removed");
    let removed = second_factor::remove(&app.database, staff.account.clone(), entry).await?;
    if removed { Ok(()) } else { Err(ApiError::not_found().in_language(staff.language)) }
}

#[utoipa::path(post, path = "/admin/api/v1/me/second-factor", tag = "staff",
    security(("staff" = [])), request_body = Password,
    responses((status = 200, body = SecretBody), (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub async fn propose(
    State(app): State<Arc<App>>,
    staff: Staff,
    body: Body<Password>,
) -> Result<Json<SecretBody>, ApiError> {
    propose_factor(&app, &staff, body.said.password).await.map(Json)
}

#[utoipa::path(post, path = "/admin/api/v1/me/second-factor/confirm", tag = "staff",
    security(("staff" = [])), request_body = Code,
    responses((status = 204), (status = 422, body = ProblemBody)))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    staff: Staff,
    body: Body<Code>,
) -> Result<StatusCode, ApiError> {
    confirm_factor(&app, &staff, &body.said.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/admin/api/v1/me/second-factor/remove", tag = "staff",
    security(("staff" = [])), request_body = Password,
    responses((status = 204), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub async fn remove(
    State(app): State<Arc<App>>,
    staff: Staff,
    body: Body<Password>,
) -> Result<StatusCode, ApiError> {
    remove_factor(&app, &staff, body.said.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
