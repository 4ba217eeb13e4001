//! Who is calling: staff, by a session's cookie or by a personal token.

use super::{error::ApiError, language::Language};
use crate::{
    app::{App, Shop},
    ids, secrets,
    store::{
        audit,
        staff::{self, Account},
        tokens,
    },
};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
};
use domain::{Act, Actor, Role, ShopId};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// A session that is not used ends after so long, and every session after the other.
pub const IDLE: Duration = Duration::from_secs(60 * 60);
pub const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// Its use is written down at most so often.
const TOUCH: Duration = Duration::from_secs(60);

/// A staff member who is signed in.
#[derive(Clone, Debug)]
pub struct Staff {
    pub account: Account,
    /// The session's secret against forged requests; `None` with a personal token, which no
    /// browser sends by itself.
    pub csrf: Option<String>,
    /// What a personal token was made for; `None`: all that the role may.
    pub scopes: Option<Vec<Act>>,
    pub language: Language,
    /// Where the request came from.
    pub origin: Option<String>,
}

impl Staff {
    pub fn role(&self) -> Role {
        self.account.role
    }

    pub fn shop_id(&self) -> &ShopId {
        &self.account.shop
    }

    /// The shop that the account belongs to.
    pub fn shop<'a>(&self, app: &'a App) -> Result<&'a Shop, ApiError> {
        app.shops.get(&self.account.shop).ok_or_else(ApiError::not_found)
    }

    pub fn may(&self, act: Act) -> Result<(), ApiError> {
        let meant = self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&act));
        if meant && self.account.role.may(act) {
            return Ok(());
        }
        let error = ApiError::new("not-permitted", StatusCode::FORBIDDEN);
        Err(error.in_language(self.language))
    }

    /// What only the person may change: with a session, never with a token.
    pub fn in_person(&self) -> Result<(), ApiError> {
        if self.csrf.is_some() {
            return Ok(());
        }
        let error = ApiError::new("sign-in-needed", StatusCode::FORBIDDEN);
        Err(error.in_language(self.language))
    }

    /// What the audit log says of an act on the own account.
    pub fn entry(&self, app: &App, act: &'static str) -> audit::Entry {
        entry(app, &self.account, act, self.origin.clone())
    }

    pub fn actor(&self) -> Actor {
        Actor::Staff { id: self.account.id, name: self.account.name.clone() }
    }
}

const fn unauthenticated() -> ApiError {
    ApiError::new("unauthenticated", StatusCode::UNAUTHORIZED)
}

pub const fn forged() -> ApiError {
    ApiError::new("csrf-token-missing", StatusCode::FORBIDDEN)
}

/// Where a request came from, for the audit log and the limits.
pub fn origin_of(parts: &Parts) -> Option<String> {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(info.0.ip().to_string())
}

/// `__Host-` binds the cookie to this host and to TLS; without TLS browsers refuse that name.
pub fn cookie_name(app: &App) -> &'static str {
    if app.public_url.starts_with("https://") { "__Host-kaeru" } else { "kaeru" }
}

/// The session's token in the request's cookies.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer "))?;
    Some(token.trim())
}

/// A browser says where a request was made; ours are made on our own pages.
pub fn from_elsewhere(headers: &HeaderMap, app: &App) -> bool {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return true;
    }
    let Some(origin) = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let own = origin.split_once("://").map(|(_, host)| host);
    origin != app.public_url && own != host
}

/// The cookie that keeps which language was chosen in this browser.
pub const LANGUAGE_COOKIE: &str = "kaeru-language";

/// What was chosen in this browser, else for the account, else what the browser asks for.
pub fn language(headers: &HeaderMap, account: Option<&str>, locale: &str) -> Language {
    let chosen = cookie(headers, LANGUAGE_COOKIE);
    let chosen = chosen.as_deref().and_then(Language::named);
    let own = || account.and_then(Language::named);
    chosen.or_else(own).unwrap_or_else(|| Language::of(headers, locale))
}

/// What the audit log says of an act on that account by its owner.
pub fn entry(
    app: &App,
    account: &Account,
    act: &'static str,
    origin: Option<String>,
) -> audit::Entry {
    let now = app.now();
    audit::Entry {
        id: ids::flow(now),
        shop: account.shop.clone(),
        at: now,
        by: Actor::Staff { id: account.id, name: account.name.clone() },
        role: Some(account.role),
        act,
        subject: account.email.clone(),
        detail: serde_json::json!({}),
        reason: None,
        note: None,
        origin,
        flow: None,
    }
}

/// The act of that name.
pub fn act(name: &str) -> Option<Act> {
    serde_json::from_value(serde_json::Value::from(name)).ok()
}

/// Whoever the request says it is, if that is true. Whether a change is theirs is not checked.
pub async fn known(parts: &Parts, app: &App) -> Result<Staff, ApiError> {
    let now = app.now();
    let make = |account: Account, csrf, scopes| {
        let locale = app.shops.get(&account.shop).map_or("", |shop| shop.locale.as_str());
        let language = language(&parts.headers, account.language.as_deref(), locale);
        Staff { account, csrf, scopes, language, origin: origin_of(parts) }
    };
    if let Some(token) = bearer(&parts.headers) {
        let owner = tokens::owner(&app.database, &secrets::digest(token), now).await?;
        let (account, scopes) = owner.ok_or_else(unauthenticated)?;
        let scopes = scopes.map(|scopes| scopes.split(' ').filter_map(act).collect());
        return Ok(make(account, None, scopes));
    }
    let token = cookie(&parts.headers, cookie_name(app)).ok_or_else(unauthenticated)?;
    let token = secrets::digest(&token);
    let session = staff::session(&app.database, &token).await?.ok_or_else(unauthenticated)?;
    if session.expires_at <= now || session.seen_at.plus(IDLE) <= now {
        return Err(unauthenticated());
    }
    if session.seen_at.plus(TOUCH) <= now {
        staff::touch(&app.database, &token, now).await?;
    }
    Ok(make(session.account, Some(session.csrf), None))
}

impl FromRequestParts<Arc<App>> for Staff {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let language = Language::of(&parts.headers, "");
        let staff = known(parts, app).await.map_err(|error| error.in_language(language))?;
        let reads = parts.method == Method::GET || parts.method == Method::HEAD;
        if let Some(csrf) = &staff.csrf
            && !reads
        {
            let sent = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
            let fits = sent.is_some_and(|sent| secrets::same(sent, csrf));
            if !fits || from_elsewhere(&parts.headers, app) {
                return Err(forged().in_language(staff.language));
            }
        }
        Ok(staff)
    }
}
