//! An answer before it is sent, and the ways of not sending it.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Serialize;

/// Status, JSON body and at most one more header.
pub struct Reply {
    pub status: StatusCode,
    pub body: Vec<u8>,
    pub header: Option<(HeaderName, HeaderValue)>,
}

impl Reply {
    pub fn raw(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, body, header: None }
    }

    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::raw(status, body),
            Err(error) => {
                Self::raw(StatusCode::INTERNAL_SERVER_ERROR, error.to_string().into_bytes())
            }
        }
    }

    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Headers and half of the body, then the connection is cut.
    pub fn cut_in_the_middle(self) -> Response {
        let length = self.body.len();
        let half = Bytes::from(self.body).slice(..length / 2);
        let parts = stream::unfold(0, move |step| {
            let half = half.clone();
            async move {
                match step {
                    0 => Some((Ok(half), 1)),
                    1 => {
                        // Lets the first half leave before the connection is cut.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), 2))
                    }
                    _ => None,
                }
            }
        });
        let length = [(header::CONTENT_LENGTH, length.to_string())];
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (self.status, kind, length, Body::from_stream(parts)).into_response()
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}

/// Closes the connection without a byte of answer: a body that fails at once stops the response
/// before its head is flushed.
pub fn hang_up() -> Response {
    let failure = io::Error::from(io::ErrorKind::ConnectionAborted);
    Response::new(Body::from_stream(stream::once(async move { Err::<Bytes, _>(failure) })))
}

/// 200 with a body that is no JSON.
pub fn garbage() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::OK, kind, "<html>{\"data\": 50").into_response()
}
