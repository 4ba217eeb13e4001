//! The books of Kaeru, Shopify and the points book, compared. Reads only; what differs is listed
//! and left to people.

use crate::{
    app::Shop,
    store::{
        Database,
        reconcile::{self, Coupon, Movement},
    },
};
use domain::At;
use engine::ports::{Answer, Recovery};
use futures::{StreamExt, stream};
use std::{fmt, time::Duration};

const LIMIT: Duration = Duration::from_secs(15);
const AT_ONCE: usize = 8;
/// A peer that does not answer is asked so often.
const TRIES: u32 = 3;

/// Something that two books tell differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `shopify`, `points` or `kaeru`: whose book differs from Kaeru's record.
    pub book: &'static str,
    /// The code or the reference.
    pub subject: String,
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}\t{}", self.book, self.subject, self.what)
    }
}

/// What was compared, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub coupons: u64,
    pub movements: u64,
    /// False where the points book cannot look movements up.
    pub points_compared: bool,
    pub differences: Vec<Difference>,
}

fn differs(book: &'static str, subject: &str, what: impl Into<String>) -> Difference {
    Difference { book, subject: subject.to_owned(), what: what.into() }
}

/// Compares what was issued and moved since then. `progress` hears how much was compared.
///
/// # Errors
/// Where the database does not answer.
pub async fn run(
    shop: &Shop,
    database: &Database,
    since: At,
    now: At,
    progress: impl Fn(u64),
) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut after = String::new();
    loop {
        let page = reconcile::coupons(database, &shop.id, &after, since).await?;
        let Some(last) = page.last() else { break };
        after = last.code.0.clone();
        report.coupons += page.len() as u64;
        let compared = stream::iter(&page).map(|coupon| coupon_differs(shop, coupon, now));
        let found: Vec<_> = compared.buffered(AT_ONCE).collect().await;
        report.differences.extend(found.into_iter().flatten());
        progress(report.coupons);
    }
    report.points_compared = !matches!(shop.peers.points.recovery(), Recovery::Review);
    after.clear();
    while report.points_compared {
        let page = reconcile::movements(database, &shop.id, &after, since).await?;
        let Some(last) = page.last() else { break };
        after = last.reference.0.clone();
        report.movements += page.len() as u64;
        let compared = stream::iter(&page).map(|movement| movement_differs(shop, movement));
        let found: Vec<_> = compared.buffered(AT_ONCE).collect().await;
        report.differences.extend(found.into_iter().flatten());
        progress(report.coupons + report.movements);
    }
    if shop.builtin.is_some() {
        let broken = reconcile::ledger(database, &shop.id).await?;
        let broken = broken.iter().map(|name| differs("points", name, "does not add up"));
        report.differences.extend(broken);
    }
    Ok(report)
}

async fn coupon_differs(shop: &Shop, coupon: &Coupon, now: At) -> Vec<Difference> {
    let (code, status) = (coupon.code.as_str(), coupon.status.as_str());
    let mut found = Vec::new();
    match coupon.paid {
        None => found.push(differs("kaeru", code, "was issued, and no deduction stands")),
        Some(paid) if paid != -coupon.points => {
            found.push(differs(
                "kaeru",
                code,
                format!("{paid} points moved for {}", coupon.points),
            ));
        }
        Some(_) => {}
    }
    let mut answer = shop.shopify.standing(&coupon.code, LIMIT).await;
    for _ in 1..TRIES {
        if let Answer::Done(_) = answer {
            break;
        }
        answer = shop.shopify.standing(&coupon.code, LIMIT).await;
    }
    let good = status == "active" && coupon.expires_at > now;
    let what = match answer {
        Answer::Done(Some(of)) if of.used && status != "used" => {
            Some(format!("used; {status} here"))
        }
        Answer::Done(Some(of)) if of.live && !good && status != "used" => {
            Some(format!("alive; {status} here"))
        }
        Answer::Done(Some(of)) if !of.live && good => Some("dead; active here".to_owned()),
        Answer::Done(None) if good => Some("not known; active here".to_owned()),
        Answer::Done(_) => None,
        Answer::Refused(refusal) => Some(format!("could not be asked: {refusal:?}")),
        Answer::Unknown(why) => Some(format!("could not be asked: {why}")),
    };
    found.extend(what.map(|what| differs("shopify", code, what)));
    found
}

async fn movement_differs(shop: &Shop, movement: &Movement) -> Option<Difference> {
    let Movement { reference, customer, points } = movement;
    let find = || shop.peers.points.find(customer, reference, LIMIT);
    let mut answer = find().await;
    for _ in 1..TRIES {
        if let Answer::Done(_) = answer {
            break;
        }
        answer = find().await;
    }
    let what = match answer {
        Answer::Done(found) => match found.as_slice() {
            [] => format!("not there; {points} here"),
            [one] if one.points == *points => return None,
            [one] => format!("{} there; {points} here", one.points),
            more => format!("{} times there", more.len()),
        },
        Answer::Refused(refusal) => format!("could not be asked: {refusal:?}"),
        Answer::Unknown(why) => format!("could not be asked: {why}"),
    };
    Some(differs("points", reference.as_str(), what))
}
