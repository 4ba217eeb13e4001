//! The points book's own list of its movements, compared with Kaeru's in one pass. Both are in the
//! order of the reference, so nobody is asked anything and memory stays the same at any size.
//!
//! ```text
//!   Kaeru's movements, a page ahead ──┐
//!                                     ├─▶ references side by side ─▶ what differs, as it is found
//!   the list, a line ahead ───────────┘
//! ```

use super::{Difference, Kind};
use crate::store::{
    Database,
    reconcile::{self, Movement},
};
use anyhow::{Context, ensure};
use domain::{At, PosId, Reference, ShopId};
use std::{cmp::Ordering, io::Read};

/// References that are Kaeru's: whatever else the list holds is the points book's own business.
const OURS: [&[u8]; 3] = [b"COUPON-", b"CANCEL-", b"ORDER-"];
const COLUMNS: [&str; 3] = ["reference", "customer", "points"];

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Movements that Kaeru has.
    pub here: u64,
    /// Lines of the list under references of ours.
    pub there: u64,
    /// Lines of the list that are none of ours.
    pub others: u64,
    pub differences: u64,
}

/// A CSV file in the order of its references, read a line at a time into the same memory.
struct List<R> {
    reader: csv::Reader<R>,
    columns: [usize; 3],
    line: csv::ByteRecord,
    /// The reference of the line before.
    before: Vec<u8>,
    ended: bool,
}

impl<R: Read> List<R> {
    fn open(from: R) -> anyhow::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 18).from_reader(from);
        let header = reader.byte_headers().context("the list cannot be read")?;
        let find = |name: &str| {
            let column = header.iter().position(|of| of == name.as_bytes());
            column.with_context(|| format!("the list has no column {name:?} in its first line"))
        };
        let columns = [find(COLUMNS[0])?, find(COLUMNS[1])?, find(COLUMNS[2])?];
        let line = csv::ByteRecord::new();
        let mut list = Self { reader, columns, line, before: Vec::new(), ended: false };
        list.next()?;
        Ok(list)
    }

    /// Goes on to the next line.
    fn next(&mut self) -> anyhow::Result<()> {
        self.before.clear();
        if !self.line.is_empty() {
            self.before.extend_from_slice(&self.line[self.columns[0]]);
        }
        let read = self.reader.read_byte_record(&mut self.line);
        self.ended = !read.context("the list cannot be read")?;
        ensure!(
            self.ended || self.before.as_slice() <= &self.line[self.columns[0]],
            "line {}: the list is not in the order of its references. Sort it by their bytes, as \
             `LC_ALL=C sort` does, with the header first",
            self.number()
        );
        Ok(())
    }

    fn number(&self) -> u64 {
        self.line.position().map_or(0, csv::Position::line)
    }

    fn reference(&self) -> Option<&[u8]> {
        (!self.ended).then(|| &self.line[self.columns[0]])
    }

    fn text(&self, column: usize) -> anyhow::Result<&str> {
        let text = std::str::from_utf8(&self.line[self.columns[column]]);
        text.with_context(|| format!("line {}: {} is no UTF-8", self.number(), COLUMNS[column]))
    }

    fn points(&self) -> anyhow::Result<i64> {
        let text = self.text(2)?;
        let points = text.parse();
        points.with_context(|| format!("line {}: {text:?} are no points", self.number()))
    }
}

/// Compares what Kaeru moved until the list was made with the list: CSV with the columns
/// `reference`, `customer` and `points` (signed), in the order of the references' bytes.
///
/// # Errors
/// Where the list is not that, or the database does not answer.
pub async fn compare(
    shop: &ShopId,
    database: &Database,
    list: impl Read,
    until: At,
    tell: impl FnMut(Difference),
) -> anyhow::Result<Totals> {
    let list = List::open(list)?;
    let mut pass = Pass { shop, database, list, totals: Totals::default(), tell };
    // The database reads the next page while this one is compared.
    let read = |after: String| {
        let (shop, database) = (shop.clone(), database.clone());
        tokio::spawn(async move { reconcile::listed(&database, &shop, &after, until).await })
    };
    let mut page = read(String::new()).await??;
    while let Some(last) = page.last() {
        let next = read(last.reference.0.clone());
        for movement in &page {
            pass.movement(movement).await?;
        }
        page = next.await??;
    }
    while pass.list.reference().is_some() {
        pass.only_there().await?;
    }
    Ok(pass.totals)
}

struct Pass<'a, R, T> {
    shop: &'a ShopId,
    database: &'a Database,
    list: List<R>,
    totals: Totals,
    tell: T,
}

impl<R: Read, T: FnMut(Difference)> Pass<'_, R, T> {
    /// One of Kaeru's movements, and what the list has up to it.
    async fn movement(&mut self, movement: &Movement) -> anyhow::Result<()> {
        self.totals.here += 1;
        let reference = movement.reference.0.as_bytes();
        while let Some(there) = self.list.reference() {
            match there.cmp(reference) {
                Ordering::Less => self.only_there().await?,
                Ordering::Equal => return self.both(movement).await,
                Ordering::Greater => break,
            }
        }
        self.differs(movement, "not".to_owned());
        Ok(())
    }

    async fn both(&mut self, movement: &Movement) -> anyhow::Result<()> {
        let mut said = None;
        if self.list.points()? != movement.points {
            said = Some(self.list.points()?.to_string());
        } else if self.list.text(1)? != movement.customer.0 {
            let there = PosId(self.list.text(1)?.to_owned());
            let agreed = reconcile::agreed_with(self.database, self.shop, &movement.reference);
            if agreed.await?.is_none_or(|agreed| agreed != there) {
                said = Some(format!("{} of customer {there}", movement.points));
            }
        }
        let mut times = 0_u64;
        while self.list.reference() == Some(movement.reference.0.as_bytes()) {
            times += 1;
            self.list.next()?;
        }
        self.totals.there += times;
        if times > 1 {
            said = Some(format!("{times} times"));
        }
        if let Some(said) = said {
            self.differs(movement, said);
        }
        Ok(())
    }

    /// A line that Kaeru has nothing beside: unless it was written down after the list was made.
    async fn only_there(&mut self) -> anyhow::Result<()> {
        let bytes = self.list.reference().unwrap_or_default();
        if !OURS.iter().any(|ours| bytes.starts_with(ours)) {
            self.totals.others += 1;
            return self.list.next();
        }
        self.totals.there += 1;
        let reference = Reference(self.list.text(0)?.to_owned());
        if !reconcile::has(self.database, self.shop, &reference).await? {
            let points = self.list.points()?.to_string();
            self.tell(Kind::UnknownMovement, &reference, "not".to_owned(), points);
        }
        self.list.next()
    }

    fn differs(&mut self, movement: &Movement, there: String) {
        self.tell(Kind::Movement, &movement.reference, movement.points.to_string(), there);
    }

    fn tell(&mut self, kind: Kind, reference: &Reference, here: String, there: String) {
        self.totals.differences += 1;
        let (here, there) = (Some(here), Some(there));
        let subject = reference.0.clone();
        let book = "points";
        (self.tell)(Difference { book, kind, subject, customer: None, here, there });
    }
}
