//! `kaeru webhooks`: subscribes to Shopify's topics that are not sent to this service yet.

use crate::OfShop;
use anyhow::{Context, bail};
use engine::ports::{Answer, Clock};
use server::{
    app,
    clock::{SharedClock, SystemClock},
    http_client::http_client,
    store::Database,
};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

/// Subscribes. A lost answer does no harm: whoever runs it again is told what stands.
///
/// # Errors
/// Where Shopify does not answer, or refuses a topic.
pub async fn run(of: &OfShop) -> anyhow::Result<()> {
    let (config, id) = of.load()?;
    let address = app::webhook_address(&config.public_url, &id);
    let database = Database::open_beside(&config.database, SystemClock.now()).await?;
    let shop = config.shops.into_iter().find(|shop| shop.id == id).context("--shop")?;
    let shop = app::open_shop(shop, &http_client(), &database, &SharedClock::default());
    let Answer::Done(there) = shop.shopify.installation(LIMIT).await else {
        bail!("Shopify did not tell what is subscribed to. `kaeru doctor` says more");
    };
    let missing = there.missing_topics(&address);
    let mut failed = 0;
    for topic in &missing {
        match shop.shopify.subscribe(topic, &address, LIMIT).await {
            Answer::Done(()) => println!("{topic}: is sent to {address} from now on"),
            Answer::Refused(refusal) => {
                failed += 1;
                eprintln!("{topic}: refused: {refusal:?}");
            }
            Answer::Unknown(why) => {
                failed += 1;
                eprintln!("{topic}: not known ({why}): run this again");
            }
        }
    }
    if missing.is_empty() {
        println!("Every topic is sent to {address} already.");
    }
    if failed > 0 {
        bail!("{failed} topics are not sent to {address}");
    }
    Ok(())
}
