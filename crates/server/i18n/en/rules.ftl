rule-minimum = Choose at least { $points } points.
rule-unit = Choose a multiple of { $points } points.
rule-daily-limit = At most { $points } points can be exchanged in a day. Choose fewer points, or try tomorrow.
