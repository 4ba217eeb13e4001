//! What the service counts itself: `/metrics`, Prometheus' text.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::clock;
use crate::stand::get;

/// Flows that have not ended.
const OPEN: &str = "kaeru_flows_open";

/// Counters of what costs a disk its time. Those that the service does not have are `None`.
#[derive(Debug, Default, Clone, Copy)]
pub struct Commits {
    /// Transactions.
    pub commits: Option<f64>,
    /// Groups of them, each with one fsync.
    pub groups: Option<f64>,
}

impl Commits {
    /// Reads the counters.
    ///
    /// # Errors
    /// When `/metrics` does not answer.
    pub async fn read(at: SocketAddr) -> Result<Self> {
        let (_, text) = get(at, "/metrics").await?;
        let of = |names: [&str; 2]| names.iter().find_map(|name| sum(&text, name));
        Ok(Self {
            commits: of(["kaeru_commits_total", "kaeru_store_commits_total"]),
            groups: of(["kaeru_store_groups_total", "kaeru_groups_total"]),
        })
    }

    /// What was counted since then.
    pub fn since(self, before: Self) -> Self {
        let less = |now: Option<f64>, then: Option<f64>| now.map(|now| now - then.unwrap_or(0.0));
        Self {
            commits: less(self.commits, before.commits),
            groups: less(self.groups, before.groups),
        }
    }
}

/// Waits until no flow is open, those in states that may last left aside; how long that took.
///
/// # Errors
/// When flows are open still after `limit`.
pub async fn quiet(at: SocketAddr, limit: Duration, lasting: &[&str]) -> Result<Duration> {
    let start = clock::now();
    loop {
        let open = open(at).await?;
        let busy: Vec<_> =
            open.iter().filter(|(state, _)| !lasting.contains(&state.as_str())).collect();
        if busy.is_empty() {
            return Ok(start.elapsed());
        }
        if start.elapsed() > limit {
            bail!("flows are open still, {} s after the load: {busy:?}", limit.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Open flows by state, where there are any.
///
/// # Errors
/// When `/metrics` does not answer or does not tell.
pub async fn open(at: SocketAddr) -> Result<BTreeMap<String, f64>> {
    let (_, text) = get(at, "/metrics").await?;
    let lines = text.lines().filter(|line| line.starts_with(&format!("{OPEN}{{")));
    let states = lines.filter_map(|line| {
        let (labels, value) = line.rsplit_once('}')?;
        let (_, state) = labels.split_once("state=\"")?;
        Some((state.split('"').next()?.to_owned(), value.trim().parse().ok()?))
    });
    let mut open: BTreeMap<String, f64> = states.collect();
    ensure!(!open.is_empty(), "/metrics has no {OPEN}: nothing tells when the work is done");
    open.retain(|_, count| *count != 0.0);
    Ok(open)
}

/// The sum of all series of a metric.
pub fn sum(text: &str, name: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.chars().next()? {
            '{' => rest.rsplit_once('}')?.1,
            ' ' => rest,
            _ => return None,
        };
        value.split_whitespace().next()?.parse::<f64>().ok()
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn series_are_summed() {
        let text = "# TYPE kaeru_flows_open gauge\nkaeru_flows_open{kind=\"a\",state=\"b} c\"} 2\n\
                    kaeru_flows_open{kind=\"d\"} 1\nkaeru_flows_open_else 9\nplain 4.5\n";
        assert_eq!(sum(text, "kaeru_flows_open"), Some(3.0));
        assert_eq!(sum(text, "plain"), Some(4.5));
        assert_eq!(sum(text, "absent"), None);
    }
}
