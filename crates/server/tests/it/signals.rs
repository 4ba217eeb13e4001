//! What suggests that somebody should look becomes a row that explains itself, once; on both
//! databases.

use crate::{
    kill::config,
    postgres::Postgres,
    support::{Till, World, issued},
};
use domain::{Actor, At, Coupon, Role, ShopId, cancellation::Why, coupon::Status};
use serde_json::{Value, json};
use server::{
    acts,
    app::App,
    config::Config,
    ids, signals,
    store::{audit, reviews, staff},
    web::{
        api::reviews::{SettleRequest, decide as decide_case},
        auth_staff::Staff,
    },
};
use std::{sync::Arc, time::Duration};

async fn open(folder: &std::path::Path, database: &str, world: &World) -> anyhow::Result<Arc<App>> {
    let rules = "[shop.signals]\nconversions = 2\nsame_customer = 2\n";
    let file = folder.join("kaeru.toml");
    std::fs::write(&file, format!("{}{rules}", config(database, &world.base, 1)))?;
    let app = App::open(Config::load(&file)?, false).await?;
    let (shop, now) = (ShopId::from("main"), app.now());
    let account = staff::Account {
        shop: shop.clone(),
        id: 0,
        email: "Yamada.Taro@example.test".to_owned(),
        name: "Yamada T.".to_owned(),
        role: Role::StoreManager,
        language: None,
        created_at: now,
        disabled_at: None,
    };
    let entry = audit::Entry {
        id: ids::flow(now),
        shop,
        at: now,
        by: Actor::System,
        role: None,
        act: "staff.add",
        subject: "yamada".to_owned(),
        detail: json!({}),
        reason: None,
        note: None,
        origin: None,
        flow: None,
    };
    staff::add(&app.database, account, "-".to_owned(), entry).await?;
    Ok(app)
}

/// The next time that it is so late in Tokyo.
fn next(app: &App, hour: i8) -> anyhow::Result<At> {
    let now = app.now().timestamp().in_tz("Asia/Tokyo")?;
    let then = now.date().tomorrow()?.at(hour, 0, 0, 0).to_zoned(now.time_zone().clone())?;
    Ok(At::from(then.timestamp()))
}

async fn cancel(app: &Arc<App>, coupon: &Coupon) -> anyhow::Result<()> {
    let order = acts::Cancel {
        by: Actor::Staff { id: 1, name: "Yamada T.".to_owned() },
        reason: Why::CustomerRequest,
        note: None,
        notify: false,
        refund: true,
        from: Status::Active,
        request: None,
    };
    let shop = &app.shops[&ShopId::from("main")];
    let begun = acts::cancel(app, shop, coupon.terms.code.as_str(), order).await?;
    begun.see_through(app, Duration::from_secs(60)).await;
    Ok(())
}

/// Reason and evidence of each open case, by reason; all of them are merely noted.
async fn shown(app: &App) -> anyhow::Result<Vec<(String, Value)>> {
    let found = reviews::list(&app.database, &ShopId::from("main"), true, None, 100).await?;
    assert!(found.iter().all(|review| !review.decides()));
    let mut rows: Vec<(String, Value)> = found
        .into_iter()
        .map(|review| {
            let detail = review.detail.unwrap_or_default();
            Ok((review.reason, serde_json::from_str(&detail)?))
        })
        .collect::<anyhow::Result<_>>()?;
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(rows)
}

/// What comes of the verdict of the staff member with that number.
async fn decide(app: &Arc<App>, by: i64) -> anyhow::Result<Vec<(String, &'static str)>> {
    let shop = ShopId::from("main");
    let accounts = staff::list(&app.database, &shop).await?;
    let account = staff::Account { id: by, role: Role::EcAdmin, ..accounts[0].clone() };
    let language = server::i18n::Language::English;
    let person = Staff { account, csrf: None, language, origin: None, scopes: None };
    let mut said = Vec::new();
    for review in reviews::list(&app.database, &shop, true, None, 100).await? {
        let (verdict, note) = ("noted".to_owned(), "seen".to_owned());
        let wanted = SettleRequest { verdict, note, version: None };
        let came = decide_case(app, &person, &review.id(), wanted).await;
        said.push((review.reason, came.map_or_else(|error| error.code, |_| "settled")));
    }
    said.sort();
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_signal_is_shown_once_and_says_why() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let folder = tempfile::tempdir()?;
    let sqlite = format!("sqlite://{}", folder.path().join("kaeru.db").display());
    for database in [sqlite, postgres.database("signals")?] {
        let world = World::start(Till::LookUp).await?;
        let app = open(folder.path(), &database, &world).await?;
        let shop = &app.shops[&ShopId::from("main")];
        let mine = |name: &str, more: Value| (name.to_owned(), more);

        let one = issued(&app.engine).await?;
        assert_eq!(signals::look(&app, shop).await?, 0);
        let two = issued(&app.engine).await?;
        // Two processes look at once.
        let (a, b) = futures::join!(signals::look(&app, shop), signals::look(&app, shop));
        assert_eq!(a? + b?, 1);
        let many = mine("many_conversions", json!({"count": 2, "minutes": 10}));
        assert_eq!(shown(&app).await?, std::slice::from_ref(&many));

        app.clock.set(next(&app, 12)?);
        cancel(&app, &one).await?;
        cancel(&app, &two).await?;
        app.clock.set(app.now().plus(Duration::from_secs(60)));
        assert_eq!(signals::look(&app, shop).await?, 2);
        assert_eq!(signals::look(&app, shop).await?, 0);
        let own = mine("own_account", json!({"staff": "Yamada T.", "same": "email"}));
        let pair = json!({"staff": "Yamada T.", "count": 2, "days": 30});
        let pair = mine("same_staff_same_customer", pair);
        assert_eq!(shown(&app).await?, [many.clone(), own.clone(), pair.clone()]);

        let three = issued(&app.engine).await?;
        app.clock.set(next(&app, 3)?);
        cancel(&app, &three).await?;
        app.clock.set(app.now().plus(Duration::from_secs(60)));
        // The others are open already.
        assert_eq!(signals::look(&app, shop).await?, 1);
        let late = json!({"staff": "Yamada T.", "time": "03:00", "open": 7, "close": 23});
        let late = mine("after_hours", late);
        assert_eq!(shown(&app).await?, [late, many, own, pair]);

        let said = |codes: [&'static str; 4]| {
            let reasons =
                ["after_hours", "many_conversions", "own_account", "same_staff_same_customer"];
            reasons.into_iter().map(str::to_owned).zip(codes).collect::<Vec<_>>()
        };
        // Nobody decides whether they themselves were wrong.
        let no = "not-permitted";
        assert_eq!(decide(&app, 1).await?, said([no, "settled", no, no]));
        assert_eq!(decide(&app, 11).await?.len(), 3);
        assert_eq!(shown(&app).await?, []);
        // What was looked at is not shown again at once.
        assert_eq!(signals::look(&app, shop).await?, 0);
    }
    Ok(())
}
