//! `kaeru.toml` and its environment: read, checked, and refused with the key's name.

use crate::store::Location;
use anyhow::{Context, bail};
use domain::{Points, ShopId, rate::Rate, rules::Rules};
use iso_currency::Currency;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

mod credits;
mod customers;
mod oidc;
mod points;
mod reversals;
mod signals;

pub use signals::Signals;

const PREFIX: &str = "KAERU__";

/// The file as it is written. Every key is explained in `kaeru.example.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub server: Server,
    pub database: Database,
    pub mail: Option<MailFile>,
    #[serde(default)]
    pub audit: Audit,
    pub oidc: Option<oidc::OidcFile>,
    #[serde(default)]
    pub storefront: customers::StorefrontFile,
    pub shop: Vec<ShopFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    pub public_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    pub checkpoints: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailFile {
    pub url: SecretString,
    pub password: Option<SecretString>,
    pub password_file: Option<PathBuf>,
    pub from: String,
    pub reply_to: Option<String>,
    #[serde(default)]
    pub admins: Vec<String>,
}

/// What a shop's customers are written about by themselves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShopMail {
    /// Each new coupon by mail too.
    pub receipt: bool,
    /// So many days before an unused coupon's end, each once.
    pub remind_days: Vec<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopFile {
    pub id: String,
    pub domain: String,
    pub timezone: String,
    pub currency: String,
    #[serde(default = "english")]
    pub locale: String,
    pub shopify: ShopifyFile,
    pub points: points::PointsFile,
    pub credits: Option<credits::CreditsFile>,
    #[serde(default)]
    pub rules: RulesFile,
    #[serde(default)]
    pub mail: ShopMail,
    #[serde(default)]
    pub signals: Signals,
    #[serde(default)]
    pub reversals: reversals::ReversalsFile,
    pub customers: customers::CustomersFile,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopifyFile {
    /// Left out: `https://` and the shop's domain.
    pub base_url: Option<String>,
    #[serde(default = "api_version")]
    pub api_version: String,
    pub access_token: Option<SecretString>,
    pub access_token_file: Option<PathBuf>,
    pub client_id: Option<String>,
    pub client_secret: Option<SecretString>,
    pub client_secret_file: Option<PathBuf>,
    pub webhook_secret: Option<SecretString>,
    pub webhook_secret_file: Option<PathBuf>,
    pub webhook_secret_next: Option<SecretString>,
    pub webhook_secret_next_file: Option<PathBuf>,
    #[serde(default)]
    pub combines_with_order_discounts: bool,
    #[serde(default)]
    pub combines_with_product_discounts: bool,
    #[serde(default)]
    pub combines_with_shipping_discounts: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesFile {
    pub minimum: i64,
    pub unit: i64,
    pub daily_limit: i64,
    pub money_per_point: String,
    pub valid_days: u16,
    pub undo_minutes: u16,
    pub cancel_expired_days: u16,
}

impl Default for RulesFile {
    fn default() -> Self {
        let money_per_point = "1".to_owned();
        Self {
            minimum: 100,
            unit: 100,
            daily_limit: 10_000,
            money_per_point,
            valid_days: 365,
            undo_minutes: 10,
            cancel_expired_days: 0,
        }
    }
}

fn english() -> String {
    "en".to_owned()
}
fn api_version() -> String {
    "2026-10".to_owned()
}

/// One shop, checked.
pub struct ShopConfig {
    pub id: ShopId,
    pub domain: String,
    pub zone: TimeZone,
    pub locale: String,
    pub rules: Rules,
    pub mail: ShopMail,
    pub signals: Signals,
    pub reversals: crate::reversals::Settings,
    pub jwt_secret: Option<SecretString>,
    pub client_id: Option<String>,
    pub app_proxy: bool,
    pub keys: Option<crate::customer_keys::Settings>,
    /// Any of them may have signed a webhook: two while a secret is being replaced.
    pub webhook_secrets: Vec<SecretString>,
    pub shopify: crate::shopify::Settings,
    pub points: crate::points::Settings,
    /// How store credit lives that Kaeru itself holds; `None`: it holds none.
    pub credits: Option<crate::book::Settings>,
}

/// Everything, checked.
pub struct Config {
    pub listen: SocketAddr,
    pub public_url: String,
    pub database: Location,
    /// Without it nothing is mailed.
    pub mail: Option<crate::mail::Settings>,
    /// Left out: staff sign in with passwords only.
    pub oidc: Option<crate::oidc::Settings>,
    /// Where the audit log's seals are written down outside the database.
    pub checkpoints: Option<PathBuf>,
    /// How often customers may ask.
    pub limits: crate::web::limits::Settings,
    pub shops: Vec<ShopConfig>,
}

impl Config {
    /// Reads the file and what the environment says over it.
    ///
    /// # Errors
    /// With a message that names the key and says what it should be.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "cannot read {}. Copy kaeru.example.toml there, or name another with --config",
                path.display()
            )
        })?;
        let environment = std::env::vars().filter(|(name, _)| name.starts_with(PREFIX));
        Self::parse(&text, environment).with_context(|| format!("in {}", path.display()))
    }

    /// The same from a text and variables: what tests use.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let mut builder = config::Config::builder()
            .add_source(config::File::from_str(text, config::FileFormat::Toml));
        for (name, value) in environment {
            builder = builder
                .set_override(path_of(&name), value)
                .with_context(|| format!("the environment variable {name}"))?;
        }
        let file: File = builder.build()?.try_deserialize()?;
        check(file)
    }
}

/// `KAERU__SHOP__0__RULES__UNIT` is `shop[0].rules.unit`.
fn path_of(variable: &str) -> String {
    let mut path = String::new();
    for part in variable[PREFIX.len()..].split("__") {
        if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
            path.push_str(&format!("[{part}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part.to_lowercase());
        }
    }
    path
}

fn check(file: File) -> anyhow::Result<Config> {
    let database = Location::parse(&file.database.url)?;
    if file.shop.is_empty() {
        bail!("shop: at least one [[shop]] is needed");
    }
    let mut shops: Vec<ShopConfig> = Vec::new();
    for (index, shop) in file.shop.into_iter().enumerate() {
        let checked = check_shop(shop).with_context(|| format!("shop[{index}]"))?;
        if shops.iter().any(|other| other.id == checked.id) {
            bail!("shop[{index}].id: {} stands twice", checked.id);
        }
        shops.push(checked);
    }
    let public_url = file.server.public_url.trim_end_matches('/').to_owned();
    if !public_url.starts_with("http://") && !public_url.starts_with("https://") {
        bail!("server.public_url: must begin with http:// or https://");
    }
    let mail = file.mail.map(check_mail).transpose().context("mail")?;
    let checkpoints = file.audit.checkpoints;
    let oidc = file.oidc.map(|file| oidc::check(file, &public_url)).transpose().context("oidc")?;
    let limits = customers::limits(&file.storefront);
    let listen = file.server.listen;
    Ok(Config { listen, public_url, database, mail, oidc, checkpoints, limits, shops })
}

fn check_mail(file: MailFile) -> anyhow::Result<crate::mail::Settings> {
    let address = |text: &str| {
        text.parse().ok().with_context(|| {
            format!("{text:?} is not an address such as \"Shop <points@example.test>\"")
        })
    };
    let password = optional(file.password, file.password_file).context("password")?;
    let url = secrecy::ExposeSecret::expose_secret(&file.url);
    let admins = file.admins.iter().map(|text| address(text)).collect::<anyhow::Result<_>>();
    Ok(crate::mail::Settings {
        place: crate::mail::Place::parse(url, password).context("url")?,
        from: address(&file.from).context("from")?,
        reply_to: file.reply_to.as_deref().map(address).transpose().context("reply_to")?,
        admins: admins.context("admins")?,
    })
}

/// Longest first, each once: a coupon lives at most so long.
fn check_reminders(mut days: Vec<u16>, valid_days: u16) -> anyhow::Result<Vec<u16>> {
    if let Some(wrong) = days.iter().find(|days| **days == 0 || **days > valid_days) {
        bail!("{wrong} days: must be above zero, and at most rules.valid_days ({valid_days})");
    }
    days.sort_unstable_by(|one, other| other.cmp(one));
    days.dedup();
    Ok(days)
}

fn check_shop(shop: ShopFile) -> anyhow::Result<ShopConfig> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if shop.id.is_empty() || !shop.id.chars().all(plain) {
        bail!("id: letters, digits, - and _ only");
    }
    let zone = TimeZone::get(&shop.timezone).with_context(|| {
        format!("timezone: {:?} is not an IANA name such as Asia/Tokyo", shop.timezone)
    })?;
    let currency = Currency::from_code(&shop.currency).with_context(|| {
        format!("currency: {:?} is not an ISO 4217 code such as JPY", shop.currency)
    })?;
    let rules = check_rules(&shop.rules, currency).context("rules")?;
    let remind_days =
        check_reminders(shop.mail.remind_days, rules.valid_days).context("mail.remind_days")?;
    let mail = ShopMail { remind_days, receipt: shop.mail.receipt };
    let signals = signals::check(shop.signals).context("signals")?;
    let webhook_secrets = check_webhooks(&shop.shopify).context("shopify")?;
    let client_id = shop.shopify.client_id.clone();
    let signed = !webhook_secrets.is_empty();
    let app = customers::App { client_id: client_id.as_deref(), signed };
    let customers = customers::check(&shop.customers, &shop.id, app).context("customers")?;
    let shopify = crate::shopify::Settings {
        base_url: url(shop
            .shopify
            .base_url
            .clone()
            .unwrap_or_else(|| format!("https://{}", shop.domain)))
        .context("shopify.base_url")?,
        api_version: shop.shopify.api_version.clone(),
        auth: check_auth(&shop.shopify).context("shopify")?,
        currency,
        combines_with: crate::shopify::CombinesWith {
            order: shop.shopify.combines_with_order_discounts,
            product: shop.shopify.combines_with_product_discounts,
            shipping: shop.shopify.combines_with_shipping_discounts,
        },
        pos_id: source(&shop.customers.pos_id).context("customers.pos_id")?,
        member_no: source(&shop.customers.member_no).context("customers.member_no")?,
        linger: crate::shopify::Linger::default(),
    };
    let points = points::check(shop.points).context("points")?;
    let credits = shop.credits.as_ref().map(credits::check).transpose().context("credits")?;
    let finds = match &points {
        crate::points::Settings::Http(till) => till.lookup,
        crate::points::Settings::Builtin(_) => true,
    };
    let reversals = reversals::check(&shop.reversals, finds).context("reversals")?;
    let id = ShopId(shop.id);
    let (domain, locale) = (shop.domain, shop.locale);
    Ok(ShopConfig {
        id,
        domain,
        zone,
        locale,
        rules,
        mail,
        signals,
        reversals,
        jwt_secret: customers.jwt_secret,
        client_id,
        app_proxy: shop.customers.app_proxy,
        keys: customers.keys,
        webhook_secrets,
        shopify,
        points,
        credits,
    })
}

fn check_auth(file: &ShopifyFile) -> anyhow::Result<crate::shopify::Auth> {
    let token = optional(file.access_token.clone(), file.access_token_file.clone())
        .context("access_token")?;
    let client = optional(file.client_secret.clone(), file.client_secret_file.clone())
        .context("client_secret")?;
    match (token, &file.client_id, client) {
        (Some(token), None, None) => Ok(crate::shopify::Auth::Token(token)),
        (None, Some(client_id), Some(client_secret)) => {
            let client_id = client_id.clone();
            Ok(crate::shopify::Auth::ClientCredentials { client_id, client_secret })
        }
        _ => bail!("give either access_token, or client_id with client_secret"),
    }
}

/// Left out, the client's secret signs, as at Shopify.
fn check_webhooks(file: &ShopifyFile) -> anyhow::Result<Vec<SecretString>> {
    let now = optional(file.webhook_secret.clone(), file.webhook_secret_file.clone())
        .context("webhook_secret")?;
    let next = optional(file.webhook_secret_next.clone(), file.webhook_secret_next_file.clone())
        .context("webhook_secret_next")?;
    let client = match &now {
        Some(_) => None,
        None => optional(file.client_secret.clone(), file.client_secret_file.clone())
            .context("client_secret")?,
    };
    let secrets: Vec<_> = [now, client, next].into_iter().flatten().collect();
    if secrets.iter().any(|secret| secrecy::ExposeSecret::expose_secret(secret).is_empty()) {
        bail!("webhook_secret: is empty, so anybody could sign");
    }
    Ok(secrets)
}

fn check_rules(file: &RulesFile, currency: Currency) -> anyhow::Result<Rules> {
    let points = |name: &str, count: i64| match Points::new(count) {
        Some(points) if count > 0 && count <= 1_000_000_000_000 => Ok(points),
        _ => bail!("{name}: must be above zero"),
    };
    let (minimum, unit) = (points("minimum", file.minimum)?, points("unit", file.unit)?);
    let daily_limit = points("daily_limit", file.daily_limit)?;
    if daily_limit < minimum {
        bail!("daily_limit: is below minimum, so nobody could convert anything");
    }
    let money: Decimal = file.money_per_point.parse().with_context(|| {
        format!("money_per_point: {:?} is not a decimal number", file.money_per_point)
    })?;
    let rate = Rate::new(money, currency).context("money_per_point: must be above zero")?;
    if rate.worth(unit).is_none() {
        bail!(
            "money_per_point: {} points at {money} are not a whole amount of {}. Raise unit",
            unit,
            currency.code()
        );
    }
    if file.valid_days == 0 {
        bail!("valid_days: must be above zero");
    }
    Ok(Rules {
        minimum,
        unit,
        daily_limit,
        rate,
        valid_days: file.valid_days,
        undo_minutes: file.undo_minutes,
        cancel_expired_days: file.cancel_expired_days,
    })
}

fn source(text: &str) -> anyhow::Result<crate::shopify::Source> {
    use crate::shopify::Source;
    if text == "shopify_id" {
        return Ok(Source::ShopifyId);
    }
    let metafield = text.strip_prefix("metafield:").and_then(|name| name.split_once('.'));
    let (namespace, key) = metafield
        .with_context(|| format!("{text:?} is neither shopify_id nor metafield:NAMESPACE.KEY"))?;
    Ok(Source::Metafield { namespace: namespace.to_owned(), key: key.to_owned() })
}

fn url(text: String) -> anyhow::Result<String> {
    let parsed = url::Url::parse(&text).with_context(|| format!("{text:?} is not a URL"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        bail!("{text:?} must begin with http:// or https://");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// `90s`, `10m`, `2h`.
fn span(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let count: u64 = text[..text.len() - unit.len_utf8()].trim().parse().ok()?;
    match unit {
        's' => Some(Duration::from_secs(count)),
        'm' => Some(Duration::from_secs(count.checked_mul(60)?)),
        'h' => Some(Duration::from_secs(count.checked_mul(3600)?)),
        _ => None,
    }
}

fn secret(given: Option<SecretString>, file: Option<PathBuf>) -> anyhow::Result<SecretString> {
    optional(given, file)?.context("is missing: give it, or a file that holds it as …_file")
}

fn optional(
    given: Option<SecretString>,
    file: Option<PathBuf>,
) -> anyhow::Result<Option<SecretString>> {
    match (given, file) {
        (Some(_), Some(_)) => bail!("is given twice: as a value and as a file"),
        (Some(secret), None) => Ok(Some(secret)),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read the secret's file {}", path.display()))?;
            Ok(Some(SecretString::from(text.trim().to_owned())))
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
