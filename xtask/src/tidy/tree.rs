//! The repository's files, in memory: read from disk, or made up by a test.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::source::Source;

/// What git does not keep, or what is no text of ours.
const SKIPPED: &[&str] = &["target", ".git", "screenshots", "node_modules"];

/// Text files that rules look at.
const TEXT: &[&str] =
    &["rs", "toml", "md", "sql", "graphql", "js", "css", "html", "txt", "ftl", "sh", "yml", "json"];

/// Paths from the root, with `/`.
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads every file below `root`.
    ///
    /// # Errors
    /// When a folder or a text file cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        walk(root, "", &mut files)?;
        Ok(Self { files })
    }

    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self { files: files.iter().map(owned).collect() }
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Path and text of each file.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files whose name ends in one of these.
    pub fn ending(&self, endings: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| {
            path.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
        })
    }

    /// The Rust files below a folder, taken apart.
    pub fn rust(&self, below: &str) -> impl Iterator<Item = (&str, Source)> {
        let below = below.to_owned();
        self.ending(&["rs"])
            .filter(move |(path, _)| path.starts_with(&below))
            .map(|(path, text)| (path, Source::parse(text)))
    }

    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether there is a file or a folder of this path.
    pub fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let inside = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&inside))
    }
}

fn walk(dir: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), files)?;
            continue;
        }
        let is_text = name.rsplit_once('.').is_some_and(|(_, ending)| TEXT.contains(&ending));
        let bytes = if is_text { std::fs::read(entry.path())? } else { Vec::new() };
        files.insert(path, String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn folders_and_files_are_there() {
        let tree = Tree::of(&[("docs/decisions/one.md", "")]);
        for (path, there) in [
            ("docs/decisions/one.md", true),
            ("docs/decisions", true),
            ("docs/", true),
            ("docs/dec", false),
            ("one.md", false),
        ] {
            assert_eq!(tree.has(path), there, "{path}");
        }
    }
}
