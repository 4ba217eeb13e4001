//! What customers, staff, webhooks and workers do, each as one task on one replica. It does what
//! the service's handlers do, and nothing that they do not.

mod acts;
mod returns;

use crate::{
    backend::{Backend, KnownOrder, Noted, Share, Standing},
    diary::Entry,
    journal::Picture,
    mutants::Mutant,
    own_orders::OwnOrder,
    shared::{Death, Shared},
    swarm::Write,
    world::World,
};
use domain::{
    Actor, At, Code, Conversion, Coupon, CustomerId, Ending, Flow, FlowId, MemberNo, Money, Points,
    PosId, Problem, Reversal, ShopId, Terms, coupon::Status, ending,
};
use engine::{
    Engine, LEASE, Stopped,
    ports::{Answer, PointsBook},
    store::{Begun, Guard, Request, Row, Start},
};
use returns::{known_order, reversal_terms};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Points per customer and day: low, so that it is met.
pub const DAILY_LIMIT: i64 = 700;
/// How long a coupon is valid, in runs that see its end and runs that do not.
pub const VALID: [Duration; 2] = [Duration::from_secs(86_400 * 365), Duration::from_secs(90_000)];
const BALANCE_LIMIT: Duration = Duration::from_secs(15);
/// Staff look into the till's own books so long after the case came to them.
pub const STAFF_WAIT: Duration = Duration::from_secs(900);
/// So many codes and days are drawn.
const DRAWS: u32 = 3;
/// A busy coupon is asked for so often.
const BUSY_TRIES: u32 = 4;

/// What all replicas share.
pub struct Office {
    pub shared: Arc<Shared>,
    pub world: Arc<World>,
    pub backend: Arc<dyn Backend>,
    pub picture: Arc<Mutex<Picture>>,
    pub valid: Duration,
    flows: AtomicU64,
    codes: AtomicU64,
    /// Uses that Kaeru has not acknowledged yet, and when each is sent next.
    pub deliveries: Mutex<Vec<(Delivery, At)>>,
    pub orders: Mutex<Vec<Placed>>,
    pub own_orders: Mutex<Vec<OwnOrder>>,
    mutant: Mutant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub coupon: Coupon,
    pub order: String,
}

/// One replica: an engine of its own, and what its worker has claimed.
pub struct Desk {
    pub engine: Engine,
    pub office: Arc<Office>,
    pub claimed: Mutex<Vec<Row>>,
}

/// A customer's wish; each press of the button draws a code of its own.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub key: u64,
    pub customer: u64,
    pub points: i64,
    /// A balance that was read before, so that the coupon is created while it is read anew.
    pub remembered: Option<i64>,
    /// The code is a stranger's.
    pub taken: bool,
}

/// An order that used a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub order: u64,
    pub coupon: Coupon,
}

/// What is done to a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    Cancel {
        by_owner: bool,
        notify: bool,
    },
    Hold,
    Release,
    /// Cancels what is held.
    Confirm {
        refund: bool,
    },
    Expire,
}

fn points(count: i64) -> Points {
    Points::new(count).unwrap_or(Points::ZERO)
}

pub(crate) fn shop() -> ShopId {
    ShopId::from("main")
}

pub(crate) fn staff() -> Actor {
    Actor::Staff { id: 1, name: "Sato".to_owned() }
}

impl Office {
    pub fn new(
        shared: Arc<Shared>,
        world: Arc<World>,
        backend: Arc<dyn Backend>,
        picture: Arc<Mutex<Picture>>,
        valid: Duration,
        mutant: Mutant,
    ) -> Self {
        let (flows, codes, deliveries) = (AtomicU64::new(1), AtomicU64::new(1), Mutex::default());
        Self {
            shared,
            world,
            backend,
            picture,
            valid,
            flows,
            codes,
            deliveries,
            orders: Mutex::default(),
            own_orders: Mutex::default(),
            mutant,
        }
    }

    pub const fn mutant(&self) -> Mutant {
        self.mutant
    }

    pub fn picture(&self) -> MutexGuard<'_, Picture> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn deliveries(&self) -> MutexGuard<'_, Vec<(Delivery, At)>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flow_id(&self) -> FlowId {
        FlowId(uuid::Uuid::from_u128(u128::from(self.flows.fetch_add(1, Ordering::Relaxed))))
    }

    /// The terms as the service draws them, and the diary's entry of the wish.
    fn terms(&self, wish: &Wish, now: At) -> Terms {
        let code = self.codes.fetch_add(1, Ordering::Relaxed);
        let day = now.0.div_euclid(86_400_000_000);
        let date = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day));
        let terms = Terms {
            shop: shop(),
            customer: CustomerId(wish.customer),
            pos_id: PosId(wish.customer.to_string()),
            member_no: MemberNo(wish.customer.to_string()),
            points: points(wish.points),
            amount: Money { minor: wish.points, currency: iso_currency::Currency::JPY },
            code: Code(format!("{}-{code:06}-{}", wish.customer, wish.points)),
            day: date,
            created_at: now,
            expires_at: now.plus(self.valid),
            receipt: false,
            replaces: None,
        };
        self.shared.note(Entry::Asked {
            code: terms.code.to_string(),
            key: wish.key,
            customer: wish.customer,
            points: wish.points,
            day,
            ends_at: terms.expires_at.0,
        });
        if wish.taken {
            let books = &mut *self.world.books();
            books.shopify.strangers(&self.shared, terms.code.as_str());
        }
        terms
    }
}

impl Desk {
    fn now(&self) -> At {
        self.engine.clock.now()
    }

    pub(crate) async fn drive(&self, row: Row, fresh: bool) {
        let id = row.id.0.as_u128();
        match self.engine.drive(row, fresh).await {
            // Somebody else goes on, or whoever claims it next.
            Ok(_) | Err(Stopped::LeaseLost | Stopped::Store(_)) => {}
            Err(Stopped::Rejected(why)) => {
                self.office.shared.note(Entry::Rejected { flow: id, why: why.to_string() });
            }
        }
    }

    pub(crate) fn start(&self, flow: Flow, request: Option<Request>, guard: Guard) -> Start {
        let now = self.now();
        let (id, lease_until) = (self.office.flow_id(), now.plus(LEASE));
        Start { id, flow, request, guard, now, lease_until }
    }

    /// A customer presses the button.
    pub async fn convert(self: Arc<Self>, wish: Wish) {
        let request = Request { key: wish.key.to_string(), fingerprint: "f".to_owned() };
        let balance = match wish.remembered {
            Some(balance) => points(balance),
            None => {
                let (customer, pos) = (CustomerId(wish.customer), PosId(wish.customer.to_string()));
                let known = self.engine.store.by_key(&shop(), customer, &request).await;
                if !matches!(known, Ok(None)) {
                    return;
                }
                match self.office.world.balance(&pos, BALANCE_LIMIT).await {
                    Answer::Done(balance) => balance,
                    Answer::Refused(_) | Answer::Unknown(_) => return,
                }
            }
        };
        for _ in 0..DRAWS {
            let terms = self.office.terms(&wish, self.now());
            let flow = Flow::Conversion(Conversion::accept(terms, wish.remembered.is_some()));
            let guard = Guard::Reserve { daily_limit: points(DAILY_LIMIT), balance };
            let start = self.start(flow, Some(request.clone()), guard);
            match self.engine.start(start).await {
                Ok(Begun::DrawAgain) => {}
                Ok(Begun::Started(row)) => return self.drive(row, true).await,
                _ => return,
            }
        }
    }

    /// Staff or the owner do something to a coupon.
    pub async fn act(self: Arc<Self>, coupon: Coupon, what: Do, request: Option<Request>) {
        let now = self.now();
        let expired = coupon.terms.expires_at <= now;
        if expired != (what == Do::Expire) {
            return;
        }
        let (flow, guard) = acts::act(coupon, what, now);
        for _ in 0..BUSY_TRIES {
            match self.engine.start(self.start(flow.clone(), request.clone(), guard.clone())).await
            {
                Ok(Begun::Started(row)) => return self.drive(row, true).await,
                Ok(Begun::Refused(Problem::CouponBusy)) => self.office.shared.pause().await,
                _ => return,
            }
        }
    }

    /// A webhook tells of a use. It is acknowledged once nothing is left to do.
    pub async fn hear(self: Arc<Self>, delivery: Delivery) {
        let (office, terms) = (&self.office, &delivery.coupon.terms);
        office.shared.pause().await;
        let (write, death) = office.shared.write();
        office.shared.die(death, Death::Before).await;
        if write == Write::Lost {
            return;
        }
        let noted =
            office.backend.note_use(&terms.shop, &terms.code, &delivery.order, self.now()).await;
        let Ok(noted) = noted else { return };
        office.shared.note(Entry::Heard { code: terms.code.to_string() });
        let conversion = office.picture().conversions.get(&terms.code).copied();
        let review = match noted {
            Noted::AfterCancel => Some("used_after_cancel"),
            Noted::Twice => Some("used_twice"),
            Noted::Used | Noted::Other => None,
        };
        if let Some((reason, flow)) = review.zip(conversion) {
            let flow = flow.0.as_u128();
            office.shared.note(Entry::Review { flow, reason, open: true });
        }
        office.shared.die(death, Death::After).await;
        office.shared.pause().await;
        if write == Write::Unacknowledged {
            return;
        }
        if noted == Noted::Used && !self.end(&delivery).await {
            return;
        }
        office.deliveries().retain(|(waiting, _)| *waiting != delivery);
    }

    /// Begins to write a use down. False where it must be tried again.
    async fn end(&self, delivery: &Delivery) -> bool {
        let terms = ending::Terms {
            coupon: delivery.coupon.clone(),
            end: ending::End::Used,
            at: self.now(),
        };
        let from = vec![Status::Active, Status::Held, Status::Expired];
        let guard = Guard::Take { from, to: Status::Used };
        let flow = Flow::Ending(Ending::accept(terms));
        match self.engine.start(self.start(flow, None, guard)).await {
            Ok(Begun::Started(row)) => {
                self.drive(row, true).await;
                true
            }
            Ok(Begun::Refused(Problem::CouponBusy)) | Err(_) => false,
            Ok(_) => true,
        }
    }

    /// Staff give back what an order was paid with, in parts where it was refunded in parts. Its
    /// use must be written down. `all`: every refund has been heard of, and nobody cancels an order
    /// that stands. `replace`: staff want a new coupon, where they may choose.
    pub async fn revert(self: Arc<Self>, placed: Placed, key: String, all: bool, replace: bool) {
        let chance = &self.office.shared.chance;
        let (order, known) = {
            let books = &mut *self.office.world.books();
            books.orders.work(&self.office.shared);
            let known = self.office.picture().used.contains(&placed.coupon.terms.code);
            match books.orders.orders.get(&placed.order) {
                Some(order) if known => {
                    let heard = |_: &(u64, i64)| all || chance.one_in(2);
                    (order.clone(), known_order(&placed, order, heard, self.now()))
                }
                _ => return,
            }
        };
        let refunds = !order.cancelled && order.refunded() > 0 && (all || chance.one_in(2));
        if self.office.backend.note_order(&known).await.is_err() || (all && !refunds) {
            return;
        }
        let Ok(standing) = self.office.backend.standing(&known).await else { return };
        self.office.shared.pause().await;
        let standing = mistaken(self.office.mutant, standing, &known, refunds);
        let chooses =
            !refunds && standing.points == Share { due: standing.points.due, ..Share::default() };
        let new = (chooses && (replace || chance.one_in(3)))
            .then(|| self.office.replacement(&placed, self.now()));
        let Some(terms) = reversal_terms(&placed, &order, &standing, refunds, new, self.now())
        else {
            if all {
                let (order, code) = (placed.order, placed.coupon.terms.code.to_string());
                self.office.shared.note(Entry::NothingDue { order, code });
            }
            return;
        };
        let flow = Flow::Reversal(Box::new(Reversal::accept(terms)));
        let request = Request { key, fingerprint: "f".to_owned() };
        let start = self.start(flow, Some(request), Guard::Revert);
        if let Ok(Begun::Started(row)) = self.engine.start(start).await {
            self.drive(row, true).await;
        }
    }

    /// The worker looks for what is due.
    pub async fn claim(self: Arc<Self>, most: usize) {
        if let Ok(rows) = self.engine.claim(most).await {
            self.claimed.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
        }
    }

    pub async fn go_on(self: Arc<Self>, row: Row) {
        self.drive(row, false).await;
    }

    /// Staff say what the till's books showed when the flow stood so. `None`: whenever that was.
    pub async fn judge(self: Arc<Self>, flow: FlowId, version: Option<i64>, applied: bool) {
        let version = match version {
            Some(version) => version,
            None => match self.engine.store.load(flow).await {
                Ok(Some(row)) => row.version,
                _ => return,
            },
        };
        // Refused where a colleague was faster.
        let _ = self.engine.judge(flow, version, applied).await;
    }
}

/// What staff would read, were the arithmetic wrong.
fn mistaken(mutant: Mutant, read: Standing, known: &KnownOrder, refunds: bool) -> Standing {
    let mut standing = read;
    match mutant {
        Mutant::RoundedByRefund => {
            let of = |(_, pieces): &(u64, i64)| known.points * pieces / known.pieces;
            standing.points.due = known.refunds.iter().map(of).sum();
        }
        Mutant::PartGivenTwice if refunds => standing.points.taken = 0,
        Mutant::RestForgotten if !refunds => standing.points.taken = 0,
        _ => {}
    }
    standing
}
