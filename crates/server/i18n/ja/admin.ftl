# 管理画面：枠とログイン。

page-skip = 本文へ移動
page-menu = メニュー
page-areas = メニュー一覧
page-sign-out = ログアウト
page-back = 管理画面に戻る
page-moment = %Y/%m/%d %H:%M
page-day = %Y/%m/%d
page-points = { $points } ポイント
page-older = 古いものを表示
page-newest = 最新に戻る
page-none = まだ何もありません
page-cancel = 閉じる
page-save = 保存
page-filter = 絞り込む
page-clear = 条件をクリア

nav-audit = 操作履歴

role-viewer = 一般スタッフ
role-store_manager = 店舗マネージャー
role-ec_admin = EC管理者
role-system_admin = システム管理者

sign-in-title = ログイン
sign-in-email = メールアドレス
sign-in-password = パスワード
sign-in-second = 二段階認証を設定している方
sign-in-provider = { $name }でログイン
sign-in-code = アプリに表示された確認コード
sign-in-shop = ショップ
sign-in-submit = ログイン

actor-staff = スタッフ
actor-customer = お客様
actor-system = Kaeru（自動）

audit-title = 操作履歴
audit-lead = スタッフ・お客様・システムのすべての操作です。記録が変更・削除されることはありません。
audit-at = 日時
audit-act = 操作
audit-any = すべて
audit-subject = 対象
audit-actor = 操作者
audit-why = 理由
audit-origin = 接続元
audit-from = 開始日
audit-to = 終了日

act-coupon-convert = ポイント交換
act-coupon-cancel = クーポンのキャンセル
act-coupon-replace = 代わりのクーポンの発行
act-coupon-hold = クーポンの保留
act-coupon-release = 保留の解除
act-coupon-used = クーポンの使用
act-coupon-expire = クーポンの期限切れ
act-review-settle = 確認案件の判定
act-approval-ask = 承認を申請
act-approval-approve = 承認
act-approval-decline = 却下
act-job-begin = 一括処理の開始
act-job-dry-run = 一括処理の試行
act-job-pause = 一括処理の一時停止
act-job-resume = 一括処理の再開
act-mail-resend = メールの再送
act-session-begin = ログイン
act-session-refuse = ログイン失敗
act-session-end = ログアウト
act-staff-add = スタッフの追加
act-staff-disable = スタッフの停止
act-staff-enable = スタッフの再開
act-staff-reset-password = パスワードの再設定
act-staff-token = トークンの発行

reason-customer_request = お客様のご要望
reason-order_cancelled = 注文のキャンセル
reason-issued_in_error = 誤発行の訂正
reason-other = その他
