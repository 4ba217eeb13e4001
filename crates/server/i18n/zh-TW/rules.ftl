rule-minimum = 請輸入 { $points } 點以上。
rule-unit = 請以 { $points } 點為單位輸入。
rule-daily-limit = 每天最多可兌換 { $points } 點。請減少點數，或明天再試。
