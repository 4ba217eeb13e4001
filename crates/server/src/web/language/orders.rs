//! What people read about orders and what comes back of them.

/// A problem's title, and what to do about it.
type Text = (&'static str, &'static str);

pub fn english(code: &str) -> Option<Text> {
    Some(match code {
        "order-busy" => (
            "Being worked on",
            "Another step on this order, or another credit of its customer, is under way. Look \
             again in a moment.",
        ),
        "already-reverted" => (
            "Already given back",
            "What was chosen is back already, or on its way. Look at the order again.",
        ),
        "nothing-to-revert" => ("Nothing to give back", "Nothing that was chosen can come back."),
        "order-not-cancelled" => {
            ("The order stands", "Cancel it first: then what was applied to it can come back.")
        }
        "order-not-cancellable" => (
            "Not cancelled",
            "Shopify does not cancel this order. Nothing was given back. Look at it in Shopify.",
        ),
        "order-already-cancelled" => (
            "Cancelled before",
            "The order is cancelled already. Give back what was applied to it instead.",
        ),
        "credit-expired" => {
            ("Run out", "What was chosen has run out. Extend it to a new date, or leave it out.")
        }
        "approval-needed" => (
            "A second person must approve",
            "So much is above the shop's threshold. It waits in the approvals for somebody else.",
        ),
        "approval-declined" => (
            "Declined",
            "Somebody else said no. Nothing was changed. Ask again, with a new key, if that was \
             meant otherwise.",
        ),
        "approval-settled" => ("Decided already", "Somebody was faster. Look at it again."),
        "own-approval" => {
            ("Somebody else must approve", "Nobody approves what they asked for themselves.")
        }
        "insufficient-credit" => {
            ("Not enough store credit", "The customer's store credit does not suffice.")
        }
        "order-exists" => {
            ("Known already", "There is an order of this number. Look at it, or choose another.")
        }
        "coupon-not-theirs" => {
            ("Another customer's coupon", "Only its owner can use it. Check the customer.")
        }
        "credits-held-elsewhere" => (
            "Held by Shopify",
            "Kaeru holds no store credit for this shop. See [shop.credits] in the configuration.",
        ),
        "nothing-to-take-back" => (
            "Nothing to take back",
            "Nothing of what was chosen had come back to this customer. Look at the order again.",
        ),
        _ => return None,
    })
}

pub fn japanese(code: &str) -> Option<Text> {
    Some(match code {
        "order-busy" => ("処理中です", "この注文の別の処理が進行中です。"),
        "already-reverted" => ("返還済みです", "選択した分はすでに返還済みか、返還処理中です。"),
        "nothing-to-revert" => {
            ("返還するものがありません", "選択した分に返還できるものがありません。")
        }
        "order-not-cancelled" => {
            ("キャンセルされていません", "先に注文をキャンセルしてから返還してください。")
        }
        "order-not-cancellable" => (
            "キャンセルできません",
            "Shopifyがこの注文をキャンセルしませんでした。何も返還していません。",
        ),
        "order-already-cancelled" => (
            "キャンセル済みです",
            "この注文はすでにキャンセルされています。返還の操作を行ってください。",
        ),
        "credit-expired" => (
            "期限切れです",
            "選択した分は期限が切れています。期限を延長するか、選択から外してください。",
        ),
        "approval-needed" => {
            ("承認が必要です", "しきい値を超えるため、別の担当者の承認を待っています。")
        }
        "approval-declined" => {
            ("却下されました", "別の担当者が却下しました。何も変更していません。")
        }
        "approval-settled" => ("すでに決定されています", "ほかの担当者が先に決定しました。"),
        "own-approval" => ("承認できません", "ご自身の申請は承認できません。"),
        "insufficient-credit" => {
            ("ストアクレジットが足りません", "お客様のストアクレジットの残高が不足しています。")
        }
        "order-exists" => {
            ("登録済みです", "この番号の注文はすでにあります。内容を確認してください。")
        }
        "coupon-not-theirs" => ("別のお客様のクーポンです", "発行を受けたご本人のみ利用できます。"),
        "credits-held-elsewhere" => {
            ("Shopifyが管理しています", "このショップのストアクレジットはKaeruにありません。")
        }
        "nothing-to-take-back" => (
            "取り戻すものがありません",
            "選択した分に返還済みのものがありません。注文をもう一度確認してください。",
        ),
        _ => return None,
    })
}

pub fn chinese(code: &str) -> Option<Text> {
    Some(match code {
        "order-busy" => {
            ("處理中", "這筆訂單的另一個步驟，或該顧客的另一筆購物金正在處理，請稍後再看。")
        }
        "already-reverted" => ("已返還", "所選項目已返還，或正在返還。請再看一次訂單。"),
        "nothing-to-revert" => ("沒有可返還的項目", "所選項目都無法返還。"),
        "order-not-cancelled" => ("訂單尚未取消", "請先取消訂單，再返還已套用的項目。"),
        "order-not-cancellable" => ("無法取消", "Shopify 沒有取消這筆訂單，也沒有返還任何項目。"),
        "order-already-cancelled" => ("已取消", "這筆訂單已經取消。請改為返還已套用的項目。"),
        "credit-expired" => ("已過期", "所選項目已過期。請延長期限，或不要選取。"),
        "approval-needed" => ("需要核准", "超過商店的門檻，正在等待其他人員核准。"),
        "approval-declined" => ("未獲核准", "其他人員未核准，沒有任何變更。"),
        "approval-settled" => ("已有決定", "其他人員已先處理，請再看一次。"),
        "own-approval" => ("無法核准", "不能核准自己提出的申請。"),
        "insufficient-credit" => ("購物金不足", "這位顧客的購物金餘額不足。"),
        "order-exists" => ("已登錄", "這個號碼的訂單已經存在，請查看該訂單。"),
        "coupon-not-theirs" => ("其他顧客的優惠券", "只有持有人本人可以使用，請確認顧客。"),
        "credits-held-elsewhere" => ("由 Shopify 管理", "Kaeru 沒有保管這家商店的購物金。"),
        "nothing-to-take-back" => {
            ("沒有可收回的項目", "所選項目沒有已返還的部分，請再看一次訂單。")
        }
        _ => return None,
    })
}
