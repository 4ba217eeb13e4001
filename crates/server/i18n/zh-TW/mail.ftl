# 寄給顧客與管理員的郵件。數字、金額與日期傳入時已格式化。

mail-greeting = { $name } 您好：
mail-greeting-nobody = 您好：
mail-contact = 如有任何問題，請與我們聯絡：{ $contact }
mail-why = 您收到這封郵件，是因為您的點數有所變動。

mail-points = { $points } 點
mail-off = 折抵 { $amount }
mail-yen = { $amount } 日圓
mail-date = %Y年%-m月%-d日
mail-moment = %Y年%-m月%-d日 %H:%M

mail-row-recipient = 收件人
mail-row-code = 優惠券代碼
mail-row-amount = 金額
mail-row-issued = 發行日期
mail-row-until = 有效期限
mail-row-used = 使用點數
mail-row-refunded = 退還點數
mail-row-returned = 退還點數
mail-row-returned-credit = 退還購物金
mail-row-balance = 目前餘額
mail-row-order = 訂單編號

mail-cancelled-subject = 您的優惠券已取消
mail-cancelled-lead = { $points } 點已退還至您的帳戶。
mail-cancelled-lead-kept = 兌換所用的點數不會退還。
mail-cancelled-row-code = 已取消的優惠券代碼
mail-cancelled-after = 此代碼已無法再使用。

mail-issued-subject = 您的優惠券已準備好
mail-issued-lead = 您已將 { $points } 點兌換為{ $amount }的優惠券。
mail-issued-after = 結帳時輸入代碼，或在門市出示即可。僅限使用一次。
mail-replaced-subject = 您的新優惠券
mail-replaced-lead = 您的訂單已取消。為取代您已使用的優惠券，我們發給您一張{ $amount }的新優惠券。
mail-row-replaced = 原優惠券

mail-reversed-subject = 訂單取消，點數已退還
mail-reversed-lead = { $points } 點已退還至您的帳戶。
mail-reversed-lead-both = { $points } 點與{ $amount }購物金已退還至您的帳戶。
mail-reversed-subject-credit = 訂單取消，購物金已退還
mail-reversed-lead-credit = { $amount }購物金已退還至您的帳戶。
mail-reversed-after = 該訂單使用的優惠券仍為已使用。

mail-reminder-subject = 您的優惠券將於 { $date }到期
mail-reminder-lead = 您還有一張{ $amount }的優惠券尚未使用。
mail-reminder-after = 請於 { $date }前在結帳時輸入代碼，或在門市出示。

mail-alert-subject = [Kaeru] { $reason }（{ $count } 件）
mail-alert-lead = 需要人員處理。同類案件會彙整一小時後再寄出下一封。
mail-alert-row-shop = 商店
mail-alert-row-count = 件數
mail-alert-row-first = 最早
mail-alert-row-last = 最近
mail-alert-row-coupons = 優惠券
mail-alert-more = 另有 { $count } 件
mail-alert-button = 開啟待處理頁面
mail-alert-why = 您收到這封郵件，是因為您的地址列於設定的 mail.admins。

mail-alert-no-look-up = 結果不明，且點數帳本無法查詢
mail-alert-look-up-down = 結果不明，且點數帳本沒有回應
mail-alert-contradiction = 點數帳本的紀錄互相矛盾
mail-alert-coupon-will-not-die = 有優惠券無法停用
mail-alert-coupon-will-not-return = 已付點數的優惠券無法恢復
mail-alert-not-recorded = 無法寫入顧客的中繼欄位
mail-alert-refund-refused = 點數帳本不接受退還的點數
mail-alert-usage-unknown = 無法確認優惠券是否已使用
mail-alert-used-after-cancel = 已取消的優惠券被使用
mail-alert-used-twice = 同一張優惠券用於兩筆訂單
mail-alert-mail-undelivered = 郵件無法送達
mail-alert-order-not-cancelled = 無法確認訂單是否已取消
mail-alert-credits-unknown = 無法確認已退還的購物金
mail-alert-credit-unclear = 無法確認購物金是否已入帳
mail-alert-credit-twice = 購物金重複退還
mail-alert-not-replaced = 無法建立替代優惠券
mail-alert-customer-data-requested = 顧客要求提供個人資料
mail-alert-app-uninstalled = 應用程式已從商店移除
mail-alert-shop-redact-requested = Shopify 要求刪除商店資料
mail-alert-other = 有事項需要查看

mail-approval-subject = [Kaeru] { $order } 等待您核准
mail-approval-lead = 這筆訂單要返還的內容超過 { $threshold }，需要另一位人員確認後核准或拒絕。
mail-approval-row-worth = 相當點數
mail-approval-row-by = 申請人
mail-approval-row-at = 申請時間
mail-approval-button = 查看內容
mail-approval-why = 您有權核准他人提出的返還，因此收到此訊息。
