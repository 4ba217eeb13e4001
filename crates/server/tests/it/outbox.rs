//! Mails in the outbox and reminders, on each database: whoever asks, and however often, each
//! reminder is written once, and each mail is in one hand at a time.

use crate::postgres::Postgres;
use domain::{Actor, At, Flow, FlowId, Input, NodeId, ShopId, effect::Moved};
use engine::store::{Begun, Commit, Event, Row, Start, Store};
use server::{
    ids,
    store::{
        Database, Journal, Location, audit, expiry,
        leases::{self, Lease},
        outbox::{self, Content, Mail, MailId, Outcome, Standing},
    },
};
use std::time::Duration;

const NOON: At = engine::conformance::NOON;
const DAY: Duration = Duration::from_secs(86_400);

/// The same database, opened by two processes where it can be.
struct Two {
    one: Database,
    other: Database,
}

async fn each(name: &str, postgres: &Postgres) -> anyhow::Result<[(Two, tempfile::TempDir); 2]> {
    let folder = tempfile::tempdir()?;
    let one = Database::open(&Location::Sqlite(folder.path().join("kaeru.db")), NOON).await?;
    let sqlite = Two { other: one.clone(), one };
    let location = Location::Postgres(postgres.database(name)?);
    let one = Database::open(&location, NOON).await?;
    let server = Two { one, other: Database::open(&location, NOON).await? };
    Ok([(sqlite, folder), (server, tempfile::tempdir()?)])
}

fn shop() -> ShopId {
    ShopId::from("main")
}

/// A coupon that was issued `age` ago and ends in `left`.
async fn issue(
    database: &Database,
    n: u128,
    age: Duration,
    left: Duration,
) -> anyhow::Result<String> {
    let journal = Journal::new(database.clone());
    let start = engine::conformance::start(n, u64::try_from(n)?);
    let mut terms = start.flow.terms().expect("a conversion").clone();
    terms.created_at = At(NOON.0 - i64::try_from(age.as_micros())?);
    terms.expires_at = NOON.plus(left);
    let flow = Flow::Conversion(domain::Conversion::accept(terms, false));
    let Begun::Started(mut row) = journal.begin(Start { flow, ..start }).await? else {
        anyhow::bail!("did not start");
    };
    let node = NodeId(u64::try_from(n)?);
    for input in [Input::Created { node, unpayable: None }, Input::Moved(Moved::default())] {
        let step = row.flow.step(&input, NOON).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        row = Row { flow: step.next, version: row.version + 1, due_at: None, ..row };
        let event = Event { name: step.event, detail: None };
        let commit = Commit { row: row.clone(), at: NOON, event, facts: step.facts };
        journal.commit(&commit).await?;
    }
    Ok(row.flow.subject().to_owned())
}

/// As the service asks: largest number of days first.
async fn remind(database: &Database, days: &[u16], now: At) -> anyhow::Result<usize> {
    let mut told = 0;
    for (index, days_before) in days.iter().enumerate() {
        let sooner = days.get(index + 1).copied().unwrap_or(0);
        loop {
            let walk = expiry::Walk { shop: shop(), days: *days_before, sooner, now, most: 2 };
            let (seen, now_told) = expiry::remind(database, walk).await?;
            told += now_told;
            if seen == 0 {
                break;
            }
        }
    }
    Ok(told)
}

async fn mails(database: &Database) -> anyhow::Result<Vec<Mail>> {
    Ok(outbox::list(database, &shop(), None, None, 1_000).await?)
}

/// Code and number of days of each reminder in the outbox, in order.
async fn reminders(database: &Database) -> anyhow::Result<Vec<(String, i64)>> {
    let mut found: Vec<_> = mails(database)
        .await?
        .into_iter()
        .filter_map(|mail| match mail.content {
            Content::Reminder { code, days, .. } => Some((code, days)),
            Content::Notice { .. } | Content::Approval { .. } | Content::Digest(_) => None,
        })
        .collect();
    found.sort();
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_owner_is_reminded_once_for_each_number_of_days() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    for (two, _folder) in each("remind", &postgres).await? {
        let database = &two.one;
        // Long before anything ends: from now on nobody is missed.
        assert_eq!(remind(database, &[30, 7], At(NOON.0)).await?, 0);
        // Age and time left in days, and the day from now on which they are first looked at.
        for (n, age, left) in [(1, 300, 40), (2, 300, 40), (3, 0, 20), (4, 0, 400)] {
            issue(database, n, DAY * age, DAY * left).await?;
        }
        for (day, told, whom) in [
            (9, 0, vec![]),
            (11, 2, vec![(1, 30), (2, 30)]),
            (11, 0, vec![(1, 30), (2, 30)]),
            // The third got its coupon when fewer than 30 days were left.
            (14, 1, vec![(1, 30), (2, 30), (3, 7)]),
            // Nothing ran for weeks: one mail about the end, not two.
            (34, 2, vec![(1, 7), (1, 30), (2, 7), (2, 30), (3, 7)]),
            (41, 0, vec![(1, 7), (1, 30), (2, 7), (2, 30), (3, 7)]),
        ] {
            assert_eq!(remind(database, &[30, 7], NOON.plus(DAY * day)).await?, told, "day {day}");
            let whom: Vec<(String, i64)> =
                whom.into_iter().map(|(n, days)| (format!("70934-AAAA0{n}-500"), days)).collect();
            assert_eq!(reminders(database).await?, whom, "day {day}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_remind_as_one() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    for (two, _folder) in each("together", &postgres).await? {
        assert_eq!(remind(&two.one, &[7], NOON).await?, 0);
        for n in 1..=20 {
            issue(&two.one, n, DAY, DAY * 10).await?;
        }
        let late = NOON.plus(DAY * 4);
        let asked = (0..6).map(|n| remind([&two.one, &two.other][n % 2], &[7], late));
        let told: Vec<usize> = futures::future::try_join_all(asked).await?;
        assert_eq!(told.iter().sum::<usize>(), 20);
        assert_eq!(reminders(&two.one).await?.len(), 20);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_in_one_hand_at_a_time() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    for (two, _folder) in each("hands", &postgres).await? {
        let database = &two.one;
        assert_eq!(remind(database, &[7], NOON).await?, 0);
        for n in 1..=12 {
            issue(database, n, DAY, DAY * 10).await?;
        }
        let now = NOON.plus(DAY * 4);
        assert_eq!(remind(database, &[7], now).await?, 12);
        let asked = (0..6).map(|n| outbox::claim([&two.one, &two.other][n % 2], now, 3));
        let had: Vec<Mail> = futures::future::try_join_all(asked).await?.concat();
        let mut ids: Vec<MailId> = had.iter().map(|mail| mail.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), had.len(), "a mail was in two hands");
        // Whoever lost a race may have come away with less; the others take what is left.
        let rest = outbox::claim(database, now, 100).await?;
        assert_eq!(had.len() + rest.len(), 12);
        assert!(outbox::claim(database, now, 100).await?.is_empty());
        // Who works on one keeps it; what is given back is anybody's at once.
        let of = |mail: &Mail| Lease::Mail { id: mail.id, attempts: mail.attempts };
        let early = now.plus(leases::LEASE / 2);
        for mail in had.iter().chain(&rest) {
            assert!(leases::renew(database, of(mail), early).await?);
        }
        assert!(outbox::claim(database, now.plus(leases::LEASE), 100).await?.is_empty());
        let given = leases::give_back(database, [of(&had[0])].into(), early).await?;
        let taken = outbox::claim(&two.other, early, 100).await?;
        assert_eq!((given, taken.len(), taken[0].id), (1, 1, had[0].id));
        assert!(!leases::renew(database, of(&had[0]), early).await?, "it is another's now");
        // Their process died: when the lease is over somebody else sends, under the same number.
        let over = early.plus(leases::LEASE);
        let again = outbox::claim(database, over, 100).await?;
        assert_eq!(again.len(), 12);
        let first = had.iter().chain(&rest).find(|mail| mail.id == again[0].id).cloned();
        let first = first.ok_or_else(|| anyhow::anyhow!("another mail"))?;
        assert_eq!(first.message_id("shop.test"), again[0].message_id("shop.test"));
        // Its late word that it failed changes nothing: the second attempt is under way.
        let late = Outcome::Later { at: over, error: "timeout".to_owned() };
        outbox::settle(database, first.clone(), late, over).await?;
        assert!(outbox::claim(database, over, 100).await?.is_empty());
        // Its late word that it was sent is true, whoever else tries.
        outbox::settle(database, first.clone(), Outcome::Sent, over).await?;
        let refused = Outcome::Dead { error: "smtp-550".to_owned(), tell: true };
        outbox::settle(database, again[0].clone(), refused, over).await?;
        let found = outbox::find(database, &shop(), first.id).await?.map(|mail| mail.standing());
        assert_eq!(found, Some(Standing::Sent));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_told_once_an_hour_and_sent_again_on_demand() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    for (two, _folder) in each("dead", &postgres).await? {
        let database = &two.one;
        assert_eq!(remind(database, &[7], NOON).await?, 0);
        for n in 1..=3 {
            issue(database, n, DAY, DAY * 10).await?;
        }
        let now = NOON.plus(DAY * 4);
        assert_eq!(remind(database, &[7], now).await?, 3);
        let admins = ["ops@example.test".to_owned(), "boss@example.test".to_owned()];
        let digests = async |after: Duration| {
            // Both processes look at once.
            let (one, other) = futures::join!(
                outbox::gather_alerts(&two.one, &admins, now.plus(after)),
                outbox::gather_alerts(&two.other, &admins, now.plus(after)),
            );
            one?;
            other?;
            let count = |mail: &Mail| match &mail.content {
                Content::Digest(digest) => Some(digest.count),
                _ => None,
            };
            let mut counts: Vec<usize> = mails(database).await?.iter().filter_map(count).collect();
            counts.sort_unstable();
            anyhow::Ok(counts)
        };
        let minute = Duration::from_secs(60);
        let mut dead = Vec::new();
        for (n, mail) in outbox::claim(database, now, 3).await?.into_iter().enumerate() {
            let outcome = Outcome::Dead { error: "smtp-550".to_owned(), tell: true };
            outbox::settle(database, mail.clone(), outcome, now).await?;
            dead.push(mail.id);
            // The second and the third within the hour of the first.
            let told = digests(minute * u32::try_from(n)?).await?;
            assert_eq!(told, [1, 1], "after {n}");
        }
        assert_eq!(digests(minute * 60).await?, [1, 1, 2, 2]);
        assert_eq!(digests(minute * 180).await?, [1, 1, 2, 2]);

        let listed = outbox::list(database, &shop(), Some(Standing::Dead), None, 10).await?;
        assert_eq!(listed.len(), 3);
        let entry = || audit::Entry {
            id: ids::flow(now),
            shop: shop(),
            at: now,
            by: Actor::Staff { id: 1, name: "Sato".to_owned() },
            role: None,
            act: "mail.resend",
            subject: dead[0].to_string(),
            detail: serde_json::json!({}),
            reason: None,
            note: None,
            origin: None,
            flow: None,
        };
        assert!(outbox::resend(database, dead[0], entry()).await?);
        // Pressed twice: it is on its way.
        assert!(!outbox::resend(database, dead[0], entry()).await?);
        let stranger = audit::Entry { shop: ShopId::from("other"), ..entry() };
        assert!(!outbox::resend(database, dead[1], stranger).await?);
        let again = outbox::claim(database, now, 10).await?;
        let again = again.iter().find(|mail| mail.id == dead[0]).expect("due again");
        assert_eq!((again.attempts, again.resends), (1, 1));
        assert!(again.message_id("shop.test").contains("again1"));
        assert_ne!(dead[0].id, FlowId(uuid::Uuid::nil()));
    }
    Ok(())
}
