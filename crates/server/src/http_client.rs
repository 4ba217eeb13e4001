//! The HTTP client that every adapter shares, and one exchange with it.

use crate::outcome::{self, Stop};
use engine::ports::Why;
use http::{HeaderMap, StatusCode};
use reqwest::{RequestBuilder, Response};
use std::{mem, time::Duration};
use tokio::time::Instant;

/// Common servers close a connection that was idle for 5 s or longer. A request that crosses such
/// a close on the wire is in doubt, so ours are closed before.
const IDLE: Duration = Duration::from_secs(4);
/// Longer answers than any that a contract allows.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// No redirects (a POST must arrive where it was sent), no proxy from the environment. Each call
/// brings its own limit.
///
/// # Panics
/// Where the TLS backend cannot be set up, which no later call could mend.
#[expect(clippy::expect_used, reason = "without TLS nothing can be served")]
pub fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1024)
        .tcp_nodelay(true)
        .user_agent(concat!("kaeru/", env!("CARGO_PKG_VERSION")))
        .build()
        .expect("the TLS backend")
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
    pub body: Vec<u8>,
}

/// Sends the request and reads the answer.
///
/// # Errors
/// Where no answer came: refused only if not even a connection came about, or no time was left.
pub async fn exchange(request: RequestBuilder, deadline: Deadline) -> Result<Reply, Stop> {
    let left = deadline.left();
    if left.is_zero() {
        return Err(Stop::wait(outcome::SHORT_WAIT));
    }
    let sent = request.timeout(left).send().await;
    let mut response = sent.map_err(|error| outcome::of_error(&error))?;
    let status = response.status();
    let headers = mem::take(response.headers_mut());
    match body(response).await {
        Ok(body) => Ok(Reply { status, headers, body }),
        Err(_) if !status.is_success() => Ok(Reply { status, headers, body: Vec::new() }),
        Err(stop) => Err(stop),
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, Stop> {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(MOST_BYTES));
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(Stop::UNREADABLE);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn lost(error: &reqwest::Error) -> Stop {
    Stop::Unknown(if error.is_timeout() { Why::TimedOut } else { Why::ConnectionLost })
}

#[cfg(test)]
pub mod stub;
