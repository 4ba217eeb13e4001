//! How fast the disk is on which «durable» is measured.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::clock;
use crate::stats::Sorted;

const WRITES: u32 = 200;

/// Median time of appending 4 KiB and `fdatasync`.
///
/// # Errors
/// When the folder cannot be written.
pub fn sync_time(folder: &Path) -> Result<Duration> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Vec::new();
    for _ in 0..WRITES {
        let start = clock::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    Ok(Sorted::of(times).median())
}
