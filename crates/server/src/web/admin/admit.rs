//! Before and after each page: who is it, is the form one of ours, and what a refusal looks like.

use super::{LARGEST_FORM, page::Said, show};
use crate::{
    app::App,
    secrets,
    web::{
        auth_staff::{self, Staff},
        error::{ApiError, Stated},
        language::Language,
    },
};
use askama::Template;
use axum::{
    body::Body,
    extract::{Form, FromRequest, Request, State},
    http::{StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use std::sync::Arc;

/// Pages that need nobody to be signed in.
const OPEN: [&str; 3] = ["/admin/sign-in", "/admin/oidc/start", "/admin/oidc/callback"];

#[derive(Template)]
#[template(path = "admin/problem.html")]
struct Problem {
    language: Language,
    title: String,
    detail: String,
}

#[derive(Deserialize)]
struct Proof {
    csrf: String,
}

/// Knows the caller, checks what they send, and turns problems into pages.
pub async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let place = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let reads = parts.method.is_safe();
    let staff = auth_staff::known(&parts, &app).await;
    let locale = app.shops.values().next().map_or("", |shop| shop.locale.as_str());
    let language = match &staff {
        Ok(staff) => staff.language,
        Err(_) => auth_staff::language(&parts.headers, None, locale),
    };
    let open = OPEN.contains(&path.as_str());
    let request = match staff {
        Ok(staff) => {
            let body = prove(&app, &parts, body, &staff, open).await;
            parts.extensions.insert(staff);
            body.map(|body| Request::from_parts(parts, body))
        }
        Err(_) if open && !reads && auth_staff::from_elsewhere(&parts.headers, &app) => {
            Err(auth_staff::forged())
        }
        Err(_) if open => Ok(Request::from_parts(parts, body)),
        Err(error) => Err(error),
    };
    let response = match request {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let place = if reads { place.as_str() } else { "/admin" };
    dress(response, language, place)
}

/// The body of a request that changes something, once it is known to come from our own page.
async fn prove(
    app: &App,
    parts: &Parts,
    body: Body,
    staff: &Staff,
    open: bool,
) -> Result<Body, ApiError> {
    let Some(csrf) = staff.csrf.as_deref().filter(|_| !parts.method.is_safe()) else {
        return Ok(body);
    };
    if auth_staff::from_elsewhere(&parts.headers, app) {
        return Err(auth_staff::forged());
    }
    if open {
        return Ok(body);
    }
    let header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
    if header.is_some_and(|sent| secrets::same(sent, csrf)) {
        return Ok(body);
    }
    let bytes = axum::body::to_bytes(body, LARGEST_FORM).await;
    let bytes = bytes.map_err(|_| ApiError::too_large())?;
    let copy = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    match Form::<Proof>::from_request(copy, &()).await {
        Ok(Form(sent)) if secrets::same(&sent.csrf, csrf) => Ok(Body::from(bytes)),
        _ => Err(auth_staff::forged()),
    }
}

/// A problem as a page; whoever is not signed in is led to the sign-in, and back afterwards.
fn dress(response: Response, language: Language, place: &str) -> Response {
    let Some(stated) = response.extensions().get::<Stated>() else { return response };
    let error = &stated.0;
    if error.status == StatusCode::UNAUTHORIZED {
        let next: String = form_urlencoded::byte_serialize(place.as_bytes()).collect();
        return Redirect::to(&format!("/admin/sign-in?next={next}")).into_response();
    }
    let Said { title, detail } = Said::of(error, language);
    let status = error.status;
    match show(&Problem { language, title, detail }) {
        Ok(page) => (status, page).into_response(),
        Err(_) => response,
    }
}
