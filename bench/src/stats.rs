//! Numbers about numbers.

use std::time::Duration;

/// Values in order; never empty in what it answers: of no values every answer is the default.
pub struct Sorted<T>(Vec<T>);

impl<T: PartialOrd + Copy + Default> Sorted<T> {
    pub fn of(mut values: Vec<T>) -> Self {
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        Self(values)
    }

    /// The value that so many percent do not exceed.
    pub fn percentile(&self, percent: f64) -> T {
        let rank = (self.0.len() as f64 * percent / 100.0).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub fn median(&self) -> T {
        self.percentile(50.0)
    }

    pub fn least(&self) -> T {
        self.0.first().copied().unwrap_or_default()
    }

    pub fn most(&self) -> T {
        self.0.last().copied().unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// `0.82 ms`, `14.9 ms`, `1450 ms`.
pub fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}

/// `19.2 MiB`.
pub fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

/// A number per second, with thousands set apart: `11,800/s`.
pub fn per_second(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + "/s"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted = Sorted::of((1..=100).rev().collect::<Vec<u32>>());
        let found = [50.0, 99.0, 99.5, 100.0].map(|percent| sorted.percentile(percent));
        assert_eq!(found, [50, 99, 100, 100]);
        assert_eq!((sorted.least(), sorted.median(), sorted.most()), (1, 50, 100));
        assert_eq!(Sorted::of(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Sorted::<u32>::of(vec![]).median(), 0);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(per_second(11_800.4), "11,800/s");
        assert_eq!(per_second(999.0), "999/s");
        assert_eq!(ms(Duration::from_micros(820)), "0.82 ms");
        assert_eq!(ms(Duration::from_micros(14_900)), "14.9 ms");
        assert_eq!(mib(20 * 1024 * 1024), "20.0 MiB");
    }
}
