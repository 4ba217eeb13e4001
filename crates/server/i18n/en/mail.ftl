# Mails to customers and admins. Numbers, money and dates come written out.

mail-greeting = Dear { $name },
mail-greeting-nobody = Hello,
mail-contact = Please contact us if you have any questions: { $contact }
mail-why = You receive this message because something changed on your points account.

mail-points = { $points }pt
mail-off = { $amount } off
mail-yen = { $amount } yen
mail-date = %B %-d, %Y
mail-moment = %B %-d, %Y, %H:%M

mail-row-recipient = Recipient
mail-row-code = Coupon code
mail-row-amount = Amount
mail-row-issued = Issue date
mail-row-until = Valid until
mail-row-used = Points used
mail-row-refunded = Refunded points
mail-row-returned = Returned points
mail-row-returned-credit = Returned store credit
mail-row-balance = Current balance
mail-row-order = Order

mail-cancelled-subject = Your coupon has been cancelled
mail-cancelled-lead = { $points } points have been refunded to your account.
mail-cancelled-lead-kept = The points that were exchanged for it are not returned.
mail-cancelled-row-code = Cancelled coupon code
mail-cancelled-after = The code can no longer be used.

mail-issued-subject = Your coupon is ready
mail-issued-lead = You exchanged { $points } points for a coupon of { $amount }.
mail-issued-after = Enter the code at checkout, or show it at the till. It can be used once.
mail-replaced-subject = Here is a new coupon
mail-replaced-lead = Your order was cancelled. In place of the coupon that you had used you have a new one of { $amount }.
mail-row-replaced = In place of

mail-reversed-subject = Points from your cancelled order have been returned
mail-reversed-lead = { $points } points are back on your account.
mail-reversed-lead-both = { $points } points and store credit of { $amount } are back on your account.
mail-reversed-subject-credit = Store credit from your cancelled order has been returned
mail-reversed-lead-credit = Store credit of { $amount } is back on your account.
mail-reversed-after = The coupon that was used in the order stays used.

mail-reminder-subject = Your coupon expires on { $date }
mail-reminder-lead = You have not used this coupon of { $amount } yet.
mail-reminder-after = Enter the code at checkout, or show it at the till, by { $date }.

mail-alert-subject = [Kaeru] { $count } × { $reason }
mail-alert-lead = This needs a person. Further cases of the kind are gathered for an hour before the next mail.
mail-alert-row-shop = Shop
mail-alert-row-count = Cases
mail-alert-row-first = First
mail-alert-row-last = Last
mail-alert-row-coupons = Coupons
mail-alert-more = and { $count } more
mail-alert-button = Open the reviews
mail-alert-why = You receive this message because your address stands in the configuration as mail.admins.

mail-alert-no-look-up = In doubt, and the points book cannot be asked
mail-alert-look-up-down = In doubt, and the points book does not answer
mail-alert-contradiction = The points book contradicts itself
mail-alert-coupon-will-not-die = A coupon that must die does not
mail-alert-coupon-will-not-return = A paid coupon cannot be brought back
mail-alert-not-recorded = A customer's metafield could not be written
mail-alert-refund-refused = The points book does not take points back
mail-alert-usage-unknown = Nobody can tell whether a coupon was used
mail-alert-used-after-cancel = A cancelled coupon was used
mail-alert-used-twice = A coupon was used in two orders
mail-alert-mail-undelivered = A mail could not be delivered
mail-alert-order-not-cancelled = Nobody can tell whether Shopify cancels an order
mail-alert-credits-unknown = Shopify does not say what store credit it has given back
mail-alert-credit-unclear = Store credit was sent, and nobody can tell whether it arrived
mail-alert-credit-twice = Store credit came back twice
mail-alert-not-replaced = A new coupon in the place of a used one is not created
mail-alert-customer-data-requested = A customer asks for their data
mail-alert-app-uninstalled = The app was uninstalled from the store
mail-alert-shop-redact-requested = Shopify asks to erase the store’s data
mail-alert-other = Something needs a look

mail-approval-subject = [Kaeru] { $order } waits for your approval
mail-approval-lead = What is to come back of this order is above { $threshold }: a second person must look at it and say yes or no.
mail-approval-row-worth = Worth
mail-approval-row-by = Asked by
mail-approval-row-at = Asked
mail-approval-button = Look at it
mail-approval-why = You receive this message because you may approve reversals that others ask for.
