//! Copies of an SQLite database: taken beside a running service, checked, and put back.

use super::{
    lineage, migrate,
    sqlite::{self, beside},
};
use anyhow::{Context, bail, ensure};
use domain::At;
use rusqlite::{Connection, OpenFlags, backup};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

/// Copied at a time.
const PAGES: std::ffi::c_int = 2_000;

/// A table and its rows.
pub type Count = (String, i64);

/// Copies what is committed at this moment to a new file, and reads the copy back: its structure
/// is sound and no row is missing. Whoever writes to the database is not held up.
///
/// # Errors
/// Where the file is there already, cannot be written, or is not what was copied.
pub fn take(from: &Path, to: &Path) -> anyhow::Result<Vec<Count>> {
    ensure!(from.exists(), "database.url: there is no {}", from.display());
    ensure!(!to.exists(), "{} is there already: choose a new name", to.display());
    let partial = beside(to, ".partial");
    // Of an earlier try that did not end.
    remove(&partial)?;
    let source = read_only(from)?;
    // One read transaction for all: the copy is of one moment, and so are the counts.
    source.execute_batch("BEGIN")?;
    let counts = counted(&source)?;
    let mut copy = Connection::open(&partial)
        .with_context(|| format!("cannot write {}", partial.display()))?;
    backup::Backup::new(&source, &mut copy)?
        .run_to_completion(PAGES, Duration::ZERO, None)
        .with_context(|| format!("cannot write {}", partial.display()))?;
    // One file, without a log beside it.
    copy.pragma_update(None, "journal_mode", "delete")?;
    drop(copy);
    let found = check(&partial)?;
    ensure!(found == counts, "the copy differs from the database: {found:?}, not {counts:?}");
    File::open(&partial)?.sync_all()?;
    fs::rename(&partial, to)?;
    sync_folder(to)?;
    Ok(counts)
}

/// Reads a copy: its structure is sound, and this version knows its schema.
///
/// # Errors
/// Saying what is wrong with it.
pub fn check(path: &Path) -> anyhow::Result<Vec<Count>> {
    let connection = read_only(path)?;
    let problems: Vec<String> = connection
        .prepare("PRAGMA integrity_check(5)")
        .and_then(|mut check| check.query_map([], |row| row.get(0))?.collect())
        .with_context(|| format!("{} is no sound database", path.display()))?;
    if problems != ["ok"] {
        bail!("{} is damaged: {}", path.display(), problems.join("; "));
    }
    migrate::known(&connection).with_context(|| path.display().to_string())?;
    Ok(counted(&connection)?)
}

/// Puts a copy in the database's place. What was there is kept beside it; its path is returned.
/// From then on, all that was begun before is taken for possibly done: see [`lineage`].
///
/// # Errors
/// Where a service has the database open, or the copy is no good; nothing has changed then.
pub fn put_back(copy: &Path, path: &Path, now: At) -> anyhow::Result<Option<PathBuf>> {
    let _lock = sqlite::lock(path)?;
    check(copy)?;
    let coming = sqlite::coming(path);
    for file in [&coming, &beside(&coming, "-wal"), &beside(&coming, "-shm")] {
        remove(file)?;
    }
    fs::copy(copy, &coming).with_context(|| format!("cannot write {}", coming.display()))?;
    let connection = sqlite::prepare(&coming, now)?;
    let note = "INSERT INTO lineage (at, what) VALUES (?1, ?2)";
    connection.execute(note, (now.0, lineage::RESTORED))?;
    // One file: a log would stay behind under its old name.
    connection.pragma_update(None, "journal_mode", "delete")?;
    drop(connection);
    File::open(&coming)?.sync_all()?;
    let kept = beside(path, &format!(".before-{}", now.0));
    let was_there = path.exists();
    // The log first: beside another database it would be taken for that one's.
    for end in ["-wal", "-shm", ""] {
        let file = beside(path, end);
        if file.exists() {
            fs::rename(&file, beside(&kept, end))?;
        }
    }
    fs::rename(&coming, path)?;
    sync_folder(path)?;
    Ok(was_there.then_some(kept))
}

fn read_only(path: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot read {}", path.display()))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn counted(connection: &Connection) -> rusqlite::Result<Vec<Count>> {
    let tables: Vec<String> = connection
        .prepare(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' \
             ORDER BY name",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    tables
        .into_iter()
        .map(|table| {
            let sql = format!("SELECT count(*) FROM \"{table}\"");
            let rows = connection.query_row(&sql, [], |row| row.get(0))?;
            Ok((table, rows))
        })
        .collect()
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A new name in a folder lasts once the folder is on the disk.
fn sync_folder(of: &Path) -> anyhow::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}
