# 人が判断する案件
nav-reviews = 要確認
reviews-title = 要確認の案件
reviews-lead = 自動では決められない案件です。判定までポイントが失われたり二重に動いたりすることはありません。
reviews-open = 未処理
reviews-settled = 処理済み
reviews-none = 判定待ちの案件はありません
reviews-none-hint = 自動で決められない案件があれば、ここに表示されます。
review-what = 内容
review-since = 発生日時
review-look = 詳細を見る
review-settle = 判定する
review-verdict = 判定
review-by-itself = 自動で解決しました
review-evidence = 判断材料
review-asked = ポイントシステムへの依頼
review-reference = 参照番号
review-balance = 現在の残高
review-movements = 記録済みのポイントの動き（新しい順）
review-note = 判断の根拠
review-note-hint = 例：該当時刻のPOSの取引履歴を確認
review-note-missing = 判断の根拠を記入してください。
review-role = 閲覧のみ可能です。判定はEC管理者が行います。
review-hint-moved = 残高は{ $before }から{ $now }に変わり、{ $points }と一致します。手がかりですが証拠ではありません。ポイントシステムの履歴を確認してください。
review-hint-same = 残高は{ $now }のままです。{ $points }は行われていない手がかりですが、証拠ではありません。
review-hint-other = 残高は{ $before }から{ $now }に変わりました。他の取引が含まれるため、{ $points }については判断できません。

review-no-look-up = ポイントが動いたか不明です
review-no-look-up-why = ポイントシステムから応答がなく、後から照会もできません。下の参照番号をポイントシステムの履歴で確認してください。
review-look-up-down = ポイントの照会に応答がありません
review-look-up-down-why = 十分な時間、照会を繰り返しましたが応答がありません。履歴を直接確認してください。
review-contradiction = ポイントシステムの回答が矛盾しています
review-contradiction-why = 参照番号は見つかりましたが、点数が違うか複数あります。
review-coupon-will-not-die = コードを無効にできません
review-coupon-will-not-die-why = 使えない状態にする必要があります。Shopify管理画面で無効にしてください。自動でも再試行を続けます。
review-coupon-will-not-return = コードを有効に戻せません
review-coupon-will-not-return-why = お客様はポイントを支払い済みです。Shopify管理画面で有効にしてください。
review-not-recorded = お客様ページに反映できませんでした
review-not-recorded-why = クーポンとポイントは正常です。テーマに表示される一覧だけが古いままです。
review-refund-refused = ポイントの返還が拒否されました
review-refund-refused-why = コードは無効で、ポイントは未返還です。原因を確認し、手動で返還するか再送してください。
review-usage-unknown = 無効にする前に使われたか不明です
review-usage-unknown-why = Shopifyから確認できません。注文でコードを検索してください。判明するまで返還しません。
review-used-after-cancel = キャンセル後に使われています
review-used-after-cancel-why = 返還済みのコードが注文で使われました。お客様または受注担当者に確認してください。
review-used-twice = 二重に使われています
review-used-twice-why = 1回限りのコードが2件の注文で使われています。
review-many-conversions = 短時間に多くの交換
review-many-conversions-why = { $minutes }分以内に{ $count }回の交換がありました。ご本人の操作かご確認ください。
review-same-staff-same-customer = 同じスタッフと同じお客様の繰り返し
review-same-staff-same-customer-why = { $staff }さんが、このお客様のクーポンを{ $days }日以内に{ $count }枚キャンセルしました。
review-own-account = スタッフ自身のアカウント
review-own-account-why = { $staff }さんが、自分と同じ{ $same ->
    [email] メールアドレス
   *[name] 名前
 }のアカウントでクーポンをキャンセルしました。
review-after-hours = 営業時間外の操作
review-after-hours-why = { $staff }さんが{ $time }にクーポンをキャンセルしました。営業時間は{ $open }時から{ $close }時です。

verdict-conversion-applied = 差し引き済み：クーポンを有効にする
verdict-conversion-not-applied = 差し引かれていない：交換を取り消す
verdict-cancellation-applied = 返還済み：完了にする
verdict-cancellation-not-applied = 未返還：もう一度返還する
verdict-noted = 対応済みにする
done-settled = 判定を記録しました。
