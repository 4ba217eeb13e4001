# The mail page.

nav-mail = Mail
done-resent = The mail is on its way again.

mails-title = Mail
mails-lead = What was sent to customers and admins, and what became of it.
mails-off = No mail is set up
mails-off-hint = Mails wait until [mail] stands in the configuration.
mails-all = All
mails-waiting = Waiting
mails-sent = Sent
mails-dead = Given up
mails-created = Announced
mails-kind = Mail
mails-about = About
mails-status = Status
mails-attempts = Attempts
mails-resends = Sent again by staff
mails-sent-at = Sent
mails-due-at = Next attempt
mails-error = Last error
mails-facts = What became of it
mails-resend = Send again
mails-nothing = There is nothing to tell any more: what it was about has changed.
mails-kind-coupon_issued = Coupon issued
mails-kind-coupon_replaced = Coupon replaced
mails-kind-coupon_cancelled = Coupon cancelled
mails-kind-coupon_expiring = Coupon expires soon
mails-kind-order_reversed = Points back from an order
mails-kind-alert = Alert to admins
mails-error-no-address = The customer has no e-mail address
mails-error-no-longer-true = It was no longer true when it was to be sent
mails-error-unknown-customer = Shopify has no such customer
mails-error-too-old = It was too old to be news
mails-error-timeout = The mail server did not answer in time
mails-error-connection = The mail server could not be reached
mails-error-shopify = Shopify did not tell the address
