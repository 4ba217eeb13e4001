//! A PostgreSQL of one's own, from the system's package, on a socket in a temporary folder. The
//! benches have it too.

use anyhow::Context;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::time::Instant;

/// A server in a folder of its own, reached by a socket there. Ends with the test.
pub struct Postgres {
    folder: tempfile::TempDir,
    server: Option<Child>,
}

/// Where the system's package puts the programs.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is not installed: `cargo xtask test` installs it")?;
    let mut found: Vec<PathBuf> = versions
        .filter_map(Result::ok)
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().with_context(|| format!("{name} is not installed"))
}

/// PostgreSQL does not run as root: then it runs as the package's own user.
fn as_server(name: &str) -> anyhow::Result<Command> {
    let program = program(name)?;
    if std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) != 0)
    {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    Ok(command)
}

impl Postgres {
    pub fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::set_permissions(
            folder.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o777),
        )?;
        let made = as_server("initdb")?
            .args(["--no-sync", "--auth=trust", "--username=kaeru", "--encoding=UTF8"])
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()?;
        anyhow::ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut postgres = Self { folder, server: None };
        postgres.run()?;
        Ok(postgres)
    }

    /// Starts the server on the data that is there.
    pub fn run(&mut self) -> anyhow::Result<()> {
        let data = self.folder.path().join("data");
        let server = as_server("postgres")?
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses="])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", self.folder.path().display()))
            .args(["-c", "max_connections=100"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.server = Some(server);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.accepts()? {
            anyhow::ensure!(Instant::now() < deadline, "PostgreSQL did not start");
            std::thread::yield_now();
        }
        Ok(())
    }

    fn accepts(&self) -> anyhow::Result<bool> {
        let status = Command::new(program("pg_isready")?)
            .arg("-q")
            .arg("-h")
            .arg(self.folder.path())
            .status()?;
        Ok(status.success())
    }

    /// Stops it as a power cut would: nothing is finished, nothing is written out.
    pub fn cut(&mut self) -> anyhow::Result<()> {
        let stopped = as_server("pg_ctl")?
            .args(["stop", "-m", "immediate", "-D"])
            .arg(self.folder.path().join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        anyhow::ensure!(stopped.success(), "pg_ctl stop");
        if let Some(mut server) = self.server.take() {
            server.wait()?;
        }
        Ok(())
    }

    /// The folder that the socket is in.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// A new database, empty.
    pub fn database(&self, name: &str) -> anyhow::Result<String> {
        let made = Command::new(program("createdb")?)
            .arg("-h")
            .arg(self.socket())
            .args(["-U", "kaeru", name])
            .status()?;
        anyhow::ensure!(made.success(), "createdb {name}");
        let host = self.socket().to_string_lossy().replace('/', "%2F");
        Ok(format!("postgres://kaeru@{host}/{name}?sslmode=disable"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.cut() {
            eprintln!("PostgreSQL did not stop: {error:#}");
        }
    }
}
