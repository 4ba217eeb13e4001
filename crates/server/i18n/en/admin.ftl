# The staff's pages: the frame and the sign-in.

page-skip = Skip to the content
page-menu = Menu
page-areas = Areas
page-sign-out = Sign out
page-back = Back to the admin
page-moment = %Y-%m-%d %H:%M
page-day = %Y-%m-%d
page-points = { $points } points
page-older = Older
page-newest = Newest
page-none = Nothing here yet
page-cancel = Close
page-save = Save
page-filter = Filter
page-clear = Clear the filters

nav-audit = Audit log

role-viewer = General staff
role-store_manager = Store manager
role-ec_admin = EC admin
role-system_admin = System admin

sign-in-title = Sign in
sign-in-email = E-mail address
sign-in-password = Password
sign-in-second = I have a second factor
sign-in-provider = Sign in with { $name }
sign-in-code = Code from the app
sign-in-shop = Shop
sign-in-submit = Sign in

actor-staff = Staff
actor-customer = Customer
actor-system = Kaeru

audit-title = Audit log
audit-lead = Every act of staff, customers and Kaeru itself. Nothing here is ever changed or removed.
audit-at = When
audit-act = Act
audit-any = All
audit-subject = Subject
audit-actor = Who
audit-why = Reason
audit-origin = From
audit-from = From day
audit-to = To day

act-coupon-convert = Points converted
act-coupon-cancel = Coupon cancelled
act-coupon-replace = Coupon replaced
act-coupon-hold = Coupon held
act-coupon-release = Coupon released
act-coupon-used = Coupon used
act-coupon-expire = Coupon expired
act-review-settle = Review settled
act-approval-ask = Approval asked for
act-approval-approve = Approved
act-approval-decline = Declined
act-job-begin = Bulk run begun
act-job-dry-run = Bulk run tried out
act-job-pause = Bulk run paused
act-job-resume = Bulk run resumed
act-mail-resend = Mail sent again
act-session-begin = Signed in
act-session-refuse = Sign-in refused
act-session-end = Signed out
act-staff-add = Staff added
act-staff-disable = Staff disabled
act-staff-enable = Staff enabled
act-staff-reset-password = Password reset
act-staff-token = Token made

reason-customer_request = Customer request
reason-order_cancelled = Order cancelled
reason-issued_in_error = Issued in error
reason-other = Other
