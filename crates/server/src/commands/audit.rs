//! `kaeru audit`: proves the audit log, and writes it out.

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use domain::{At, FlowId, ShopId};
use engine::ports::Clock;
use server::{
    clock::SystemClock,
    config::Config,
    sealer::{self, Checkpoint},
    store::{
        Database,
        audit::{self, Filter},
        seals::{self, Finding},
    },
    web::api::audit::{AuditBody, body},
};
use std::{
    collections::HashMap,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

#[derive(Subcommand)]
pub enum Audit {
    /// Reads the log against its seals: what was changed, removed or put in; exits with 1 then
    Verify {
        /// The checkpoints written outside the database; left out, what the configuration names
        #[arg(long)]
        checkpoints: Option<PathBuf>,
        #[command(flatten)]
        configured: crate::Configured,
    },
    /// Writes the log to standard output, newest first
    Export {
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
        #[command(flatten)]
        of: crate::OfShop,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// A JSON object a line
    Jsonl,
    Csv,
}

pub async fn run(command: Audit) -> anyhow::Result<()> {
    match command {
        Audit::Verify { checkpoints, configured } => verify(checkpoints, &configured.config).await,
        Audit::Export { format, of } => {
            let (config, shop) = of.load()?;
            let database = Database::open_beside(&config.database, SystemClock.now()).await?;
            export(&database, &shop, format).await
        }
    }
}

async fn verify(checkpoints: Option<PathBuf>, config: &Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let path = checkpoints.or(config.checkpoints);
    let written = path.as_deref().map(sealer::checkpoints).transpose()?.unwrap_or_default();
    let database = Database::open_beside(&config.database, SystemClock.now()).await?;
    let mut wrong = 0;
    for shop in config.shops.iter().map(|shop| &shop.id) {
        let mut outside: HashMap<i64, &Checkpoint> = written
            .iter()
            .filter(|checkpoint| checkpoint.shop == shop.0)
            .map(|checkpoint| (checkpoint.seal, checkpoint))
            .collect();
        let (known, mut differing) = (outside.len(), vec![]);
        let proof = seals::verify(&database, shop, |seal| {
            if outside.remove(&seal.seq).is_some_and(|known| *known != Checkpoint::of(shop, seal)) {
                differing.push(seal.seq);
            }
        })
        .await?;
        let unsealed = seals::unsealed(&database, shop).await?;
        println!(
            "{shop}: {} rows under {} seals, {known} of them also written down outside; \
             {unsealed} rows are not sealed yet",
            proof.entries, proof.seals
        );
        for finding in &proof.findings {
            println!("{shop}: {}", told(finding));
        }
        for seal in &differing {
            println!("{shop}: seal {seal} is not the one that was written down outside");
        }
        let mut missing: Vec<_> = outside.into_keys().collect();
        missing.sort_unstable();
        for seal in &missing {
            println!("{shop}: seal {seal} was written down outside and is not in the database");
        }
        wrong += proof.findings.len() + differing.len() + missing.len();
    }
    if wrong > 0 {
        bail!("the audit log is not as it was written: {wrong} findings");
    }
    println!("Every sealed row is as it was written.");
    Ok(())
}

fn told(finding: &Finding) -> String {
    let time = |at: &At| at.timestamp().to_string();
    match finding {
        Finding::Alien { seal, id, at, act, subject } => {
            let at = time(at);
            format!("row {id} ({at}, {act}, {subject}) was changed or put in after seal {seal}")
        }
        Finding::Lost { seal, from, until, rows } => {
            let from = from.as_ref().map_or("the beginning".to_owned(), time);
            let until = time(until);
            format!("{rows} rows between {from} and {until} were changed or removed (seal {seal})")
        }
        Finding::Broken { seal } => format!("seal {seal}, or the one before it, was changed"),
        Finding::Gap { seal } => format!("seal {seal} is missing"),
    }
}

async fn export(database: &Database, shop: &ShopId, format: Format) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    if matches!(format, Format::Csv) {
        csv::Writer::from_writer(&mut out).write_record(COLUMNS)?;
    }
    let mut before: Option<(At, FlowId)> = None;
    loop {
        let filter = Filter { before, most: 500, ..Filter::default() };
        let rows = audit::list(database, shop, filter).await?;
        let Some(last) = rows.last() else { break };
        before = Some((last.at, last.id));
        for row in rows.into_iter().map(body) {
            match format {
                Format::Jsonl => {
                    serde_json::to_writer(&mut out, &row).context("standard output")?;
                    writeln!(out)?;
                }
                Format::Csv => {
                    csv::Writer::from_writer(&mut out).write_record(fields(row))?;
                }
            }
        }
    }
    Ok(out.flush()?)
}

const COLUMNS: [&str; 12] = [
    "id", "at", "actor", "name", "role", "act", "subject", "reason", "note", "origin", "flow",
    "detail",
];

fn fields(row: AuditBody) -> [String; 12] {
    [
        Some(row.id),
        Some(row.at),
        Some(row.actor.kind),
        row.actor.name,
        row.actor.role,
        Some(row.act),
        Some(row.subject),
        row.reason,
        row.note,
        row.origin,
        row.flow,
        Some(row.detail.to_string()),
    ]
    .map(Option::unwrap_or_default)
}
