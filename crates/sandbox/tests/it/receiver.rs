//! A receiver of webhooks that keeps what it got and answers as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::support::until;

/// One webhook as it arrived.
#[derive(Debug, Clone)]
pub struct Got {
    pub headers: BTreeMap<String, String>,
    pub raw: Vec<u8>,
    pub body: Value,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn topic(&self) -> &str {
        self.header("x-shopify-topic")
    }

    pub fn is_signed_with(&self, secret: &str) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&self.raw);
        let signature = mac.finalize().into_bytes();
        let signature = base64::engine::general_purpose::STANDARD.encode(signature);
        self.header("x-shopify-hmac-sha256") == signature
    }
}

#[derive(Clone, Default)]
pub struct Receiver {
    got: Arc<Mutex<Vec<Got>>>,
    /// Statuses to answer with, first come first; then 200.
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    /// Listens; the address to send to.
    pub async fn start() -> (Self, String) {
        let receiver = Self::default();
        let router = Router::new().route("/hooks", post(take)).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    pub fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until so many have arrived.
    pub async fn wait_for(&self, count: usize) -> Vec<Got> {
        until(|| async { Some(self.got()).filter(|got| got.len() >= count) }).await
    }
}

async fn take(State(of): State<Receiver>, headers: HeaderMap, raw: Bytes) -> StatusCode {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = serde_json::from_slice(&raw).unwrap();
    of.got.lock().unwrap().push(Got { headers, raw: raw.to_vec(), body });
    let mut answers = of.answers.lock().unwrap();
    let status = if answers.is_empty() { 200 } else { answers.remove(0) };
    StatusCode::from_u16(status).unwrap()
}
