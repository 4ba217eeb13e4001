//! Every letter in every language, text and HTML.

use super::*;
use crate::store::{
    approvals::{Approval, State},
    outbox::Digest,
};
use domain::conversion::Replaces;
use domain::{
    Actor, At, Code, CustomerId, FlowId, MemberNo, Money, OrderId, Points, PosId, ShopId, Terms,
};
use iso_currency::Currency;

fn at(text: &str) -> At {
    At::from(text.parse::<jiff::Timestamp>().unwrap())
}

fn terms() -> Terms {
    Terms {
        shop: ShopId::from("main"),
        customer: CustomerId(12345),
        pos_id: PosId::from("12345"),
        member_no: MemberNo::from("70934"),
        points: Points::new(500).unwrap(),
        amount: Money { minor: 500, currency: Currency::JPY },
        code: Code::from("70934-AB12CD-500"),
        day: "2024-01-15".parse().unwrap(),
        created_at: at("2024-01-15T01:30:00Z"),
        expires_at: at("2025-01-14T14:59:59Z"),
        receipt: true,
        replaces: None,
    }
}

fn reader(language: Language) -> Reader {
    let name = match language {
        Language::English => "Yamada Taro",
        Language::Japanese => "山田 太郎",
        Language::Chinese => "王 小明",
    };
    let shop = match language {
        Language::English => "Example Shop",
        Language::Japanese => "サンプルショップ",
        Language::Chinese => "範例商店",
    };
    Reader {
        language,
        name: Some(name.to_owned()),
        zone: TimeZone::get("Asia/Tokyo").unwrap(),
        shop: shop.to_owned(),
        contact: "points@example.test".to_owned(),
    }
}

fn digest(reason: &str, count: usize) -> Digest {
    Digest {
        reason: reason.to_owned(),
        count,
        flows: vec![],
        first: at("2024-01-20T06:00:00Z"),
        last: at("2024-01-20T06:40:00Z"),
        to: "ops@example.test".to_owned(),
    }
}

fn waiting() -> Approval {
    Approval {
        id: FlowId(uuid::Uuid::from_u128(1)),
        shop: ShopId::from("main"),
        order: OrderId::from("6100000000001"),
        name: "#1001".to_owned(),
        worth: 12_500,
        threshold: 10_000,
        wish: String::new(),
        state: State::Waiting,
        asked_by: 1,
        asked_name: "Sato Keiko".to_owned(),
        asked_at: at("2024-01-20T06:00:00Z"),
        settled_by: None,
        settled_name: None,
        settled_at: None,
        note: None,
        flow: None,
        problem: None,
        due_at: None,
    }
}

/// A coupon in the place of another, whose order was cancelled.
fn replacing() -> Terms {
    let old = terms();
    let replaces = Replaces {
        code: old.code.clone(),
        order: OrderId::from("6100000000001"),
        paid_by: old.code.clone(),
        by: Actor::System,
    };
    Terms { code: Code::from("70934-CD46EF-500"), replaces: Some(Box::new(replaces)), ..old }
}

fn every(language: Language) -> Vec<(&'static str, Letter)> {
    let (reader, terms) = (reader(language), terms());
    let credit = Some(Money { minor: 1_300, currency: Currency::JPY });
    let nobody = Reader { name: None, ..reader.clone() };
    let codes = ["70934-AB12CD-500".to_owned(), "70934-XY34ZW-1000".to_owned()];
    let reviews = || "https://kaeru.example.test/admin/reviews".to_owned();
    vec![
        ("cancelled", cancelled::letter(&reader, &terms, true, Some(1_250))),
        ("cancelled-kept", cancelled::letter(&nobody, &terms, false, None)),
        ("issued", issued::letter(&reader, &terms, Some(750))),
        ("replaced", issued::letter(&reader, &replacing(), Some(750))),
        ("expiring", expiring::letter(&reader, &terms)),
        ("reversed", reversed::letter(&reader, "#1001", (500, None), None, Some(1_250))),
        (
            "reversed-both",
            reversed::letter(&reader, "#1001", (500, Some(terms.expires_at)), credit, Some(1_250)),
        ),
        ("reversed-credit", reversed::letter(&reader, "#1001", (0, None), credit, None)),
        (
            "approval",
            approval::letter(&reader, &waiting(), "https://kaeru.example.test/a/1".to_owned()),
        ),
        ("alert", alert::letter(&reader, &digest("no_look_up", 14), &codes, reviews())),
        ("alert-one", alert::letter(&reader, &digest("from_the_future", 1), &[], reviews())),
    ]
}

#[test]
fn letters_read_as_they_were_written() {
    for language in Language::ALL {
        for (name, letter) in every(language) {
            let name = format!("{name}-{}", language.tag());
            let text = format!("Subject: {}\n\n{}", letter.subject, letter.text().unwrap());
            insta::assert_snapshot!(format!("{name}-text"), text);
            insta::assert_snapshot!(format!("{name}-html"), letter.html().unwrap());
        }
    }
}

/// The fields that a cancellation's mail must have.
#[test]
fn a_cancellation_says_everything() {
    for (language, subject, wanted) in [
        (
            Language::English,
            "Your coupon has been cancelled",
            ["Yamada Taro", "500 yen off", "January 15, 2024", "500pt", "1,250pt"],
        ),
        (
            Language::Japanese,
            "クーポンがキャンセルされました",
            ["山田 太郎", "500円引き", "2024年1月15日", "500ポイント", "1,250ポイント"],
        ),
        (
            Language::Chinese,
            "您的優惠券已取消",
            ["王 小明", "折抵 500 日圓", "2024年1月15日", "500 點", "1,250 點"],
        ),
    ] {
        let letter = cancelled::letter(&reader(language), &terms(), true, Some(1_250));
        assert_eq!(letter.subject, subject);
        for face in [letter.text().unwrap(), letter.html().unwrap()] {
            for part in wanted.iter().chain(&["70934-AB12CD-500", "points@example.test"]) {
                assert!(face.contains(part), "{part} is missing in {face}");
            }
        }
    }
}

#[test]
fn names_cannot_write_html() {
    let name = Some("<b>Bobby</b> & \"Co\"".to_owned());
    let reader = Reader { name, ..reader(Language::English) };
    let letter = cancelled::letter(&reader, &terms(), true, None);
    assert!(!letter.html().unwrap().contains("<b>"));
    assert!(letter.text().unwrap().contains("<b>Bobby</b> & \"Co\""));
}
