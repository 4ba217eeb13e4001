//! An account's lots go over to another one, with their dates.

use super::{
    Holder,
    rows::{self, Names},
};
use crate::store::{
    Database,
    tx::{DbError, End, Tx, Work},
};
use domain::{
    At,
    ledger::{Account, Counter, Posted, Unit, Wish},
};
use engine::store::StoreError;
use jiff::tz::TimeZone;

/// Moves what is left of every lot, and says how many points that was.
pub async fn merge(
    database: &Database,
    from: Holder,
    to: Holder,
    now: At,
    zone: TimeZone,
) -> Result<i64, StoreError> {
    database.write(Merge { from, to, now, zone }).await
}

struct Merge {
    from: Holder,
    to: Holder,
    now: At,
    zone: TimeZone,
}

impl Work for Merge {
    type Output = i64;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<i64>, DbError> {
        // Always in the same order, so that two merges never wait for each other.
        let (source, target) = if self.from < self.to {
            let source = rows::lock(tx, &self.from, self.now).await?;
            (source, rows::lock(tx, &self.to, self.now).await?)
        } else {
            let target = rows::lock(tx, &self.to, self.now).await?;
            (rows::lock(tx, &self.from, self.now).await?, target)
        };
        let now = self.now.max(source.last_at).max(target.last_at);
        let mut leaving = Account { lots: source.lots, last_lot: source.last_lot };
        let lots: Vec<_> =
            leaving.lots.iter().filter(|lot| !lot.has_expired(now)).cloned().collect();
        let amount = leaving.balance(now);
        if amount == 0 {
            return Ok(End::RollBack(0));
        }
        let unit = match self.from.unit {
            Unit::Points => String::new(),
            unit => format!("{}-", unit.as_str()),
        };
        let out = format!("MERGE-{unit}{}-{}-{}", self.from.id, self.to.id, source.seq + 1);
        let failed = |why| DbError::Failed(format!("a merge was declined: {why}"));
        let wish = Wish::Spend { amount, to: Counter::Corrected };
        let posted = leaving.post(&wish, now, &self.zone).map_err(failed)?;
        self.write(tx, &self.from, &leaving, source.seq, &posted, (&out, None)).await?;
        let mut coming = Account { lots: target.lots, last_lot: target.last_lot };
        let mut seq = target.seq;
        for (n, lot) in lots.iter().enumerate() {
            let wish = Wish::Grant {
                amount: lot.left,
                from: Counter::Corrected,
                issued_at: Some(lot.issued_at),
                expires_at: lot.expires_at,
                funding: lot.funding,
            };
            let posted = coming.post(&wish, now, &self.zone).map_err(failed)?;
            let reference = format!("{out}-{}", n + 1);
            self.write(tx, &self.to, &coming, seq, &posted, (&reference, Some(&out))).await?;
            seq += 1 + i64::try_from(posted.expired.len()).unwrap_or(0);
        }
        Ok(End::Commit(amount))
    }
}

impl Merge {
    async fn write<T: Tx>(
        &self,
        tx: &mut T,
        holder: &Holder,
        account: &Account,
        seq: i64,
        posted: &Posted,
        (reference, linked_to): (&str, Option<&str>),
    ) -> Result<(), DbError> {
        let names = Names {
            reference,
            reason: "Customers merged",
            fingerprint: "",
            linked_to,
            expires_at: posted.added.first().and_then(|lot| lot.expires_at),
            actor: None,
        };
        rows::write(tx, holder, account, seq, posted, &names, self.now).await
    }
}
