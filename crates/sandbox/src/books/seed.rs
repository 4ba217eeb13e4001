//! The demo's customers.

use super::entry::{Entry, NewCustomer};
use crate::clock::Seconds;

const CUSTOMERS: &[(u64, &str, &str, &str, i64)] = &[
    (12345, "Yamada Taro", "70934", "yamada.taro@example.test", 1_250),
    (23456, "Suzuki Hanako", "12345", "suzuki.hanako@example.test", 300),
    (34567, "Sato Yui", "80211", "sato.yui@example.test", 8_400),
    (45678, "Takahashi Ren", "80212", "takahashi.ren@example.test", 52_000),
    (56789, "田中 美咲", "80213", "tanaka.misaki@example.test", 990),
    (67890, "伊藤 大輝", "80214", "ito.daiki@example.test", 0),
    (78901, "Watanabe Sakura", "80215", "watanabe.sakura@example.test", 15_700),
    (89012, "Nakamura Haruto", "80216", "nakamura.haruto@example.test", 2_100),
];

const FAMILY: &[&str] = &[
    "Sato",
    "Suzuki",
    "Takahashi",
    "Tanaka",
    "Ito",
    "Watanabe",
    "Yamamoto",
    "Nakamura",
    "Kobayashi",
    "Kato",
    "Yoshida",
    "Yamada",
];
const GIVEN: &[&str] =
    &["Haruto", "Yui", "Ren", "Sakura", "Sota", "Mei", "Minato", "Aoi", "Yuto", "Hina", "Riku"];

/// The entries that new books begin with.
pub fn entries(at: Seconds) -> impl Iterator<Item = Entry> {
    CUSTOMERS.iter().map(move |(id, name, member_no, email, balance)| {
        Entry::Customer(NewCustomer {
            id: *id,
            name: (*name).into(),
            email: Some((*email).into()),
            locale: "ja".into(),
            member_no: Some((*member_no).into()),
            pos_id: None,
            balance: *balance,
            at,
        })
    })
}

/// A plausible customer for a bench, the same for the same id; the member number is the id.
pub fn bulk_customer(id: u64, balance: i64, at: Seconds) -> NewCustomer {
    let pick = |names: &[&'static str], from: u64| {
        let len = names.len() as u64;
        usize::try_from(from % len).ok().and_then(|at| names.get(at)).copied().unwrap_or("")
    };
    NewCustomer {
        id,
        name: format!("{} {}", pick(FAMILY, id), pick(GIVEN, id / 7)),
        email: Some(format!("customer.{id}@example.test")),
        locale: "ja".into(),
        member_no: Some(id.to_string()),
        pos_id: None,
        balance,
        at,
    }
}
