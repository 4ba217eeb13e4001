//! The real binary as a child process.

use anyhow::Context;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// A child that does not outlive the test.
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.signal("TERM")?;
        let status = self.0.wait()?;
        anyhow::ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([format!("-{name}"), id]).status()?;
        anyhow::ensure!(sent.success(), "kill -{name}");
        Ok(())
    }
}

/// Starts the binary and reads the first address that it prints.
pub fn start(arguments: &[&str]) -> anyhow::Result<(Process, String)> {
    start_in(&[], arguments)
}

/// The same behind another command, which runs it.
pub fn start_in(before: &[&str], arguments: &[&str]) -> anyhow::Result<(Process, String)> {
    let line = [before, &[env!("CARGO_BIN_EXE_kaeru")], arguments].concat();
    let mut child = Command::new(line[0])
        .args(&line[1..])
        .env("RUST_LOG", "off")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = child.stdout.take().context("stdout")?;
    let process = Process(child);
    let mut lines = BufReader::new(output).lines();
    let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let at = line.split("http://").nth(1)?.to_owned();
        at.split(['/', ' ']).next().map(|address| format!("http://{address}"))
    });
    // What it prints later must not stop it.
    std::thread::spawn(move || lines.for_each(drop));
    Ok((process, address.with_context(|| format!("{arguments:?} printed no address"))?))
}
