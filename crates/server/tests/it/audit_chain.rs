//! The audit log's chain: whatever is done to the log behind Kaeru's back is found.

use crate::postgres::Postgres;
use domain::{Actor, At, FlowId, Role, ShopId};
use server::{
    sealer::Checkpoint,
    store::{
        Database, Location, audit,
        seals::{self, Finding, Proof},
    },
};
use std::{path::Path, process::Command, time::Duration};

const ROWS: u128 = 1_200;

fn shop() -> ShopId {
    ShopId::from("main")
}

fn second(n: u128) -> At {
    At(0).plus(Duration::from_secs(1_000 + u64::try_from(n).unwrap_or(0)))
}

fn entry(n: u128) -> audit::Entry {
    audit::Entry {
        id: FlowId(uuid::Uuid::from_u128(n)),
        shop: shop(),
        at: second(n),
        by: Actor::Staff { id: 1, name: "佐藤".to_owned() },
        role: Some(Role::EcAdmin),
        act: "coupon.cancel",
        subject: format!("70934-{n:06}-500"),
        detail: serde_json::json!({"points": 500}),
        reason: Some("customer_request".to_owned()),
        note: None,
        origin: Some("192.0.2.1".to_owned()),
        flow: None,
    }
}

/// Rows, sealed as far as they have settled five minutes after the last.
async fn sealed(database: &Database) -> anyhow::Result<Vec<seals::Seal>> {
    for n in 1..=ROWS {
        audit::add(database, entry(n)).await?;
    }
    let now = second(ROWS + 1).plus(seals::SETTLED);
    let mut all = vec![];
    while let Some(seal) = seals::next(database, &shop(), now).await? {
        all.push(seal);
    }
    Ok(all)
}

async fn proof(database: &Database) -> anyhow::Result<Proof> {
    Ok(seals::verify(database, &shop(), |_| ()).await?)
}

#[tokio::test]
async fn both_databases_seal_alike_and_only_what_has_settled() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let postgres = Postgres::start()?;
    let mut told = vec![];
    for location in [
        Location::Sqlite(folder.path().join("kaeru.db")),
        Location::Postgres(postgres.database("audit")?),
    ] {
        let database = Database::open(&location, At(0)).await?;
        audit::add(&database, entry(1)).await?;
        let soon = second(1).plus(seals::SETTLED);
        assert_eq!(seals::next(&database, &shop(), soon).await?, None, "it is too young");
        assert_eq!(seals::unsealed(&database, &shop()).await?, 1);
        let later = soon.plus(Duration::from_secs(1));
        let seal = seals::next(&database, &shop(), later).await?;
        assert_eq!(seals::next(&database, &shop(), later).await?, None, "nothing is left");
        let expected = Proof { seals: 1, entries: 1, findings: vec![] };
        assert_eq!(proof(&database).await?, expected);
        told.push(seal.map(|seal| seal.digest));
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].is_some());
    Ok(())
}

/// What is done to the log, and the seals and what is found there.
const TAMPERED: [(&str, &[(i64, &str)]); 8] = [
    (
        "UPDATE audit SET note = 'x' WHERE subject = '70934-000700-500'",
        &[(2, "alien"), (2, "lost 1")],
    ),
    (
        "UPDATE audit SET actor_name = '鈴木' WHERE subject = '70934-000001-500'",
        &[(1, "alien"), (1, "lost 1")],
    ),
    ("DELETE FROM audit WHERE subject = '70934-000700-500'", &[(2, "lost 1")]),
    ("DELETE FROM audit WHERE subject < '70934-000011-500'", &[(1, "lost 10")]),
    (
        "INSERT INTO audit SELECT x'000000000000000000000000000F0000', shop, at + 1, actor_kind, \
         actor_id, actor_name, role, act, subject, detail, reason, note, origin, flow FROM audit \
         WHERE subject = '70934-000003-500'",
        &[(1, "alien")],
    ),
    (
        "UPDATE audit SET at = at + 2000001 WHERE subject = '70934-000700-500'",
        &[(2, "alien"), (2, "lost 1")],
    ),
    ("UPDATE audit_seal SET digest = 'x' WHERE seq = 1", &[(1, "broken"), (2, "broken")]),
    ("DELETE FROM audit_seal WHERE seq = 1", &[(1, "gap"), (2, "alien")]),
];

fn word(finding: &Finding) -> (i64, String) {
    match finding {
        Finding::Alien { seal, .. } => (*seal, "alien".to_owned()),
        Finding::Lost { seal, rows, .. } => (*seal, format!("lost {rows}")),
        Finding::Broken { seal } => (*seal, "broken".to_owned()),
        Finding::Gap { seal } => (*seal, "gap".to_owned()),
    }
}

#[tokio::test]
async fn whatever_is_done_to_the_log_is_found() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let clean = folder.path().join("clean.db");
    let database = Database::open(&Location::Sqlite(clean.clone()), At(0)).await?;
    let all = sealed(&database).await?;
    let sizes: Vec<_> = all.iter().map(|seal| (seal.seq, seal.entries)).collect();
    assert_eq!(sizes, [(1, 500), (2, 500), (3, 200)]);
    assert!(proof(&database).await?.findings.is_empty());
    drop(database);
    for (n, (sql, expected)) in TAMPERED.into_iter().enumerate() {
        let copy = folder.path().join(format!("{n}.db"));
        server::store::backup::take(&clean, &copy)?;
        let changed = rusqlite::Connection::open(&copy)?.execute(sql, [])?;
        assert!(changed > 0, "{sql}");
        let database = Database::open(&Location::Sqlite(copy), At(0)).await?;
        let mut found: Vec<_> = proof(&database).await?.findings.iter().map(word).collect();
        found.dedup();
        let expected: Vec<_> =
            expected.iter().map(|(seal, what)| (*seal, (*what).to_owned())).collect();
        assert_eq!(found, expected, "{sql}");
    }
    Ok(())
}

fn verify(file: &Path) -> anyhow::Result<(bool, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_kaeru"))
        .args(["audit", "verify", "--config"])
        .arg(file)
        .output()?;
    Ok((output.status.success(), String::from_utf8([output.stdout, output.stderr].concat())?))
}

#[tokio::test]
async fn who_rewrites_the_seals_too_is_found_outside() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, outside) = (folder.path().join("kaeru.db"), folder.path().join("audit.jsonl"));
    let file = folder.path().join("kaeru.toml");
    let url = format!("sqlite://{}", path.display());
    let config = crate::kill::config(&url, "http://127.0.0.1:9", 1);
    let audit = format!("[audit]\ncheckpoints = \"{}\"\n[[shop]]", outside.display());
    std::fs::write(&file, config.replacen("[[shop]]", &audit, 1))?;
    let database = Database::open(&Location::Sqlite(path.clone()), At(0)).await?;
    let mut lines = vec![];
    for seal in sealed(&database).await? {
        lines.push(serde_json::to_string(&Checkpoint::of(&shop(), &seal))?);
    }
    std::fs::write(&outside, lines.join("\n"))?;
    let (good, said) = verify(&file)?;
    assert!(good && said.contains("1200 rows under 3 seals, 3 of them"), "{said}");

    let direct = rusqlite::Connection::open(&path)?;
    direct.execute("DELETE FROM audit_seal", [])?;
    direct.execute("DELETE FROM audit WHERE subject > '70934-000900-500'", [])?;
    let now = second(ROWS + 1).plus(seals::SETTLED);
    while seals::next(&database, &shop(), now).await?.is_some() {}
    assert!(proof(&database).await?.findings.is_empty(), "by itself the chain is whole again");
    let (good, said) = verify(&file)?;
    assert!(!good, "{said}");
    for expected in ["seal 2 is not the one", "seal 3 was written down outside and is not"] {
        assert!(said.contains(expected), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_log_is_written_out() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("kaeru.toml");
    let path = folder.path().join("kaeru.db");
    let url = format!("sqlite://{}", path.display());
    std::fs::write(&file, crate::kill::config(&url, "http://127.0.0.1:9", 1))?;
    let database = Database::open(&Location::Sqlite(path), At(0)).await?;
    sealed(&database).await?;
    for (format, header) in [("jsonl", 0), ("csv", 1)] {
        let output = Command::new(env!("CARGO_BIN_EXE_kaeru"))
            .args(["audit", "export", "--shop", "main", "--format", format, "--config"])
            .arg(&file)
            .output()?;
        let said = String::from_utf8(output.stdout)?;
        assert_eq!(said.lines().count(), usize::try_from(ROWS)? + header, "{format}");
        assert_eq!(said.matches("佐藤").count(), usize::try_from(ROWS)?, "{format}");
    }
    Ok(())
}
