use super::*;
use serde_json::{Value, json};

/// Issued in mid-January, to stand among others' dates.
fn entry() -> Entry {
    Entry {
        code: "A".to_owned(),
        amount: "500".to_owned(),
        points_used: 500,
        created_at: "2024-01-15T10:30:00Z".to_owned(),
        expires_at: "2025-01-15T23:59:59Z".to_owned(),
        status: Status::Active,
        ended: None,
        node: 12_345_678,
        replaces: None,
    }
}

const OURS: &str = concat!(
    r#"{"code":"A","amount":500,"points_used":500,"created_at":"2024-01-15T10:30:00Z","#,
    r#""expires_at":"2025-01-15T23:59:59Z","status":"active","shopify_price_rule_id":12345678}"#,
);

fn written(stored: Option<&str>) -> String {
    match standing(stored, &entry()) {
        Ok(Change::Write(value)) => value,
        other => panic!("{stored:?}: {other:?}"),
    }
}

#[test]
fn the_entry_takes_its_place_and_others_stay_to_the_byte() {
    let newer = r#"{"code":"N","created_at":"2024-02-01T00:00:00Z","status":"used"}"#;
    let older = r#"{"code":"O","created_at":"2023-12-01T00:00:00Z","status":"active"}"#;
    let alien = r#"{"of": "another app", "big":12345678901234567890123, "x":[1.0, 1e2]}"#;
    for (stored, expected) in [
        (None, format!("[{OURS}]")),
        (Some("[]".to_owned()), format!("[{OURS}]")),
        (Some(" [ ] ".to_owned()), format!("[{OURS}]")),
        (Some(format!("[{older}]")), format!("[{OURS},{older}]")),
        (Some(format!("[{newer},{older}]")), format!("[{newer},{OURS},{older}]")),
        (Some(format!("[{newer}]")), format!("[{newer},{OURS}]")),
        (Some(format!("[ {alien} , {newer}]")), format!("[{OURS},{alien},{newer}]")),
        (Some(r#"[7,"x",null]"#.to_owned()), format!(r#"[{OURS},7,"x",null]"#)),
    ] {
        assert_eq!(written(stored.as_deref()), expected);
    }
}

#[test]
fn its_own_entry_is_replaced_where_it_stands() {
    let (a, b) = (r#"{"code":"B"}"#, r#"{"code":"C"}"#);
    let old = r#"{"note":{"by": "staff"},"status":"active","amount":1,"code":"A","zeta":1.50}"#;
    let ours = OURS.trim_end_matches('}');
    let expected = format!(r#"[{a},{ours},"note":{{"by": "staff"}},"zeta":1.50}},{b}]"#);
    assert_eq!(written(Some(&format!("[{a},{old},{b}]"))), expected);
}

#[test]
fn nothing_is_written_where_nothing_would_change() {
    let mut other_order: Value = serde_json::from_str(OURS).unwrap();
    other_order["note"] = json!("kept");
    for (what, stored) in [
        ("stands already", format!("[{OURS}]")),
        ("in another order", format!("[1, {other_order}]")),
        ("was used since", r#"[{"code":"A","status":"used"}]"#.to_owned()),
        ("was cancelled since", r#"[{"code":"A","status":"cancelled"}]"#.to_owned()),
        ("has expired since", r#"[{"code":"A","status":"expired"}]"#.to_owned()),
    ] {
        assert_eq!(standing(Some(&stored), &entry()), Ok(Change::Nothing), "{what}");
    }
}

#[test]
fn acts_are_written_over_what_stood() {
    for (stored, status, ended, expected) in [
        ("active", Status::Held, None, r#""status":"held","shopify_price_rule_id":12345678}"#),
        ("held", Status::Active, None, r#""status":"active","shopify_price_rule_id":12345678}"#),
        (
            "active",
            Status::Cancelled,
            Some(("cancelled_at", "2024-01-16T00:00:00Z".to_owned())),
            r#","shopify_price_rule_id":12345678,"cancelled_at":"2024-01-16T00:00:00Z"}"#,
        ),
        (
            "held",
            Status::Used,
            Some(("used_at", "2024-01-16T00:00:00Z".to_owned())),
            r#""status":"used","shopify_price_rule_id":12345678,"used_at":"2024-01-16T00:00:00Z"}"#,
        ),
    ] {
        let stored = OURS.replace("active", stored);
        let entry = Entry { status, ended, ..entry() };
        let Ok(Change::Write(value)) = standing(Some(&format!("[{stored}]")), &entry) else {
            panic!("{stored}");
        };
        assert!(value.ends_with(&format!("{expected}]")), "{value}");
        assert_eq!(standing(Some(&value), &entry), Ok(Change::Nothing), "twice is once");
    }
}

#[test]
fn what_is_no_list_is_left_alone() {
    for stored in ["", "{}", "null", "[", "7", "\"[]\"", "[1,]"] {
        assert_eq!(standing(Some(stored), &entry()), Err(Problem::Unreadable), "{stored}");
    }
}

#[test]
fn amounts_are_numbers_with_their_currency_s_digits() {
    for (amount, written_as) in [("500", "500"), ("5.50", "5.50"), ("1.234", "1.234")] {
        let entry = Entry { amount: amount.to_owned(), ..entry() };
        let Ok(Change::Write(value)) = standing(None, &entry) else { panic!("nothing written") };
        assert!(value.contains(&format!(r#""amount":{written_as},"#)), "{value}");
    }
}

/// An element of 30 KB: four of them and ours are too much.
fn big(code: &str, status: &str, month: u8, ends: &str) -> Value {
    json!({
        "code": code,
        "status": status,
        "created_at": format!("2023-{month:02}-01T00:00:00Z"),
        "expires_at": ends,
        "filler": "x".repeat(30 * 1024),
    })
}

#[test]
fn the_oldest_finished_make_room_then_the_oldest_live_and_others_never() {
    const LATER: &str = "2030-01-01T00:00:00Z";
    let alien = json!({"filler": "x".repeat(30 * 1024)});
    let used = |code, month| big(code, "used", month, LATER);
    let live = |code, month| big(code, "active", month, LATER);
    let held = |code, month| big(code, "held", month, LATER);
    let over = |code, month| big(code, "active", month, "2023-12-31T00:00:00Z");
    for (what, stored, kept) in [
        ("fits", vec![used("U", 3), live("L", 2), used("V", 1)], "A U L V"),
        (
            "oldest finished",
            vec![used("U", 4), live("L", 3), used("V", 2), live("M", 1)],
            "A U L M",
        ),
        ("not in order", vec![used("V", 1), live("L", 3), used("U", 4), live("M", 2)], "A L U M"),
        ("run out", vec![live("L", 4), over("X", 3), held("H", 2), live("M", 1)], "A L H M"),
        ("oldest live", vec![live("L", 4), held("H", 1), live("M", 2), live("N", 3)], "A L M N"),
        ("aliens stay", vec![alien.clone(), alien.clone(), alien.clone(), live("L", 1)], "A ? ? ?"),
    ] {
        let text = written(Some(&Value::from(stored).to_string()));
        assert!(text.len() <= MOST_BYTES, "{what}: {}", text.len());
        let list: Vec<Value> = serde_json::from_str(&text).unwrap();
        let codes: Vec<&str> = list.iter().map(|row| row["code"].as_str().unwrap_or("?")).collect();
        assert_eq!(codes.join(" "), kept, "{what}");
    }
    let stored = Value::from(vec![alien; 4]).to_string();
    assert_eq!(standing(Some(&stored), &entry()), Err(Problem::Full));
}

#[test]
fn put_first_without_a_look_it_is_what_a_look_would_write() {
    let older = r#"{"code":"O","created_at":"2024-01-15T10:30:00Z","status":"active"}"#;
    let newer = r#"{"code":"N","created_at":"2024-01-15T10:30:01Z","status":"active"}"#;
    let filler = "x".repeat(MOST_BYTES);
    for (what, list, can) in [
        ("older", format!("[{older}]"), true),
        ("older, and others behind", format!(r#"[{older},{newer},7,{{"x": 1.0}}]"#), true),
        ("another's first", format!(r#"[{{"x":1}},{newer}]"#), true),
        ("newer", format!("[{newer},{older}]"), false),
        ("its own", format!("[{older},{OURS}]"), false),
        ("its own, in disguise", format!(r#"[{older},{{"code":"\u0041"}}]"#), false),
        ("full", format!(r#"[{older},{{"code":"F","status":"used","x":"{filler}"}}]"#), false),
        ("none", "[]".to_owned(), false),
    ] {
        let first = put_first(&list, &entry());
        assert_eq!(first.is_some(), can, "{what}");
        if let Some(first) = first {
            assert_eq!(standing(Some(&list), &entry()), Ok(Change::Write(first)), "{what}");
        }
    }
}
