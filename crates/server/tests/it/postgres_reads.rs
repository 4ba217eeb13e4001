//! Every list and page, read from both databases: what one shows, the other does.

use crate::postgres::Postgres;
use domain::{
    Actor, At, Code, CustomerId, FlowId, Input, MemberNo, NodeId, PosId, Role, ShopId,
    effect::Moved, effect::Reason,
};
use engine::store::{Begun, Commit, Event, Row, Start, Store};
use server::store::{
    Database, Journal, Location, audit,
    coupons::{self, Tab},
    customers, expiry, overview, reads, reports, reviews, second_factor, staff, tokens,
};
use std::{fmt::Debug, time::Duration};

const NAMES: [&str; 4] = ["山田 太郎", "Suzuki Hanako", "O'Brien", "Ünal"];
const TYPED: [&str; 18] = [
    "",
    "70934",
    "70934-aaaa01-500",
    " AAAA02 ",
    "aa03",
    "AAAA0",
    "7",
    "zzz",
    "12",
    "山田",
    "太郎",
    "田 太郎",
    "HANA",
    "ü",
    "%",
    "_",
    "'",
    "\\",
];

fn shop() -> ShopId {
    ShopId::from("main")
}

/// The `n`th conversion, a second after the one before.
fn start(n: u128) -> Start {
    let mut start = engine::conformance::start(n, 10 + u64::try_from(n).expect("a small number"));
    start.now = start.now.plus(Duration::from_secs(u64::try_from(n).expect("a small number")));
    start
}

async fn begin(journal: &Journal, n: u128) -> anyhow::Result<Row> {
    match journal.begin(start(n)).await? {
        Begun::Started(row) => Ok(row),
        other => anyhow::bail!("{other:?}"),
    }
}

async fn step(journal: &Journal, row: Row, at: At, input: Input) -> anyhow::Result<Row> {
    let step = row.flow.step(&input, at)?;
    let row = Row { flow: step.next, version: row.version + 1, due_at: None, ..row };
    let event = Event { name: step.event, detail: Some("told".to_owned()) };
    journal.commit(&Commit { row: row.clone(), at, event, facts: step.facts }).await?;
    Ok(row)
}

fn entry(n: u128, at: At, act: &'static str) -> audit::Entry {
    audit::Entry {
        id: FlowId(uuid::Uuid::from_u128(n)),
        shop: shop(),
        at,
        by: Actor::Staff { id: 1, name: "Sato".to_owned() },
        role: Some(Role::EcAdmin),
        act,
        subject: "sato@example.test".to_owned(),
        detail: serde_json::json!({"a": 1}),
        reason: None,
        note: Some("because".to_owned()),
        origin: Some("192.0.2.1".to_owned()),
        flow: None,
    }
}

/// Everything that was told, one line each.
struct Told(Vec<String>);

impl Told {
    fn add(&mut self, what: impl Debug) {
        self.0.push(format!("{what:?}"));
    }
}

async fn everything(database: Database) -> anyhow::Result<Vec<String>> {
    let journal = Journal::new(database.clone());
    let mut told = Told(vec![]);
    let now = start(9).now;
    for (n, name) in (1..).zip(NAMES) {
        let row = begin(&journal, n).await?;
        let id = row.customer();
        let input = Input::Created { node: NodeId(u64::try_from(n)?), unpayable: None };
        let row = step(&journal, row, now, input).await?;
        if n == 4 {
            let row = step(&journal, row, now, Input::InDoubt).await?;
            step(&journal, row, now, Input::Parked(Reason::NoLookUp)).await?;
        } else {
            step(&journal, row, now, Input::Moved(Moved::default())).await?;
        }
        customers::keep(&database, card(id, name, now)).await?;
        customers::keep(&database, card(id, name, now.plus(Duration::from_secs(1)))).await?;
        told.add(customers::find(&database, &shop(), id).await?);
    }
    coupons_of(&database, now, &mut told).await?;
    customers_of(&database, now, &mut told).await?;
    sums_of(&database, now, &mut told).await?;
    cases_of(&database, now, &mut told).await?;
    staff_of(&database, now, &mut told).await?;
    Ok(told.0)
}

fn card(id: CustomerId, name: &str, seen_at: At) -> customers::CustomerRow {
    customers::CustomerRow {
        shop: shop(),
        id,
        name: Some(name.to_owned()),
        member_no: MemberNo::from("70934"),
        pos_id: PosId::from("1"),
        locale: None,
        seen_at,
    }
}

async fn coupons_of(database: &Database, now: At, told: &mut Told) -> anyhow::Result<()> {
    let filter = coupons::Filter {
        tab: Tab::All,
        q: None,
        customer: None,
        from: None,
        to: None,
        least: None,
        greatest: None,
        order: coupons::Order::Newest,
        before: None,
        most: 2,
        now,
    };
    for q in TYPED {
        let filter = coupons::Filter { q: Some(q.to_owned()), ..filter.clone() };
        told.add((q, coupons::list(database, &shop(), filter).await?));
    }
    for tab in Tab::ALL {
        let filter = coupons::Filter { tab, ..filter.clone() };
        told.add(coupons::list(database, &shop(), filter).await?);
    }
    let before = reads::Before {
        at: start(3).flow.terms().expect("a conversion").created_at,
        key: "7".to_owned(),
    };
    let narrowed = coupons::Filter {
        customer: Some(CustomerId(12)),
        from: Some(At(0)),
        to: Some(now),
        least: Some(1),
        greatest: Some(10_000),
        before: Some(before),
        ..filter
    };
    for order in coupons::Order::ALL {
        let narrowed = coupons::Filter { order, ..narrowed.clone() };
        told.add(coupons::list(database, &shop(), narrowed).await?);
    }
    told.add(coupons::counts(database, &shop(), now).await?);
    for n in 1..=4 {
        let code = Code(format!("70934-AAAA{n:02}-500"));
        told.add(coupons::find(database, &shop(), code.as_str(), now).await?);
        told.add(coupons::timeline(database, &shop(), &code).await?);
        told.add(coupons::acts(database, &shop(), &code).await?);
    }
    let later = now.plus(Duration::from_secs(86_400 * 400));
    let first = expiry::Place::at(At(0));
    told.add(expiry::expired(database, &shop(), &first, later, 2).await?);
    told.add(expiry::expiring(database, &shop(), now, later, None, 2).await?);
    for order in ["#1", "#1", "#2"] {
        told.add(coupons::note_use(database, &shop(), "70934-aaaa01-500", order, now).await?);
    }
    Ok(())
}

async fn customers_of(database: &Database, now: At, told: &mut Told) -> anyhow::Result<()> {
    let reads = reads::Reads::new(database.clone());
    reads.ping().await?;
    for id in [11, 12, 99].map(CustomerId) {
        let day = jiff::civil::date(2024, 1, 15);
        told.add(reads.used_today(&shop(), id, day).await?);
        for before in [None, Some(reads::Before { at: now, key: "COUPON-7".to_owned() })] {
            told.add(reads.coupons(&shop(), id, before.clone(), 5).await?);
            told.add(reads.history(&shop(), id, before, 5).await?);
        }
    }
    told.add(reads.timeline(start(4).id).await?);
    told.add(reads.gauges().await?);
    Ok(())
}

async fn sums_of(database: &Database, now: At, told: &mut Told) -> anyhow::Result<()> {
    let (day, end) = (At(now.0 - 86_400_000), now.plus(Duration::from_secs(86_400 * 400)));
    told.add(reports::spans(database, &shop(), &[]).await?);
    told.add(reports::spans(database, &shop(), &[(day, now), (now, end), (At(0), day)]).await?);
    told.add(reports::cancelled_by(database, &shop(), day, end).await?);
    told.add(overview::times_to_coupon(database, &shop(), 10).await?);
    told.add(overview::oldest_doubt(database, &shop()).await?);
    for at in [now, end] {
        told.add(reports::liability(database, &shop(), at).await?);
    }
    Ok(())
}

async fn cases_of(database: &Database, now: At, told: &mut Told) -> anyhow::Result<()> {
    for open in [true, false] {
        told.add(reviews::list(database, &shop(), open, None, 5).await?);
    }
    told.add(reviews::find(database, &shop(), start(4).id, "no_look_up").await?);
    let settlement = reviews::Settlement {
        shop: shop(),
        flow: start(1).id,
        reason: "used_twice".to_owned(),
        by: "Sato".to_owned(),
        verdict: "noted".to_owned(),
        note: "seen".to_owned(),
        at: now,
        close: true,
    };
    for n in [80, 81] {
        let entry = entry(n, now, "review.settle");
        told.add(reviews::settle(database, settlement.clone(), entry).await?);
    }
    told.add(reviews::list(database, &shop(), false, None, 5).await?);
    pages_of(database, told).await?;
    told.add(reviews::open_count(database, &shop()).await?);
    Ok(())
}

/// One at a time, none is left out, though some were opened in the same moment.
async fn pages_of(database: &Database, told: &mut Told) -> anyhow::Result<()> {
    let all = reviews::list(database, &shop(), false, None, 100).await?;
    let (mut before, mut ids) = (None, vec![]);
    loop {
        let page = reviews::list(database, &shop(), false, before, 1).await?;
        let Some(review) = page.first() else { break };
        before = Some(reads::Before { at: review.opened_at, key: review.id() });
        ids.push(review.id());
    }
    assert_eq!(ids, all.iter().map(reviews::Review::id).collect::<Vec<_>>());
    told.add(ids);
    Ok(())
}

async fn staff_of(database: &Database, now: At, told: &mut Told) -> anyhow::Result<()> {
    let email = "sato@example.test";
    let account = staff::Account {
        shop: shop(),
        id: 1,
        email: email.to_owned(),
        name: "Sato".to_owned(),
        role: Role::EcAdmin,
        language: None,
        created_at: now,
        disabled_at: None,
    };
    for n in [90, 91] {
        let entry = entry(n, now, "staff.add");
        told.add(staff::add(database, account.clone(), "hash".to_owned(), entry).await?);
    }
    let (token, until) = ("digest".to_owned(), now.plus(Duration::from_secs(60)));
    let begin = entry(92, now, "session.begin");
    let csrf = "csrf".to_owned();
    staff::open_session(database, token.clone(), account.clone(), csrf, until, begin).await?;
    staff::touch(database, &token, until).await?;
    told.add(staff::session(database, &token).await?);
    told.add(staff::sessions(database, &account, now).await?);
    let new = tokens::New {
        token: token.clone(),
        account: account.clone(),
        name: "robot".to_owned(),
        scopes: Some("see export".to_owned()),
        expires_at: until,
    };
    tokens::add(database, new, entry(93, now, "staff.token")).await?;
    told.add(tokens::list(database, &account, now).await?);
    told.add(tokens::owner(database, &token, now).await?);
    told.add(tokens::owner(database, &token, until).await?);
    let mine = account.clone();
    let taken = entry(97, now, "staff.token_removed");
    told.add(tokens::remove(database, mine, "digest".to_owned(), taken).await?);
    told.add(tokens::list(database, &account, now).await?);
    factor_of(database, &account, now, told).await?;
    staff::close_session(database, &token, entry(94, now, "session.end")).await?;
    told.add(staff::session(database, &token).await?);
    let change = staff::Change::Role(Role::Viewer);
    told.add(staff::alter(database, &shop(), email, change, entry(95, now, "staff.role")).await?);
    told.add(staff::list(database, &shop()).await?);
    let change = staff::Change::Disable;
    told.add(staff::alter(database, &shop(), email, change, entry(96, now, "staff.off")).await?);
    told.add(staff::by_email(database, email).await?);
    let mut filter = audit::Filter { most: 3, ..audit::Filter::default() };
    told.add(audit::list(database, &shop(), filter.clone()).await?);
    filter.act = Some("staff.add".to_owned());
    filter.subject = Some(email.to_owned());
    filter.actor = Some("Sato".to_owned());
    filter.from = Some(now);
    filter.to = Some(until);
    filter.before = Some((now, FlowId(uuid::Uuid::from_u128(95))));
    told.add(audit::list(database, &shop(), filter).await?);
    Ok(())
}

async fn factor_of(
    database: &Database,
    account: &staff::Account,
    now: At,
    told: &mut Told,
) -> anyhow::Result<()> {
    let account = || account.clone();
    for secret in ["ONE", "TWO"] {
        told.add(second_factor::propose(database, account(), secret.to_owned()).await?);
    }
    told.add(second_factor::spend(database, account(), 4, now).await?);
    for (n, step) in [(110, 5), (111, 6)] {
        let entry = entry(n, now, "staff.second_factor");
        told.add(second_factor::confirm(database, account(), step, entry).await?);
    }
    for step in [5, 4, 6, 6] {
        told.add(second_factor::spend(database, account(), step, now).await?);
    }
    told.add(second_factor::propose(database, account(), "THREE".to_owned()).await?);
    let factor = second_factor::of(database, &account()).await?;
    told.add(factor.map(|factor| (factor.secret, factor.confirmed)));
    for n in [112, 113] {
        let entry = entry(n, now, "staff.second_factor_removed");
        told.add(second_factor::remove(database, account(), entry).await?);
    }
    Ok(())
}

#[tokio::test]
async fn both_databases_show_the_same() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = Location::Sqlite(folder.path().join("kaeru.db"));
    let postgres = Postgres::start()?;
    let server = Location::Postgres(postgres.database("reads")?);
    let ours = everything(Database::open(&file, At(0)).await?).await?;
    let theirs = everything(Database::open(&server, At(0)).await?).await?;
    assert_eq!(ours, theirs);
    assert!(ours.iter().any(|line| line.contains("Hanako")), "{ours:?}");
    Ok(())
}
