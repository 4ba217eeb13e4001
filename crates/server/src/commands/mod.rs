//! One file a command.

pub mod audit;
pub mod backup;
pub mod carry;
pub mod doctor;
pub mod export;
pub mod import;
pub mod import_orders;
pub mod reconcile;
pub mod restore;
pub mod staff;
pub mod webhooks;

use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// Passes everything on, and digests it.
struct Digested<W> {
    inner: W,
    digest: Sha256,
}

impl<W: Write> Digested<W> {
    fn new(inner: W) -> Self {
        Self { inner, digest: Sha256::new() }
    }

    /// Of all that was written.
    fn digest(self) -> String {
        hex(&self.digest.finalize())
    }
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Bytes as people compare them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
