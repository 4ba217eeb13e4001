//! Seals the audit log in the background, and writes each seal down outside the database too.

use crate::{
    app::App,
    store::seals::{self, Seal},
};
use anyhow::Context;
use domain::ShopId;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Write},
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How often there is a look for what has settled.
const PACE: Duration = Duration::from_secs(30);

/// A seal as a line of the checkpoints' file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub shop: String,
    pub seal: i64,
    pub entries: i64,
    pub until: String,
    pub digest: String,
}

impl Checkpoint {
    pub fn of(shop: &ShopId, seal: &Seal) -> Self {
        Self {
            shop: shop.0.clone(),
            seal: seal.seq,
            entries: seal.entries,
            until: seal.until.0.timestamp().to_string(),
            digest: seal.digest.clone(),
        }
    }

    /// Adds it to the file, which may stand on a disk that only ever grows.
    fn append(&self, path: &Path) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        let mut file = File::options().create(true).append(true).open(path)?;
        file.write_all(&line)?;
        Ok(file.sync_data()?)
    }
}

/// Reads the file; there is none before the first seal.
///
/// # Errors
/// Where it cannot be read, or a line is no checkpoint.
pub fn checkpoints(path: &Path) -> anyhow::Result<Vec<Checkpoint>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        file => file.with_context(|| format!("cannot read {}", path.display()))?,
    };
    BufReader::new(file)
        .lines()
        .enumerate()
        .map(|(number, line)| {
            serde_json::from_str(&line?).with_context(|| {
                format!("{}: line {} is no checkpoint", path.display(), number + 1)
            })
        })
        .collect()
}

/// Until the service stops.
pub async fn run(app: Arc<App>) {
    if let Some(path) = app.checkpoints.as_deref().and_then(Path::parent) {
        // Where this fails, the first checkpoint says so.
        let _ = fs::create_dir_all(path);
    }
    while !app.stopping.load(Ordering::Relaxed) {
        for shop in app.shops.keys() {
            if let Err(error) = seal(&app, shop).await {
                tracing::error!(%error, %shop, "cannot seal the audit log; trying on");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            () = app.stopped.notified() => return,
        }
    }
}

async fn seal(app: &App, shop: &ShopId) -> anyhow::Result<()> {
    while let Some(seal) = seals::next(&app.database, shop, app.now()).await? {
        let checkpoint = Checkpoint::of(shop, &seal);
        let Checkpoint { seal, entries, digest, .. } = &checkpoint;
        tracing::info!(%shop, seal, entries, digest, "audit sealed");
        if let Some(path) = &app.checkpoints {
            let write = checkpoint.append(path);
            write.with_context(|| format!("audit.checkpoints: {}", path.display()))?;
        }
    }
    Ok(())
}
