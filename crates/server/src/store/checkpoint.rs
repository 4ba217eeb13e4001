//! SQLite's log is carried into the database beside the writer. A commit that did so by itself
//! would hold up everybody behind it for as long as thousands of pages take.
//!
//! ```text
//!   writer:    the log is long ─▶ wakes ─▶ commits on ─▶ carries the little that came meanwhile:
//!   beside it:                     carries all there is ┘                    the log begins anew
//! ```

use super::writer::FailStop;
use rusqlite::Connection;
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

/// Pages in the log, 4 KiB each, from which on they are carried over.
const LONG: i32 = 4000;
/// So many more, where the log goes on because somebody still reads from it.
const LONGER: i32 = 1000;

thread_local! {
    /// Pages in the log after the last commit of this thread.
    static LOGGED: Cell<i32> = const { Cell::new(0) };
}

/// Whoever carries the log over, as the writer sees it.
pub struct Checkpoints {
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The bulk is carried over; what came meanwhile is the writer's.
    carried: Arc<AtomicBool>,
    working: bool,
    /// Pages in the log after the last transaction.
    pages: i32,
    /// Pages from which on they are carried over.
    from: i32,
}

impl Checkpoints {
    /// `beside`: a connection of its own to the same file.
    pub fn start(beside: Connection) -> std::io::Result<Self> {
        let (wake, woken) = channel();
        let carried = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&carried);
        let thread =
            std::thread::Builder::new().name("sqlite-log".to_owned()).spawn(move || {
                let _guard = FailStop;
                carry_on(&beside, &woken, &told);
            })?;
        let (wake, thread) = (Some(wake), Some(thread));
        Ok(Self { wake, thread, carried, working: false, pages: 0, from: LONG })
    }

    /// From now on the thread that calls it is told how long the log is, and no commit carries it.
    pub fn listen(writer: &Connection) {
        writer.wal_hook(Some(|_, pages| {
            LOGGED.set(pages);
            Ok(())
        }));
    }

    /// To be called by the writer between two transactions.
    pub fn between(&mut self, writer: &Connection) {
        let before = std::mem::replace(&mut self.pages, LOGGED.get());
        if self.pages < before {
            self.from = LONG;
        }
        if self.working {
            if self.carried.swap(false, Ordering::AcqRel) {
                self.working = false;
                // Little is left. With nothing left, the next commit begins the log anew.
                carry(writer);
                self.from = self.pages.saturating_add(LONGER);
            }
        } else if self.pages >= self.from {
            self.working = self.wake.as_ref().is_some_and(|wake| wake.send(()).is_ok());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the process.
            let _ = thread.join();
        }
    }
}

fn carry_on(beside: &Connection, woken: &Receiver<()>, carried: &AtomicBool) {
    while woken.recv().is_ok() {
        carry(beside);
        carried.store(true, Ordering::Release);
    }
}

/// As much as readers and writer allow, waiting for none of them.
fn carry(connection: &Connection) {
    let carried = connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
        .and_then(|mut pragma| pragma.query_row([], |_| Ok(())));
    if let Err(error) = carried {
        tracing::warn!(%error, "the database's log was not carried over, and grows on");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::writer::Writer;

    /// The log is used again and again, though nobody stops for it.
    #[tokio::test]
    async fn the_log_stays_short() {
        const ROWS: usize = 20_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let open = || {
            let connection = Connection::open(&path).unwrap();
            connection.pragma_update(None, "journal_mode", "wal").unwrap();
            connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
            connection.pragma_update(None, "synchronous", "off").unwrap();
            connection
        };
        let writer = open();
        writer.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)").unwrap();
        let writer = Writer::start(writer, open()).unwrap();
        for _ in 0..ROWS {
            let row = writer.run(|connection| {
                let text = "x".repeat(4000);
                connection.execute("INSERT INTO t (text) VALUES (?1)", [text])?;
                Ok(crate::store::tx::End::Commit(()))
            });
            row.await.unwrap();
        }
        let log = std::fs::metadata(folder.path().join("t.db-wal")).unwrap().len();
        let all = ROWS as u64 * 4096;
        assert!(log < all / 2, "{log} bytes in the log for {all} that were written");
        drop(writer);
        let kept = open().query_row("SELECT count(*) FROM t", [], |row| row.get::<_, u32>(0));
        assert_eq!(kept.unwrap() as usize, ROWS);
    }
}
