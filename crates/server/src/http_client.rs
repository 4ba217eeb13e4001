//! The HTTP client that every adapter shares.

use std::time::Duration;

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
        .pool_max_idle_per_host(256)
        .tcp_nodelay(true)
        .user_agent(concat!("kaeru/", env!("CARGO_PKG_VERSION")))
        .build()
        .expect("the TLS backend")
}
