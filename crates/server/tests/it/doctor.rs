//! `kaeru doctor` and `kaeru reconcile`: what is well is said to be, and what is not is named.

use crate::{
    builtin::{Service, kaeru},
    kill::{config, free_port, quiet, token},
    process::start,
};
use anyhow::Context;
use serde_json::{Value, json};

#[tokio::test]
async fn the_doctor_says_what_to_do() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("kaeru.toml");
    let path = file.to_str().context("a path in UTF-8")?;
    let (_sandbox, sandbox) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
    let database = format!("sqlite://{}", folder.path().join("kaeru.db").display());
    let good = config(&database, &sandbox, 1)
        .replace("[shop.points]", "webhook_secret = \"a-secret\"\n[shop.points]")
        .replace("[[shop]]", "[mail]\nurl = \"file://mail/\"\nfrom = \"a@b.test\"\n[[shop]]");
    let doctor = |text: &str| -> anyhow::Result<(bool, String)> {
        std::fs::write(&file, text)?;
        kaeru(&["doctor", "--config", path], "")
    };
    let (well, said) = doctor(&good)?;
    assert!(!well && said.contains("schema changes are missing: run `kaeru migrate`"), "{said}");
    assert!(!folder.path().join("kaeru.db").exists(), "the doctor changes nothing");
    assert!(kaeru(&["migrate", "--config", path], "")?.0);
    let staff = ["staff", "add", "--email", "a@b.test", "--name", "Sato"];
    let more = ["--role", "system_admin", "--config", path];
    let (done, said) = kaeru(&[&staff[..], &more].concat(), "a-long-password\n")?;
    assert!(done, "{said}");
    let (well, said) = doctor(&good)?;
    assert!(!well && said.contains("main: webhooks: orders/create, orders/paid"), "{said}");
    for words in
        ["orders/cancelled: is sent to http://127.0.0.1:1/webhooks/shopify/main", "already"]
    {
        let (done, said) = kaeru(&["webhooks", "--config", path], "")?;
        assert!(done && said.contains(words), "{said}");
    }
    let (well, said) = doctor(&good)?;
    assert!(well && !said.contains("bad "), "{said}");
    for named in
        ["schema is up to date", "Shopify answers", "points book answers", "looks", "scopes"]
    {
        assert!(said.contains(named), "{named}: {said}");
    }
    let nowhere = format!("smtp://127.0.0.1:{}", free_port()?);
    for (from, to, named) in [
        ("webhook_secret = \"a-secret\"\n", "", "webhook secret: set"),
        ("demo-shopify-token", "another", "Shopify: refused"),
        ("\"JPY\"", "\"USD\"", "shop.currency is USD"),
        ("demo.myshopify.com", "other.myshopify.com", "its webhooks would be refused"),
        ("demo-pos-token", "another", "points book: refused"),
        ("/pos\"", "/pos\"\nidempotency = false", ""),
        ("lookup = true", "lookup = false", "a person must decide"),
        ("http://127.0.0.1:1\"", "http://points.example\"", "put a TLS proxy in front"),
        (
            "[mail]\nurl = \"file://mail/\"\nfrom = \"a@b.test\"\n",
            "",
            "mail is configured: without",
        ),
        ("file://mail/", nowhere.as_str(), "mail: connection: nobody answers there"),
        ("currency = \"JPY\"", "currency = \"YEN\"", "currency"),
    ] {
        assert!(good.contains(from), "{from}");
        let (well, said) = doctor(&good.replace(from, to))?;
        assert_eq!(well, named.is_empty(), "{to}: {said}");
        assert!(said.contains(named), "{to}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_differ_are_listed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (_sandbox, sandbox) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
    let file = folder.path().join("kaeru.toml");
    let path = file.to_str().context("a path in UTF-8")?;
    let books = folder.path().join("kaeru.db");
    let port = free_port()?;
    std::fs::write(&file, config(&format!("sqlite://{}", books.display()), &sandbox, port))?;
    let (_service, base) = start(&["serve", "--config", path])?;
    let client = reqwest::Client::new();
    let mut codes = Vec::new();
    for key in ["one", "two", "three"] {
        let sent = client
            .post(format!("{base}/storefront/v1/conversions"))
            .bearer_auth(token(path, 12345)?)
            .header("Idempotency-Key", key)
            .json(&json!({"points": 100}));
        let made: Value = sent.send().await?.json().await?;
        codes.push(made["coupon"]["code"].as_str().context("a code")?.to_owned());
    }
    quiet(&client, &base).await?;
    let reconcile = || kaeru(&["reconcile", "--config", path], "");
    let (agree, said) = reconcile()?;
    assert!(
        agree && said.contains("3 coupons, 3 movements, 3 discounts at Shopify, 1 metafields, 0"),
        "{said}"
    );

    // A use that no webhook told of; a movement and a coupon that were tampered with.
    let order = json!({"customer": "12345", "code": codes[0], "total": "3000"});
    let url = format!("{sandbox}/sandbox/api/orders");
    client.post(url).json(&order).send().await?.error_for_status()?;
    let connection = rusqlite::Connection::open(&books)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let tamper = "UPDATE movement SET points = -1 WHERE reference = 'COUPON-' || ?1";
    assert_eq!(connection.execute(tamper, [&codes[1]])?, 1);
    let tamper = "UPDATE coupon SET status = 'cancelled' WHERE code = ?1";
    assert_eq!(connection.execute(tamper, [&codes[2]])?, 1);
    let (agree, said) = reconcile()?;
    assert!(!agree, "{said}");
    for line in [
        format!("main\tkaeru\t{}\t-1 points moved for 100", codes[1]),
        format!("main\tpoints\tCOUPON-{}\t-100 there; -1 here", codes[1]),
        format!("main\tshopify\t{}\talive there; cancelled here", codes[2]),
    ] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_books_add_up_or_it_is_said() -> anyhow::Result<()> {
    let service = Service::start(None, &[("12345", 1_250)]).await?;
    let (status, made) = service.convert(12345, 500, "one").await?;
    assert_eq!(status, 201, "{made}");
    quiet(&service.client, &service.base).await?;
    let reconcile = || kaeru(&["reconcile", "--shop", "main", "--config", &service.file], "");
    let (agree, said) = reconcile()?;
    assert!(
        agree && said.contains("1 coupons, 1 movements, 1 discounts at Shopify, 1 metafields, 0"),
        "{said}"
    );
    let folder = std::path::Path::new(&service.file).parent().context("a folder")?;
    let connection = rusqlite::Connection::open(folder.join("kaeru.db"))?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.execute("UPDATE point_account SET balance = balance + 1", [])?;
    let (agree, said) = reconcile()?;
    assert!(!agree && said.contains("account 12345\tdoes not add up"), "{said}");
    Ok(())
}
