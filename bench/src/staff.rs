//! A staff member's token, made as an operator makes it: from the command line.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::children::beside;
use crate::service::SHOP;

const EMAIL: &str = "bench@example.test";

/// An `Authorization` header line of somebody who may do everything.
///
/// # Errors
/// When the account or its token cannot be made.
pub fn authorization(config: &Path) -> Result<String> {
    let account = ["--shop", SHOP, "--email", EMAIL, "--config"];
    let kaeru = || -> Result<Command> {
        let mut command = Command::new(beside("kaeru")?);
        command.arg("staff");
        Ok(command)
    };
    let mut add = kaeru()?
        .args(["add", "--name", "Bench", "--role", "system_admin"])
        .args(account)
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    add.stdin.take().context("stdin")?.write_all(b"a password of some length\n")?;
    ensure!(add.wait()?.success(), "kaeru staff add");
    let made = kaeru()?.args(["token", "--name", "bench"]).args(account).arg(config).output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(format!("Authorization: Bearer {}", String::from_utf8(made.stdout)?.trim()))
}
