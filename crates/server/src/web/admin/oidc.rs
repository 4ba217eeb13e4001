//! `/admin/oidc/start` and `/admin/oidc/callback`: signing in with the merchant's own provider.

use super::sign_in;
use crate::{
    app::App,
    oidc::{Attempt, Provider},
    secrets,
    store::staff,
    web::{api::session, auth_staff, error::ApiError},
};
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::sync::Arc;

/// Seconds that somebody has at the provider's.
const PATIENCE: u32 = 600;

#[derive(Deserialize)]
pub struct Wanted {
    next: Option<String>,
}

/// What the provider sends back.
#[derive(Deserialize)]
pub struct Back {
    code: Option<String>,
    state: Option<String>,
}

/// Beside the session's cookie, and as narrow.
fn cookie_name(app: &App) -> String {
    format!("{}-oidc", auth_staff::cookie_name(app))
}

fn cookie(app: &App, value: &str, seconds: u32) -> String {
    let name = cookie_name(app);
    let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

fn provider(app: &App) -> Result<&Provider, ApiError> {
    app.oidc.as_ref().ok_or_else(ApiError::not_found)
}

pub async fn start(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let next = sign_in::next(wanted.next.as_deref());
    match provider(&app)?.start(next, app.now()).await {
        Ok((url, attempt)) => {
            let kept = serde_json::to_vec(&attempt).map_err(|_| ApiError::internal())?;
            let kept = cookie(&app, &URL_SAFE_NO_PAD.encode(kept), PATIENCE);
            Ok(([(header::SET_COOKIE, kept)], Redirect::to(&url)).into_response())
        }
        Err(error) => {
            tracing::error!("signing in with the identity provider: {error:#}");
            sign_in::refuse(&app, &headers, &failed(), next)
        }
    }
}

const fn failed() -> ApiError {
    ApiError::new("provider-failed", StatusCode::BAD_GATEWAY)
}

pub async fn callback(
    State(app): State<Arc<App>>,
    parts: Parts,
    Query(back): Query<Back>,
) -> Result<Response, ApiError> {
    let attempt = kept(&app, &parts.headers);
    let next = sign_in::next(attempt.as_ref().map(|attempt| attempt.next.as_str())).to_owned();
    let gone = [(header::SET_COOKIE, cookie(&app, "", 0))];
    let begun = match attempt {
        Some(attempt) => begin(&app, &parts, attempt, back).await,
        None => Err(failed()),
    };
    Ok(match begun {
        Ok(begun) => {
            let session = [(header::SET_COOKIE, begun.cookie)];
            let mut answer = (session, Redirect::to(&next)).into_response();
            for (name, value) in gone {
                let value = value.parse().map_err(|_| ApiError::internal())?;
                answer.headers_mut().append(name, value);
            }
            answer
        }
        Err(error) => (gone, sign_in::refuse(&app, &parts.headers, &error, &next)?).into_response(),
    })
}

fn kept(app: &App, headers: &HeaderMap) -> Option<Attempt> {
    let kept = auth_staff::cookie(headers, &cookie_name(app))?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(kept).ok()?).ok()
}

async fn begin(
    app: &App,
    parts: &Parts,
    attempt: Attempt,
    back: Back,
) -> Result<session::Begun, ApiError> {
    let ours = back.state.is_some_and(|state| secrets::same(&state, &attempt.state));
    let code = back.code.filter(|_| ours).ok_or_else(failed)?;
    let email = provider(app)?.finish(&attempt, &code, app.now()).await.map_err(|error| {
        tracing::error!("signing in with the identity provider: {error:#}");
        failed()
    })?;
    let mut accounts = staff::by_email(&app.database, &email).await?.into_iter();
    match (accounts.next(), accounts.next()) {
        (Some((account, _)), None) => {
            session::begin(app, account, auth_staff::origin_of(parts)).await
        }
        (Some(_), Some(_)) => Err(ApiError::new("provider-several-shops", StatusCode::FORBIDDEN)),
        (None, _) => Err(ApiError::new("provider-unknown-account", StatusCode::FORBIDDEN)),
    }
}
