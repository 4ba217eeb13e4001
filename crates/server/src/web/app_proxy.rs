//! Requests that come through Shopify's app proxy: who is signed in stands in the query, and the
//! app's secret has signed it.
//!
//! The signed text has no separators, so that one signature fits several readings. Only the names
//! that are known are taken, each once, and a name holds no `=`.

use super::{auth::Through, error::ApiError, language::Language};
use crate::app::App;
use axum::{
    extract::{Request, State},
    http::{StatusCode, Uri, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{At, CustomerId};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::{collections::BTreeMap, sync::Arc};
use url::form_urlencoded;

/// A signature is good for so many seconds; clocks differ by as much.
const GOOD_FOR: u64 = 90;
/// What Shopify adds, beside the signature.
const ADDED: [&str; 4] = ["shop", "logged_in_customer_id", "path_prefix", "timestamp"];
/// What the API itself takes.
const TAKEN: [&str; 2] = ["limit", "cursor"];

/// Checks the signature where there is one, and takes Shopify's parameters out of the query.
pub async fn believe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    if !form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "signature") {
        return next.run(request).await;
    }
    let Some((through, uri)) = checked(&app, request.uri()) else {
        let language = Language::of(request.headers(), "");
        let error = ApiError::new("unauthenticated", StatusCode::UNAUTHORIZED);
        return error.in_language(language).into_response();
    };
    *request.uri_mut() = uri;
    request.extensions_mut().insert(through);
    next.run(request).await
}

/// Who asks, and the address without Shopify's parameters.
fn checked(app: &App, uri: &Uri) -> Option<(Through, Uri)> {
    let said = Said::read(uri.query()?)?;
    let mut shops = app.shops.values().filter(|shop| shop.app_proxy);
    let shop = shops.find(|shop| shop.domain.eq_ignore_ascii_case(&said.parameters["shop"]))?;
    shop.webhook_secrets.iter().find(|secret| said.is_signed(secret))?;
    let customer = said.customer(app.now())?;
    let rest = said.rest();
    let path = match &*rest {
        "" => uri.path().to_owned(),
        rest => format!("{}?{rest}", uri.path()),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    let through = Through { shop: shop.id.clone(), customer };
    Some((through, Uri::from_parts(parts).ok()?))
}

/// What stands in the query.
struct Said {
    parameters: BTreeMap<String, String>,
    signature: Vec<u8>,
}

impl Said {
    /// `None` where a name is not known or stands twice, or one is missing.
    fn read(query: &str) -> Option<Self> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let known = name == "signature" || ADDED.contains(&&*name) || TAKEN.contains(&&*name);
            let twice = parameters.insert(name.clone().into_owned(), value.into_owned());
            if !known || twice.is_some() {
                return None;
            }
        }
        let signature = bytes(&parameters.remove("signature")?)?;
        ADDED
            .iter()
            .all(|name| parameters.contains_key(*name))
            .then_some(Self { parameters, signature })
    }

    /// Compared in constant time.
    fn is_signed(&self, secret: &SecretString) -> bool {
        let mut pairs: Vec<String> =
            self.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.sort_unstable();
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
            .is_ok_and(|mac| mac.chain_update(pairs.concat()).verify_slice(&self.signature).is_ok())
    }

    /// Who is signed in, if anybody is: the outer `None` is for what is too old, or no customer.
    fn customer(&self, now: At) -> Option<Option<CustomerId>> {
        let sent: u64 = self.parameters["timestamp"].parse().ok()?;
        let now_s = u64::try_from(now.0 / 1_000_000).ok()?;
        if now_s.abs_diff(sent) > GOOD_FOR {
            return None;
        }
        match &*self.parameters["logged_in_customer_id"] {
            "" => Some(None),
            id if id.bytes().all(|b| b.is_ascii_digit()) => CustomerId::parse(id).map(Some),
            _ => None,
        }
    }

    fn rest(&self) -> String {
        let mut rest = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.parameters.iter().filter(|(name, _)| TAKEN.contains(&&***name)) {
            rest.append_pair(name, value);
        }
        rest.finish()
    }
}

/// Reads hexadecimal digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.is_ascii() && hex.len().is_multiple_of(2);
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    if digits { (0..hex.len()).step_by(2).map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "shop=shop-name.myshopify.com";

    /// Signed as Shopify does: the decoded pairs sorted, joined with nothing.
    fn signed(secret: &str, pairs: &[&str]) -> String {
        let mut sorted = pairs.to_vec();
        sorted.sort_unstable();
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        let mac = mac.chain_update(sorted.concat()).finalize().into_bytes();
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}&signature={hex}", pairs.join("&"))
    }

    #[test]
    fn the_signature_is_shopifys() {
        // `extra` is not ours to take, so that Shopify's own example is checked below its reader.
        let example = |extra: &[(&str, &str)], hex: &str| Said {
            parameters: extra.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            signature: bytes(hex).unwrap(),
        };
        let fits = |customer: &str, hex: &str| {
            let said = example(
                &[
                    ("extra", "1,2"),
                    ("logged_in_customer_id", customer),
                    ("path_prefix", "/apps/awesome_reviews"),
                    ("shop", "shop-name.myshopify.com"),
                    ("timestamp", "1317327555"),
                ],
                hex,
            );
            said.is_signed(&SecretString::from("hush"))
        };
        let one = "4c68c8624d737112c91818c11017d24d334b524cb5c2b8ba08daa056f7395ddb";
        let nobody = "e072b6d7e6622d85912a5214b860d3100dc1e73d9bc29f43796ac8c9ff8093cb";
        assert!(fits("1", one) && fits("", nobody));
        assert!(!fits("2", one) && !fits("", one));
    }

    #[test]
    fn only_what_is_signed_fresh_and_plain_is_believed() {
        let now = At(1_317_327_555 * 1_000_000);
        let (who, path, at) = ("logged_in_customer_id=7", "path_prefix=/apps/p", "timestamp=");
        let fresh = format!("{at}1317327500");
        let late = format!("{at}1317327400");
        let early = format!("{at}1317327700");
        let good = [SHOP, who, path, &fresh];
        let nobody = [SHOP, "logged_in_customer_id=", path, &fresh];
        // What the signature of an anonymous visitor's `?limit=zlogged_in_customer_id=7` fits too.
        let asked =
            ["limit=zlogged_in_customer_id=7", "logged_in_customer_id=", path, SHOP, &fresh];
        let anew = ["limit=z", who, "logged_in_customer_id%3Dpath_prefix=/apps/p", SHOP, &fresh];
        for (what, query, found) in [
            ("good", signed("hush", &good), Some(Some(CustomerId(7)))),
            ("nobody is signed in", signed("hush", &nobody), Some(None)),
            (
                "with our own",
                signed("hush", &[SHOP, who, path, &fresh, "limit=5"]),
                Some(Some(CustomerId(7))),
            ),
            ("another secret", signed("other", &good), None),
            ("replayed too late", signed("hush", &[SHOP, who, path, &late]), None),
            ("from the future", signed("hush", &[SHOP, who, path, &early]), None),
            ("an unknown name", signed("hush", &[SHOP, who, path, &fresh, "x=1"]), None),
            ("twice", format!("{}&{who}", signed("hush", &good)), None),
            ("without its shop", signed("hush", &[who, path, &fresh]), None),
            ("no number", signed("hush", &[SHOP, "logged_in_customer_id=a", path, &fresh]), None),
            ("changed", signed("hush", &good).replace("id=7", "id=8"), None),
            ("no signature", good.join("&"), None),
            ("no hexadecimal", format!("{}&signature=zz", good.join("&")), None),
            (
                "split anew",
                {
                    let whole = signed("hush", &asked);
                    let signature = whole.rsplit('=').next().unwrap_or_default().to_owned();
                    format!("{}&signature={signature}", anew.join("&"))
                },
                None,
            ),
        ] {
            let said = Said::read(&query);
            let said = said.filter(|said| said.is_signed(&SecretString::from("hush")));
            assert_eq!(said.and_then(|said| said.customer(now)), found, "{what}: {query}");
        }
    }
}
