# お客様と管理者へのメール。数値・金額・日付は整形済みで渡される。

mail-greeting = { $name } 様
mail-greeting-nobody = お客様
mail-contact = ご不明な点がございましたら、こちらまでお問い合わせください：{ $contact }
mail-why = このメールは、お客様のポイントに変更があったためお送りしています。

mail-points = { $points }ポイント
mail-off = { $amount }引き
mail-yen = { $amount }円
mail-date = %Y年%-m月%-d日
mail-moment = %Y年%-m月%-d日 %H:%M

mail-row-recipient = お名前
mail-row-code = クーポンコード
mail-row-amount = 割引額
mail-row-issued = 発行日
mail-row-until = 有効期限
mail-row-used = 交換ポイント
mail-row-refunded = 返還ポイント
mail-row-returned = 返還ポイント
mail-row-returned-credit = 返還ストアクレジット
mail-row-balance = 現在の残高
mail-row-order = ご注文番号

mail-cancelled-subject = クーポンがキャンセルされました
mail-cancelled-lead = { $points }ポイントをお客様の残高に返還しました。
mail-cancelled-lead-kept = 交換に使われたポイントは返還されません。
mail-cancelled-row-code = キャンセルされたクーポンコード
mail-cancelled-after = このコードは今後ご利用いただけません。

mail-issued-subject = クーポンをお届けします
mail-issued-lead = { $points }ポイントを{ $amount }クーポンに交換しました。
mail-issued-after = ご購入手続きでコードを入力するか、店頭でご提示ください。ご利用は1回限りです。
mail-replaced-subject = 新しいクーポンをお届けします
mail-replaced-lead = ご注文がキャンセルされたため、ご利用済みのクーポンの代わりに{ $amount }の新しいクーポンをお届けします。
mail-row-replaced = 元のクーポン

mail-reversed-subject = ご注文のキャンセルに伴いポイントを返還しました
mail-reversed-lead = { $points }ポイントをお客様の残高に返還しました。
mail-reversed-lead-both = { $points }ポイントと{ $amount }のストアクレジットを返還しました。
mail-reversed-subject-credit = ご注文のキャンセルに伴いストアクレジットを返還しました
mail-reversed-lead-credit = { $amount }のストアクレジットを返還しました。
mail-reversed-after = ご注文に使われたクーポンは使用済みのままです。

mail-reminder-subject = クーポンの有効期限は{ $date }です
mail-reminder-lead = { $amount }クーポンをまだご利用いただけます。
mail-reminder-after = { $date }までに、ご購入手続きでコードを入力するか、店頭でご提示ください。

mail-alert-subject = [Kaeru] { $reason }（{ $count }件）
mail-alert-lead = 担当者の確認が必要です。同じ種類の案件は、次のメールまで1時間分まとめてお知らせします。
mail-alert-row-shop = ショップ
mail-alert-row-count = 件数
mail-alert-row-first = 最初
mail-alert-row-last = 最新
mail-alert-row-coupons = クーポン
mail-alert-more = ほか{ $count }件
mail-alert-button = 確認ページを開く
mail-alert-why = このメールは、設定の mail.admins に登録されているアドレスにお送りしています。

mail-alert-no-look-up = 結果不明（ポイント台帳に照会できません）
mail-alert-look-up-down = 結果不明（ポイント台帳が応答しません）
mail-alert-contradiction = ポイント台帳の記録が矛盾しています
mail-alert-coupon-will-not-die = 無効にできないクーポンがあります
mail-alert-coupon-will-not-return = 支払済みのクーポンを再開できません
mail-alert-not-recorded = 顧客のメタフィールドに書き込めません
mail-alert-refund-refused = ポイントの返還が受け付けられません
mail-alert-usage-unknown = クーポンの使用状況を確認できません
mail-alert-used-after-cancel = キャンセル後に使われたクーポンがあります
mail-alert-used-twice = 2件の注文で使われたクーポンがあります
mail-alert-mail-undelivered = メールを配信できませんでした
mail-alert-order-not-cancelled = 注文がキャンセルされたか確認できません
mail-alert-credits-unknown = 返還済みのストアクレジットを確認できません
mail-alert-credit-unclear = ストアクレジットが届いたか確認できません
mail-alert-credit-twice = ストアクレジットが二重に返還されました
mail-alert-not-replaced = 代わりのクーポンを作成できません
mail-alert-customer-data-requested = 顧客データの開示請求があります
mail-alert-app-uninstalled = ストアからアプリが削除されました
mail-alert-shop-redact-requested = ストアデータの削除請求があります
mail-alert-other = 確認が必要です

mail-approval-subject = [Kaeru] { $order } の承認をお願いします
mail-approval-lead = この注文の返還は { $threshold } を超えるため、別の担当者による承認が必要です。内容を確認し、承認または却下してください。
mail-approval-row-worth = 相当ポイント
mail-approval-row-by = 申請者
mail-approval-row-at = 申請日時
mail-approval-button = 内容を確認する
mail-approval-why = 返還の承認権限をお持ちの方にお送りしています。
