//! The one thread that writes to SQLite: one transaction, one commit and one fsync for all that
//! came meanwhile, and only then the answers.
//!
//! Jobs run one after the other in the open transaction. One that has written and then wants it
//! undone is rare, so nothing is set up for it: the whole group is rolled back and run again, each
//! job behind a savepoint of its own. A savepoint makes SQLite copy every page before its change.

use super::{
    checkpoint::Checkpoints,
    tx::{DbError, End},
};
use engine::store::StoreError;
use rusqlite::Connection;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// The most jobs in one commit: bounds how long the first of them waits.
const LARGEST_GROUP: usize = 256;

/// All others wait for a job: one that takes longer is told of.
const LONG: Duration = Duration::from_millis(250);

/// What a job came to, and whether it may stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Keep,
    /// It wants what it wrote undone, if it wrote anything.
    Undo,
    /// A statement failed: who knows what it wrote.
    Failed,
}

/// A caller's work, and the way back to the caller.
trait Job: Send {
    /// Does the work inside the transaction. It may be run again, in another one.
    fn run(&mut self, connection: &mut Connection) -> Verdict;
    /// Told how the commit went, it tells the caller.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
    /// What it is, for whoever reads the log.
    fn name(&self) -> &'static str;
}

struct Asked<T, F> {
    work: F,
    result: Option<Result<T, StoreError>>,
    sender: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Asked<T, F>
where
    T: Send,
    F: Fn(&mut Connection) -> Result<End<T>, DbError> + Send,
{
    fn run(&mut self, connection: &mut Connection) -> Verdict {
        let (verdict, result) = match (self.work)(connection) {
            Ok(End::Commit(output)) => (Verdict::Keep, Ok(output)),
            Ok(End::RollBack(output)) => (Verdict::Undo, Ok(output)),
            Err(error) => (Verdict::Failed, Err(StoreError::from(error))),
        };
        self.result = Some(result);
        verdict
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Asked { result, sender, .. } = *self;
        let never = || Err(StoreError("no transaction could begin".to_owned()));
        // Whoever asked may be gone; the work is done all the same.
        let _ = sender.send(committed.and_then(|()| result.unwrap_or_else(never)));
    }

    fn name(&self) -> &'static str {
        std::any::type_name::<F>()
    }
}

type Jobs = Receiver<Box<dyn Job>>;

#[derive(Debug)]
pub struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    failing: Arc<AtomicBool>,
}

impl Writer {
    /// `beside`: another connection to the same file, to carry the log over.
    pub fn start(mut connection: Connection, beside: Connection) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let mut checkpoints = Checkpoints::start(beside)?;
        let failing = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failing);
        let thread =
            std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || {
                let _guard = FailStop;
                Checkpoints::listen(&connection);
                work(&mut connection, &receiver, &flag, &mut checkpoints);
            })?;
        Ok(Self { jobs: Some(sender), thread: Some(thread), failing })
    }

    /// Whether the last commit failed: the disk is full, or gone.
    pub fn failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Runs the work as if in a transaction of its own and answers once it is on the disk. A work
    /// that fails, or wants it so, changes nothing. It may be run more than once, and what it did
    /// the last time counts.
    pub async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Connection) -> Result<End<T>, DbError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let gone = || StoreError("the writer has stopped".to_owned());
        let job = Box::new(Asked { work, result: None, sender });
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the writer was already answered with errors.
            let _ = thread.join();
        }
    }
}

/// A thread of the database that panicked has seen the impossible, and nothing could be written any
/// more: the process ends, and the next one goes on from what is on the disk.
pub(super) struct FailStop;

impl Drop for FailStop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a thread of the database stopped; the process ends");
            std::process::abort();
        }
    }
}

fn work(
    connection: &mut Connection,
    jobs: &Jobs,
    failing: &AtomicBool,
    checkpoints: &mut Checkpoints,
) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        let committed = commit(connection, jobs, &mut group);
        metrics::counter!("kaeru_store_groups_total").increment(1);
        metrics::counter!("kaeru_store_commits_total").increment(group.len() as u64);
        failing.store(committed.is_err(), Ordering::Relaxed);
        if let Err(error) = &committed {
            tracing::error!(%error, "nothing can be written to the database");
            metrics::counter!("kaeru_store_errors_total").increment(1);
            // Fails where the transaction has ended by itself, which is as good.
            let _ = connection.execute_batch("ROLLBACK");
        }
        for job in group {
            job.answer(committed.as_ref().copied().map_err(|error| StoreError(error.to_string())));
        }
        checkpoints.between(connection);
    }
}

/// One transaction for the first job and for all that come while it runs.
fn commit(
    connection: &mut Connection,
    jobs: &Jobs,
    group: &mut Vec<Box<dyn Job>>,
) -> rusqlite::Result<()> {
    if let Err(error) = execute(connection, "BEGIN IMMEDIATE") {
        // Who came meanwhile would only wait in vain for the same.
        group.extend(jobs.try_iter().take(LARGEST_GROUP));
        return Err(error);
    }
    let mut careful = false;
    let mut next = 0;
    while next < group.len() {
        if careful {
            behind_savepoint(connection, &mut group[next])?;
        } else {
            let before = connection.total_changes();
            let verdict = run(connection, &mut group[next]);
            let wrote = connection.total_changes() != before;
            if verdict == Verdict::Failed || (verdict == Verdict::Undo && wrote) {
                execute(connection, "ROLLBACK")?;
                execute(connection, "BEGIN IMMEDIATE")?;
                careful = true;
                for job in &mut group[..=next] {
                    behind_savepoint(connection, job)?;
                }
            }
        }
        next += 1;
        if next == group.len() && next < LARGEST_GROUP {
            group.extend(jobs.try_recv());
        }
    }
    execute(connection, "COMMIT")
}

fn run(connection: &mut Connection, job: &mut Box<dyn Job>) -> Verdict {
    let begun = Instant::now();
    let verdict = job.run(connection);
    let took = begun.elapsed();
    if took >= LONG {
        let work = job.name();
        tracing::warn!(work, ms = took.as_millis() as u64, "held up all other writers");
    }
    verdict
}

fn behind_savepoint(connection: &mut Connection, job: &mut Box<dyn Job>) -> rusqlite::Result<()> {
    execute(connection, "SAVEPOINT job")?;
    if run(connection, job) != Verdict::Keep {
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")
}

fn execute(connection: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// What a job does after it has written its number.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Does {
        Keeps,
        Undoes,
        /// Wants to undo what it has not written.
        LooksOnly,
        Fails,
    }

    fn job(connection: &mut Connection, number: i64, does: Does) -> Result<End<i64>, DbError> {
        if does != Does::LooksOnly {
            connection.execute("INSERT INTO t VALUES (?1)", [number])?;
        }
        match does {
            Does::Keeps => Ok(End::Commit(number)),
            Does::Undoes | Does::LooksOnly => Ok(End::RollBack(number)),
            Does::Fails => {
                connection.execute("INSERT INTO t VALUES (?1)", [number])?;
                Ok(End::Commit(number))
            }
        }
    }

    /// Runs them in one group: the first waits until all others stand behind it.
    async fn together(jobs: &[Does]) -> (Vec<Result<i64, StoreError>>, Vec<i64>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)").unwrap();
        let writer = Writer::start(connection, Connection::open(&path).unwrap()).unwrap();
        let (go, wait) = mpsc::channel::<()>();
        let first = writer.run(move |_| {
            // Run again, it finds the other end gone.
            let _ = wait.recv();
            Ok(End::Commit(()))
        });
        let others = (0..).zip(jobs).map(|(number, does)| {
            let does = *does;
            writer.run(move |connection| job(connection, number, does))
        });
        // Polled in order: each is sent when it is polled first.
        let others = async { futures::future::join_all(others).await };
        let release = async { drop(go) };
        let (_, answers, ()) = futures::join!(first, others, release);
        drop(writer);
        let connection = Connection::open(&path).unwrap();
        let mut kept = connection.prepare("SELECT n FROM t ORDER BY n").unwrap();
        let kept = kept.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>();
        (answers, kept.unwrap())
    }

    #[tokio::test]
    async fn a_job_that_is_undone_takes_nobody_s_work_with_it() {
        use Does::{Fails, Keeps, LooksOnly, Undoes};
        for (jobs, kept) in [
            (vec![Keeps, Keeps, Keeps], vec![0, 1, 2]),
            (vec![Keeps, LooksOnly, Keeps], vec![0, 2]),
            (vec![Keeps, Undoes, Keeps], vec![0, 2]),
            (vec![Undoes, Keeps, Undoes, Keeps], vec![1, 3]),
            (vec![Keeps, Fails, Keeps, Undoes, Fails, Keeps], vec![0, 2, 5]),
            (vec![Fails], vec![]),
        ] {
            let (answers, found) = together(&jobs).await;
            assert_eq!(found, kept, "{jobs:?}");
            for (number, (does, answer)) in (0..).zip(jobs.iter().zip(answers)) {
                match does {
                    Fails => assert!(answer.is_err(), "{jobs:?}: {number}"),
                    _ => assert_eq!(answer.ok(), Some(number), "{jobs:?}"),
                }
            }
        }
    }
}
