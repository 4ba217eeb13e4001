//! The languages that customers read. One arm a problem, so that none is forgotten.

mod accounts;
mod orders;
mod points;

pub use crate::i18n::Language;

use axum::http::{HeaderMap, header};

impl Language {
    /// The first language of `Accept-Language` that is spoken here, or the shop's own.
    pub fn of(headers: &HeaderMap, shop_locale: &str) -> Self {
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        asked
            .into_iter()
            .flat_map(|list| list.split(','))
            .find_map(Self::named)
            .or_else(|| Self::named(shop_locale))
            .unwrap_or(Self::English)
    }

    /// A problem's title, and what to do about it.
    pub fn problem(self, code: &str) -> (&'static str, &'static str) {
        match self {
            Self::English => english(code),
            Self::Japanese => japanese(code),
            Self::Chinese => chinese(code),
        }
    }
}

fn english(code: &str) -> (&'static str, &'static str) {
    match code {
        "unauthenticated" => ("Please sign in", "The token is missing, expired or not valid."),
        "not-your-account" => ("Not your account", "The request names another customer."),
        "below-minimum" => ("Too few points", "Choose at least the minimum number of points."),
        "not-a-multiple" => ("Not a whole unit", "Choose a multiple of the unit of points."),
        "daily-limit-exceeded" => (
            "Daily limit reached",
            "This is more than can still be exchanged today. Choose fewer points, or try tomorrow.",
        ),
        "insufficient-points" => {
            ("Not enough points", "The balance is lower than the points asked for.")
        }
        "conversion-in-doubt" => (
            "An earlier exchange is being confirmed",
            "Please wait until it is settled. Your points are safe.",
        ),
        "unknown-customer" => ("Unknown customer", "No such customer, or no points account."),
        "shopify-unavailable" => {
            ("The coupon could not be made", "Nothing was changed. Please try again in a moment.")
        }
        "points-unavailable" => {
            ("The points could not be used", "Nothing was changed. Please try again in a moment.")
        }
        "coupon-already-used" => {
            ("Already used", "The discount was applied to an order. Nothing was refunded.")
        }
        "coupon-expired" => ("Expired", "The coupon's time is up: it cannot be cancelled."),
        "coupon-already-cancelled" => {
            ("Already cancelled", "The coupon is cancelled, or is being cancelled.")
        }
        "coupon-held" => ("On hold", "The coupon is held. Release it, or confirm the hold."),
        "coupon-not-held" => ("Not on hold", "The coupon is not held."),
        "coupon-busy" => {
            ("Being worked on", "Another step on this coupon is under way. Look again in a moment.")
        }
        "rate-limited" => ("Too many requests", "Please try again in a while."),
        "review-settled" => ("Already settled", "Somebody has decided this case."),
        "mail-under-way" => ("On its way", "This mail is being sent. Look again in a moment."),
        "job-completed" => ("Already completed", "Every row has its result."),
        "undo-too-late" => (
            "Too late to take back",
            "The time for taking it back yourself is over. Please ask the shop.",
        ),
        "wrong-shop" => ("Another shop", "X-Shopify-Shop-Domain is not this shop's domain."),
        other => orders::english(other)
            .or_else(|| accounts::english(other))
            .or_else(|| points::english(other))
            .unwrap_or_else(|| protocol(other)),
    }
}

/// What those who write programs meet.
fn protocol(code: &str) -> (&'static str, &'static str) {
    match code {
        "idempotency-key-missing" => (
            "Idempotency-Key is missing",
            "Send a new Idempotency-Key header (1 to 255 characters) with each new request, and \
             the same one when you repeat it.",
        ),
        "idempotency-key-reused" => (
            "Idempotency-Key was used before",
            "The key belongs to a request with another body. Send a new key.",
        ),
        "idempotency-in-progress" => (
            "Still being worked on",
            "The first request with this key is not answered yet. Ask again in a moment.",
        ),
        "invalid-request" => ("The request is not valid", "Check the body and the parameters."),
        "unsupported-media-type" => {
            ("Not JSON", "Send the body as JSON with Content-Type: application/json.")
        }
        "body-too-large" => ("The body is too large", "Send at most 16 KB."),
        "method-not-allowed" => ("Method not allowed", "See /openapi.json for what is."),
        "not-found" => ("Not found", "There is nothing here, or it is not yours."),
        "service-unavailable" => (
            "The service is not available",
            "Send the same request with the same key again in a moment.",
        ),
        _ => ("Something went wrong", "It was logged. Please try again in a moment."),
    }
}

fn japanese(code: &str) -> (&'static str, &'static str) {
    match code {
        "unauthenticated" => {
            ("ログインしてください", "ログインの有効期限が切れたか、正しくありません。")
        }
        "not-your-account" => {
            ("別のお客様のアカウントです", "ご本人のアカウントで操作してください。")
        }
        "below-minimum" => ("ポイントが少なすぎます", "最低ポイント数以上を指定してください。"),
        "not-a-multiple" => ("単位が合いません", "ポイントは決められた単位で指定してください。"),
        "daily-limit-exceeded" => (
            "1日の上限を超えています",
            "本日交換できる残りを超えています。ポイントを減らすか、明日お試しください。",
        ),
        "insufficient-points" => {
            ("ポイントが足りません", "残高が指定のポイントより少なくなっています。")
        }
        "conversion-in-doubt" => {
            ("前回の交換を確認中です", "確認が終わるまでお待ちください。ポイントは失われません。")
        }
        "unknown-customer" => ("お客様が見つかりません", "ポイント口座が見つかりませんでした。"),
        "shopify-unavailable" => (
            "クーポンを発行できませんでした",
            "ポイントは減っていません。しばらくしてからもう一度お試しください。",
        ),
        "points-unavailable" => (
            "ポイントを利用できませんでした",
            "ポイントは減っていません。しばらくしてからもう一度お試しください。",
        ),
        "coupon-already-used" => {
            ("使用済みです", "割引は注文に適用されています。ポイントは返還されません。")
        }
        "coupon-expired" => ("有効期限切れです", "期限を過ぎたクーポンはキャンセルできません。"),
        "coupon-already-cancelled" => {
            ("キャンセル済みです", "このクーポンはキャンセル済みか、キャンセル処理中です。")
        }
        "coupon-held" => {
            ("保留中です", "このクーポンは保留中です。解除するか、保留を確定してください。")
        }
        "coupon-not-held" => ("保留中ではありません", "このクーポンは保留されていません。"),
        "rate-limited" => ("リクエストが多すぎます", "しばらくしてからお試しください。"),
        "review-settled" => ("処理済みです", "この案件はすでに判定されています。"),
        "mail-under-way" => ("送信中です", "このメールは送信処理中です。少し後にご確認ください。"),
        "job-completed" => ("完了しています", "すべての行の処理が終わっています。"),
        "undo-too-late" => (
            "取り消し期限を過ぎています",
            "ご自身で取り消せる時間を過ぎました。ショップにお問い合わせください。",
        ),
        "coupon-busy" => ("処理中です", "このクーポンの別の処理が進行中です。"),
        "idempotency-in-progress" => ("処理中です", "しばらくお待ちください。"),
        "not-found" => ("見つかりません", "ページがないか、閲覧できません。"),
        "service-unavailable" => {
            ("ただいまご利用いただけません", "しばらくしてから、もう一度お試しください。")
        }
        "internal-error" => ("エラーが発生しました", "しばらくしてから、もう一度お試しください。"),
        other => orders::japanese(other)
            .or_else(|| accounts::japanese(other))
            .or_else(|| points::japanese(other))
            .unwrap_or_else(|| english(other)),
    }
}

fn chinese(code: &str) -> (&'static str, &'static str) {
    match code {
        "unauthenticated" => ("請先登入", "登入已過期或無效。"),
        "not-your-account" => ("不是您的帳戶", "請使用本人的帳戶操作。"),
        "below-minimum" => ("點數太少", "請輸入不低於最低點數的數值。"),
        "not-a-multiple" => ("點數單位不符", "請依規定的點數單位輸入。"),
        "daily-limit-exceeded" => {
            ("已達每日上限", "超過今天還能兌換的點數。請減少點數，或明天再試。")
        }
        "insufficient-points" => ("點數不足", "餘額低於要兌換的點數。"),
        "conversion-in-doubt" => ("前一次兌換確認中", "請等候確認完成。您的點數不會遺失。"),
        "unknown-customer" => ("找不到顧客", "找不到這位顧客的點數帳戶。"),
        "shopify-unavailable" => ("無法發行優惠券", "沒有任何變更。請稍後再試。"),
        "points-unavailable" => ("無法使用點數", "沒有任何變更。請稍後再試。"),
        "coupon-already-used" => ("已使用", "折扣已套用於訂單，點數不會退還。"),
        "coupon-expired" => ("已過期", "優惠券已過期，無法取消。"),
        "coupon-already-cancelled" => ("已取消", "這張優惠券已取消，或正在取消。"),
        "coupon-held" => ("保留中", "這張優惠券保留中。請解除保留或確認保留。"),
        "coupon-not-held" => ("未保留", "這張優惠券沒有被保留。"),
        "coupon-busy" => ("處理中", "這張優惠券的另一個步驟正在進行，請稍後再看。"),
        "rate-limited" => ("請求過多", "請稍後再試。"),
        "review-settled" => ("已處理", "這個案件已經有結論。"),
        "mail-under-way" => ("寄送中", "這封郵件正在寄送，請稍後再看。"),
        "job-completed" => ("已完成", "每一列都已有結果。"),
        "undo-too-late" => ("已超過可自行取消的時間", "請聯絡商店。"),
        "idempotency-in-progress" => ("處理中", "請稍候。"),
        "not-found" => ("找不到", "沒有這個頁面，或您無法檢視。"),
        "service-unavailable" => ("目前無法使用", "請稍後再試。"),
        "internal-error" => ("發生錯誤", "已記錄下來。請稍後再試。"),
        other => orders::chinese(other)
            .or_else(|| accounts::chinese(other))
            .or_else(|| points::chinese(other))
            .unwrap_or_else(|| english(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_first_language_that_is_spoken_wins() {
        for (asked, shop, language) in [
            (Some("ja"), "en", Language::Japanese),
            (Some("fr, ja;q=0.8, en;q=0.5"), "en", Language::Japanese),
            (Some("en-US,en"), "ja", Language::English),
            (Some("fr"), "ja", Language::Japanese),
            (Some("zh-TW,zh;q=0.9"), "ja", Language::Chinese),
            (None, "ja", Language::Japanese),
            (None, "fr", Language::English),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(asked) = asked {
                headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(asked));
            }
            assert_eq!(Language::of(&headers, shop), language, "{asked:?}");
        }
    }
}
