//! The style as a test. Each rule says its reason in its message, and has a test that sees it fail.

mod arrows;
mod documents;
mod leftovers;
mod sizes;
mod source;
mod tree;
mod vendors;

use std::fmt;

use anyhow::{Result, bail};

use crate::root::root;
use tree::Tree;

/// Files that may be long, and why.
const LONG_FILES: &[(&str, &str)] = &[(
    "crates/domain/src/conversion.rs",
    "one flow, one file: its picture, its states and its one transition are read together",
)];

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    /// From 1; 0 when the whole file is meant.
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[Rule] = &[
    |tree| sizes::files(tree, LONG_FILES),
    sizes::functions,
    sizes::columns,
    sizes::widget,
    leftovers::leftovers,
    documents::paths,
    documents::strays,
    documents::pictures,
    arrows::domain_is_pure,
    arrows::crates_point_one_way,
    arrows::lints_are_inherited,
    arrows::one_default_run,
    vendors::engine,
    vendors::web,
    vendors::sql,
];

/// Checks the repository.
///
/// # Errors
/// When a rule is broken; all findings are printed first.
pub fn run() -> Result<()> {
    let tree = Tree::read(&root())?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files keep {} rules", tree.len(), RULES.len());
            Ok(())
        }
        count => bail!("{count} places are not tidy; each line above says where and why"),
    }
}
