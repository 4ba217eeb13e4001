//! SQLite's log is carried into the database beside the writer. A commit that did so by itself
//! would hold up everybody behind it for as long as thousands of pages take.
//!
//! ```text
//!   writer:    the log is long ─▶ wakes ─▶ commits on ─▶ carries the little that came meanwhile:
//!   beside it:                     carries all there is ┘                    the log begins anew
//! ```

use rusqlite::{Connection, Row};
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
    /// Pages from which on it begins again. More after a reader stood in the way.
    from: i32,
}

impl Checkpoints {
    /// `beside`: a connection of its own to the same file.
    pub fn start(beside: Connection) -> std::io::Result<Self> {
        let (wake, woken) = channel();
        let carried = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&carried);
        let thread = std::thread::Builder::new()
            .name("sqlite-log".to_owned())
            .spawn(move || carry_on(&beside, &woken, &told))?;
        let (wake, thread) = (Some(wake), Some(thread));
        Ok(Self { wake, thread, carried, working: false, from: LONG })
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
        if self.working {
            if self.carried.swap(false, Ordering::AcqRel) {
                self.working = false;
                // What is left is little; with nothing left in it, the log begins anew.
                let all = carry(writer);
                self.from = if all { LONG } else { LOGGED.get().saturating_add(LONG) };
                if all {
                    LOGGED.set(0);
                }
            }
        } else if LOGGED.get() >= self.from {
            self.working = self.wake.as_ref().is_some_and(|wake| wake.send(()).is_ok());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been logged; the log stays as it is.
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

/// As much as readers and writer allow, waiting for none of them. Says whether that was all.
fn carry(connection: &Connection) -> bool {
    // Whether somebody was in the way; the pages in the log; those that are carried over.
    let read = |row: &Row<'_>| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?]);
    let told = connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
        .and_then(|mut pragma| pragma.query_row([], read));
    match told {
        Ok([busy, pages, carried]) => busy == 0 && pages == carried,
        Err(error) => {
            tracing::warn!(%error, "the database's log was not carried over, and grows on");
            false
        }
    }
}
