//! The one thread that writes to SQLite: a savepoint for each job, one commit and one fsync for
//! all that came meanwhile, and only then the answers.

use super::tx::{DbError, End};
use engine::store::StoreError;
use rusqlite::Connection;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};
use tokio::sync::oneshot;

/// The most jobs in one commit: bounds how long the first of them waits.
const LARGEST_GROUP: usize = 256;

/// Does its work inside the transaction; afterwards, told how the commit went, it answers.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Gets no connection where the transaction could not begin.
type Job = Box<dyn FnOnce(Option<&mut Connection>) -> (bool, Answer) + Send>;

#[derive(Debug)]
pub struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    failing: Arc<AtomicBool>,
}

impl Writer {
    pub fn start(mut connection: Connection) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let failing = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failing);
        let thread =
            std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || {
                let _guard = FailStop;
                work(&mut connection, &receiver, &flag);
            })?;
        Ok(Self { jobs: Some(sender), thread: Some(thread), failing })
    }

    /// Whether the last commit failed: the disk is full, or gone.
    pub fn failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Runs the work in a transaction of its own and answers once it is on the disk. A work that
    /// fails, or wants it so, changes nothing.
    pub async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<End<T>, DbError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let end = match connection {
                Some(connection) => work(connection).map_err(StoreError::from),
                None => Err(StoreError("no transaction could begin".to_owned())),
            };
            let good = matches!(end, Ok(End::Commit(_)));
            let result = end.map(|(End::Commit(output) | End::RollBack(output))| output);
            let answer: Answer = Box::new(move |committed| {
                // Whoever asked may be gone; the work is done all the same.
                let _ = sender.send(committed.and(result));
            });
            (good, answer)
        });
        let gone = || StoreError("the writer has stopped".to_owned());
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

/// A writer that panicked has seen the impossible, and nothing could be written any more: the
/// process ends, and the next one goes on from what is on the disk.
struct FailStop;

impl Drop for FailStop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the database's writer stopped; the process ends");
            std::process::abort();
        }
    }
}

fn work(connection: &mut Connection, jobs: &Receiver<Job>, failing: &AtomicBool) {
    while let Ok(first) = jobs.recv() {
        let mut answers: Vec<Answer> = Vec::new();
        let committed = group(connection, first, jobs, &mut answers);
        metrics::counter!("kaeru_store_groups_total").increment(1);
        metrics::counter!("kaeru_store_commits_total").increment(answers.len() as u64);
        failing.store(committed.is_err(), Ordering::Relaxed);
        if let Err(error) = &committed {
            tracing::error!(%error, "nothing can be written to the database");
            metrics::counter!("kaeru_store_errors_total").increment(1);
            // Fails where the transaction has ended by itself, which is as good.
            let _ = connection.execute_batch("ROLLBACK");
        }
        for answer in answers {
            answer(committed.as_ref().copied().map_err(|error| StoreError(error.to_string())));
        }
    }
}

fn group(
    connection: &mut Connection,
    first: Job,
    jobs: &Receiver<Job>,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    let begun = execute(connection, "BEGIN IMMEDIATE");
    let mut next = Some(first);
    while let Some(job) = next {
        if begun.is_err() {
            answers.push(job(None).1);
        } else {
            execute(connection, "SAVEPOINT job")?;
            let (good, answer) = job(Some(&mut *connection));
            answers.push(answer);
            if !good {
                execute(connection, "ROLLBACK TO job")?;
            }
            execute(connection, "RELEASE job")?;
        }
        next = if answers.len() < LARGEST_GROUP { jobs.try_recv().ok() } else { None };
    }
    begun?;
    execute(connection, "COMMIT")
}

fn execute(connection: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}
