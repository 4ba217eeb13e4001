//! The simulator over the production store: the same seeds, laws and faults, with SQLite's real
//! transactions behind them, opened anew whenever all processes die. `cargo xtask sim 1000 --store
//! sqlite` runs more seeds.

use async_trait::async_trait;
use domain::{Actor, At, Code, CustomerId, FlowId, OrderId, PartialRefunds, ShopId};
use engine::store::{Begun, Commit, Committed, Request, Row, Start, Store, StoreError};
use server::{
    ids,
    store::{
        Database, Journal, Location, audit, coupons, order_lists,
        orders::{self, Goods, Payment, Refund, Seen, Status},
    },
};
use sim::{
    Setup,
    backend::{Backend, KnownOrder, Noted, Share, Standing},
    mutants::Mutant,
    run,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const POLICY: PartialRefunds = PartialRefunds::ProRata;
/// How many seeds, where nobody says.
const SEEDS: u64 = 100;

/// A database that can be closed and opened under the hands of its users. The simulator has one
/// thread and no runtime: each call is waited for.
struct Reopened {
    open: Mutex<Option<Database>>,
    path: PathBuf,
    runtime: Arc<Runtime>,
    _folder: TempDir,
}

impl Reopened {
    fn new(runtime: &Arc<Runtime>, template: &Path) -> Arc<Self> {
        let folder = folder();
        let path = folder.path().join("kaeru.db");
        std::fs::copy(template, &path).unwrap();
        let reopened =
            Self { open: Mutex::default(), path, runtime: Arc::clone(runtime), _folder: folder };
        reopened.open_again(At(0));
        Arc::new(reopened)
    }

    fn open(&self) -> MutexGuard<'_, Option<Database>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database(&self) -> Database {
        self.open().clone().unwrap()
    }

    fn open_again(&self, now: At) {
        let mut open = self.open();
        // The file's lock belongs to the one that is open.
        *open = None;
        let location = Location::Sqlite(self.path.clone());
        *open = Some(self.runtime.block_on(Database::open(&location, now)).unwrap());
    }

    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    fn journal(&self) -> Journal {
        Journal::new(self.database())
    }
}

/// What the simulator's replicas hold.
struct Handle(Arc<Reopened>);

#[async_trait]
impl Store for Handle {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        self.0.wait(self.0.journal().begin(start))
    }
    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        self.0.wait(self.0.journal().commit(commit))
    }
    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        self.0.wait(self.0.journal().claim(now, lease, most))
    }
    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        self.0.wait(self.0.journal().seize(id, now, lease))
    }
    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        self.0.wait(self.0.journal().load(id))
    }
    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        self.0.wait(self.0.journal().by_key(shop, customer, request))
    }
    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError> {
        self.0.wait(self.0.journal().credit_known(shop, transaction))
    }
    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError> {
        self.0.wait(self.0.journal().use_of(shop, code))
    }
}

struct OnDisk(Arc<Reopened>);

#[async_trait]
impl Backend for OnDisk {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(Handle(Arc::clone(&self.0)))
    }

    fn reopen(&self, now: At) {
        self.0.open_again(now);
    }

    async fn note_order(&self, order: &KnownOrder) -> Result<(), StoreError> {
        let database = self.0.database();
        let status = if order.cancelled { Status::Cancelled } else { Status::Confirmed };
        let seen = Seen {
            id: order.order.clone(),
            name: format!("#{}", order.order),
            channel: "shopify".to_owned(),
            customer: Some(order.customer),
            total: 10_000,
            items: 10_000,
            lines: Some(vec![Goods {
                id: 1,
                title: String::new(),
                quantity: order.pieces,
                price: 1,
            }]),
            currency: "JPY".to_owned(),
            status,
            financial_status: None,
            cancel_reason: None,
            cancelled_at: order.cancelled.then_some(order.at),
            created_at: order.at,
            updated_at: order.at,
            codes: vec![order.code.to_string()],
            credit: order.credit > 0,
            refunds: order
                .refunds
                .iter()
                .map(|(id, pieces)| refund(*id, *pieces, order.at))
                .collect(),
        };
        self.0.wait(orders::keep(&database, &order.shop, seen, POLICY, order.at))?;
        if order.earned > 0 {
            let (shop, id) = (&order.shop, &order.order);
            self.0.wait(orders::keep_earned(&database, shop, id, order.earned, POLICY))?;
        }
        if order.credit > 0 {
            let paid = Payment { id: order.payment, amount: order.credit, by_shopify: 0 };
            let (shop, id) = (&order.shop, &order.order);
            self.0.wait(orders::keep_credits(&database, shop, id, vec![paid], order.at))?;
        }
        Ok(())
    }

    async fn standing(&self, order: &KnownOrder) -> Result<Standing, StoreError> {
        let id = order.order.as_str();
        let found = self.0.wait(order_lists::find(&self.0.database(), &order.shop, id))?;
        let unknown = || StoreError(format!("order {id} is not known"));
        let found = found.ok_or_else(unknown)?;
        let coupon = found.coupons.first().ok_or_else(unknown)?;
        let share = |due, taken, parts| Share { due, taken, parts: u32::try_from(parts).unwrap() };
        Ok(Standing {
            points: share(coupon.due, coupon.taken, coupon.parts),
            earned: share(found.earned.due, found.earned.taken, found.earned.parts),
        })
    }

    async fn stand_again(
        &self,
        shop: &ShopId,
        order: &OrderId,
        at: At,
    ) -> Result<bool, StoreError> {
        let entry = audit::Entry {
            id: ids::flow(at),
            shop: shop.clone(),
            at,
            by: Actor::System,
            role: None,
            act: "order.status",
            subject: order.to_string(),
            detail: serde_json::Value::Null,
            reason: None,
            note: None,
            origin: None,
            flow: None,
        };
        let database = self.0.database();
        self.0.wait(orders::set_status(&database, shop, order, Status::Confirmed, entry))
    }

    async fn note_use(
        &self,
        shop: &ShopId,
        code: &Code,
        order: &str,
        at: At,
    ) -> Result<Noted, StoreError> {
        let database = self.0.database();
        let noted = self.0.wait(coupons::note_use(&database, shop, code.as_str(), order, at))?;
        Ok(match noted {
            coupons::Noted::Used | coupons::Noted::Again => Noted::Used,
            coupons::Noted::UsedAfterCancel => Noted::AfterCancel,
            coupons::Noted::UsedTwice => Noted::Twice,
            coupons::Noted::Unknown => Noted::Other,
        })
    }
}

fn refund(id: u64, pieces: i64, at: At) -> Refund {
    let (id, goods) = (id.to_string(), Some(pieces));
    Refund { id, amount: pieces, items: pieces, goods, lines: vec![], at }
}

/// In memory where there is such a folder: what is proved here is SQL, not the disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn seeds_break_no_law_on_sqlite() {
    let asked = std::env::var("KAERU_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let runtime = Runtime::new().map(Arc::new).unwrap();
    let templates = folder();
    let template = templates.path().join("template.db");
    drop(runtime.block_on(Database::open(&Location::Sqlite(template.clone()), At(0))).unwrap());
    let mut flows = 0;
    for seed in 0..asked.unwrap_or(SEEDS) {
        let reopened = Reopened::new(&runtime, &template);
        let backend = Arc::new(OnDisk(reopened));
        match run(seed, Setup { mutant: Mutant::None, backend, trace: true }) {
            Ok(report) => flows += report.flows,
            Err(failure) => panic!("seed {seed}, {failure}\n{}", failure.trace),
        }
    }
    println!("{flows} flows on SQLite break no law");
    assert!(flows > 0);
}
