# 郵件頁面。

nav-mail = 郵件
done-resent = 郵件將重新寄送。

mails-title = 郵件
mails-lead = 寄給顧客與管理員的郵件及其結果。
mails-off = 尚未設定郵件
mails-off-hint = 在設定檔加入 [mail] 之前，郵件會先保留。
mails-all = 全部
mails-waiting = 等待中
mails-sent = 已寄出
mails-dead = 無法寄出
mails-created = 建立時間
mails-kind = 種類
mails-about = 對象
mails-status = 狀態
mails-attempts = 嘗試次數
mails-resends = 人員重寄次數
mails-sent-at = 寄出時間
mails-due-at = 下次嘗試
mails-error = 最近的錯誤
mails-facts = 寄送狀況
mails-resend = 重新寄送
mails-nothing = 相關內容已變更，沒有可顯示的內文。
mails-kind-coupon_issued = 優惠券已發行
mails-kind-coupon_replaced = 已發給替代優惠券
mails-kind-coupon_cancelled = 優惠券已取消
mails-kind-coupon_expiring = 優惠券即將到期
mails-kind-order_reversed = 訂單點數退還
mails-kind-alert = 管理員通知
mails-error-no-address = 顧客沒有電子郵件
mails-error-no-longer-true = 寄送時內容已不再正確
mails-error-unknown-customer = Shopify 沒有這位顧客
mails-error-too-old = 時間過久，未寄出
mails-error-timeout = 郵件伺服器未及時回應
mails-error-connection = 無法連線到郵件伺服器
mails-error-shopify = 無法從 Shopify 取得地址
