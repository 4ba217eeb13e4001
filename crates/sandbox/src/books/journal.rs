//! The journal: one JSON line for each change, written with one `write(2)` before the answer.
//!
//! A killed process loses nothing that was answered; only a machine that loses power may (there is
//! no fsync: this is the other side of a demo, not the product). A torn last line, the only one
//! that a kill can leave, is cut off at the next start.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use super::entry::Entry;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened, read or cut.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A whole line is no entry: someone else wrote into the file, or another version did.
    #[error("line {line} is no entry of this version ({error}); move the file away to start anew")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What the reader says.
        error: serde_json::Error,
    },
}

pub struct Journal {
    file: File,
    buffer: Vec<u8>,
}

impl Journal {
    /// Opens or creates the file and hands every entry in it to `replay`. Returns the journal and
    /// the number of entries.
    pub fn open(path: &Path, mut replay: impl FnMut(Entry)) -> Result<(Self, usize), JournalError> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut reader = BufReader::new(&file);
        let (mut line, mut count, mut whole) = (Vec::new(), 0, 0_u64);
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            if !line.ends_with(b"\n") {
                tracing::warn!(entries = count, "the journal's last line is torn: cut off");
                file.set_len(whole)?;
                break;
            }
            let entry = serde_json::from_slice(&line)
                .map_err(|error| JournalError::Line { line: count + 1, error })?;
            replay(entry);
            whole += read as u64;
            count += 1;
        }
        Ok((Self { file, buffer: Vec::new() }, count))
    }

    /// Appends one entry. After an error nothing of it stays in the file.
    pub fn append(&mut self, entry: &Entry) -> io::Result<()> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, entry)?;
        self.buffer.push(b'\n');
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(&self.buffer);
        if written.is_err() {
            self.file.set_len(before)?;
        }
        written
    }
}
