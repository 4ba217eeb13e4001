//! The page, its script and its style: own files, nothing fetched from elsewhere.

use axum::http::header;
use axum::response::{Html, IntoResponse};

pub async fn html() -> Html<&'static str> {
    Html(include_str!("assets/switchboard.html"))
}

pub async fn script() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("assets/switchboard.js"))
}

pub async fn style() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("assets/switchboard.css"))
}
