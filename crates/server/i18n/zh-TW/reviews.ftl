# 需要人工判定的案件
nav-reviews = 待判定
reviews-title = 待判定案件
reviews-lead = 系統無法自行判定的案件。判定前點數不會遺失或重複異動。
reviews-open = 待處理
reviews-settled = 已處理
reviews-none = 沒有待判定的案件
reviews-none-hint = 無法自動判定的案件會顯示在這裡。
review-what = 案件
review-since = 發生時間
review-look = 查看
review-settle = 判定
review-verdict = 判定
review-by-itself = 已自動解決
review-evidence = 判斷依據
review-asked = 對點數系統的要求
review-reference = 參照編號
review-balance = 目前餘額
review-movements = 已記錄的點數異動（由新到舊）
review-note = 判斷依據
review-note-hint = 例如：已確認當時的POS交易紀錄
review-note-missing = 請填寫判斷依據。
review-role = 您的角色只能查看，由EC管理員判定。
review-hint-moved = 餘額從{ $before }變為{ $now }，與{ $points }一致。這是線索而非證據，請查看點數系統的紀錄。
review-hint-same = 餘額仍為{ $now }。這是{ $points }未發生的線索，但不是證據。
review-hint-other = 餘額從{ $before }變為{ $now }，含其他異動，無法據此判斷{ $points }。

review-no-look-up = 點數是否異動不明
review-no-look-up-why = 點數系統沒有回應，也無法事後查詢。請用下方參照編號查看點數系統的紀錄。
review-look-up-down = 點數查詢沒有回應
review-look-up-down-why = 已反覆查詢一段時間仍無回應，請直接查看紀錄。
review-contradiction = 點數系統回應矛盾
review-contradiction-why = 找到參照編號，但點數不同或重複。
review-coupon-will-not-die = 代碼無法停用
review-coupon-will-not-die-why = 必須停用。請在Shopify後台停用；系統也會持續重試。
review-coupon-will-not-return = 代碼無法恢復
review-coupon-will-not-return-why = 顧客已付點數。請在Shopify後台啟用。
review-not-recorded = 無法更新顧客頁面
review-not-recorded-why = 優惠券與點數正確，只有佈景主題顯示的清單未更新。
review-refund-refused = 點數退還遭拒
review-refund-refused-why = 代碼已失效，點數尚未退還。請查明原因，手動退還或重新送出。
review-usage-unknown = 停用前是否使用不明
review-usage-unknown-why = 無法從Shopify確認。請在訂單中搜尋代碼，確認前不會退還。
review-used-after-cancel = 取消後仍被使用
review-used-after-cancel-why = 已退還點數的代碼被訂單使用，請與顧客或受理訂單者確認。
review-used-twice = 被重複使用
review-used-twice-why = 一次性代碼出現在第二筆訂單。
review-many-conversions = 短時間內多次兌換
review-many-conversions-why = 這位顧客在 { $minutes } 分鐘內兌換了 { $count } 次。請確認是否為本人。
review-same-staff-same-customer = 同一人員與同一顧客反覆操作
review-same-staff-same-customer-why = { $staff } 在 { $days } 天內取消了這位顧客的 { $count } 張優惠券。
review-own-account = 人員自己的帳戶
review-own-account-why = { $staff } 在與自己{ $same ->
    [email] 電子郵件
   *[name] 姓名
 }相同的帳戶上取消了優惠券。
review-after-hours = 營業時間外的操作
review-after-hours-why = { $staff } 在 { $time } 取消了優惠券。營業時間為 { $open } 點至 { $close } 點。

verdict-conversion-applied = 已扣除：發放優惠券
verdict-conversion-not-applied = 未扣除：撤銷兌換
verdict-cancellation-applied = 已退還：完成
verdict-cancellation-not-applied = 未退還：重新退還
verdict-noted = 已處理
done-settled = 已記錄判定。
