//! Problems (RFC 9457): a stable code, a title, and a sentence that says what to do.

use super::language::Language;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::Problem;
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;

const PROBLEM: &str = "application/problem+json";

/// What a caller is told when a request was not met.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Ends with the stable code: `/problems/below-minimum`.
    #[serde(rename = "type")]
    #[schema(example = "/problems/below-minimum")]
    pub kind: String,
    pub title: Cow<'static, str>,
    pub status: u16,
    pub detail: Cow<'static, str>,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/storefront/v1/conversions")]
    pub instance: Option<String>,
}

/// An error on its way out.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub code: &'static str,
    pub status: StatusCode,
    pub detail: Option<String>,
    /// Seconds.
    pub retry_after: Option<u32>,
    pub language: Language,
}

impl ApiError {
    pub const fn new(code: &'static str, status: StatusCode) -> Self {
        Self { code, status, detail: None, retry_after: None, language: Language::English }
    }

    pub fn invalid(detail: String) -> Self {
        let mut error = Self::new("invalid-request", StatusCode::BAD_REQUEST);
        error.detail = Some(detail);
        error
    }

    pub const fn not_found() -> Self {
        Self::new("not-found", StatusCode::NOT_FOUND)
    }

    pub const fn method_not_allowed() -> Self {
        Self::new("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED)
    }

    pub const fn internal() -> Self {
        Self::new("internal-error", StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The database does not answer. The same key finds out later what became of it.
    pub const fn unavailable() -> Self {
        let mut error = Self::new("service-unavailable", StatusCode::SERVICE_UNAVAILABLE);
        error.retry_after = Some(2);
        error
    }

    pub const fn of(problem: Problem) -> Self {
        let status = match problem {
            Problem::BelowMinimum
            | Problem::NotAMultiple
            | Problem::DailyLimitExceeded
            | Problem::InsufficientPoints
            | Problem::InsufficientCredit
            | Problem::CouponNotTheirs
            | Problem::PaidLotTooLong => StatusCode::UNPROCESSABLE_ENTITY,
            Problem::ConversionInDoubt
            | Problem::CouponAlreadyUsed
            | Problem::CouponExpired
            | Problem::CouponAlreadyCancelled
            | Problem::CouponHeld
            | Problem::CouponNotHeld
            | Problem::CouponBusy
            | Problem::OrderBusy
            | Problem::AlreadyReverted
            | Problem::NothingToRevert
            | Problem::OrderStands
            | Problem::OrderNotCancellable
            | Problem::OrderAlreadyCancelled
            | Problem::CreditExpired
            | Problem::OrderExists
            | Problem::ApprovalNeeded
            | Problem::ApprovalDeclined
            | Problem::NothingToTakeBack => StatusCode::CONFLICT,
            Problem::UnknownCustomer => StatusCode::NOT_FOUND,
            Problem::ShopifyUnavailable | Problem::PointsUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let mut error = Self::new(problem.code(), status);
        if problem.may_be_tried_again() {
            error.retry_after = Some(5);
        }
        error
    }

    #[must_use]
    pub const fn in_language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    pub fn body(&self) -> ProblemBody {
        let (title, detail) = self.language.problem(self.code);
        ProblemBody {
            kind: format!("/problems/{}", self.code),
            title: Cow::Borrowed(title),
            status: self.status.as_u16(),
            detail: self.detail.clone().map_or(Cow::Borrowed(detail), Cow::Owned),
            instance: None,
        }
    }
}

/// Goes along with the answer, for those who say it in another way: the pages.
#[derive(Clone, Debug)]
pub struct Stated(pub ApiError);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Stated(self));
        response
    }
}

impl From<ApiError> for Response {
    fn from(error: ApiError) -> Self {
        error.into_response()
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::of(problem)
    }
}

impl From<engine::store::StoreError> for ApiError {
    fn from(error: engine::store::StoreError) -> Self {
        tracing::error!(%error, "a request failed");
        Self::unavailable()
    }
}

/// A problem says where it occurred: `instance` is the path that was asked for.
pub fn place(mut response: Response, path: &str) -> Response {
    let problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM);
    if let Some(Stated(error)) = response.extensions().get::<Stated>()
        && problem
        && let Ok(body) =
            serde_json::to_vec(&ProblemBody { instance: Some(path.to_owned()), ..error.body() })
    {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = body.into();
    }
    response
}

/// Errors that a layer answered in plain text become problems like all others.
pub fn dress_plain_errors(response: Response) -> Response {
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE if plain => ApiError::too_large().into_response(),
        _ => response,
    }
}

impl ApiError {
    pub const fn too_large() -> Self {
        Self::new("body-too-large", StatusCode::PAYLOAD_TOO_LARGE)
    }
}
