//! The HTTP client that every adapter shares, and one exchange with it.

use crate::outcome::{self, Stop};
use engine::ports::Why;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header::USER_AGENT, uri::Scheme};
use http_body_util::{BodyExt, Collected, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tower::{Service, ServiceExt};

/// Common servers close a connection that was idle for 5 s or longer. A request that crosses such
/// a close on the wire is in doubt, so ours are closed before.
const IDLE: Duration = Duration::from_secs(4);
/// Longer answers than any that a contract allows.
const MOST_BYTES: usize = 4 * 1024 * 1024;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const AGENT: HeaderValue = HeaderValue::from_static(concat!("kaeru/", env!("CARGO_PKG_VERSION")));

/// What is sent: a body that is ready.
pub type Body = Full<Bytes>;

/// Connections to every peer, kept open between calls. Cloned, it is the same one.
#[derive(Clone)]
pub struct HttpClient(Client<Connector, Body>);

/// No redirects (a POST must arrive where it was sent), no proxy from the environment. Each call
/// brings its own limit.
///
/// # Panics
/// Where the TLS backend cannot be set up, which no later call could mend.
pub fn http_client() -> HttpClient {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let tls = HttpsConnectorBuilder::new().with_platform_verifier().https_or_http();
    let connector = Connector(Arc::new(tls.enable_http1().wrap_connector(tcp)));
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(1024);
    HttpClient(builder.build(connector))
}

/// A new connection, its TLS handshake included, within its limit. The client clones it with every
/// call.
#[derive(Clone)]
struct Connector(Arc<HttpsConnector<HttpConnector>>);

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, peer: Uri) -> Self::Future {
        let connector = HttpsConnector::clone(&self.0);
        Box::pin(async move { timeout(CONNECT_LIMIT, connector.oneshot(peer)).await? })
    }
}

/// The address as the client takes it. `None` where it names no peer.
pub fn address(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme()?;
    let known = *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    (known && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
}

/// The moment by which a call must be over, waiting for its turn included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(limit: Duration) -> Self {
        let now = Instant::now();
        // No call takes a day; what does not fit the clock is cut.
        Self(now + limit.min(Duration::from_secs(86_400)))
    }

    pub fn left(self) -> Duration {
        self.left_at(Instant::now())
    }

    pub fn left_at(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }
}

/// An answer, read to its end.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Empty where the peer refused and the body did not come whole: the status says enough.
    pub body: Bytes,
}

/// Sends the request and reads the answer.
///
/// # Errors
/// Where no answer came: refused only if not even a connection came about, or no time was left.
pub async fn exchange(
    client: &HttpClient,
    mut request: Request<Body>,
    deadline: Deadline,
) -> Result<Reply, Stop> {
    if deadline.left().is_zero() {
        return Err(Stop::wait(outcome::SHORT_WAIT));
    }
    request.headers_mut().insert(USER_AGENT, AGENT);
    let sent = timeout_at(deadline.0, client.0.request(request)).await;
    let response = sent.map_err(|_| LATE)?.map_err(|error| outcome::of_error(&error))?;
    let (head, body) = response.into_parts();
    let (status, headers) = (head.status, head.headers);
    match timeout_at(deadline.0, read(body)).await.unwrap_or(Err(LATE)) {
        Ok(body) => Ok(Reply { status, headers, body }),
        Err(_) if !status.is_success() => Ok(Reply { status, headers, body: Bytes::new() }),
        Err(stop) => Err(stop),
    }
}

const LATE: Stop = Stop::Unknown(Why::TimedOut);

async fn read(body: Incoming) -> Result<Bytes, Stop> {
    let body = Limited::new(body, MOST_BYTES).collect().await;
    body.map(Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            Stop::UNREADABLE
        } else {
            Stop::Unknown(Why::ConnectionLost)
        }
    })
}

#[cfg(test)]
pub mod stub;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_peers_are_called() {
        for (url, usable) in [
            ("http://127.0.0.1:9090/pos", true),
            ("https://shop.example.test/admin?x=%20y", true),
            ("ftp://shop.example.test", false),
            ("mailto:somebody", false),
            ("/admin", false),
            ("http://", false),
            ("http:///path", false),
            ("no url", false),
            ("", false),
        ] {
            assert_eq!(address(url).is_some(), usable, "{url:?}");
        }
    }
}
