//! Installs what the tests need and the machine lacks, with the system's package manager.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::console::note;
use crate::root::target;
use crate::shell::{self, output, program, succeeds, which};

/// What is about to be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Everything,
    /// No browser.
    Fast,
}

/// A thing that the tests use.
struct Need {
    /// What it is, for a person.
    name: &'static str,
    /// Debian's and Ubuntu's packages.
    packages: &'static [&'static str],
    /// Only the browser tests use it.
    browser: bool,
    /// Without it pages look wrong but tests can pass.
    optional: bool,
    found: fn() -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        name: "PostgreSQL (initdb and postgres)",
        packages: &["postgresql"],
        browser: false,
        optional: false,
        found: postgres,
    },
    Need {
        name: "Chromium",
        packages: &["chromium"],
        browser: true,
        optional: false,
        found: || any(&["chromium", "chromium-browser", "google-chrome", "chrome"]),
    },
    Need {
        name: "ChromeDriver",
        packages: &["chromium-driver"],
        browser: true,
        optional: false,
        found: || any(&["chromedriver", "chromium.chromedriver"]),
    },
    Need {
        name: "npm",
        packages: &["npm"],
        browser: true,
        optional: false,
        found: || axe().is_file() || which("npm").is_some(),
    },
    Need {
        name: "a font with Japanese and Chinese",
        packages: &["fonts-noto-cjk"],
        browser: true,
        optional: true,
        found: cjk_font,
    },
];

/// Installs what is missing.
///
/// # Errors
/// When something necessary is still missing afterwards; the message says what to install.
pub fn run(wanted: Wanted) -> Result<()> {
    packages(wanted)?;
    if wanted == Wanted::Everything && !axe().is_file() {
        let folder = target().join("axe");
        std::fs::create_dir_all(&folder)?;
        let mut npm = program("npm");
        npm.args(["install", "--no-save", "--no-package-lock", "--no-audit", "--prefix"]);
        shell::run(npm.arg(folder).arg(AXE))?;
    }
    Ok(())
}

/// What the browser tests hold every page to WCAG 2.2 with. Nothing of it is shipped.
const AXE: &str = "axe-core@4.14.1";

/// Where it lies.
pub fn axe() -> PathBuf {
    target().join("axe/node_modules/axe-core/axe.min.js")
}

fn packages(wanted: Wanted) -> Result<()> {
    let missing = missing(wanted);
    if missing.is_empty() {
        println!("PostgreSQL, browser and fonts: all here");
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    println!("missing: {}", names(&missing));
    if let Err(error) = apt(&packages) {
        note(&format!("{error:#}"));
    }
    let still = self::missing(wanted);
    let (optional, necessary): (Vec<_>, Vec<_>) = still.into_iter().partition(|need| need.optional);
    if !optional.is_empty() {
        note(&format!("still missing: {}; pages may look wrong in screenshots", names(&optional)));
    }
    if !necessary.is_empty() {
        bail!(
            "the tests need {}. Install it and run again; on Debian or Ubuntu: \
             `apt-get install {}`, elsewhere the packages of the same purpose, so that the \
             programs are found on PATH",
            names(&necessary),
            packages.join(" ")
        );
    }
    Ok(())
}

fn missing(wanted: Wanted) -> Vec<&'static Need> {
    let used = |need: &&Need| wanted == Wanted::Everything || !need.browser;
    NEEDS.iter().filter(used).filter(|need| !(need.found)()).collect()
}

fn names(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.name).collect::<Vec<_>>().join(", ")
}

fn apt(packages: &[&str]) -> Result<()> {
    if which("apt-get").is_none() {
        bail!("there is no apt-get on this system");
    }
    // Lists may be fresh, absent or old: only an install that fails is worth the update.
    if install(packages).is_ok() {
        return Ok(());
    }
    shell::run(apt_get()?.arg("update"))?;
    install(packages)
}

fn install(packages: &[&str]) -> Result<()> {
    shell::run(apt_get()?.args(["install", "-y", "--no-install-recommends"]).args(packages))
}

/// `apt-get` as root, asking nobody anything.
fn apt_get() -> Result<Command> {
    let mut command = if output(program("id").arg("-u")).trim() == "0" {
        program("env")
    } else if succeeds(program("sudo").args(["-n", "true"])) {
        let mut sudo = program("sudo");
        sudo.args(["-n", "env"]);
        sudo
    } else {
        bail!("installing needs root, and sudo is not here or asks for a password");
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]);
    Ok(command)
}

fn any(names: &[&str]) -> bool {
    names.iter().any(|name| which(name).is_some())
}

/// On `PATH`, or where Debian keeps each version's own programs.
fn postgres() -> bool {
    let versions = || std::fs::read_dir("/usr/lib/postgresql").ok();
    let complete = |bin: &Path| bin.join("initdb").is_file() && bin.join("postgres").is_file();
    let packaged = || {
        let mut dirs = versions().into_iter().flatten().flatten();
        dirs.any(|dir| complete(&dir.path().join("bin")))
    };
    (which("initdb").is_some() && which("postgres").is_some()) || packaged()
}

fn cjk_font() -> bool {
    which("fc-list").is_some() && !output(program("fc-list").arg(":lang=ja")).trim().is_empty()
        || Path::new("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_run_needs_no_browser() {
        let fast = |need: &&Need| !need.browser;
        assert_eq!(names(&NEEDS.iter().filter(fast).collect::<Vec<_>>()), NEEDS[0].name);
        assert!(missing(Wanted::Fast).iter().all(|need| !need.browser));
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert!(any(&["no-such-program", "sh"]));
        assert!(!any(&["no-such-program"]));
    }
}
