//! Child processes that print where they listen, and die with the bench.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;

/// A service that does not say within this time where it listens does not work.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running service. Dropping it kills it.
pub struct Service {
    child: Child,
    name: &'static str,
    /// Where it listens.
    pub at: SocketAddr,
    log: PathBuf,
}

impl Service {
    /// Starts the program and reads the first address of the form `http://127.0.0.1:PORT` that it
    /// prints. Its log, standard error, goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started, ends, or prints no address within 30 s.
    pub async fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let stderr = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let program = command.get_program().to_owned();
        let mut child = command.spawn().with_context(|| {
            format!("cannot start {}; build it first", Path::new(&program).display())
        })?;
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let output = child.stdout.take();
        let mut service = Self { child, name, at: unknown, log: log.to_owned() };
        let (found, mut address) = mpsc::channel(1);
        // Reads on until the child ends, so that the child never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
                let Ok(line) = line else { break };
                if let Some(at) = address_in(&line) {
                    // Nobody waits any more after the first address.
                    let _ = found.try_send(at);
                }
            }
        });
        match tokio::time::timeout(PATIENCE, address.recv()).await {
            Ok(Some(at)) => {
                service.at = at;
                Ok(service)
            }
            Ok(None) => bail!("{name} ended at once:\n{}", service.last_words()),
            Err(_) => bail!("{name} did not say where it listens:\n{}", service.last_words()),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// When it ended by itself before.
    pub fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended by itself ({status}):\n{}", self.name, self.last_words());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// A program that lies beside this one.
///
/// # Errors
/// When this program's own place is not known.
pub fn beside(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("where is this program?")?;
    Ok(own.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found() {
        let at = SocketAddr::from(([127, 0, 0, 1], 4567));
        for (line, found) in [
            ("Kaeru is ready at http://127.0.0.1:4567", Some(at)),
            ("The sandbox is ready at http://127.0.0.1:4567/sandbox (local)", Some(at)),
            ("see https://example.test", None),
            ("http://localhost:1", None),
        ] {
            assert_eq!(address_in(line), found, "{line}");
        }
    }

    #[tokio::test]
    async fn a_child_that_ends_tells_why() {
        let log = tempfile::NamedTempFile::new().expect("a file");
        let mut shell = Command::new("sh");
        let started =
            Service::start("it", shell.args(["-c", "echo bad key >&2"]), log.path()).await;
        let error = started.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("bad key"), "{error}");
    }
}
