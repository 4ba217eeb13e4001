//! How often a customer, or an address, may ask: more than any person does, less than a program
//! that went wrong.

use super::error::ApiError;
use axum::http::StatusCode;
use domain::{CustomerId, ShopId};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
};

/// So many requests a minute, and so many at once; `None`: no limit.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub per_customer: Option<NonZeroU32>,
    /// From one public address. Those of this machine and of private networks are proxies, and
    /// stand for many people.
    pub per_address: Option<NonZeroU32>,
}

/// Whoever has not asked for a while is forgotten with every so manyth request.
const FORGET_EVERY: u32 = 65_536;

struct Limit<K: Hash + Eq + Clone> {
    counts: DefaultKeyedRateLimiter<K>,
    asked: AtomicU32,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(a_minute: NonZeroU32) -> Self {
        let counts = RateLimiter::keyed(Quota::per_minute(a_minute));
        Self { counts, asked: AtomicU32::new(0) }
    }

    fn check(&self, key: &K) -> Result<(), ApiError> {
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
            self.counts.retain_recent();
            self.counts.shrink_to_fit();
        }
        self.counts.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.counts.clock().now());
            let mut error = ApiError::new("rate-limited", StatusCode::TOO_MANY_REQUESTS);
            error.retry_after = Some(u32::try_from(wait.as_secs()).unwrap_or(60).max(1));
            error
        })
    }
}

/// What was asked lately.
pub struct Limits {
    customers: Option<Limit<(ShopId, CustomerId)>>,
    addresses: Option<Limit<IpAddr>>,
}

impl Limits {
    pub fn new(settings: Settings) -> Self {
        Self {
            customers: settings.per_customer.map(Limit::new),
            addresses: settings.per_address.map(Limit::new),
        }
    }

    /// # Errors
    /// `rate-limited`, saying when to come again.
    pub fn customer(&self, shop: &ShopId, customer: CustomerId) -> Result<(), ApiError> {
        self.customers.as_ref().map_or(Ok(()), |limit| limit.check(&(shop.clone(), customer)))
    }

    /// # Errors
    /// `rate-limited`, saying when to come again.
    pub fn address(&self, from: Option<IpAddr>) -> Result<(), ApiError> {
        match (&self.addresses, from.map(|ip| ip.to_canonical()).filter(is_public)) {
            (Some(limit), Some(ip)) => limit.check(&ip),
            _ => Ok(()),
        }
    }
}

fn is_public(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local()),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_customer_and_each_public_address_has_its_own_limit() {
        let settings = |customer, address| Settings {
            per_customer: NonZeroU32::new(customer),
            per_address: NonZeroU32::new(address),
        };
        let shop = ShopId::from("main");
        let limits = Limits::new(settings(3, 2));
        let ask = |id: u64| limits.customer(&shop, CustomerId(id)).map_err(|e| e.retry_after);
        assert_eq!([(); 4].map(|()| ask(1).is_ok()), [true, true, true, false]);
        assert!(ask(1).is_err_and(|after| after.is_some_and(|s| (1..=20).contains(&s))));
        assert_eq!(ask(2), Ok(()), "another's");
        for (from, passes) in [
            ("203.0.113.9", [true, true, false]),
            ("203.0.113.10", [true, true, false]),
            ("::ffff:203.0.113.11", [true, true, false]),
            ("2001:db8::1", [true, true, false]),
            ("127.0.0.1", [true; 3]),
            ("10.1.2.3", [true; 3]),
            ("fd00::1", [true; 3]),
        ] {
            let ip: IpAddr = from.parse().unwrap();
            let found = [(); 3].map(|()| limits.address(Some(ip)).is_ok());
            assert_eq!(found, passes, "{from}");
        }
        assert!(limits.address(None).is_ok());
        let none = Limits::new(settings(0, 0));
        assert!((0..9).all(|_| none.customer(&shop, CustomerId(1)).is_ok()));
    }
}
