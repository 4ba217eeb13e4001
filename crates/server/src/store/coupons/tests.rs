use super::*;
use crate::store::{Journal, Location, customers};
use domain::{Input, MemberNo, PosId};
use engine::store::{Begun, Commit, Event, Row, Store};

const NOW: At = At(1_705_314_600_000_000);

async fn database(folder: &tempfile::TempDir) -> Database {
    Database::open(&Location::Sqlite(folder.path().join("kaeru.db")), NOW).await.unwrap()
}

async fn step(journal: &Journal, row: Row, input: Input) -> Row {
    step_until(journal, row, input, None).await
}

async fn step_until(journal: &Journal, row: Row, input: Input, due_at: Option<At>) -> Row {
    let step = row.flow.step(&input, NOW).unwrap();
    let row = Row { flow: step.next, version: row.version + 1, due_at, ..row };
    let event = Event { name: step.event, detail: None };
    let commit = Commit { row: row.clone(), at: NOW, event, facts: step.facts };
    journal.commit(&commit).await.unwrap();
    row
}

/// The `n`th coupon, issued to the customer.
async fn issue(journal: &Journal, n: u128, customer: u64) -> String {
    let Begun::Started(row) = journal.begin(engine::conformance::start(n, customer)).await.unwrap()
    else {
        panic!("did not start");
    };
    let row = step(journal, row, Input::Created { node: NodeId(7), unpayable: None }).await;
    let row = step(journal, row, Input::Moved(domain::effect::Moved::default())).await;
    row.flow.terms().expect("a coupon's").code.to_string()
}

fn filter(q: &str) -> Filter {
    Filter {
        tab: Tab::All,
        q: Some(q.to_owned()),
        customer: None,
        from: None,
        to: None,
        least: None,
        greatest: None,
        order: Order::Newest,
        before: None,
        most: 100,
        now: NOW,
    }
}

#[tokio::test]
async fn a_search_finds_what_staff_type() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder).await;
    let journal = Journal::new(database.clone());
    for (n, customer, name) in [(1, 11, "山田 太郎"), (2, 12, "Suzuki Hanako"), (3, 12, "")] {
        issue(&journal, n, customer).await;
        if !name.is_empty() {
            let row = customers::CustomerRow {
                shop: ShopId::from("main"),
                id: CustomerId(customer),
                name: Some(name.to_owned()),
                member_no: MemberNo::from("70934"),
                pos_id: PosId::from("1"),
                locale: None,
                seen_at: NOW,
            };
            customers::keep(&database, row).await.unwrap();
        }
    }
    for (q, found) in [
        ("", 3),
        ("70934-AAAA01-500", 1),
        ("70934-aaaa01-500", 1),
        (" AAAA02 ", 1),
        ("aa03", 1),
        ("AAAA0", 3),
        ("70934-AAAA0", 3),
        ("7", 3),
        ("ZZZ", 0),
        ("12", 2),
        ("11", 1),
        ("70934", 3),
        ("山田", 1),
        ("太郎", 0),
        ("田 太郎", 1),
        ("suzuki", 2),
        ("HANA", 2),
        ("nak", 2),
        ("%", 0),
        ("_", 0),
        ("'", 0),
        ("\\", 0),
    ] {
        let rows = list(&database, &ShopId::from("main"), filter(q)).await.unwrap();
        assert_eq!(rows.len(), found, "{q:?}");
        let other = list(&database, &ShopId::from("other"), filter(q)).await.unwrap();
        assert!(other.is_empty(), "{q:?}: another shop's");
    }
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder).await;
    let journal = Journal::new(database.clone());
    for n in 1..=7 {
        issue(&journal, n, u64::try_from(n).unwrap()).await;
    }
    for (tab, order, newest_first) in [
        (Tab::All, Order::Newest, true),
        (Tab::All, Order::Oldest, false),
        (Tab::Unused, Order::Expiring, false),
    ] {
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = Filter { tab, order, most: 3, before, q: None, ..filter("") };
            let rows = list(&database, &ShopId::from("main"), page).await.unwrap();
            let Some(last) = rows.last() else { break };
            before = Some(Before { at: order.place(last), key: last.code.clone() });
            seen.extend(rows.into_iter().map(|row| row.code));
        }
        let mut sorted = seen.clone();
        sorted.sort();
        if newest_first {
            sorted.reverse();
        }
        sorted.dedup();
        assert_eq!((seen.len(), &seen), (7, &sorted), "{order:?}");
    }
}

#[tokio::test]
async fn a_list_is_narrowed_by_worth() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder).await;
    let code = issue(&Journal::new(database.clone()), 1, 1).await;
    let shop = ShopId::from("main");
    let found = find(&database, &shop, &code, NOW).await.unwrap().unwrap().listed;
    let worth = found.amount;
    let any = Filter { q: None, ..filter("") };
    for (filter, fits) in [
        (Filter { least: Some(worth), greatest: Some(worth), ..any.clone() }, 1),
        (Filter { least: Some(worth + 1), ..any.clone() }, 0),
        (Filter { greatest: Some(worth - 1), ..any.clone() }, 0),
    ] {
        let rows = list(&database, &shop, filter.clone()).await.unwrap();
        assert_eq!(rows.len(), fits, "{filter:?}");
    }
}

#[tokio::test]
async fn what_an_order_says_of_a_coupon() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder).await;
    let journal = Journal::new(database.clone());
    let code = issue(&journal, 1, 1).await;
    let shop = ShopId::from("main");
    for (typed, order, noted) in [
        ("OTHER-AAAA01-500", "#1", Noted::Unknown),
        (code.to_lowercase().as_str(), "#1", Noted::Used),
        (code.as_str(), "#1", Noted::Again),
        (code.as_str(), "#2", Noted::UsedTwice),
    ] {
        assert_eq!(note_use(&database, &shop, typed, order, NOW).await.unwrap(), noted, "{order}");
    }
    assert_eq!(journal.use_of(&shop, &Code(code)).await.unwrap().as_deref(), Some("#1"));
    let open = super::super::reviews::list(&database, &shop, true, None, 9).await.unwrap();
    assert_eq!(open.iter().map(|case| case.reason.as_str()).collect::<Vec<_>>(), ["used_twice"]);
}

#[tokio::test]
async fn doubts_are_found_among_the_unfinished_and_the_open_reviews() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder).await;
    let journal = Journal::new(database.clone());
    let reads = crate::store::reads::Reads::new(database.clone());
    let shop = ShopId::from("main");
    let begun = journal.begin(engine::conformance::start(1, 1)).await.unwrap();
    let Begun::Started(mut row) = begun else { panic!("did not start") };
    let created = Input::Created { node: NodeId(7), unpayable: None };
    for (input, due, doubts) in [
        (created, Some(NOW), 0),
        (Input::InDoubt, Some(NOW), 1),
        (Input::Parked(domain::effect::Reason::NoLookUp), Some(NOW), 1),
        (Input::Done, None, 1),
        (Input::Verdict { applied: false }, Some(NOW), 0),
    ] {
        row = step_until(&journal, row, input, due).await;
        let state = row.flow.state_name();
        assert_eq!(reads.gauges().await.unwrap().in_doubt, doubts, "{state}");
        let oldest = super::super::overview::oldest_doubt(&database, &shop).await.unwrap();
        assert_eq!(oldest.is_some(), doubts > 0, "{state}");
    }
    for (sql, values) in [
        (super::super::sql::IN_DOUBT, vec![]),
        (super::super::sql::OLDEST_DOUBT, vec![shop.0.into()]),
    ] {
        let plan = database.read(format!("EXPLAIN QUERY PLAN {sql}"), values).await.unwrap();
        let steps: Vec<_> = plan.iter().map(|line| line.text(3).unwrap()).collect();
        let by_due = steps.iter().any(|step| step.contains("INDEX flow_due"));
        assert!(by_due && !steps.iter().any(|step| step.starts_with("SCAN flow")), "{steps:?}");
    }
}

/// However many coupons there are: with what the planner is told of them, which is no count.
#[tokio::test]
async fn nothing_is_looked_for_among_all_coupons() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder).await;
    let shop = ShopId::from("main");
    for tab in Tab::ALL {
        for (q, from) in [("", None), ("", Some(NOW)), ("ZZZ", None), ("ZZZ", Some(NOW))] {
            let wanted = Filter { tab, from, ..filter(q) };
            for condition in tab.conditions() {
                let Query { sql, values } =
                    written(&database, &shop, condition, &wanted).await.unwrap();
                let lines = database.read(format!("EXPLAIN QUERY PLAN {sql}"), values).await;
                let plan = lines.unwrap();
                let of_coupons = plan[0].text(3).unwrap();
                let index = match (tab, q) {
                    (Tab::Expired, "") if condition.contains("expires_at") => "coupon_ending",
                    (Tab::All, "") => "coupon_newest",
                    (_, "") => "coupon_status (shop=? AND status=?",
                    (_, _) => "PRIMARY KEY (shop=? AND code=?)",
                };
                assert!(of_coupons.contains(index), "{tab:?} {q:?} {from:?}: {of_coupons}");
                for line in &plan {
                    let step = line.text(3).unwrap();
                    let all = ["SEARCH coupon ", "SEARCH customer "];
                    let all =
                        all.iter().any(|of| step.starts_with(of)) && step.ends_with("(shop=?)");
                    assert!(q.is_empty() || !all, "{tab:?} {q:?}: {step}");
                }
            }
        }
    }
}
