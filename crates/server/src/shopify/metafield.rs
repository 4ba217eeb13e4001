//! The customer's `loyalty.coupons`: a projection for themes to read. Kaeru's database is the
//! record, and whatever else stands in the field is left as it is.

use domain::{NodeId, Terms};
use serde_json::{Map, Value, json};

/// Shopify refuses JSON above 128 KB; a margin for how it counts.
const LARGEST: usize = 120 * 1024;

/// A coupon's entry.
pub fn entry(terms: &Terms, node: NodeId) -> Map<String, Value> {
    let amount = terms.amount.decimal();
    let amount = if amount.scale() == 0 {
        json!(terms.amount.minor)
    } else {
        serde_json::from_str(&amount.to_string()).unwrap_or(Value::Null)
    };
    let mut entry = Map::new();
    entry.insert("code".to_owned(), json!(terms.code));
    entry.insert("amount".to_owned(), amount);
    entry.insert("points_used".to_owned(), json!(terms.points));
    entry.insert("created_at".to_owned(), json!(terms.created_at.rfc3339()));
    entry.insert("expires_at".to_owned(), json!(terms.expires_at.rfc3339()));
    entry.insert("status".to_owned(), json!("active"));
    entry.insert("shopify_price_rule_id".to_owned(), json!(node));
    entry
}

/// The list with the entry in it: in the place of the one with its code, or in front. The oldest
/// finished entries make room. `None` where the stored value is no list: it is not ours to destroy.
pub fn with_entry(stored: &str, entry: Map<String, Value>) -> Option<String> {
    let mut list: Vec<Value> = serde_json::from_str(stored).ok()?;
    let code = entry.get("code").cloned();
    match list.iter_mut().find(|old| old.get("code") == code.as_ref()) {
        Some(Value::Object(old)) => old.extend(entry),
        _ => list.insert(0, Value::Object(entry)),
    }
    let mut text = serde_json::to_string(&list).ok()?;
    while text.len() > LARGEST {
        let oldest = list.iter().rposition(finished).or_else(|| list.len().checked_sub(1))?;
        list.remove(oldest);
        text = serde_json::to_string(&list).ok()?;
    }
    Some(text)
}

fn finished(entry: &Value) -> bool {
    !matches!(entry.get("status").and_then(Value::as_str), Some("active" | "held"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(code: &str, status: &str) -> Map<String, Value> {
        let Value::Object(map) = json!({"code": code, "status": status}) else { panic!("a map") };
        map
    }

    #[test]
    fn entries_come_in_front_and_replace_their_own() {
        for (stored, after) in [
            ("[]", r#"[{"code":"A","status":"active"}]"#),
            (r#"[{"code":"B"}]"#, r#"[{"code":"A","status":"active"},{"code":"B"}]"#),
            (
                r#"[{"code":"B"},{"code":"A","note":1,"status":"x"}]"#,
                r#"[{"code":"B"},{"code":"A","note":1,"status":"active"}]"#,
            ),
            (r#"[7,"x"]"#, r#"[{"code":"A","status":"active"},7,"x"]"#),
        ] {
            let text = with_entry(stored, named("A", "active")).unwrap();
            let (text, after): (Value, Value) =
                (serde_json::from_str(&text).unwrap(), serde_json::from_str(after).unwrap());
            assert_eq!(text, after);
        }
        for unreadable in ["", "{}", "null", "[", "7"] {
            assert_eq!(with_entry(unreadable, named("A", "active")), None, "{unreadable}");
        }
    }

    #[test]
    fn the_oldest_finished_make_room() {
        let filler = "x".repeat(40 * 1024);
        let big =
            |code: &str, status: &str| json!({"code": code, "status": status, "filler": filler});
        let stored = json!([big("C", "used"), big("B", "expired"), big("A", "active")]);
        let text = with_entry(&stored.to_string(), named("D", "active")).unwrap();
        let codes: Vec<String> = serde_json::from_str::<Vec<Value>>(&text)
            .unwrap()
            .iter()
            .map(|entry| entry["code"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(codes, ["D", "C", "A"]);
        assert!(text.len() <= LARGEST);
    }
}
