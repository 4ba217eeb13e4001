# メールのページ。

nav-mail = メール
done-resent = メールを再送します。

mails-title = メール
mails-lead = お客様と管理者に送ったメールと、その結果です。
mails-off = メールが設定されていません
mails-off-hint = 設定に [mail] を書くまで、メールは送信されません。
mails-all = すべて
mails-waiting = 送信待ち
mails-sent = 送信済み
mails-dead = 送信できず
mails-created = 作成日時
mails-kind = 種類
mails-about = 対象
mails-status = 状態
mails-attempts = 送信回数
mails-resends = スタッフによる再送
mails-sent-at = 送信日時
mails-due-at = 次回の送信
mails-error = 直近のエラー
mails-facts = 送信の状況
mails-resend = 再送する
mails-nothing = 内容が変わったため、表示できる文面はありません。
mails-kind-coupon_issued = クーポン発行
mails-kind-coupon_replaced = 代わりのクーポン発行
mails-kind-coupon_cancelled = クーポンのキャンセル
mails-kind-coupon_expiring = クーポンの期限間近
mails-kind-order_reversed = 注文のポイント返還
mails-kind-alert = 管理者への通知
mails-error-no-address = お客様のメールアドレスがありません
mails-error-no-longer-true = 送信時には内容が変わっていました
mails-error-unknown-customer = Shopifyにこのお客様がいません
mails-error-too-old = 古くなったため送信しませんでした
mails-error-timeout = メールサーバーが時間内に応答しませんでした
mails-error-connection = メールサーバーに接続できませんでした
mails-error-shopify = Shopifyからアドレスを取得できませんでした
