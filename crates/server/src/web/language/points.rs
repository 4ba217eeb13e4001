//! What staff read about customers and the built-in points book.

/// A problem's title, and what to do about it.
type Text = (&'static str, &'static str);

pub fn english(code: &str) -> Option<Text> {
    Some(match code {
        "customer-busy" => (
            "Something is under way",
            "Points of this customer are moving. Wait until it is settled, then try again.",
        ),
        "paid-lot-too-long" => (
            "Too long for paid points",
            "Paid points may be good for six months from their issue at most. Longer, they become \
             a prepaid payment instrument.",
        ),
        "points-held-elsewhere" => {
            ("Not Kaeru's points", "The till holds this shop's points. Change them there.")
        }
        _ => return None,
    })
}

pub fn japanese(code: &str) -> Option<Text> {
    Some(match code {
        "customer-busy" => {
            ("処理中です", "このお客様のポイントが移動中です。完了してからお試しください。")
        }
        "paid-lot-too-long" => (
            "有償ポイントの期限が長すぎます",
            "有償ポイントの有効期限は発行から6か月以内です。\
             それを超えると前払式支払手段に該当します。",
        ),
        "points-held-elsewhere" => {
            ("Kaeruのポイントではありません", "このショップのポイントはPOSで管理されています。")
        }
        _ => return None,
    })
}

pub fn chinese(code: &str) -> Option<Text> {
    Some(match code {
        "customer-busy" => ("處理中", "這位顧客的點數正在變動，請等完成後再試。"),
        "paid-lot-too-long" => (
            "付費點數的期限太長",
            "付費點數最長只能自發行起六個月內有效，否則會成為預付式支付工具。",
        ),
        "points-held-elsewhere" => ("不是 Kaeru 的點數", "這家商店的點數由 POS 管理。"),
        _ => return None,
    })
}
