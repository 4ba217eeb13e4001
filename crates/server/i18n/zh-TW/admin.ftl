# 管理後台：版面與登入。

page-skip = 跳到主要內容
page-menu = 選單
page-areas = 功能選單
page-sign-out = 登出
page-back = 回到管理後台
page-moment = %Y/%m/%d %H:%M
page-day = %Y/%m/%d
page-points = { $points } 點
page-older = 較早的紀錄
page-newest = 回到最新
page-none = 目前沒有資料
page-cancel = 關閉
page-save = 儲存
page-filter = 篩選
page-clear = 清除條件

nav-audit = 操作紀錄

role-viewer = 一般員工
role-store_manager = 店長
role-ec_admin = 電商管理員
role-system_admin = 系統管理員

sign-in-title = 登入
sign-in-email = 電子郵件
sign-in-password = 密碼
sign-in-second = 已設定兩步驟驗證
sign-in-provider = 用 { $name } 登入
sign-in-code = 驗證應用程式的代碼
sign-in-shop = 商店
sign-in-submit = 登入

actor-staff = 員工
actor-customer = 顧客
actor-system = Kaeru（自動）

audit-title = 操作紀錄
audit-lead = 員工、顧客與系統的所有操作。紀錄不會被更改或刪除。
audit-at = 時間
audit-act = 操作
audit-any = 全部
audit-subject = 對象
audit-actor = 操作者
audit-why = 原因
audit-origin = 來源
audit-from = 起始日
audit-to = 結束日

act-coupon-convert = 點數兌換
act-coupon-cancel = 取消優惠券
act-coupon-replace = 發給替代優惠券
act-coupon-hold = 保留優惠券
act-coupon-release = 解除保留
act-coupon-used = 優惠券已使用
act-coupon-expire = 優惠券到期
act-review-settle = 案件判定
act-approval-ask = 申請核准
act-approval-approve = 核准
act-approval-decline = 拒絕
act-job-begin = 批次作業開始
act-job-dry-run = 批次作業試算
act-job-pause = 批次作業暫停
act-job-resume = 批次作業繼續
act-mail-resend = 重新寄送郵件
act-session-begin = 登入
act-session-refuse = 登入失敗
act-session-end = 登出
act-staff-add = 新增員工
act-staff-disable = 停用員工
act-staff-enable = 重新啟用員工
act-staff-reset-password = 重設密碼
act-staff-token = 建立權杖

reason-customer_request = 顧客要求
reason-order_cancelled = 訂單取消
reason-issued_in_error = 誤發更正
reason-other = 其他
