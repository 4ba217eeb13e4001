rule-minimum = { $points }ポイント以上を指定してください。
rule-unit = { $points }ポイント単位で指定してください。
rule-daily-limit = 1日に交換できるのは{ $points }ポイントまでです。ポイントを減らすか、明日お試しください。
