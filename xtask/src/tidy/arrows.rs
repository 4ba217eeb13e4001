//! Which crate may know which: the boundaries that the compiler then guards.

use toml::Table;

use super::Finding;
use super::tree::Tree;

/// What a pure crate may use: data types and their arithmetic. No async, no I/O, no clock of its
/// own, no randomness.
const PURE: &[&str] = &[
    "hex",
    "iso_currency",
    "jiff",
    "rust_decimal",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "uuid",
];

/// Each crate, with the crates of the workspace that it may depend on. Tests may use more only
/// where it is said.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("crates/domain", &[], &[]),
    ("crates/engine", &["domain"], &[]),
    ("crates/sim", &["domain", "engine"], &[]),
    ("crates/sandbox", &[], &[]),
    ("crates/server", &["domain", "engine", "sandbox"], &["sim"]),
    ("bench", &[], &[]),
    ("e2e", &[], &[]),
    ("xtask", &[], &[]),
];

/// The domain decides on facts and does nothing; a crate that could would be used some Friday.
pub fn domain_is_pure(tree: &Tree) -> Vec<Finding> {
    let file = "crates/domain/Cargo.toml";
    let Some(manifest) = manifest(tree, file) else { return missing(file) };
    let names = names(&manifest, "dependencies");
    let impure = names.iter().filter(|name| !PURE.contains(&name.as_str()));
    let message = |name: &String| {
        format!(
            "depends on `{name}`: the domain has no async, no I/O, no clock and no randomness; \
             hand the value in, or add a pure crate to the list in xtask/src/tidy/arrows.rs"
        )
    };
    impure.map(|name| Finding::new(file, 0, message(name))).collect()
}

/// An arrow that points back makes two crates one, and the sandbox a witness that errs with us.
pub fn crates_point_one_way(tree: &Tree) -> Vec<Finding> {
    let ours = |name: &String| ARROWS.iter().any(|(dir, ..)| dir.rsplit('/').next() == Some(name));
    let mut findings = Vec::new();
    for (dir, may, tests_may) in ARROWS {
        let file = format!("{dir}/Cargo.toml");
        let Some(manifest) = manifest(tree, &file) else {
            findings.extend(missing(&file));
            continue;
        };
        for (kind, also) in [
            ("dependencies", &[][..]),
            ("build-dependencies", &[]),
            ("dev-dependencies", tests_may),
        ] {
            for name in names(&manifest, kind).iter().filter(|name| ours(name)) {
                if !may.contains(&name.as_str()) && !also.contains(&name.as_str()) {
                    let message = format!(
                        "may not depend on `{name}` ({kind}): the arrows of ARCHITECTURE.md point \
                         one way, and the sandbox knows none of those that it judges"
                    );
                    findings.push(Finding::new(&file, 0, message));
                }
            }
        }
    }
    findings
}

/// A crate without the workspace's lints escapes them silently.
pub fn lints_are_inherited(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.files().filter(|(path, _)| path.ends_with("/Cargo.toml"));
    let escapes = |path: &str| {
        let lints = manifest(tree, path).and_then(|manifest| manifest.get("lints").cloned());
        lints.and_then(|lints| lints.get("workspace")?.as_bool()) != Some(true)
    };
    let message = "lacks `[lints] workspace = true`: the bans would not hold here";
    let escaped = manifests.filter(|(path, _)| escapes(path));
    escaped.map(|(path, _)| Finding::new(path, 0, message)).collect()
}

/// `cargo run --release -- demo` works in a fresh checkout as long as one crate alone asks for it.
pub fn one_default_run(tree: &Tree) -> Vec<Finding> {
    const SERVER: &str = "crates/server/Cargo.toml";
    let asks = |path: &str| {
        let package = manifest(tree, path).and_then(|manifest| manifest.get("package").cloned());
        package.is_some_and(|package| package.get("default-run").is_some())
    };
    let manifests = tree.files().map(|(path, _)| path).filter(|path| path.ends_with("Cargo.toml"));
    let wrong = manifests.filter(|path| asks(path) != (*path == SERVER));
    let message = "`default-run` belongs to crates/server alone (`kaeru`): with none or two of \
                   them `cargo run -- demo` does not know what to run";
    wrong.map(|path| Finding::new(path, 0, message)).collect()
}

fn manifest(tree: &Tree, path: &str) -> Option<Table> {
    tree.text(path)?.parse().ok()
}

fn missing(file: &str) -> Vec<Finding> {
    let message = "is not there or no TOML: the crates are named in xtask/src/tidy/arrows.rs";
    vec![Finding::new(file, 0, message)]
}

/// Of the crate as a whole and of each target.
pub fn names(manifest: &Table, kind: &str) -> Vec<String> {
    let of = |table: &Table| -> Vec<String> {
        let found = table.get(kind).and_then(|value| value.as_table());
        found.map(|table| table.keys().cloned().collect()).unwrap_or_default()
    };
    let targets = manifest.get("target").and_then(|value| value.as_table());
    let of_targets =
        targets.into_iter().flat_map(Table::values).filter_map(|value| value.as_table());
    of(manifest).into_iter().chain(of_targets.flat_map(of)).collect()
}

/// The dependencies of every kind of a crate.
pub fn all_names(tree: &Tree, path: &str) -> Vec<String> {
    let Some(manifest) = manifest(tree, path) else { return Vec::new() };
    let kinds = ["dependencies", "build-dependencies", "dev-dependencies"];
    kinds.iter().flat_map(|kind| names(&manifest, kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(dir: &str, manifest: &str) -> Vec<Finding> {
        let text = |of: &str| if of == dir { manifest.to_owned() } else { String::new() };
        let files: Vec<_> =
            ARROWS.iter().map(|(of, ..)| (format!("{of}/Cargo.toml"), text(of))).collect();
        let files: Vec<_> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        crates_point_one_way(&Tree::of(&files))
    }

    #[test]
    fn arrows_that_point_back_are_found() {
        let cases = [
            ("crates/engine", "[dependencies]\ndomain.workspace = true", 0),
            ("crates/engine", "[dependencies]\nserver = { path = \"../server\" }", 1),
            ("crates/sandbox", "[dev-dependencies]\ndomain = { path = \"../domain\" }", 1),
            ("crates/domain", "[build-dependencies]\nengine.workspace = true", 1),
            ("crates/domain", "[target.'cfg(unix)'.dependencies]\nengine.workspace = true", 1),
            ("crates/server", "[dev-dependencies]\nsim.workspace = true", 0),
            ("crates/server", "[dependencies]\nsim.workspace = true", 1),
            ("bench", "[dependencies]\nserver.workspace = true\nserde = \"1\"", 1),
            ("bench", "no toml", 1),
        ];
        for (dir, manifest, found) in cases {
            assert_eq!(with(dir, manifest).len(), found, "{dir}: {manifest}");
        }
    }

    #[test]
    fn impurity_is_found() {
        let cases = [
            ("[dependencies]\nserde = \"1\"\n[dev-dependencies]\ntokio = \"1\"", 0),
            ("[dependencies]\ntokio = \"1\"\nrand = \"1\"", 2),
        ];
        for (manifest, found) in cases {
            let tree = Tree::of(&[("crates/domain/Cargo.toml", manifest)]);
            assert_eq!(domain_is_pure(&tree).len(), found, "{manifest}");
        }
        assert_eq!(domain_is_pure(&Tree::of(&[])).len(), 1);
    }

    #[test]
    fn a_crate_without_lints_is_found() {
        let tree = Tree::of(&[
            ("Cargo.toml", ""),
            ("a/Cargo.toml", "[lints]\nworkspace = true"),
            ("b/Cargo.toml", "[lints]\nworkspace = false"),
            ("c/Cargo.toml", ""),
        ]);
        let found: Vec<_> = lints_are_inherited(&tree).into_iter().map(|f| f.file).collect();
        assert_eq!(found, ["b/Cargo.toml", "c/Cargo.toml"]);
    }

    #[test]
    fn a_second_default_run_is_found() {
        let (with, without) = ("[package]\ndefault-run = \"a\"", "[package]\nname = \"a\"");
        let server = "crates/server/Cargo.toml";
        for (of_server, of_another, found) in
            [(with, without, 0), (with, with, 1), (without, without, 1), (without, with, 2)]
        {
            let tree = Tree::of(&[(server, of_server), ("a/Cargo.toml", of_another)]);
            assert_eq!(one_default_run(&tree).len(), found, "{of_server} {of_another}");
        }
    }
}
