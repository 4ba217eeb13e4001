//! Customers, as staff see them over HTTP: found, shown, merged, told and taken out.

use crate::{
    builtin::{Service, TILL_TOKEN},
    kill::quiet,
    postgres::Postgres,
};
use anyhow::Context;
use serde_json::{Value, json};

const AT: &str = "/admin/api/v1/customers";

fn ids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item["id"].as_str()).collect()
}

/// Two customers whom Kaeru has met, one with a coupon; on a database of its own.
async fn met(url: Option<String>) -> anyhow::Result<(Service, String)> {
    let service = Service::start(url, &[("12345", 1_250), ("23456", 300)]).await?;
    let (status, made) = service.convert(12345, 500, "one").await?;
    anyhow::ensure!(status == 201, "{made}");
    let (status, made_too) = service.convert(23456, 100, "two").await?;
    anyhow::ensure!(status == 201, "{made_too}");
    quiet(&service.client, &service.base).await?;
    let code = made["coupon"]["code"].as_str().context("a code")?.to_owned();
    Ok((service, code))
}

async fn found_and_shown(url: Option<String>) -> anyhow::Result<()> {
    let (service, code) = met(url).await?;
    let viewer = service.staff("viewer")?;
    for (q, found) in [
        ("", vec!["23456", "12345"]),
        ("12345", vec!["23456", "12345"]),
        ("70934", vec!["12345"]),
        ("yamada", vec!["12345"]),
        ("TARO", vec!["12345"]),
        ("nobody", vec![]),
        ("%25", vec![]),
    ] {
        let (status, list) = service.get(&viewer, &format!("{AT}?q={q}")).await?;
        assert_eq!((status, ids(&list)), (200, found), "{q}");
    }
    let (_, first) = service.get(&viewer, &format!("{AT}?limit=1")).await?;
    let cursor = first["next_cursor"].as_str().context("a cursor")?;
    let (_, second) = service.get(&viewer, &format!("{AT}?limit=1&cursor={cursor}")).await?;
    assert_eq!((ids(&first), ids(&second)), (vec!["23456"], vec!["12345"]));
    assert_eq!(second["next_cursor"], Value::Null);

    let (status, one) = service.get(&viewer, &format!("{AT}/12345?on=2020-01-01")).await?;
    assert_eq!((status, &one["name"]), (200, &json!("Yamada Taro")), "{one}");
    assert_eq!((&one["balance"], &one["open_points"]), (&json!(750), &json!(0)));
    assert_eq!(one["balance_on"]["points"], 0);
    assert_eq!(one["lots"][0]["points"], 750);
    let may = json!({"grant": false, "export": false, "erase": false, "merge": false});
    assert_eq!(one["may"], may);
    let unused = one["coupons"].as_array().context("coupons")?.iter();
    let unused = unused.filter(|of| of["status"] == "unused").map(|of| of["count"].clone());
    assert_eq!(unused.collect::<Vec<_>>(), [json!(1)]);

    let manager = service.staff("store_manager")?;
    let path = format!("/admin/api/v1/coupons/{code}/cancel");
    let body = json!({"reason": "customer_request", "notify": false});
    assert_eq!(service.post(&manager, &path, "back", body).await?.0, 200);
    let (_, history) = service.get(&viewer, &format!("{AT}/12345/history")).await?;
    let said: Vec<_> = history["items"]
        .as_array()
        .context("items")?
        .iter()
        .map(|item| (item["points"].clone(), item["balance"].clone(), item["linked_to"].clone()))
        .collect();
    let (spent, back) = (format!("COUPON-{code}"), format!("CANCEL-{code}"));
    assert_eq!(
        said,
        [
            (json!(500), json!(1_250), json!(spent)),
            (json!(-500), json!(750), json!(back)),
            (json!(1_250), json!(1_250), Value::Null),
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_found_and_shown_on_sqlite() -> anyhow::Result<()> {
    found_and_shown(None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_found_and_shown_on_postgresql() -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    found_and_shown(Some(postgres.database("kaeru")?)).await
}

#[tokio::test]
async fn another_shops_customers_are_nobodys() -> anyhow::Result<()> {
    let (service, _) = met(None).await?;
    let admin = service.staff("system_admin")?;
    let erase = json!({"reason": "asked by letter"});
    let (status, _) =
        service.post(&admin, &format!("{AT}/12345/erase"), "e", erase.clone()).await?;
    assert_eq!(status, 204);
    let other = service.staff_of("other", "system_admin")?;
    let (_, list) = service.get(&other, AT).await?;
    assert_eq!(ids(&list), Vec::<&str>::new());
    // The other shop's own Shopify knows this number too; nothing of the first shop shows.
    let (_, one) = service.get(&other, &format!("{AT}/12345")).await?;
    assert_eq!((&one["balance"], &one["erased_at"]), (&json!(0), &Value::Null), "{one}");
    let (_, history) = service.get(&other, &format!("{AT}/12345/history")).await?;
    assert_eq!(history["items"], json!([]));
    let merge = json!({"into": "23456", "reason": "twice"});
    for (method, path, body) in [
        ("GET", "1", Value::Null),
        ("GET", "1/history", Value::Null),
        ("GET", "1/export", Value::Null),
        ("GET", "no-number", Value::Null),
        ("POST", "1/erase", erase),
        ("POST", "1/merge", merge),
        ("POST", "1/grants", json!({"points": 1, "reason": "r"})),
    ] {
        let path = format!("{AT}/{path}");
        let (status, answer) = match method {
            "GET" => service.get(&other, &path).await?,
            _ => service.post(&other, &path, "k", body).await?,
        };
        assert_eq!(status, 404, "{path}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn the_person_goes_and_the_books_stay() -> anyhow::Result<()> {
    let (service, code) = met(None).await?;
    let (ec, admin) = (service.staff("ec_admin")?, service.staff("system_admin")?);
    let (status, told) = service.get(&ec, &format!("{AT}/12345/export")).await?;
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["customer"]["name"], "Yamada Taro");
    assert_eq!(told["coupons"][0]["code"], json!(code));
    assert_eq!(told["history"].as_array().map(Vec::len), Some(2));

    let (path, body) = (format!("{AT}/12345/erase"), json!({"reason": "asked by letter"}));
    assert_eq!(service.post(&ec, &path, "e", body.clone()).await?.0, 403);
    assert_eq!(service.post(&admin, &path, "e", json!({"reason": ""})).await?.0, 400);
    for _ in 0..2 {
        assert_eq!(service.post(&admin, &path, "e", body.clone()).await?.0, 204);
    }
    for q in ["yamada", "taro", "70934"] {
        let (_, list) = service.get(&ec, &format!("{AT}?q={q}")).await?;
        assert_eq!(ids(&list), Vec::<&str>::new(), "{q}");
    }
    // Whoever looks at the customer later makes nobody of them again.
    service.convert(12345, 100, "again").await?;
    let (_, one) = service.get(&ec, &format!("{AT}/12345")).await?;
    assert_eq!((&one["name"], &one["balance"]), (&Value::Null, &json!(650)), "{one}");
    assert!(one["erased_at"].is_string());
    let (_, coupons) = service.get(&ec, "/admin/api/v1/coupons?customer=12345").await?;
    assert_eq!(coupons["items"].as_array().map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test]
async fn two_customers_become_one() -> anyhow::Result<()> {
    let (service, _) = met(None).await?;
    let (ec, admin) = (service.staff("ec_admin")?, service.staff("system_admin")?);
    let path = format!("{AT}/12345/merge");
    let say = |into: &str, dry_run: bool| {
        let mut asked = json!({"into": into, "reason": "the same person"});
        asked["dry_run"] = json!(dry_run);
        asked
    };
    for (token, into, dry, status) in [
        (&ec, "23456", true, 403),
        (&admin, "12345", true, 400),
        (&admin, "1", true, 404),
        (&admin, "23456", true, 200),
        (&admin, "23456", false, 200),
        (&admin, "23456", false, 200),
    ] {
        let (found, answer) = service.post(token, &path, "m", say(into, dry)).await?;
        assert_eq!(found, status, "{into} {dry}: {answer}");
        if status == 200 {
            assert_eq!(answer["merged"], json!(!dry));
        }
    }
    let balance = async |id: &str| {
        let path = format!("/pos/main/customers/{id}/points");
        anyhow::Ok(service.get(TILL_TOKEN, &path).await?.1["balance"].clone())
    };
    assert_eq!((balance("12345").await?, balance("23456").await?), (json!(0), json!(950)));
    let (_, one) = service.get(&ec, &format!("{AT}/12345")).await?;
    assert_eq!(one["merged_into"], "23456");
    let (_, kept) = service.get(&ec, &format!("{AT}/23456")).await?;
    assert_eq!(kept["lots"].as_array().map(Vec::len), Some(2), "{kept}");
    let (_, coupons) = service.get(&ec, "/admin/api/v1/coupons?customer=23456").await?;
    assert_eq!(coupons["items"].as_array().map(Vec::len), Some(2));
    let (_, back) =
        service.post(&admin, &format!("{AT}/23456/merge"), "m", say("12345", true)).await?;
    assert_eq!(back["status"], 400, "{back}");
    Ok(())
}
