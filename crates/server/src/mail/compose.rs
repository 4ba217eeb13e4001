//! From what the outbox holds to an addressed letter.

use super::{
    Failure, Letter,
    letters::{self, Reader},
};
use crate::{
    app::{App, Shop},
    i18n::Language,
    store::{
        approvals::{self, State},
        coupons, customers,
        outbox::{Content, Digest, Mail},
        staff::{self, Account},
    },
};
use domain::{
    At, CustomerId, Flow, FlowId, Money, PosId, Reversal, Terms,
    coupon::Status,
    reversal::{Item, Outcome},
};
use engine::{ports::Answer, store::StoreError};
use lettre::{Address, message::Mailbox};
use std::time::Duration;

const CONTACT_LIMIT: Duration = Duration::from_secs(10);
const BALANCE_LIMIT: Duration = Duration::from_secs(5);

/// What a mail tells.
struct Source {
    customer: CustomerId,
    news: News,
    /// Whose balance it tells, if any.
    pos_id: Option<PosId>,
    /// The balance as the flow left it, for the case that it cannot be read.
    left: Option<i64>,
}

enum News {
    Issued(Terms),
    Cancelled { terms: Terms, refunded: bool },
    Expiring(Terms),
    Reversed(Came),
}

/// What came back of an order.
struct Came {
    order: String,
    points: i64,
    credit: Option<Money>,
    /// Until when the points are good, where the points book told.
    until: Option<At>,
}

/// Who reads it.
struct Who {
    name: Option<String>,
    locale: Option<String>,
}

fn store(error: StoreError) -> Failure {
    tracing::error!(%error, "a mail's content cannot be read");
    Failure::Later("database".to_owned())
}

fn shop_of<'a>(app: &'a App, mail: &Mail) -> Result<&'a Shop, Failure> {
    app.shops.get(&mail.shop).ok_or(Failure::Never("unknown-shop"))
}

/// The letter and where it goes: the address and the name are Shopify's of this moment.
///
/// # Errors
/// Where it cannot be written, or not now.
pub async fn compose(app: &App, mail: &Mail) -> Result<(Mailbox, Letter), Failure> {
    let shop = shop_of(app, mail)?;
    if let Content::Digest(digest) = &mail.content {
        let to = digest.to.parse().map_err(|_| Failure::Never("bad-address"))?;
        return Ok((to, alert(app, shop, digest).await?));
    }
    if let Content::Approval { approval, staff, .. } = &mail.content {
        let (account, letter) = asked(app, shop, mail, (approval, *staff)).await?;
        let address = account.email.parse().map_err(|_| Failure::Never("bad-address"))?;
        return Ok((Mailbox::new(Some(account.name), address), letter));
    }
    let source = source(app, shop, mail).await?;
    let (address, who) = contact(shop, source.customer).await?;
    let to = Mailbox::new(who.name.clone(), address);
    let balance = balance(shop, &source).await;
    Ok((to, letter(app, shop, &source, who, balance)))
}

/// The letter as staff look at it: from what is stored, without asking anybody.
///
/// # Errors
/// Where there is nothing to tell any more.
pub async fn preview(app: &App, mail: &Mail) -> Result<Letter, Failure> {
    let shop = shop_of(app, mail)?;
    if let Content::Digest(digest) = &mail.content {
        return alert(app, shop, digest).await;
    }
    if let Content::Approval { approval, staff, .. } = &mail.content {
        return asked(app, shop, mail, (approval, *staff)).await.map(|(_, letter)| letter);
    }
    let source = source(app, shop, mail).await?;
    let customer = source.customer;
    let known = customers::find(&app.database, &shop.id, customer).await.map_err(store)?;
    let who = Who {
        name: known.as_ref().and_then(|known| known.name.clone()),
        locale: known.and_then(|known| known.locale),
    };
    let left = source.left;
    Ok(letter(app, shop, &source, who, left))
}

/// What a mail is about: a coupon's code, an order's name, or an alert's reason.
pub async fn about(app: &App, mail: &Mail) -> Option<String> {
    let flow = match &mail.content {
        Content::Digest(digest) => return Some(digest.reason.clone()),
        Content::Reminder { code, .. } => return Some(code.clone()),
        Content::Notice { flow, .. } => FlowId::parse(flow)?,
        Content::Approval { approval, .. } => {
            let id = FlowId::parse(approval)?;
            return Some(approvals::find(&app.database, &mail.shop, id).await.ok()??.name);
        }
    };
    match app.engine.store.load(flow).await.ok()??.flow {
        Flow::Conversion(flow) => Some(flow.terms.code.to_string()),
        Flow::Cancellation(flow) => Some(flow.terms.coupon.terms.code.to_string()),
        Flow::Reversal(flow) => Some(flow.terms.name),
        Flow::Placing(flow) => Some(flow.terms.name),
        Flow::Hold(_) | Flow::Ending(_) => None,
    }
}

async fn source(app: &App, shop: &Shop, mail: &Mail) -> Result<Source, Failure> {
    let now = app.now();
    match &mail.content {
        Content::Reminder { code, .. } => {
            let found = coupons::find(&app.database, &shop.id, code, now).await.map_err(store)?;
            let found = found.ok_or(Failure::Never("no-longer-true"))?;
            if mail.sent_at.is_none()
                && (found.status != Status::Active || found.terms.expires_at <= now)
            {
                return Err(Failure::Never("no-longer-true"));
            }
            let customer = found.terms.customer;
            Ok(Source { customer, news: News::Expiring(found.terms), pos_id: None, left: None })
        }
        Content::Notice { flow, .. } => {
            let id = FlowId::parse(flow).ok_or(Failure::Never("unknown-flow"))?;
            let row = app.engine.store.load(id).await.map_err(store)?;
            let row = row.ok_or(Failure::Never("unknown-flow"))?;
            let (news, pos_id) = match &row.flow {
                Flow::Conversion(flow) => {
                    (News::Issued(flow.terms.clone()), Some(flow.terms.pos_id.clone()))
                }
                Flow::Cancellation(flow) => {
                    let (terms, refunded) = (flow.terms.coupon.terms.clone(), flow.terms.refund);
                    let pos_id = terms.pos_id.clone();
                    (News::Cancelled { terms, refunded }, Some(pos_id))
                }
                Flow::Reversal(flow) => reversed(flow),
                // Announced by a newer version, which knows what to say.
                _ => return Err(Failure::Later("unknown-notice".to_owned())),
            };
            let left = row.flow.balance().map(|balance| balance.get());
            Ok(Source { customer: row.customer(), news, pos_id, left })
        }
        Content::Digest(_) | Content::Approval { .. } => Err(Failure::Never("unknown-notice")),
    }
}

/// What came back, and whose points they are.
fn reversed(flow: &Reversal) -> (News, Option<PosId>) {
    let mut came = Came { order: flow.terms.name.clone(), points: 0, credit: None, until: None };
    let mut whose = None;
    for (item, outcome) in flow.terms.items.iter().zip(flow.done()) {
        match (item, outcome) {
            (Item::Points { pos_id, points, .. }, Outcome::Moved(moved)) => {
                came.until = came.until.into_iter().chain(moved.honoured).min();
                came.points += points.get();
                whose = Some(pos_id.clone());
            }
            (Item::Credit { amount, .. }, Outcome::Credited { .. } | Outcome::ByShopify) => {
                let before = came.credit.map_or(0, |credit| credit.minor);
                came.credit = Some(Money { minor: before + amount.minor, ..*amount });
            }
            _ => {}
        }
    }
    (News::Reversed(came), whose)
}

async fn contact(shop: &Shop, customer: CustomerId) -> Result<(Address, Who), Failure> {
    match shop.shopify.contact(customer, CONTACT_LIMIT).await {
        Answer::Done(Some(contact)) => {
            let email = contact.email.ok_or(Failure::Never("no-address"))?;
            let address = email.parse().map_err(|_| Failure::Never("bad-address"))?;
            Ok((address, Who { name: contact.name, locale: contact.locale }))
        }
        Answer::Done(None) => Err(Failure::Never("unknown-customer")),
        Answer::Refused(_) | Answer::Unknown(_) => Err(Failure::Later("shopify".to_owned())),
    }
}

/// The balance as the points book says it now; else as the flow left it; else nothing is said.
async fn balance(shop: &Shop, source: &Source) -> Option<i64> {
    match shop.peers.points.balance(source.pos_id.as_ref()?, BALANCE_LIMIT).await {
        Answer::Done(balance) => Some(balance.get()),
        Answer::Refused(_) | Answer::Unknown(_) => source.left,
    }
}

fn reader(app: &App, shop: &Shop, who: Who) -> Reader {
    let language = who.locale.as_deref().and_then(Language::named);
    let mailer = app.mailer.as_ref();
    let name = mailer.and_then(|mailer| mailer.name()).unwrap_or(&shop.domain);
    Reader {
        language: language.or_else(|| Language::named(&shop.locale)).unwrap_or(Language::English),
        name: who.name,
        zone: shop.zone.clone(),
        shop: name.to_owned(),
        contact: mailer.map(|mailer| mailer.contact()).unwrap_or_default(),
    }
}

fn letter(app: &App, shop: &Shop, source: &Source, who: Who, balance: Option<i64>) -> Letter {
    let reader = reader(app, shop, who);
    match &source.news {
        News::Issued(terms) => letters::issued::letter(&reader, terms, balance),
        News::Cancelled { terms, refunded } => {
            letters::cancelled::letter(&reader, terms, *refunded, balance)
        }
        News::Expiring(terms) => letters::expiring::letter(&reader, terms),
        News::Reversed(Came { order, points, credit, until }) => {
            letters::reversed::letter(&reader, order, (*points, *until), *credit, balance)
        }
    }
}

/// To staff who may approve: who they are now, and what waits. Once it is settled, nothing is sent.
async fn asked(
    app: &App,
    shop: &Shop,
    mail: &Mail,
    (approval, staff): (&str, i64),
) -> Result<(Account, Letter), Failure> {
    let id = FlowId::parse(approval).ok_or(Failure::Never("unknown-notice"))?;
    let approval = approvals::find(&app.database, &shop.id, id).await.map_err(store)?;
    let approval = approval.ok_or(Failure::Never("unknown-notice"))?;
    if mail.sent_at.is_none() && approval.state != State::Waiting {
        return Err(Failure::Never("no-longer-true"));
    }
    let accounts = staff::list(&app.database, &shop.id).await.map_err(store)?;
    let account = accounts.into_iter().find(|account| account.id == staff);
    let account = account.filter(|account| account.disabled_at.is_none());
    let account = account.ok_or(Failure::Never("no-address"))?;
    let who = Who { name: Some(account.name.clone()), locale: account.language.clone() };
    let reader = Reader { shop: shop.id.to_string(), ..reader(app, shop, who) };
    let place = format!("{}/admin/approvals/{id}", app.public_url);
    let letter = letters::approval::letter(&reader, &approval, place);
    Ok((account, letter))
}

async fn alert(app: &App, shop: &Shop, digest: &Digest) -> Result<Letter, Failure> {
    let mut codes = Vec::new();
    for flow in digest.flows.iter().filter_map(|flow| FlowId::parse(flow)) {
        let row = app.engine.store.load(flow).await.map_err(store)?;
        codes.extend(row.map(|row| row.flow.subject().to_owned()));
    }
    codes.sort();
    codes.dedup();
    let nobody = Who { name: None, locale: None };
    let reader = Reader { shop: shop.id.to_string(), ..reader(app, shop, nobody) };
    let reviews = format!("{}/admin/reviews", app.public_url);
    Ok(letters::alert::letter(&reader, digest, &codes, reviews))
}
