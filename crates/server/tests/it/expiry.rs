//! Coupons end by themselves, and their owners hear of it before: the service in one process, at
//! hours that the test chooses.

use crate::{
    kill::config,
    support::{Till, World, cancellation, issued},
};
use anyhow::Context;
use domain::{At, Coupon, Flow, Hold, Problem, ShopId, coupon::Status, hold};
use engine::store::{Begun, Guard, Start};
use server::{
    acts::{self, Declined},
    app::App,
    config::Config,
    expiry, ids, mail,
    store::{
        coupons,
        expiry::Place,
        outbox::{self, Standing},
    },
};
use std::{path::Path, sync::Arc, time::Duration};

const DAY: Duration = Duration::from_secs(86_400);

async fn open(folder: &Path, world: &World) -> anyhow::Result<Arc<App>> {
    let database = format!("sqlite://{}", folder.join("kaeru.db").display());
    let mails = folder.join("mail");
    let text = format!(
        "[mail]\nurl = \"file://{}\"\nfrom = \"points@example.test\"\n{}\
         [shop.mail]\nremind_days = [7, 30]\n",
        mails.display(),
        config(&database, &world.base, 1)
    );
    let file = folder.join("kaeru.toml");
    std::fs::write(&file, text)?;
    App::open(Config::load(&file)?, false).await
}

/// At that hour in Tokyo, so many days before the coupon's end.
fn before(coupon: &Coupon, days: i64, hour: i8) -> anyhow::Result<At> {
    let end = coupon.terms.expires_at.timestamp().to_zoned(jiff::tz::TimeZone::get("Asia/Tokyo")?);
    let day = end.date().checked_sub(jiff::Span::new().days(days))?;
    Ok(At::from(day.at(hour, 30, 0, 0).to_zoned(end.time_zone().clone())?.timestamp()))
}

async fn status(app: &App, coupon: &Coupon) -> anyhow::Result<Status> {
    let code = coupon.terms.code.as_str();
    let found = coupons::find(&app.database, &coupon.terms.shop, code, app.now()).await?;
    Ok(found.context("the coupon")?.status)
}

/// One whole sweep, as the service makes it.
async fn sweep(app: &Arc<App>) -> anyhow::Result<usize> {
    let shop = &app.shops[&ShopId::from("main")];
    let mut place = Place::at(At(i64::MIN));
    let mut ended = 0;
    loop {
        ended += expiry::expire(app, shop, &mut place).await?;
        if place == Place::at(At(i64::MIN)) {
            return Ok(ended);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn coupons_end_at_their_moment_and_only_once() -> anyhow::Result<()> {
    let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
    let app = open(folder.path(), &world).await?;
    let (ends, held) = (issued(&app.engine).await?, issued(&app.engine).await?);
    let note = "suspicious".to_owned();
    let by = domain::Actor::System;
    let shop = ShopId::from("main");
    let code = held.terms.code.as_str();
    let begun = acts::hold(&app, &shop, code, hold::Act::Hold, by, note, None).await?;
    begun.see_through(&app, DAY).await;
    assert_eq!(status(&app, &held).await?, Status::Held);

    let end = ends.terms.expires_at;
    for (moment, ended, wanted) in [
        // The clock runs on meanwhile.
        (At(end.0 - 60_000_000), 0, Status::Active),
        // Two sweeps at once, as by two processes.
        (end, 1, Status::Expired),
        (end.plus(DAY), 0, Status::Expired),
    ] {
        app.clock.set(moment);
        // Its time counts, whether the sweep has been there or not.
        let may = acts::may_cancel(&app, &app.shops[&shop], ends.terms.code.as_str()).await;
        match may.map(|coupon| coupon.terms.code) {
            Ok(code) => assert!(moment < end && code == ends.terms.code),
            Err(Declined::Problem(Problem::CouponExpired)) => assert!(moment >= end),
            Err(other) => anyhow::bail!("{moment:?}: {other:?}"),
        }
        let (one, other) = futures::join!(sweep(&app), sweep(&app));
        assert_eq!(one? + other?, ended, "{moment:?}");
        assert_eq!(status(&app, &ends).await?, wanted, "{moment:?}");
        assert_eq!(status(&app, &held).await?, Status::Held, "an investigator has it");
    }
    let books = world.books().await?;
    let entries = books["metafields"]["12345"].as_array().context("entries")?;
    let of = |coupon: &Coupon| {
        entries.iter().find(|entry| entry["code"] == coupon.terms.code.as_str()).cloned()
    };
    assert_eq!(of(&ends).context("its entry")?["status"], "expired");
    assert_eq!(of(&held).context("its entry")?["status"], "held");
    // It is too late to take it back, for staff and for everyone.
    let start = cancellation(&ends);
    assert!(matches!(app.engine.start(start).await?, Begun::Refused(_)));
    let balance = books["points"]["12345"]["balance"].as_i64();
    assert_eq!(balance, Some(1_250 - 500 - 500));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_are_reminded_by_day_and_never_twice() -> anyhow::Result<()> {
    let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
    let app = open(folder.path(), &world).await?;
    let shop = &app.shops[&ShopId::from("main")];
    let coupon = issued(&app.engine).await?;
    let second = issued(&app.engine).await?;
    let mailer = app.mailer.as_ref().context("a mailer")?;
    let sent = async || {
        let standing = Some(Standing::Sent);
        let mails = outbox::list(&app.database, &shop.id, standing, None, 100).await?;
        anyhow::Ok(mails.len())
    };
    for (days, hour, told) in [
        (40, 12, 0),
        (30, 3, 0),
        (30, 23, 0),
        (29, 8, 0),
        (29, 9, 2),
        (29, 10, 0),
        (20, 12, 0),
        // The second is taken back before its next reminder.
        (6, 19, 1),
        (5, 12, 0),
    ] {
        if days == 6 {
            hold_at(&app, &second).await?;
        }
        app.clock.set(before(&coupon, days, hour)?);
        let (one, other) = futures::join!(expiry::remind(&app, shop), expiry::remind(&app, shop));
        assert_eq!(one? + other?, told, "{days} days before, at {hour}");
        while mail::sender::round(&app, mailer, app.now()).await? > 0 {}
    }
    assert_eq!(sent().await?, 3);
    let letters: Vec<String> = std::fs::read_dir(mailer.folder().context("a folder")?)?
        .map(|file| Ok(std::fs::read_to_string(file?.path())?))
        .collect::<anyhow::Result<_>>()?;
    let of = |coupon: &Coupon| {
        letters.iter().filter(|letter| letter.contains(coupon.terms.code.as_str())).count()
    };
    assert_eq!((letters.len(), of(&coupon), of(&second)), (3, 2, 1));
    assert!(letters.iter().all(|letter| letter.contains("yamada.taro@example.test")));
    Ok(())
}

/// A reminder that was written and not yet sent when the coupon went is not sent any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_true_is_not_sent() -> anyhow::Result<()> {
    let (folder, world) = (tempfile::tempdir()?, World::start(Till::LookUp).await?);
    let app = open(folder.path(), &world).await?;
    let shop = &app.shops[&ShopId::from("main")];
    let coupon = issued(&app.engine).await?;
    for days in [40, 29] {
        app.clock.set(before(&coupon, days, 12)?);
        expiry::remind(&app, shop).await?;
    }
    hold_at(&app, &coupon).await?;
    let mailer = app.mailer.as_ref().context("a mailer")?;
    assert_eq!(mail::sender::round(&app, mailer, app.now()).await?, 1);
    let mails = outbox::list(&app.database, &shop.id, Some(Standing::Dead), None, 10).await?;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].last_error.as_deref(), Some("no-longer-true"));
    assert_eq!(std::fs::read_dir(mailer.folder().context("a folder")?)?.count(), 0);
    Ok(())
}

/// The coupon is held, seen through.
async fn hold_at(app: &Arc<App>, coupon: &Coupon) -> anyhow::Result<()> {
    let now = app.now();
    let note = "suspicious".to_owned();
    let terms = hold::Terms {
        coupon: coupon.clone(),
        act: hold::Act::Hold,
        by: domain::Actor::System,
        note,
        at: now,
    };
    let start = Start {
        id: ids::flow(now),
        flow: Flow::Hold(Hold::accept(terms)),
        request: None,
        guard: Guard::Take { from: vec![Status::Active], to: Status::Held },
        now,
        lease_until: now.plus(engine::LEASE),
    };
    match app.engine.start(start).await? {
        Begun::Started(row) => {
            app.drive(row, true).await?;
            Ok(())
        }
        other => anyhow::bail!("not held: {other:?}"),
    }
}
