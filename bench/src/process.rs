//! What the kernel knows of a process. Linux.

use std::time::Duration;

use anyhow::{Context, Result};

/// The unit of the times in `/proc/PID/stat`: the kernel tells 1/100 s on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// CPU time so far, in user and in kernel mode, all threads.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn cpu(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    ticks(&stat).map(|ticks| TICK * ticks).context("/proc/PID/stat reads differently here")
}

/// Resident memory now and at its highest, in bytes.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn memory(pid: u32) -> Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |key: &str| kilobytes(&status, key).map(|kilobytes| kilobytes * 1024);
    let both = of("VmRSS:").zip(of("VmHWM:"));
    both.context("/proc/PID/status reads differently here")
}

/// User and system time: the 14th and 15th field, after a name that may hold anything.
fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

fn kilobytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 700 33 0 0 20 0";
        assert_eq!(ticks(stat), Some(733));
        assert_eq!(kilobytes("VmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n", "VmRSS:"), Some(1024));
        let own = std::process::id();
        assert!(cpu(own).is_ok() && memory(own).is_ok_and(|(now, top)| 0 < now && now <= top));
    }
}
