# What a person must decide.
nav-reviews = To decide
reviews-title = To decide
reviews-lead = Cases that Kaeru cannot settle by itself. Nothing is lost meanwhile: codes are dead, points are counted once.
reviews-open = Waiting
reviews-settled = Settled
reviews-none = Nothing waits for you
reviews-none-hint = Whatever could not be settled by itself would stand here.
review-what = Case
review-since = Since
review-look = Look
review-settle = Decide
review-verdict = Verdict
review-by-itself = Settled by itself
review-evidence = Evidence
review-asked = Asked of the points system
review-reference = Reference
review-balance = Balance now
review-movements = Movements known here, newest first
review-note = What it rests on
review-note-hint = For example: the till's journal of that minute.
review-note-missing = Write down what your verdict rests on.
review-role = Your role may look at cases; an EC admin decides them.
review-hint-moved = The balance went from { $before } to { $now }, by exactly { $points }. A hint that it happened, not a proof: look at the points system's own history.
review-hint-same = The balance is { $now }, as it was before. A hint that { $points } did not happen, not a proof: it may have arrived late or been offset.
review-hint-other = The balance went from { $before } to { $now }: other movements are in it, so it says nothing about { $points }.

review-no-look-up = Were the points moved?
review-no-look-up-why = The points system did not answer, and it cannot be asked afterwards. Look into its own history for the reference below.
review-look-up-down = Were the points moved? The look-up does not answer
review-look-up-down-why = The points system was asked again and again until long after a request could still arrive.
review-contradiction = The points system contradicts itself
review-contradiction-why = It knows the reference, but with another amount or more than once.
review-coupon-will-not-die = A code cannot be deactivated
review-coupon-will-not-die-why = It must not be usable. Deactivate it in Shopify's admin; Kaeru keeps trying.
review-coupon-will-not-return = A code cannot be brought back
review-coupon-will-not-return-why = The customer paid for it. Activate it in Shopify's admin; Kaeru keeps trying.
review-not-recorded = The customer's page could not be updated
review-not-recorded-why = Coupon and points are right; only the list that the shop's theme shows is behind.
review-refund-refused = The points system refused to give the points back
review-refund-refused-why = The code is dead and the points are owed. Find out why, give them back there, or have it sent again.
review-usage-unknown = Was the coupon used before it died?
review-usage-unknown-why = Shopify does not say. Look for the code in the orders; nothing is refunded until it is known.
review-used-after-cancel = Used although cancelled
review-used-after-cancel-why = An order has this code, and its points were given back. Talk to the customer, or to whoever took the order.
review-used-twice = Used twice
review-used-twice-why = A second order has the same single-use code.
review-many-conversions = Many conversions in a short time
review-many-conversions-why = { $count } conversions by this customer within { $minutes } minutes. Look whether it is the customer.
review-same-staff-same-customer = One staff member, one customer, again and again
review-same-staff-same-customer-why = { $staff } has taken { $count } coupons of this customer back within { $days } days.
review-own-account = On one's own account
review-own-account-why = { $staff } took a coupon back on an account with the same { $same ->
    [email] e-mail address
   *[name] name
 }.
review-after-hours = After hours
review-after-hours-why = { $staff } took a coupon back at { $time }. The shop's hours are { $open } to { $close } o'clock.

verdict-conversion-applied = The points were deducted: give the coupon out
verdict-conversion-not-applied = They were not: undo the conversion
verdict-cancellation-applied = The points are back: finish
verdict-cancellation-not-applied = They are not: send them again
verdict-noted = I have taken care of it
done-settled = Your verdict is recorded.
