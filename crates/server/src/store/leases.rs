//! Leases of jobs and mails: renewed while they are worked on, given back where that ends early.

use super::{
    Database,
    outbox::MailId,
    tx::{DbError, End, Statement, Tx, Work, values},
};
use domain::{At, FlowId};
use engine::store::StoreError;
use std::{collections::BTreeSet, time::Duration};

/// How long what a dead process held is left alone.
pub const LEASE: Duration = Duration::from_secs(30);

/// What was taken, and the number by which nobody else has taken it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lease {
    Job { id: FlowId, epoch: i64 },
    Mail { id: MailId, attempts: i64 },
}

/// ?3: until then, where it is still worked on.
const JOB: &str = "UPDATE job SET due_at = ?3 WHERE id = ?1 AND epoch = ?2 AND due_at IS NOT NULL";

const MAIL: &str = "UPDATE outbox SET due_at = ?4 WHERE id = ?1 AND seq = ?2 AND attempts = ?3 \
    AND kind <> 'alert' AND due_at IS NOT NULL";

struct Until {
    leases: Vec<Lease>,
    at: At,
}

impl Work for Until {
    type Output = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<usize>, DbError> {
        let mut kept = 0;
        for lease in &self.leases {
            let statement = match *lease {
                Lease::Job { id, epoch } => {
                    Statement { sql: JOB, values: values![id, epoch, self.at].to_vec() }
                }
                Lease::Mail { id: MailId { id, seq }, attempts } => {
                    Statement { sql: MAIL, values: values![id, seq, attempts, self.at].to_vec() }
                }
            };
            kept += tx.run(&[statement]).await?;
        }
        Ok(End::Commit(kept))
    }
}

/// Says whether the lease was still held.
pub async fn renew(database: &Database, lease: Lease, now: At) -> Result<bool, StoreError> {
    Ok(database.write(Until { leases: vec![lease], at: now.plus(LEASE) }).await? == 1)
}

/// Makes what is held due. Whoever held it must not go on.
pub async fn give_back(
    database: &Database,
    leases: BTreeSet<Lease>,
    now: At,
) -> Result<usize, StoreError> {
    if leases.is_empty() {
        return Ok(0);
    }
    database.write(Until { leases: leases.into_iter().collect(), at: now }).await
}
