//! `POST /admin/api/v1/session`: signing in. `DELETE`: signing out.

use crate::{
    app::App,
    secrets,
    store::{
        audit, second_factor,
        staff::{self, Account},
    },
    totp,
    web::{
        auth_staff::{self, Staff, entry},
        body::Body,
        error::{ApiError, ProblemBody},
        language::Language,
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use domain::Act;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    #[schema(example = "manager@demo.test")]
    pub email: String,
    #[schema(example = "kaeru-demo")]
    pub password: String,
    /// Only where the same address works for several shops.
    #[serde(default)]
    pub shop: Option<String>,
    /// The second factor, where the account has one.
    #[serde(default)]
    pub totp: Option<String>,
}

/// Who is signed in, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeBody {
    pub id: i64,
    #[schema(example = "main")]
    pub shop: String,
    pub email: String,
    #[schema(example = "Sato Keiko")]
    pub name: String,
    #[schema(example = "store_manager")]
    pub role: &'static str,
    /// Every act that the role allows.
    #[schema(value_type = Vec<String>)]
    pub may: Vec<Act>,
    /// To be sent as `X-CSRF-Token` with every change; absent with a personal token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csrf_token: Option<String>,
}

pub fn me(account: &Account, csrf: Option<String>) -> MeBody {
    MeBody {
        id: account.id,
        shop: account.shop.to_string(),
        email: account.email.clone(),
        name: account.name.clone(),
        role: account.role.as_str(),
        may: account.role.acts().collect(),
        csrf_token: csrf,
    }
}

/// A session that has just begun: its account, its cookie, its secret against forged requests.
pub struct Begun {
    pub account: Account,
    pub cookie: HeaderValue,
    pub csrf: String,
}

#[utoipa::path(post, path = "/admin/api/v1/session", tag = "staff", request_body = SignIn,
    responses((status = 200, body = MeBody), (status = 401, body = ProblemBody),
        (status = 429, body = ProblemBody)))]
pub async fn create(
    State(app): State<Arc<App>>,
    parts: Parts,
    body: Body<SignIn>,
) -> Result<Response, ApiError> {
    let language = Language::of(&parts.headers, "");
    let origin = auth_staff::origin_of(&parts);
    let begun = sign_in(&app, body.said, origin).await.map_err(|e| e.in_language(language))?;
    let mut response = Json(me(&begun.account, Some(begun.csrf))).into_response();
    response.headers_mut().insert(header::SET_COOKIE, begun.cookie);
    Ok(response)
}

/// Signs in, or says nothing of what was wrong.
pub async fn sign_in(app: &App, wanted: SignIn, origin: Option<String>) -> Result<Begun, ApiError> {
    let refused = || ApiError::new("sign-in-failed", StatusCode::UNAUTHORIZED);
    let email = staff::email_key(&wanted.email);
    let place = origin.clone().unwrap_or_default();
    if app.sign_ins.check_key(&email).is_err() || app.sign_ins_from.check_key(&place).is_err() {
        let mut error = ApiError::new("rate-limited", StatusCode::TOO_MANY_REQUESTS);
        error.retry_after = Some(60);
        return Err(error);
    }
    let accounts = staff::by_email(&app.database, &email).await?;
    let mut fitting = accounts.into_iter().filter(|(account, _)| match &wanted.shop {
        Some(shop) => account.shop.as_str() == shop,
        None => true,
    });
    let found = match (fitting.next(), fitting.next()) {
        (Some(found), None) => found,
        (None, _) => {
            secrets::pretend(wanted.password).await;
            return Err(refused());
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("shop: this address works for several".to_owned()));
        }
    };
    let (account, hash) = found;
    if !secrets::verify(wanted.password, hash).await {
        audit::add(&app.database, entry(app, &account, "session.refuse", origin)).await?;
        return Err(refused());
    }
    if let Some(factor) = second_factor::of(&app.database, &account).await?
        && factor.confirmed
    {
        let code = wanted.totp.filter(|code| !code.trim().is_empty());
        let missing = || ApiError::new("second-factor-missing", StatusCode::UNAUTHORIZED);
        let code = code.ok_or_else(missing)?;
        let step = totp::step(&factor.secret, &code, app.now());
        let taken = match step {
            Some(step) => {
                second_factor::spend(&app.database, account.clone(), step, app.now()).await?
            }
            None => false,
        };
        if !taken {
            let entry = entry(app, &account, "session.refuse", origin);
            audit::add(&app.database, entry).await?;
            return Err(refused());
        }
    }
    begin(app, account, origin).await
}

/// A session for an account that has proven itself.
pub async fn begin(app: &App, account: Account, origin: Option<String>) -> Result<Begun, ApiError> {
    let (token, csrf) = (secrets::token(), secrets::token());
    let expires_at = app.now().plus(auth_staff::LONGEST);
    let entry = entry(app, &account, "session.begin", origin);
    let digest = secrets::digest(&token);
    staff::open_session(&app.database, digest, account.clone(), csrf.clone(), expires_at, entry)
        .await?;
    Ok(Begun { account, cookie: cookie(app, &token, auth_staff::LONGEST.as_secs())?, csrf })
}

/// The session's cookie; an empty token ends it.
pub fn cookie(app: &App, token: &str, seconds: u64) -> Result<HeaderValue, ApiError> {
    let name = auth_staff::cookie_name(app);
    let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
    let text = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).map_err(|_| ApiError::internal())
}

#[utoipa::path(delete, path = "/admin/api/v1/session", tag = "staff",
    security(("staff" = [])),
    responses((status = 204), (status = 401, body = ProblemBody)))]
pub async fn end(
    State(app): State<Arc<App>>,
    staff: Staff,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, sign_out(&app, &staff, &headers).await?)])
        .into_response())
}

/// Ends the session; the cookie that says so.
pub async fn sign_out(
    app: &App,
    staff: &Staff,
    headers: &HeaderMap,
) -> Result<HeaderValue, ApiError> {
    if let Some(token) = auth_staff::cookie(headers, auth_staff::cookie_name(app)) {
        let entry = entry(app, &staff.account, "session.end", staff.origin.clone());
        staff::close_session(&app.database, &secrets::digest(&token), entry).await?;
    }
    cookie(app, "", 0)
}
