//! `kaeru reconcile --points FILE`: the points book's own list beside Kaeru's movements.

use crate::{
    builtin::kaeru,
    kill::{config, free_port},
};
use anyhow::Context;
use std::path::PathBuf;

/// Movements of two customers, the second of whom has a number of its own at the points book; one
/// was made after the list.
const BOOKS: &str = "
    INSERT INTO customer (shop, id, member_no, pos_id, seen_at)
    VALUES ('main', 1, 'M1', '1', 0), ('main', 2, 'M2', 'P2', 0);
    INSERT INTO movement (shop, reference, flow, customer, points, reason, at) VALUES
      ('main', 'CANCEL-B', x'01', 2, 300, 'r', 1000000),
      ('main', 'COUPON-A', x'02', 1, -100, 'r', 1000000),
      ('main', 'COUPON-B', x'03', 2, -300, 'r', 1000000),
      ('main', 'COUPON-C', x'04', 1, -200, 'r', 9000000),
      ('other', 'COUPON-D', x'05', 1, -1, 'r', 1000000);
    INSERT INTO flow (id, shop, kind, customer, state, body, terms, version, epoch, tries,
      fingerprint, created_at, updated_at)
    VALUES (x'02', 'main', 'conversion', 1, 'issued', '{}', '{\"pos_id\":\"OLD\"}', 1, 1, 0,
      '', 0, 0);
";

struct Books {
    _folder: tempfile::TempDir,
    config: PathBuf,
    list: PathBuf,
}

impl Books {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (file, list) = (folder.path().join("kaeru.toml"), folder.path().join("list.csv"));
        let books = folder.path().join("kaeru.db");
        let nobody = format!("http://127.0.0.1:{}", free_port()?);
        std::fs::write(&file, config(&format!("sqlite://{}", books.display()), &nobody, 1))?;
        let (done, said) = kaeru(&["migrate", "--config", file.to_str().context("UTF-8")?], "")?;
        anyhow::ensure!(done, "{said}");
        rusqlite::Connection::open(&books)?.execute_batch(BOOKS)?;
        Ok(Self { _folder: folder, config: file, list })
    }

    /// Whether they agree with this list, and what is said.
    fn compare(&self, lines: &[&str]) -> anyhow::Result<(bool, String)> {
        std::fs::write(&self.list, lines.join("\n"))?;
        let [config, list] = [&self.config, &self.list].map(|path| path.to_str());
        let (config, list) = (config.context("UTF-8")?, list.context("UTF-8")?);
        let made = ["--made", "1970-01-01T00:00:05Z", "--config", config];
        kaeru(&[&["reconcile", "--shop", "main", "--points", list][..], &made].concat(), "")
    }
}

#[test]
fn a_list_of_the_points_book_is_compared_line_by_line() -> anyhow::Result<()> {
    let books = Books::new()?;
    let head = "reference,customer,points";
    let all = ["CANCEL-B,P2,300", "COUPON-A,1,-100", "COUPON-B,P2,-300"];
    let [b, a, c] = all;
    for (lines, found) in [
        (vec![head, b, a, c], vec![]),
        // Other columns, in another order, and what is none of ours.
        (
            vec![
                "points,at,customer,reference",
                "9,x,7,BONUS-1",
                "300,x,P2,CANCEL-B",
                "-100,x,1,COUPON-A",
                "-300,x,P2,COUPON-B",
                "1,x,7,XMAS",
            ],
            vec![],
        ),
        // Made there after the list, or with the number that the customer had then.
        (vec![head, b, "COUPON-A,OLD,-100", c, "COUPON-C,1,-200"], vec![]),
        (vec![head, b, c], vec!["COUPON-A\tnot there; -100 here"]),
        (vec![head, a, c], vec!["CANCEL-B\tnot there; 300 here"]),
        (vec![head, b, a], vec!["COUPON-B\tnot there; -300 here"]),
        (
            vec![head],
            vec![
                "CANCEL-B\tnot there; 300 here",
                "COUPON-A\tnot there; -100 here",
                "COUPON-B\tnot there; -300 here",
            ],
        ),
        (vec![head, b, "COUPON-A,1,-101", c], vec!["COUPON-A\t-101 there; -100 here"]),
        (
            vec![head, b, "COUPON-A,2,-100", c],
            vec!["COUPON-A\t-100 of customer 2 there; -100 here"],
        ),
        (
            vec![head, b, a, "COUPON-B,2,-300"],
            vec!["COUPON-B\t-300 of customer 2 there; -300 here"],
        ),
        (vec![head, b, a, a, c], vec!["COUPON-A\t2 times there; -100 here"]),
        (
            vec![head, b, a, "COUPON-AA,1,-7", c, "COUPON-D,1,-1", "ORDER-1-B,P2,300"],
            vec![
                "COUPON-AA\t-7 there; not here",
                "COUPON-D\t-1 there; not here",
                "ORDER-1-B\t300 there; not here",
            ],
        ),
    ] {
        let (agree, said) = books.compare(&lines)?;
        let told: Vec<_> = said.lines().filter_map(|l| l.strip_prefix("main\tpoints\t")).collect();
        assert_eq!(told, found, "{lines:?}: {said}");
        assert_eq!(agree, found.is_empty(), "{lines:?}: {said}");
        let count = format!("{} differences", found.len());
        assert!(said.contains("main: 3 movements here") && said.contains(&count), "{said}");
    }
    Ok(())
}

#[test]
fn a_list_that_cannot_be_compared_says_why() -> anyhow::Result<()> {
    let books = Books::new()?;
    for (lines, named) in [
        (["customer,points", "1,2"], "no column \"reference\""),
        (["reference,points", "COUPON-A,2"], "no column \"customer\""),
        (["reference,customer,points", "COUPON-A,1,many"], "line 2: \"many\" are no points"),
        (
            ["reference,customer,points", "COUPON-B,P2,-300\nCANCEL-B,P2,300"],
            "line 3: the list is not in the order of its references",
        ),
        (["reference,customer,points", "COUPON-A,1"], "cannot be read"),
    ] {
        let (agree, said) = books.compare(&lines)?;
        assert!(!agree && said.contains(named), "{named}: {said}");
    }
    Ok(())
}
