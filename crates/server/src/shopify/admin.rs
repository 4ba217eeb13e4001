//! One call of the Admin API: token, bucket, exchange, and what the answer proves.

use super::{
    Settings, envelope,
    limiter::{Limiter, Reservation},
    operations::{self, Operation},
    tokens::Tokens,
};
use crate::{
    http_client::{Body, Deadline, HttpClient, Reply, address, exchange},
    outcome::{self, Stop},
};
use domain::Refusal;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicBool, Ordering};

const ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-shopify-access-token");
const API_VERSION: HeaderName = HeaderName::from_static("x-shopify-api-version");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub struct Admin {
    /// `None` where the settings hold no URL: every call is refused then.
    url: Option<Uri>,
    api_version: String,
    client: HttpClient,
    tokens: Tokens,
    limiter: Limiter,
    warned_of_version: AtomicBool,
}

impl Admin {
    pub fn new(settings: &Settings, client: HttpClient) -> Self {
        let base = settings.base_url.trim_end_matches('/');
        let url = format!("{base}/admin/api/{}/graphql.json", settings.api_version);
        Self {
            url: address(&url),
            api_version: settings.api_version.clone(),
            tokens: Tokens::new(base, settings.auth.clone(), client.clone()),
            client,
            limiter: Limiter::new(),
            warned_of_version: AtomicBool::new(false),
        }
    }

    /// Sends the operation and reads its data, all before the deadline.
    ///
    /// # Errors
    /// Where it was not executed, or nobody knows.
    pub async fn call<O: Operation>(
        &self,
        variables: O::Variables,
        deadline: Deadline,
    ) -> Result<O::ResponseData, Stop> {
        let body = operations::body::<O>(&variables);
        let body = Bytes::from(body.map_err(|_| Stop::other("request_not_built"))?);
        let token = self.tokens.get(deadline).await?;
        let patience = deadline.left() / 2;
        let reserved =
            self.limiter.reserve(O::COST, O::TURN, patience).await.map_err(Stop::wait)?;
        let reply = match self.send(O::NAME, body.clone(), &token, deadline).await {
            // Not let in, so not executed: once more with another token, where one can be had.
            Ok(reply) if matches!(reply.status.as_u16(), 401 | 403) => {
                match self.tokens.instead_of(&token, deadline).await {
                    Ok(token) => self.send(O::NAME, body, &token, deadline).await,
                    Err(stop) => Err(stop),
                }
            }
            reply => reply,
        };
        read(reply, reserved)
    }

    /// So many processes share the limit.
    pub fn share_limit(&self, processes: u32) {
        self.limiter.share(processes);
    }

    pub const fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// How scarce the shop's points are: 0 while there are plenty, 1 where calls wait for them.
    pub fn scarcity(&self) -> f64 {
        self.limiter.scarcity()
    }

    async fn send(
        &self,
        name: &'static str,
        body: Bytes,
        token: &HeaderValue,
        deadline: Deadline,
    ) -> Result<Reply, Stop> {
        let url = self.url.clone().ok_or_else(|| Stop::other("request_not_built"))?;
        let before = deadline.left();
        let mut request = Request::new(Body::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url;
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        request.headers_mut().insert(ACCESS_TOKEN, token.clone());
        let reply = exchange(&self.client, request, deadline).await;
        tracing::debug!(
            call = name,
            shop = self.url.as_ref().and_then(Uri::host),
            status = reply.as_ref().ok().map(|reply| reply.status.as_u16()),
            stop = ?reply.as_ref().err(),
            took = ?before.saturating_sub(deadline.left()),
            "Shopify"
        );
        if let Ok(reply) = &reply {
            self.check_version(&reply.headers);
        }
        reply
    }

    fn check_version(&self, headers: &HeaderMap) {
        let served = headers.get(API_VERSION).map(HeaderValue::as_bytes);
        if served.is_some_and(|served| served != self.api_version.as_bytes())
            && !self.warned_of_version.swap(true, Ordering::Relaxed)
        {
            let served = served.map(String::from_utf8_lossy);
            tracing::warn!(
                asked = self.api_version,
                served = served.as_deref(),
                "Shopify serves another API version: set shopify.api_version to one it supports"
            );
        }
    }
}

/// What the reply proves, and what it says of the bucket.
fn read<T: DeserializeOwned>(
    reply: Result<Reply, Stop>,
    reserved: Reservation<'_>,
) -> Result<T, Stop> {
    let reply = match reply {
        Ok(reply) => reply,
        Err(stop @ Stop::Refused(_)) => {
            reserved.give_back();
            return Err(stop);
        }
        // Dropped, the reservation counts as spent.
        Err(stop) => return Err(stop),
    };
    if let Some(stop) = of_status(&reply) {
        if matches!(stop, Stop::Refused(_)) {
            reserved.give_back();
        }
        return Err(stop);
    }
    let (result, report) = envelope::read(&reply.body);
    reserved.settle(report);
    result
}

fn of_status(reply: &Reply) -> Option<Stop> {
    let stop = outcome::of_status(reply.status, &reply.headers);
    stop.or_else(|| match reply.status.as_u16() {
        200..=299 => None,
        401 | 403 => Some(Stop::Refused(Refusal::Other("shopify_unauthorized".to_owned()))),
        // See Other is said by one who has worked on the request.
        303 => Some(Stop::UNREADABLE),
        code => Some(Stop::other(format!("shopify_http_{code}"))),
    })
}
