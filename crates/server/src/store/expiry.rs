//! Coupons whose time is up, that end soon, and whose owners are reminded.

use super::{
    Database,
    outbox::{self, Content},
    tx::{DbError, End, Line, Statement, Tx, Work, values},
};
use domain::{At, CustomerId, ShopId};
use engine::store::StoreError;
use std::time::Duration;

/// Where a walk along the ends stands: strictly after this coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub expires_at: At,
    pub code: String,
}

impl Place {
    /// Before everything that ends at that moment or later.
    pub const fn at(at: At) -> Self {
        Self { expires_at: at, code: String::new() }
    }
}

/// Coupons whose time is up and that nobody has written down as expired yet, earliest end first.
pub async fn expired(
    database: &Database,
    shop: &ShopId,
    after: &Place,
    now: At,
    most: i64,
) -> Result<Vec<Place>, StoreError> {
    let sql = "SELECT expires_at, code FROM coupon WHERE shop = ?1 AND status = 'active' \
        AND (expires_at, code) > (?2, ?3) AND expires_at <= ?4 ORDER BY expires_at, code LIMIT ?5";
    let values = values![shop.0.clone(), after.expires_at, after.code.clone(), now, most];
    let lines = database.read(sql, values.to_vec()).await?;
    Ok(lines.iter().map(place).collect::<Result<_, _>>()?)
}

fn place(line: &Line) -> Result<Place, DbError> {
    Ok(Place { expires_at: line.at(0)?, code: line.text(1)?.to_owned() })
}

/// A coupon that ends soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub code: String,
    pub customer: CustomerId,
    pub name: Option<String>,
    pub member_no: String,
    pub points: i64,
    pub amount: i64,
    pub currency: String,
    pub created_at: At,
    pub expires_at: At,
    /// When its owner was last reminded.
    pub reminded_at: Option<At>,
}

/// Unused coupons that end by `until`, the earliest first.
pub async fn expiring(
    database: &Database,
    shop: &ShopId,
    now: At,
    until: At,
    after: Option<Place>,
    most: usize,
) -> Result<Vec<Ending>, StoreError> {
    // Until `now` they are expired, whatever is written down.
    let after = after.unwrap_or_else(|| Place::at(now.plus(Duration::from_micros(1))));
    let sql = "SELECT coupon.code, coupon.customer, customer.name, coupon.member_no, \
        coupon.points, coupon.amount, coupon.currency, coupon.created_at, coupon.expires_at, \
        (SELECT max(at) FROM reminder WHERE reminder.shop = coupon.shop \
        AND reminder.code = coupon.code) \
        FROM coupon LEFT JOIN customer ON customer.shop = coupon.shop \
        AND customer.id = coupon.customer \
        WHERE coupon.shop = ?1 AND coupon.status = 'active' \
        AND (coupon.expires_at, coupon.code) > (?2, ?3) AND coupon.expires_at <= ?4 \
        ORDER BY coupon.expires_at, coupon.code LIMIT ?5";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let values = values![shop.0.clone(), after.expires_at, after.code, until, most];
    let lines = database.read(sql, values.to_vec()).await?;
    let read = |line: &Line| {
        Ok(Ending {
            code: line.text(0)?.to_owned(),
            customer: CustomerId(line.id(1)?),
            name: line.maybe_text(2)?.map(str::to_owned),
            member_no: line.text(3)?.to_owned(),
            points: line.int(4)?,
            amount: line.int(5)?,
            currency: line.text(6)?.to_owned(),
            created_at: line.at(7)?,
            expires_at: line.at(8)?,
            reminded_at: line.maybe_at(9)?,
        })
    };
    Ok(lines.iter().map(read).collect::<Result<_, DbError>>()?)
}

/// One walk of reminders: to those whose coupons end in at most `days`, and in more than `sooner`,
/// the next smaller number of days.
#[derive(Clone, Debug)]
pub struct Walk {
    pub shop: ShopId,
    pub days: u16,
    pub sooner: u16,
    pub now: At,
    pub most: i64,
}

const DAY: Duration = Duration::from_secs(86_400);

fn ahead(now: At, days: u16) -> At {
    now.plus(DAY * u32::from(days))
}

const MARK: &str = "SELECT expires_at, code FROM reminder_mark WHERE shop = ?1 AND days = ?2";

const MARK_SET: &str = "INSERT INTO reminder_mark (shop, days, expires_at, code) \
    VALUES (?1, ?2, ?3, ?4) ON CONFLICT (shop, days) DO UPDATE SET \
    expires_at = excluded.expires_at, code = excluded.code";

const ENDING: &str = "SELECT expires_at, code, created_at FROM coupon \
    WHERE shop = ?1 AND status = 'active' AND (expires_at, code) > (?2, ?3) AND expires_at <= ?4 \
    ORDER BY expires_at, code LIMIT ?5";

/// No row is added where the owner was reminded already.
const REMIND: &str = "INSERT INTO reminder (shop, code, days, at) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (shop, code, days) DO NOTHING";

impl Work for Walk {
    /// How many coupons were looked at, and how many owners are reminded.
    type Output = (usize, usize);

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<End<(usize, usize)>, DbError> {
        let (shop, days) = (self.shop.as_str(), i64::from(self.days));
        let until = ahead(self.now, self.days);
        let mark = tx.row(MARK, &values![shop, days]).await?;
        let begun = mark.is_some();
        // At first only those whose moment came within the last day: whoever sets reminders up
        // does not want a mail to everybody.
        let mark = mark.as_ref().map(place).transpose()?.unwrap_or_else(|| {
            Place::at(At(until.0 - i64::try_from(DAY.as_micros()).unwrap_or(0)))
        });
        // What a long pause has left behind is reminded by the next smaller number of days.
        let sooner = Place::at(ahead(self.now, self.sooner));
        let after = if mark.expires_at < sooner.expires_at { &sooner } else { &mark };
        let bounds = values![shop, after.expires_at, after.code.as_str(), until, self.most];
        let lines = tx.rows(ENDING, &bounds).await?;
        let mut reminded = 0;
        for line in &lines {
            let Place { expires_at, code } = place(line)?;
            // Who got the coupon later than the reminder's moment knows when it ends.
            if ahead(line.at(2)?, self.days) > expires_at {
                continue;
            }
            let values = values![shop, code.as_str(), days, self.now].to_vec();
            if tx.run(&[Statement { sql: REMIND, values }]).await? == 1 {
                let notice = "coupon_expiring".to_owned();
                let content = Content::Reminder { notice, code, days };
                outbox::add(tx, &self.shop, "mail", &content, self.now).await?;
                reminded += 1;
            }
        }
        let last = match lines.last() {
            Some(line) => place(line)?,
            None if begun => return Ok(End::RollBack((0, 0))),
            None => mark,
        };
        let values = values![shop, days, last.expires_at, last.code].to_vec();
        tx.run(&[Statement { sql: MARK_SET, values }]).await?;
        Ok(End::Commit((lines.len(), reminded)))
    }
}

/// Goes on with a walk by one batch, and says how many coupons it looked at and how many owners
/// are reminded.
pub async fn remind(database: &Database, walk: Walk) -> Result<(usize, usize), StoreError> {
    database.write(walk).await
}
