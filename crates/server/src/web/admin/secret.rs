//! A secret that is shown once: a new token, a password for the first time.

use super::{Page, show};
use crate::web::error::ApiError;
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "admin/secret.html")]
struct SecretPage {
    page: Page,
    title: String,
    secret: String,
    back: &'static str,
}

/// The page that shows it, with the text of that name above.
pub fn show_once(
    page: Page,
    title: &str,
    back: &'static str,
    secret: String,
) -> Result<Response, ApiError> {
    show(&SecretPage { title: page.t(title), secret, back, page })
}
