//! What a handler can reach: the shops, the engine, the readers, and who waits for an answer.

pub use crate::shopify::CustomerCard;
use crate::{
    bell::{Bell, Due},
    book::Book,
    clock::SharedClock,
    config::{Config, ShopConfig, ShopMail, Signals},
    customer_keys::Keys,
    http_client, leases,
    mail::Mailer,
    oidc,
    points::{self, http::HttpPoints},
    remembered::Remembered,
    shopify::Shopify,
    store::{self, Database, Journal, coupons, journal, lineage, reads::Reads, reports},
    telemetry, web,
};

use anyhow::Context;
use domain::{At, CustomerId, FlowId, Points, ShopId, flow::Told, ledger::Unit, rules::Rules};
use engine::{
    Engine, Observer,
    ports::{Clock, Peers, PointsBook, Ports},
    store::{Event, Row, StoreError},
};
use jiff::tz::TimeZone;
use quick_cache::{
    OptionsBuilder, UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};
use secrecy::SecretString;
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Cards and balances of so many customers are remembered, for so long.
const REMEMBERED: usize = 10_000;
const CARD_AGE: Duration = Duration::from_secs(300);
/// A balance of this age says whether a coupon may be created while the balance is read again.
const BALANCE_AGE: Duration = Duration::from_secs(300);

const ATTEMPTS_A_MINUTE: std::num::NonZeroU32 = std::num::NonZeroU32::MIN.saturating_add(9);

/// One shop at work.
pub struct Shop {
    pub id: ShopId,
    pub zone: TimeZone,
    pub locale: String,
    /// As Shopify names it: `example.myshopify.com`. The shop's name where no other is known.
    pub domain: String,
    pub rules: Rules,
    pub mail: ShopMail,
    pub signals: Signals,
    pub reversals: crate::reversals::Settings,
    /// Signs the shop's own customer tokens, where it has such.
    pub jwt_secret: Option<SecretString>,
    /// The app's id: session tokens are for it.
    pub client_id: Option<String>,
    /// Whether Shopify's app proxy lets customers through.
    pub app_proxy: bool,
    /// Keys of the identity provider that signs customers in.
    pub keys: Option<Keys>,
    pub webhook_secrets: Vec<SecretString>,
    pub shopify: Arc<Shopify>,
    pub peers: Peers,
    /// Where Kaeru itself holds the points.
    pub builtin: Option<Arc<Book>>,
    /// Store credit that Kaeru itself holds, where the shop has such.
    pub credits: Option<Arc<Book>>,
}

pub struct App {
    pub public_url: String,
    pub shops: BTreeMap<ShopId, Shop>,
    pub engine: Arc<Engine>,
    pub database: Database,
    pub reads: Arc<Reads>,
    pub clock: SharedClock,
    pub memory: Arc<Memory>,
    /// `None` where nothing is mailed.
    pub mailer: Option<Mailer>,
    /// Attempts to sign in, by account and by address.
    pub sign_ins: Attempts,
    pub sign_ins_from: Attempts,
    pub tokens: web::auth::Checked,
    pub limits: web::limits::Limits,
    /// How many coupons each tab holds, and what is outstanding.
    pub counts: Remembered<Vec<(coupons::Tab, i64)>>,
    pub owed: Remembered<(reports::Liability, At)>,
    /// Every drive of a flow: what a stop waits for.
    pub drives: TaskTracker,
    pub bell: Bell,
    pub stopping: AtomicBool,
    /// Wakes whoever waits for nothing but the end.
    pub stopped: Notify,
    /// The flows that are driven here, by their leases' epochs.
    held: Mutex<BTreeMap<FlowId, i64>>,
    /// The jobs and mails that are worked on here.
    pub leases: leases::Held,
    /// The end has come, whatever is under way.
    pub leaving: CancellationToken,
    pub demo: bool,
    /// The staff's identity provider.
    pub oidc: Option<oidc::Provider>,
    /// Where the audit log's seals are written down outside the database.
    pub checkpoints: Option<PathBuf>,
}

/// Counts by a key, and forgets with time.
pub type Attempts = governor::DefaultKeyedRateLimiter<String>;

/// So many at once, and one more each six seconds.
fn attempts(at_once: u32) -> Attempts {
    let at_once = std::num::NonZeroU32::new(at_once).unwrap_or(std::num::NonZeroU32::MIN);
    let pace = governor::Quota::per_minute(ATTEMPTS_A_MINUTE).allow_burst(at_once);
    governor::RateLimiter::keyed(pace)
}

type CustomerKey = (ShopId, CustomerId);

/// What this process remembers of customers, and who waits for which flow. Losing it costs time,
/// never points.
pub struct Memory {
    cards: Cache<CustomerKey, (Arc<CustomerCard>, At)>,
    balances: Cache<CustomerKey, (Points, At)>,
    waiting: Mutex<HashMap<FlowId, oneshot::Sender<Row>>>,
}

/// A customer looks at the page and converts a little later, once: what is new stays for as long as
/// what was asked for often. By itself the cache would keep little room for it.
fn cache<T: Clone>() -> Cache<CustomerKey, (T, At)> {
    const HOT: f64 = 0.1;
    let options = OptionsBuilder::new()
        .estimated_items_capacity(REMEMBERED)
        .weight_capacity(REMEMBERED as u64)
        .hot_allocation(HOT)
        .build();
    let options = options.unwrap_or_else(|_| unreachable!("all that it needs is there"));
    Cache::with_options(options, UnitWeighter, Default::default(), DefaultLifecycle::default())
}

struct Registry(BTreeMap<ShopId, Peers>);

impl Ports for Registry {
    fn of(&self, shop: &ShopId) -> Option<&Peers> {
        self.0.get(shop)
    }
}

impl App {
    /// Opens the database and makes ready to serve.
    ///
    /// # Errors
    /// Where the database cannot be used.
    pub async fn open(config: Config, demo: bool) -> anyhow::Result<Arc<Self>> {
        let database = Database::open(&config.database, SharedClock::default().now()).await?;
        Self::over(config, database, demo).await
    }

    /// The same over a database that is open.
    ///
    /// # Errors
    /// Where it does not answer, or mail cannot be sent so.
    pub async fn over(config: Config, database: Database, demo: bool) -> anyhow::Result<Arc<Self>> {
        let clock = SharedClock::default();
        if let Some(now) = database.now().await? {
            clock.set(now);
        }
        let restored_at = lineage::last(&database, lineage::RESTORED).await?;
        let mailer = config.mail.map(Mailer::open).transpose().context("mail")?;
        let client = http_client::http_client();
        let oidc = config.oidc.map(|settings| oidc::Provider::new(settings, client.clone()));
        let shops: BTreeMap<ShopId, Shop> = config
            .shops
            .into_iter()
            .map(|shop| (shop.id.clone(), open_shop(shop, &client, &database, &clock)))
            .collect();
        let peers = shops.iter().map(|(id, shop)| (id.clone(), shop.peers.clone())).collect();
        let memory = Arc::new(Memory {
            cards: cache(),
            balances: cache(),
            waiting: Mutex::new(HashMap::new()),
        });
        let reads = Arc::new(Reads::new(database.clone()));
        let engine = Arc::new(Engine {
            store: Arc::new(Journal::new(database.clone())),
            ports: Arc::new(Registry(peers)),
            clock: Arc::new(clock.clone()),
            observer: Arc::new(Watcher { memory: Arc::clone(&memory) }),
            restored_at,
        });
        Ok(Arc::new(Self {
            public_url: config.public_url,
            shops,
            engine,
            database,
            reads,
            clock,
            memory,
            mailer,
            sign_ins: attempts(10),
            sign_ins_from: attempts(60),
            tokens: web::auth::Checked::default(),
            limits: web::limits::Limits::new(config.limits),
            counts: Remembered::default(),
            owed: Remembered::default(),
            drives: TaskTracker::new(),
            bell: Bell::default(),
            stopping: AtomicBool::new(false),
            stopped: Notify::new(),
            held: Mutex::default(),
            leases: leases::Held::default(),
            leaving: CancellationToken::new(),
            demo,
            oidc,
            checkpoints: config.checkpoints,
        }))
    }

    pub fn now(&self) -> At {
        self.clock.now()
    }

    /// Works on the flow in a task that no dropped request can cancel.
    pub fn drive(self: &Arc<Self>, row: Row, fresh: bool) -> JoinHandle<()> {
        let app = Arc::clone(self);
        self.drives.spawn(async move {
            let id = row.id;
            app.lock_held().insert(id, row.epoch);
            let driven = tokio::select! {
                driven = app.engine.drive(row, fresh) => driven,
                // What it was about to do is found by whoever takes the flow next.
                () = app.leaving.cancelled() => return,
            };
            app.lock_held().remove(&id);
            match driven {
                Ok(row) => {
                    if row.due_at.is_some() {
                        app.bell.wake(Due::Flows);
                    }
                }
                Err(engine::Stopped::LeaseLost) => {
                    tracing::warn!(flow = %id, "another process holds the flow now");
                }
                Err(error) => {
                    tracing::error!(flow = %id, %error, "the flow stopped; it goes on later");
                }
            }
        })
    }

    /// Works on the flow, and waits until people can be told how it stands: at most `patience`.
    pub async fn see_through(self: &Arc<Self>, row: Row, patience: Duration) -> Row {
        let id = row.id;
        let answer = self.memory.answer_to(id);
        self.drive(row.clone(), true);
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(row)) => row,
            _ => {
                self.memory.nobody_waits(id);
                self.engine.store.load(id).await.ok().flatten().unwrap_or(row)
            }
        }
    }

    /// Drops what is still under way, and gives its leases back: other processes need not wait for
    /// their end. Says how many flows, jobs and mails that were.
    pub async fn leave(&self) -> Result<usize, StoreError> {
        self.leaving.cancel();
        self.drives.close();
        self.drives.wait().await;
        let held = std::mem::take(&mut *self.lock_held());
        let count = held.len();
        journal::give_back(&self.database, held, self.now()).await?;
        let held = self.leases.take();
        Ok(count + store::leases::give_back(&self.database, held, self.now()).await?)
    }

    fn lock_held(&self) -> std::sync::MutexGuard<'_, BTreeMap<FlowId, i64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No more new work: what is under way is finished or parked.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.stopped.notify_waiters();
        self.bell.wake_all();
        self.shops.values().for_each(|shop| shop.shopify.hurry());
        self.drives.close();
    }
}

/// Where Shopify sends the shop's webhooks.
pub fn webhook_address(public_url: &str, shop: &ShopId) -> String {
    format!("{}/webhooks/shopify/{shop}", public_url.trim_end_matches('/'))
}

/// A shop with its peers.
pub fn open_shop(
    config: ShopConfig,
    client: &http_client::HttpClient,
    database: &Database,
    clock: &SharedClock,
) -> Shop {
    let shopify = Arc::new(Shopify::new(config.shopify, client.clone()));
    let mut builtin = None;
    let points: Arc<dyn PointsBook> = match config.points {
        points::Settings::Http(settings) => Arc::new(HttpPoints::new(settings, client.clone())),
        points::Settings::Builtin(settings) => {
            let book = Arc::new(Book {
                shop: config.id.clone(),
                unit: Unit::Points,
                zone: config.zone.clone(),
                settings,
                database: database.clone(),
                clock: clock.clone(),
            });
            builtin = Some(Arc::clone(&book));
            book
        }
    };
    let credits = config.credits.map(|settings| {
        Arc::new(Book {
            shop: config.id.clone(),
            unit: Unit::Credit(config.rules.rate.currency()),
            zone: config.zone.clone(),
            settings,
            database: database.clone(),
            clock: clock.clone(),
        })
    });
    let own = credits.as_ref().map(|book| Arc::clone(book) as Arc<dyn PointsBook>);
    let coupons: Arc<Shopify> = Arc::clone(&shopify);
    let orders: Arc<Shopify> = Arc::clone(&shopify);
    Shop {
        id: config.id,
        domain: config.domain,
        zone: config.zone,
        locale: config.locale,
        rules: config.rules,
        mail: config.mail,
        signals: config.signals,
        reversals: config.reversals,
        jwt_secret: config.jwt_secret,
        client_id: config.client_id,
        app_proxy: config.app_proxy,
        keys: config.keys.map(|settings| Keys::new(settings, client.clone())),
        webhook_secrets: config.webhook_secrets,
        shopify,
        peers: Peers { points, coupons, orders, credits: own },
        builtin,
        credits,
    }
}

impl Memory {
    pub fn card(&self, shop: &ShopId, customer: CustomerId, now: At) -> Option<Arc<CustomerCard>> {
        let (card, at) = self.cards.get(&(shop.clone(), customer))?;
        (now.since(at) < CARD_AGE).then_some(card)
    }

    pub fn keep_card(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        card: &Arc<CustomerCard>,
        now: At,
    ) {
        self.cards.insert((shop.clone(), customer), (Arc::clone(card), now));
    }

    pub fn balance(&self, shop: &ShopId, customer: CustomerId, now: At) -> Option<Points> {
        let (balance, at) = self.balances.get(&(shop.clone(), customer))?;
        (now.since(at) < BALANCE_AGE).then_some(balance)
    }

    /// What Shopify said of the customer is asked again.
    pub fn forget_card(&self, shop: &ShopId, customer: CustomerId) {
        self.cards.remove(&(shop.clone(), customer));
    }

    pub fn keep_balance(&self, shop: &ShopId, customer: CustomerId, balance: Points, now: At) {
        self.balances.insert((shop.clone(), customer), (balance, now));
    }

    /// It has changed.
    pub fn forget_balance(&self, shop: &ShopId, customer: CustomerId) {
        self.balances.remove(&(shop.clone(), customer));
    }

    /// Resolves with the flow once people can be told how it stands.
    pub fn answer_to(&self, flow: FlowId) -> oneshot::Receiver<Row> {
        let (sender, receiver) = oneshot::channel();
        self.lock_waiting().insert(flow, sender);
        receiver
    }

    pub fn nobody_waits(&self, flow: FlowId) {
        self.lock_waiting().remove(&flow);
    }

    fn lock_waiting(&self) -> std::sync::MutexGuard<'_, HashMap<FlowId, oneshot::Sender<Row>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears of every commit: wakes whoever waits, keeps balances fresh, counts and logs.
struct Watcher {
    memory: Arc<Memory>,
}

impl Observer for Watcher {
    fn committed(&self, row: &Row, event: &Event, at: At) {
        telemetry::committed(row, event);
        let (shop, customer) = (row.shop(), row.customer());
        match row.flow.told() {
            Told::Processing => return,
            // What follows the answer moves no points.
            Told::Done if event.name == "recorded" => {}
            Told::Done => match row.flow.balance() {
                Some(after) => self.memory.keep_balance(shop, customer, after, at),
                None => self.memory.forget_balance(shop, customer),
            },
            Told::Confirming | Told::Failed => self.memory.forget_balance(shop, customer),
        }
        if let Some(waiter) = self.memory.lock_waiting().remove(&row.id) {
            // The request may have been dropped meanwhile; the flow goes on all the same.
            let _ = waiter.send(row.clone());
        }
    }

    fn performed(
        &self,
        shop: &ShopId,
        effect: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        telemetry::performed(shop, effect, outcome, took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever looked at the page a moment ago is known, though others were asked for often before.
    #[test]
    fn what_is_new_stays_beside_what_was_asked_for_often() {
        const NEW: u64 = 2_000;
        let cache = cache::<u64>();
        let key = |customer| (ShopId("main".to_owned()), CustomerId(customer));
        let old = 1..=REMEMBERED as u64;
        for customer in old.clone() {
            cache.insert(key(customer), (customer, At(0)));
        }
        for customer in old.clone().chain(old) {
            let _ = cache.get(&key(customer));
        }
        let new = 1_000_000..1_000_000 + NEW;
        for customer in new.clone() {
            cache.insert(key(customer), (customer, At(0)));
        }
        let kept = new.filter(|&customer| cache.get(&key(customer)).is_some()).count() as u64;
        assert!(kept > NEW * 9 / 10, "{kept} of {NEW}");
    }
}
