//! `kaeru doctor`: is everything as it should be? A line for each question, with what to do about
//! it. Nothing is changed.

use super::hex;
use anyhow::bail;
use domain::{CustomerId, PosId, Reference, Refusal};
use engine::ports::{Answer, Clock, Recovery};
use jiff::fmt::rfc2822;
use server::{
    app::{self, Shop},
    clock::{SharedClock, SystemClock},
    config::Config,
    http_client::{Body, Deadline, address, exchange, http_client},
    mail::{Failure, Mailer, Settings},
    store::{self, Database, inbox, staff},
};
use std::{path::Path, time::Duration};

const LIMIT: Duration = Duration::from_secs(10);
/// More than this between two clocks, and signatures or times go wrong.
const SKEW_S: i64 = 30;
/// Nobody has this id.
const NOBODY: &str = "kaeru-doctor";

/// Prints each answer, and counts the bad ones.
#[derive(Default)]
struct Findings(u32);

impl Findings {
    fn ok(&self, what: &str) {
        println!("ok   {what}");
    }

    fn bad(&mut self, what: &str, todo: &str) {
        self.0 += 1;
        println!("bad  {what}: {todo}");
    }

    fn say(&mut self, good: bool, what: &str, todo: &str) {
        if good { self.ok(what) } else { self.bad(what, todo) }
    }
}

pub async fn run(path: &Path) -> anyhow::Result<()> {
    let mut findings = Findings::default();
    let mut config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => bail!("configuration: {error:#}"),
    };
    findings.ok(&format!("configuration: {} with {} shops", path.display(), config.shops.len()));
    let https = config.public_url.starts_with("https://");
    let local = ["localhost", "127.0.0.1"].iter().any(|host| config.public_url.contains(host));
    findings.say(
        https || local,
        "server.public_url is https",
        "put a TLS proxy in front, and write its https:// address there",
    );
    mail(config.mail.take(), &mut findings).await;
    let Some(database) = database(&config, &mut findings).await else {
        bail!("{} findings", findings.0);
    };
    let (client, clock) = (http_client(), SharedClock::default());
    for shop in std::mem::take(&mut config.shops) {
        let base_url = shop.shopify.base_url.clone();
        let shop = app::open_shop(shop, &client, &database, &clock);
        let id = shop.id.as_str().to_owned();
        findings.say(
            !shop.webhook_secrets.is_empty(),
            &format!("{id}: webhook secret"),
            "set shop.shopify.webhook_secret, or uses of coupons are noticed late",
        );
        match staff::list(&database, &shop.id).await {
            Ok(staff) => findings.say(
                staff
                    .iter()
                    .any(|of| of.role == domain::Role::SystemAdmin && of.disabled_at.is_none()),
                &format!("{id}: a system administrator"),
                "add one with `kaeru staff add --role system_admin`",
            ),
            Err(error) => findings.bad(&format!("{id}: staff"), &error.to_string()),
        }
        shopify(&shop, &base_url, &mut findings).await;
        let address = app::webhook_address(&config.public_url, &shop.id);
        installation(&shop, &database, &address, &mut findings).await;
        points(&shop, &mut findings).await;
        ledger(&shop, &database, &mut findings).await;
    }
    if findings.0 > 0 {
        bail!("{} findings: each line marked «bad» says what to do", findings.0);
    }
    Ok(())
}

async fn mail(settings: Option<Settings>, findings: &mut Findings) {
    let Some(settings) = settings else {
        let todo = "without [mail] nobody is written to; alerts are in the API only";
        return findings.bad("mail is configured", todo);
    };
    let mailer = match Mailer::open(settings) {
        Ok(mailer) => mailer,
        Err(error) => return findings.bad("mail", &format!("{error:#}")),
    };
    let name = match mailer.reach().await {
        Ok(()) => return findings.ok("mail could leave: it is let in"),
        Err(Failure::Later(name) | Failure::Refused(name)) => name,
        Err(Failure::Never(name)) => name.to_owned(),
    };
    let todo = match name.as_str() {
        "connection" | "timeout" => {
            "nobody answers there: look at the host and port in mail.url, and at the firewall"
        }
        "tls" => "the server's certificate is not good for the host in mail.url",
        "folder" => "make the folder of mail.url writable for this user",
        code if code.starts_with("smtp-53") => {
            "the server does not let us in: look at the user in mail.url and at mail.password"
        }
        _ => "the server's manual says what it means",
    };
    findings.bad(&format!("mail: {name}"), todo);
}

async fn database(config: &Config, findings: &mut Findings) -> Option<Database> {
    match store::schema::missing(&config.database).await {
        Ok(missing) if missing.is_empty() => findings.ok("database: the schema is up to date"),
        Ok(missing) => {
            let what = format!("database: {} schema changes are missing", missing.len());
            findings.bad(&what, "run `kaeru migrate`, or start the service");
            return None;
        }
        Err(error) => {
            findings.bad("database", &format!("{error:#}"));
            return None;
        }
    }
    let now = SystemClock.now();
    let database = match Database::open_beside(&config.database, now).await {
        Ok(database) => database,
        Err(error) => {
            findings.bad("database", &format!("{error:#}"));
            return None;
        }
    };
    if let Ok(Some(theirs)) = database.now().await {
        let skew = (theirs.0 - SystemClock.now().0).abs() / 1_000_000;
        findings.say(
            skew <= SKEW_S,
            &format!("clock: {skew} s from the database's"),
            "run a time service (NTP) on both machines",
        );
    }
    Some(database)
}

async fn shopify(shop: &Shop, base_url: &str, findings: &mut Findings) {
    let name = format!("{}: Shopify", shop.id);
    match shop.shopify.customer(CustomerId(1), LIMIT).await {
        Answer::Done(_) => findings.ok(&format!("{name} answers, the credentials are good")),
        Answer::Refused(Refusal::Wait(_)) => {
            findings.bad(&name, &format!("{base_url} is not reachable: check the network"));
        }
        Answer::Refused(refusal) => findings.bad(
            &name,
            &format!("refused ({refusal:?}): check access_token or client_id, and the scopes"),
        ),
        Answer::Unknown(why) => {
            findings.bad(&name, &format!("{base_url} did not answer ({why}): try again later"));
        }
    }
    let mut request = http::Request::new(Body::default());
    let Some(uri) = address(base_url) else { return };
    *request.uri_mut() = uri;
    let Ok(reply) = exchange(&http_client(), request, Deadline::after(LIMIT)).await else { return };
    let date = reply.headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| rfc2822::parse(date).ok()) else { return };
    let skew = theirs.timestamp().as_second() - SystemClock.now().0 / 1_000_000;
    findings.say(
        skew.abs() <= SKEW_S,
        &format!("{}: clock, {} s from Shopify's", shop.id, skew.abs()),
        "run a time service (NTP): coupons would begin and end at wrong moments",
    );
}

/// What the app may do, for which shop, and whether it hears what happens there.
async fn installation(shop: &Shop, database: &Database, address: &str, findings: &mut Findings) {
    let id = &shop.id;
    // Why it does not answer was said above.
    let Answer::Done(there) = shop.shopify.installation(LIMIT).await else { return };
    let ours = shop.rules.rate.currency();
    findings.say(
        there.currency == ours.code(),
        &format!("{id}: Shopify's currency is {}", there.currency),
        &format!("shop.currency is {}, and coupons would be worth something else", ours.code()),
    );
    findings.say(
        there.domain.eq_ignore_ascii_case(&shop.domain),
        &format!("{id}: Shopify calls the shop {}", there.domain),
        &format!("shop.domain is {}, so its webhooks would be refused", shop.domain),
    );
    let missing = there.missing_scopes();
    findings.say(
        missing.is_empty(),
        &format!("{id}: scopes"),
        &format!("grant the app {}, and make a new token", missing.join(", ")),
    );
    let heard = inbox::topics(database, id).await.unwrap_or_default();
    let mut silent = there.missing_topics(address);
    silent.retain(|topic| !heard.iter().any(|heard| heard == topic));
    findings.say(
        silent.is_empty(),
        &format!("{id}: webhooks"),
        &format!(
            "{} were never heard, and nobody subscribed to them for {address}: run `kaeru \
             webhooks`. Where the app's own configuration names them, the first of each settles it",
            silent.join(", ")
        ),
    );
}

/// What Kaeru holds itself adds up: each account is its lots, and each movement's postings sum to
/// zero.
async fn ledger(shop: &Shop, database: &Database, findings: &mut Findings) {
    if shop.builtin.is_none() && shop.credits.is_none() {
        return;
    }
    let name = format!("{}: Kaeru's own books", shop.id);
    match store::ledger::crooked(database, &shop.id).await {
        Ok((0, 0)) => findings.ok(&format!("{name} add up")),
        Ok((accounts, movements)) => findings.bad(
            &name,
            &format!(
                "{accounts} accounts are not their lots, {movements} movements do not sum to \
                 zero: stop the service and compare with a backup"
            ),
        ),
        Err(error) => findings.bad(&name, &error.to_string()),
    }
}

async fn points(shop: &Shop, findings: &mut Findings) {
    let name = format!("{}: points book", shop.id);
    if shop.builtin.is_some() {
        return findings.ok(&format!("{name} is Kaeru's own"));
    }
    let nobody = PosId(NOBODY.to_owned());
    match shop.peers.points.balance(&nobody, LIMIT).await {
        Answer::Done(_) | Answer::Refused(Refusal::UnknownCustomer) => {
            findings.ok(&format!("{name} answers"));
        }
        Answer::Refused(Refusal::Wait(_)) => {
            findings.bad(&name, "not reachable: check shop.points.base_url and the network");
        }
        Answer::Refused(refusal) => {
            findings.bad(&name, &format!("refused ({refusal:?}): check shop.points.token"));
        }
        Answer::Unknown(why) => findings.bad(&name, &format!("did not answer ({why})")),
    }
    match shop.peers.points.recovery() {
        Recovery::Review => findings.bad(
            &format!("{name}, after a lost answer"),
            "a person must decide: switch lookup or idempotency on, if the till can do either",
        ),
        Recovery::Replay { .. } => findings.ok(&format!("{name} takes idempotency keys")),
        Recovery::LookUp { .. } => {
            let reference = Reference(format!("DOCTOR-{}", hex(NOBODY.as_bytes())));
            let found = shop.peers.points.find(&nobody, &reference, LIMIT).await;
            let good = match &found {
                Answer::Done(found) => found.is_empty(),
                Answer::Refused(Refusal::UnknownCustomer) => true,
                _ => false,
            };
            findings.say(
                good,
                &format!("{name} looks movements up"),
                "GET …/points/transactions?reference= did not answer with an empty list",
            );
        }
    }
}
