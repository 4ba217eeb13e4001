//! What the databases alone can do: as many rows of the same sizes in as many commits as a
//! conversion makes, and nothing else. No index beside the keys, no flow, no HTTP.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures::future::try_join_all;
use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_postgres::types::Type;

use crate::{clock, process};

const TABLES: &str = "CREATE TABLE floor_flow (id TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE floor_event (id TEXT, seq TEXT, body TEXT NOT NULL, PRIMARY KEY (id, seq));
    CREATE TABLE floor_coupon (id TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE floor_account (id TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE floor_audit (id TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE floor_movement (id TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE floor_wait (id TEXT PRIMARY KEY, body TEXT NOT NULL);";

/// The statements of each of a conversion's commits. ?1: a new conversion's key, which begins with
/// its customer's; ?2: the state, of which the other rows are parts.
const COMMITS: [&[&str]; 4] = [
    &[
        "INSERT INTO floor_account VALUES (substr(?1, 1, 4), substr(?2, 1, 40)) \
         ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        "INSERT INTO floor_coupon VALUES (?1, substr(?2, 1, 130))",
        "INSERT INTO floor_flow VALUES (?1, ?2)",
        "INSERT INTO floor_event VALUES (?1, '1', substr(?2, 1, 20))",
        "INSERT INTO floor_audit VALUES (?1, substr(?2, 1, 150))",
    ],
    &[
        "UPDATE floor_flow SET body = ?2 WHERE id = ?1",
        "INSERT INTO floor_event VALUES (?1, '2', substr(?2, 1, 20))",
    ],
    &[
        "UPDATE floor_flow SET body = ?2 WHERE id = ?1",
        "INSERT INTO floor_event VALUES (?1, '3', substr(?2, 1, 20))",
        "INSERT INTO floor_movement VALUES (?1, substr(?2, 1, 100))",
        "UPDATE floor_coupon SET body = substr(?2, 1, 130) WHERE id = ?1",
        "INSERT INTO floor_wait VALUES (?1, substr(?2, 1, 25))",
        "UPDATE floor_account SET body = substr(?2, 1, 40) WHERE id = substr(?1, 1, 4)",
    ],
    &[
        "UPDATE floor_flow SET body = ?2 WHERE id = ?1",
        "INSERT INTO floor_event VALUES (?1, '4', substr(?2, 1, 20))",
    ],
];

/// As long as a conversion's terms and state.
const STATE_BYTES: usize = 400;
/// The most jobs in one commit, as the service has it.
const LARGEST_GROUP: usize = 256;
/// Connections to PostgreSQL, as the service has them.
const CONNECTIONS: usize = 16;

/// Conversions per second, and the CPU of the client's side for one.
pub struct Figures {
    pub rate: f64,
    pub cpu: Duration,
}

fn key(client: usize, number: u64) -> String {
    format!("{client:04}{number:012x}")
}

/// Runs so many clients for so long.
async fn measure<C, F>(clients: usize, measured: Duration, commit: C) -> Result<Figures>
where
    C: Fn(usize, usize, String) -> F + Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let cpu = process::cpu(std::process::id())?;
    let until = clock::now() + measured;
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let commit = commit.clone();
        tasks.spawn(async move {
            let mut done = 0;
            while clock::now() < until {
                for step in 0..COMMITS.len() {
                    commit(client, step, key(client, done)).await?;
                }
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(task) = tasks.join_next().await {
        done += task??;
    }
    let cpu = process::cpu(std::process::id())?.saturating_sub(cpu);
    let rate = done as f64 / measured.as_secs_f64();
    Ok(Figures { rate, cpu: cpu.div_f64(done.max(1) as f64) })
}

type Job = (usize, String, oneshot::Sender<()>);

/// One thread writes to SQLite, WAL with `synchronous=FULL`; whatever waits goes into one commit.
///
/// # Errors
/// When the database cannot be written.
pub async fn sqlite(folder: &Path, clients: usize, measured: Duration) -> Result<Figures> {
    let path = folder.join("floor.db");
    let connection = Connection::open(&path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.execute_batch(TABLES)?;
    let (sender, receiver) = channel();
    let writer = std::thread::spawn(move || write(&connection, &receiver));
    let commit = move |_, step, key| {
        let (answer, answered) = oneshot::channel();
        let sent = sender.send((step, key, answer)).is_ok();
        async move {
            anyhow::ensure!(sent, "the writer has stopped");
            answered.await.context("the writer has stopped")
        }
    };
    let figures = measure(clients, measured, commit).await;
    writer.join().map_err(|_| anyhow!("the writer panicked"))??;
    for end in ["", "-wal", "-shm"] {
        // The last one may be gone with the connection.
        let _ = std::fs::remove_file(folder.join(format!("floor.db{end}")));
    }
    figures
}

fn write(connection: &Connection, jobs: &Receiver<Job>) -> rusqlite::Result<()> {
    let state = "x".repeat(STATE_BYTES);
    connection.set_prepared_statement_cache_capacity(32);
    while let Ok(first) = jobs.recv() {
        let mut answers = Vec::new();
        let mut next = Some(first);
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        while let Some((step, key, answer)) = next {
            for sql in COMMITS[step] {
                connection.prepare_cached(sql)?.execute((&key, &state))?;
            }
            answers.push(answer);
            next = if answers.len() < LARGEST_GROUP { jobs.try_recv().ok() } else { None };
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        for answer in answers {
            // Nobody is gone before the end.
            let _ = answer.send(());
        }
    }
    Ok(())
}

struct Lane {
    client: tokio_postgres::Client,
    steps: Vec<Vec<tokio_postgres::Statement>>,
}

/// PostgreSQL: each commit's statements travel together, its begin and its end with them.
///
/// # Errors
/// When the database cannot be written.
pub async fn postgres(url: &str, clients: usize, measured: Duration) -> Result<Figures> {
    let mut lanes = Vec::new();
    for number in 0..CONNECTIONS {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        if number == 0 {
            client.batch_execute(TABLES).await?;
        }
        let mut steps = Vec::new();
        for statements in COMMITS {
            let prepared = statements.iter().map(|sql| {
                let sql = sql.replace('?', "$");
                let client = &client;
                async move { client.prepare_typed(&sql, &[Type::TEXT, Type::TEXT]).await }
            });
            steps.push(try_join_all(prepared).await?);
        }
        lanes.push(tokio::sync::Mutex::new(Lane { client, steps }));
    }
    let lanes = Arc::new(lanes);
    let shared = Arc::clone(&lanes);
    let commit = move |client: usize, step: usize, key: String| {
        let lanes = Arc::clone(&shared);
        async move {
            let Lane { client, steps } = &*lanes[client % CONNECTIONS].lock().await;
            let state = "x".repeat(STATE_BYTES);
            let run = steps[step].iter().map(|statement| {
                let (key, state) = (&key, &state);
                async move { client.execute(statement, &[key, state]).await }
            });
            futures::try_join!(
                client.batch_execute("BEGIN"),
                try_join_all(run),
                client.batch_execute("COMMIT")
            )?;
            Ok(())
        }
    };
    let figures = measure(clients, measured, commit).await;
    let drop = "DROP TABLE floor_flow, floor_event, floor_coupon, floor_account, floor_audit, \
        floor_movement, floor_wait";
    lanes[0].lock().await.client.batch_execute(drop).await?;
    figures
}
