//! Points come back to the lots that they were taken from: their own dates are shown before, what
//! has run out gets a new one, and what was granted is kept.

use crate::{
    kill,
    ledger::{grant, holder},
    support::{Till, World, issued},
};
use anyhow::Context;
use domain::{
    Actor, At, Flow, OrderId, Problem, Reference, ShopId,
    ledger::{Funding, Unit},
    reversal::Outcome,
};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use server::{
    acts::Declined,
    app::{App, Shop},
    config::Config,
    orders,
    reversals::{self, Wish, lots, returns},
    store::{
        ledger::{self, Asked, Order},
        order_lists,
    },
};
use std::{path::Path, sync::Arc, time::Duration};

const DAY: Duration = Duration::from_secs(86_400);

async fn open(folder: &Path, world: &World) -> anyhow::Result<Arc<App>> {
    let database = format!("sqlite://{}", folder.join("kaeru.db").display());
    let text = kill::config(&database, &world.base, 1);
    let (before, rest) = text.split_once("[shop.points]").context("points")?;
    let after = rest.split_once("[shop.rules]").map_or("", |(_, after)| after);
    let points = "[shop.points]\nkind = \"builtin\"\nvalid_days = 365\nreturn_days = 30\n";
    let file = folder.join("kaeru.toml");
    std::fs::write(&file, format!("{before}{points}[shop.rules]{after}"))?;
    App::open(Config::load(&file)?, false).await
}

/// A lot of so many points that ends in so many days.
async fn give(app: &App, n: i64, amount: i64, days: u32, funding: Funding) -> anyhow::Result<At> {
    let now = app.now();
    let end = now.plus(DAY * days);
    let asked = match grant(amount, Some(end)) {
        Asked::Grant { amount, from, issued_at, expires_at, .. } => {
            Asked::Grant { amount, from, issued_at, expires_at, funding }
        }
        other => other,
    };
    let order = Order {
        holder: holder("12345"),
        reference: Reference(format!("LOT-{n}")),
        fingerprint: n.to_string(),
        asked,
        reason: "a test".to_owned(),
        by: Actor::System,
        now,
        zone: TimeZone::UTC,
        in_time: None,
        audit: None,
        answer: None,
    };
    let came = ledger::post(&app.database, order).await?;
    anyhow::ensure!(matches!(came, ledger::Outcome::Posted(_)), "{came:?}");
    Ok(end)
}

struct Bought {
    id: OrderId,
    code: String,
}

/// An order that a coupon of 500 points paid for, cancelled at Shopify.
async fn cancelled(app: &Arc<App>, shop: &Shop, world: &World) -> anyhow::Result<Bought> {
    let code = issued(&app.engine).await?.terms.code.to_string();
    let switch = async |path: &str, body: Value| {
        let url = format!("{}/sandbox/api/{path}", world.base);
        let answer = world.client.post(url).json(&body).send().await?.error_for_status()?;
        anyhow::Ok(answer.json::<Value>().await?)
    };
    let cart = json!({"customer": "12345", "code": code, "total": "3000"});
    let placed = switch("orders", cart).await?;
    let id = placed["id"].as_str().context("an id")?.to_owned();
    switch(&format!("orders/{id}/cancel"), json!({"by": "customer"})).await?;
    let id = OrderId(id);
    orders::fetch(app, shop, &id).await?;
    Ok(Bought { id, code })
}

fn wish() -> Wish {
    Wish { points: true, credits: true, ..Wish::of(Actor::System) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lot_is_shown_with_its_date_and_what_was_granted_is_kept() -> anyhow::Result<()> {
    let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
    let app = open(folder.path(), &world).await?;
    let shop = &app.shops[&ShopId::from("main")];
    let soon = give(&app, 1, 300, 20, Funding::Free).await?;
    let later = give(&app, 2, 400, 200, Funding::Free).await?;
    let order = cancelled(&app, shop, &world).await?;
    let find = || order_lists::find(&app.database, &shop.id, order.id.as_str());
    let found = find().await?.context("the order")?;
    let shown = lots::of_coupon(&app, shop, &found.coupons[0]).await?.context("lots")?;
    let dates: Vec<_> = shown.0.iter().map(|of| (of.amount, of.lot.expires_at)).collect();
    assert_eq!(dates, [(300, Some(soon)), (200, Some(later))], "the soonest first");
    assert_eq!(shown.original(), Some(soon));

    // While all of it is good, each lot keeps its date and nobody asks for another.
    let back = shown.back(500, None, shop, app.now()).unwrap().unwrap();
    assert_eq!((back.expiry.original, back.expiry.requested), (Some(soon), None));
    // A part comes back to the lot that lives longest.
    let part = shown.back(150, None, shop, app.now()).unwrap().unwrap();
    assert_eq!(part.expiry.original, Some(later));

    // The first lot runs out: the shop's rule says until when its part comes back.
    app.clock.set(soon.plus(DAY));
    let rule = lots::by_rule(shop, app.now()).context("a rule")?;
    let back = shown.back(500, None, shop, app.now()).unwrap().unwrap();
    assert_eq!((back.amount, back.expiry.requested), (500, Some(rule)));
    let (_, sums) = returns::foresee(&app, shop, order.id.as_str(), &wish()).await.unwrap();
    assert_eq!((sums.points, sums.points_expired), (500, 0));

    let chosen = app.now().plus(DAY * 90).floor_second();
    let wish = Wish { extend: [(order.code.clone(), chosen)].into(), ..wish() };
    let begun = reversals::begin(&app, shop, order.id.as_str(), wish).await.unwrap();
    let row = begun.see_through(&app, DAY).await;
    let Flow::Reversal(flow) = &row.flow else { anyhow::bail!("{:?}", row.flow) };
    let Outcome::Moved(moved) = flow.done()[0] else { anyhow::bail!("{:?}", flow.state) };
    assert_eq!(moved.honoured, Some(chosen), "the soonest of what came back");
    let coupon = find().await?.context("the order")?.coupons.swap_remove(0);
    let kept = (coupon.original_expiry, coupon.requested_expiry, coupon.honoured_expiry);
    assert_eq!(kept, (Some(soon), Some(chosen), Some(chosen)));
    let rows = app.reads.history(&shop.id, domain::CustomerId(12345), None, 1).await?;
    assert_eq!((rows[0].points, rows[0].good_until), (500, Some(chosen)), "{rows:?}");
    // What the ledger itself says.
    let own = ledger::lots(&app.database, &holder("12345"), app.now()).await?;
    let own: Vec<_> = own.iter().map(|lot| (lot.left, lot.expires_at)).collect();
    assert_eq!(own, [(300, Some(chosen)), (400, Some(later))]);
    assert_eq!(holder("12345").unit, Unit::Points);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_lot_comes_back_within_its_six_months_or_not_at_all() -> anyhow::Result<()> {
    let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
    let app = open(folder.path(), &world).await?;
    let shop = &app.shops[&ShopId::from("main")];
    let paid = give(&app, 1, 200, 100, Funding::Paid).await?;
    let later = give(&app, 2, 400, 400, Funding::Free).await?;
    let order = cancelled(&app, shop, &world).await?;
    // Half a year after its issue: neither the rule nor staff can bring the paid part back.
    app.clock.set(paid.plus(DAY * 90));
    let begin = |wish| reversals::begin(&app, shop, order.id.as_str(), wish);
    let longer = Wish { extend_to: Some(app.now().plus(DAY * 30)), ..wish() };
    let refused = begin(longer).await;
    assert!(
        matches!(refused, Err(Declined::Problem(Problem::PaidLotTooLong))),
        "a paid lot may not last so long"
    );
    let (_, sums) = returns::foresee(&app, shop, order.id.as_str(), &wish()).await.unwrap();
    assert_eq!((sums.points, sums.points_expired), (300, 200));
    begin(wish()).await.unwrap().see_through(&app, DAY).await;
    let own = ledger::lots(&app.database, &holder("12345"), app.now()).await?;
    let own: Vec<_> = own.iter().map(|lot| (lot.left, lot.expires_at)).collect();
    assert_eq!(own, [(400, Some(later))]);
    Ok(())
}
