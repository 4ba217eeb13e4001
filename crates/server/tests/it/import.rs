//! Opening balances from a CSV file, and the books written out again.

use crate::builtin::{Service, TILL_TOKEN, kaeru};
use anyhow::Context;
use serde_json::json;

const GOOD: &str = "\
customer,points,issued_at,expires_at,funding
12345,500,2026-01-05T00:00:00Z,2099-03-31T14:59:59Z,
12345,250,,,free
12345,250,,,free
「会員」,70,,,
";

impl Service {
    fn import(&self, csv: &str, more: &[&str]) -> anyhow::Result<(bool, String)> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("opening.csv");
        std::fs::write(&file, csv)?;
        let file = file.to_str().context("a path in UTF-8")?;
        let first = ["import", "--shop", "main", "--config", &self.file, file];
        kaeru(&[&first[..], more].concat(), "")
    }

    fn export(&self, arguments: &[&str]) -> anyhow::Result<(bool, String)> {
        let first = ["export", "--shop", "main", "--config", &self.file];
        kaeru(&[&first[..], arguments].concat(), "")
    }
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing() -> anyhow::Result<()> {
    let service = Service::start(None, &[]).await?;
    for (bad, named) in [
        ("customer,points\n12345,500\n12345,0\n", "line 3: the amount"),
        ("customer,points\n12345,500\n12345,-5\n", "line 3: the amount"),
        ("customer,points\n12345,500\n,5\n", "line 3: customer"),
        ("customer,points\n12345,500\n12345,5.5\n", "line 3"),
        ("customer,points\n12345,500\n12345\n", "line 3"),
        ("customer,points,expires_at\n12345,500,2020-01-01T00:00:00Z\n", "line 2: the new date"),
        ("customer,points,expires_at\n12345,500,soon\n", "line 2: expires_at"),
        ("customer,points,funding\n12345,500,paid\n", "line 2: a paid lot"),
        ("customer,points,funding\n12345,500,gold\n", "line 2: funding"),
        ("customer,points,colour\n12345,500,red\n", "line 2"),
        ("customer,points\n1,9223372036854775807\n2,1\n", "more than can be counted"),
    ] {
        let (done, said) = service.import(bad, &[])?;
        assert!(!done && said.contains(named), "{bad}: {said}");
    }
    let (done, said) = service.import(GOOD, &["--dry-run"])?;
    assert!(done && said.contains("4 rows, 1070 points"), "{said}");
    let (status, _) = service.get(TILL_TOKEN, "/pos/main/customers/12345/points").await?;
    assert_eq!(status, 404, "nothing was imported");
    Ok(())
}

#[tokio::test]
async fn balances_come_in_once_and_go_out_again() -> anyhow::Result<()> {
    let service = Service::start(None, &[]).await?;
    let (done, said) = service.import(GOOD, &[])?;
    assert!(done && said.contains("4 rows with 1070 points were imported"), "{said}");
    assert!(said.contains("4 opening balances of 1070 points in all"), "{said}");
    let (done, said) = service.import(GOOD, &[])?;
    assert!(done && said.contains("0 rows with 0 points were imported"), "{said}");
    assert!(said.contains("4 rows with 1070 points were there already"), "{said}");
    let more = format!("{GOOD}12345,30,,,\n");
    let (done, said) = service.import(&more, &[])?;
    assert!(done && said.contains("1 rows with 30 points were imported"), "{said}");

    let (_, balance) = service.get(TILL_TOKEN, "/pos/main/customers/12345/points").await?;
    assert_eq!(balance, json!({"balance": 1_030}));
    let (done, said) = service.export(&["balances"])?;
    assert_eq!((done, said.as_str()), (true, "customer,points\n12345,1030\n「会員」,70\n"));
    let (done, said) = service.export(&["balances", "--on", "2020-01-01"])?;
    assert_eq!((done, said.as_str()), (true, "customer,points\n12345,0\n「会員」,0\n"));
    let (_, lots) = service.export(&["lots"])?;
    let kept = "12345,1,500,500,2026-01-05T00:00:00Z,2099-03-31T14:59:59Z,free";
    assert!(lots.lines().count() == 6 && lots.contains("customer,lot,points"), "{lots}");
    assert!(lots.contains(&kept[8..]), "{lots}");
    let (_, movements) = service.export(&["movements"])?;
    assert_eq!(movements.lines().filter(|line| line.contains("OPENING-")).count(), 5);
    let (done, said) = service.export(&["coupons"])?;
    assert!(done && said.starts_with("code,customer"), "{said}");
    let (done, said) = service.export(&["customers"])?;
    assert!(done && said.starts_with("customer,member_no"), "{said}");
    Ok(())
}
