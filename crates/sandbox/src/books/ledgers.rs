//! The books behind their lock, and the one way to change them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::coupon::{Buyers, Coupon, Use};
use super::credit::Credits;
use super::customer::{Customer, Metafield};
use super::entry::{Entry, NewCustomer};
use super::job::Job;
use super::journal::{Journal, JournalError};
use super::order::Order;
use super::points::{Account, Accounts, Answered};
use super::seed;
use super::webhook::Outbox;
use crate::clock::{self, Millis};

/// The first numbers of the gids that the sandbox gives out.
const FIRST_DISCOUNT: u64 = 1_660_000_000_001;
const FIRST_CODE: u64 = 22_270_000_000_001;
const FIRST_METAFIELD: u64 = 45_350_000_000_001;
const FIRST_ORDER: u64 = 6_100_000_000_001;
const FIRST_ORDER_NAME: u64 = 1_001;
/// Of order lines, payments and refunds.
const FIRST_NUMBER: u64 = 14_800_000_000_001;

/// Everything that the other side knows.
pub struct Books {
    pub customers: BTreeMap<u64, Customer>,
    pub points: Accounts,
    pub coupons: BTreeMap<u64, Coupon>,
    /// Discounts by code, folded: codes are case-insensitive.
    codes: HashMap<String, u64>,
    pub orders: BTreeMap<u64, Order>,
    pub credits: Credits,
    /// By the id of the `Job` gid.
    pub jobs: BTreeMap<String, Job>,
    /// Those not done yet: when, which.
    jobs_due: BTreeSet<(Millis, String)>,
    pub webhooks: Outbox,
    answers: HashMap<String, Answered>,
    next_discount: u64,
    next_code: u64,
    next_metafield: u64,
    next_number: u64,
}

/// The books under their lock.
pub struct Ledgers {
    open: Mutex<Open>,
}

/// The books while they are held: read them, or commit an entry.
pub struct Open {
    books: Books,
    journal: Option<Journal>,
}

impl Ledgers {
    pub fn open(path: Option<&Path>) -> Result<Self, JournalError> {
        let mut books = Books::empty();
        let (journal, entries) = match path {
            Some(path) => {
                let (journal, count) = Journal::open(path, |entry| books.apply(entry))?;
                (Some(journal), count)
            }
            None => (None, 0),
        };
        let mut open = Open { books, journal };
        if entries == 0 {
            for entry in seed::entries(clock::now_ms().div_euclid(1_000)) {
                open.commit(entry)?;
            }
        }
        Ok(Self { open: Mutex::new(open) })
    }

    /// Works on the books. Never await in here.
    pub fn with<T>(&self, work: impl FnOnce(&mut Open) -> T) -> T {
        work(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Open {
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Writes the entry to the journal, then applies it.
    ///
    /// # Errors
    /// When the journal cannot be written; the books are then unchanged.
    pub fn commit(&mut self, entry: Entry) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(&entry)?;
        }
        self.books.apply(entry);
        Ok(())
    }
}

impl Books {
    fn empty() -> Self {
        Self {
            customers: BTreeMap::new(),
            points: BTreeMap::new(),
            coupons: BTreeMap::new(),
            codes: HashMap::new(),
            orders: BTreeMap::new(),
            credits: Credits::empty(),
            jobs: BTreeMap::new(),
            jobs_due: BTreeSet::new(),
            webhooks: Outbox::empty(),
            answers: HashMap::new(),
            next_discount: FIRST_DISCOUNT,
            next_code: FIRST_CODE,
            next_metafield: FIRST_METAFIELD,
            next_number: FIRST_NUMBER,
        }
    }

    pub fn coupon_by_code(&self, code: &str) -> Option<&Coupon> {
        self.codes.get(&code.to_lowercase()).and_then(|id| self.coupons.get(id))
    }

    pub fn answer(&self, key: &str) -> Option<&Answered> {
        self.answers.get(key)
    }

    /// The job that is due next.
    pub fn next_job(&self) -> Option<&Job> {
        self.jobs_due.first().and_then(|(_, id)| self.jobs.get(id))
    }

    /// Numbers for the next discount: its node and its code.
    pub fn next_discount(&self) -> (u64, u64) {
        (self.next_discount, self.next_code)
    }

    pub fn next_metafield(&self) -> u64 {
        self.next_metafield
    }

    /// The first of the numbers that are free for order lines, payments and refunds.
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Number and name of the next order.
    pub fn next_order(&self) -> (u64, String) {
        let count = self.orders.len() as u64;
        (FIRST_ORDER + count, format!("#{}", FIRST_ORDER_NAME + count))
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Customer(customer) => self.put_customer(customer),
            Entry::Customers { from, count, balance, at } => {
                for id in from..from.saturating_add(count) {
                    self.put_customer(seed::bulk_customer(id, balance, at));
                }
            }
            Entry::Coupon(coupon) => self.put_coupon(*coupon),
            Entry::CouponDeleted { id } => self.forget_coupon(id),
            Entry::Metafields(fields) => fields.into_iter().for_each(|field| self.put(field)),
            Entry::Movement { customer, movement, answered } => {
                let account = self.points.entry(customer).or_default();
                account.balance = movement.balance;
                account.movements.push(movement);
                answered.into_iter().for_each(|answered| self.keep(answered));
            }
            Entry::Answered(answered) => self.keep(answered),
            Entry::Order(order) => self.place(*order),
            Entry::OrderChanged(order) => self.put_order(*order),
            Entry::OrderCancelled { id, cancelled } => {
                if let Some(order) = self.orders.get_mut(&id) {
                    order.updated_at = cancelled.at;
                    order.cancelled = Some(cancelled);
                }
            }
            Entry::CustomerDeleted { id } => {
                self.customers.remove(&id);
            }
            Entry::CustomersMerged { kept, deleted } => self.merge(kept, deleted),
            Entry::CreditAccount { id, customer, currency } => {
                self.credits.open(id, customer, currency);
            }
            Entry::Credit { account, transaction } => self.credits.apply(account, transaction),
            Entry::Job(job) => self.put_job(*job),
            Entry::Webhooks(deliveries) => self.webhooks.queue(deliveries),
            Entry::WebhookTried(tried) => self.webhooks.tried(&tried),
            Entry::WebhookAgain { id, at } => self.webhooks.again(id, at),
            Entry::WebhookTarget(target) => self.webhooks.target = target,
            Entry::Subscription(new) => self.webhooks.subscribe(new),
            Entry::SubscriptionDeleted { id } => {
                self.webhooks.subscriptions.remove(&id);
            }
            Entry::Together(entries) => entries.into_iter().for_each(|entry| self.apply(entry)),
        }
    }

    fn put_customer(&mut self, new: NewCustomer) {
        let pos_id = new.pos_id.clone().unwrap_or_else(|| new.id.to_string());
        self.points.insert(pos_id, Account { balance: new.balance, movements: Vec::new() });
        let mut customer = Customer {
            id: new.id,
            name: new.name,
            email: new.email,
            locale: new.locale,
            created_at: new.at,
            updated_at: new.at,
            metafields: Vec::new(),
        };
        for (key, value) in [("member_no", new.member_no), ("pos_id", new.pos_id)] {
            let Some(value) = value else { continue };
            let kind = "single_line_text_field";
            customer.put(Metafield {
                id: self.next_metafield,
                owner: new.id,
                namespace: "loyalty".into(),
                key: key.into(),
                digest: Metafield::digest_of(kind, &value),
                kind: kind.into(),
                value,
                created_at: new.at,
                updated_at: new.at,
            });
            self.next_metafield += 1;
        }
        self.customers.insert(new.id, customer);
    }

    fn put_coupon(&mut self, coupon: Coupon) {
        self.next_discount = self.next_discount.max(coupon.id + 1);
        self.next_code = self.next_code.max(coupon.code_id + 1);
        if let Some(before) = self.coupons.get(&coupon.id)
            && before.code != coupon.code
        {
            self.codes.remove(&before.code.to_lowercase());
        }
        self.codes.insert(coupon.code.to_lowercase(), coupon.id);
        self.coupons.insert(coupon.id, coupon);
    }

    fn forget_coupon(&mut self, id: u64) {
        if let Some(coupon) = self.coupons.remove(&id) {
            self.codes.remove(&coupon.code.to_lowercase());
        }
    }

    fn put(&mut self, field: Metafield) {
        self.next_metafield = self.next_metafield.max(field.id + 1);
        if let Some(customer) = self.customers.get_mut(&field.owner) {
            customer.put(field);
        }
    }

    fn keep(&mut self, answered: Answered) {
        self.answers.insert(answered.key.clone(), answered);
    }

    /// Discounts, orders and accounts of credit follow; the POS knows nothing of it.
    fn merge(&mut self, kept: u64, deleted: u64) {
        self.customers.remove(&deleted);
        for order in self.orders.values_mut().filter(|order| order.customer == deleted) {
            order.customer = kept;
        }
        for coupon in self.coupons.values_mut() {
            if let Buyers::Customers(only) = &mut coupon.buyers {
                only.iter_mut().filter(|of| **of == deleted).for_each(|of| *of = kept);
            }
            let uses = coupon.uses.iter_mut().filter(|of| of.customer == deleted);
            uses.for_each(|of| of.customer = kept);
        }
        self.credits.hand_over(deleted, kept);
    }

    fn put_job(&mut self, job: Job) {
        let key = (job.due_at, job.id.clone());
        if job.done.is_some() {
            self.jobs_due.remove(&key);
        } else {
            self.jobs_due.insert(key);
        }
        self.jobs.insert(job.id.clone(), job);
    }

    fn place(&mut self, order: Order) {
        for id in &order.redeemed {
            if let Some(coupon) = self.coupons.get_mut(id) {
                coupon.uses.push(Use {
                    order: order.id,
                    customer: order.customer,
                    at: order.created_at,
                });
            }
        }
        self.put_order(order);
    }

    fn put_order(&mut self, mut order: Order) {
        order.fill_in(self.next_number);
        self.next_number = self.next_number.max(order.last_number() + 1);
        self.orders.insert(order.id, order);
    }
}
