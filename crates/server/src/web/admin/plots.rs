//! Plots, drawn on the server: rectangles in a drawing of 100 by 100, stretched by the page. What
//! is written beside them is text of the page, so that it never shrinks.

use super::Page;
use crate::web::api::reports::DayBody;
use std::time::Duration;

/// A bar, in hundredths of the drawing.
pub struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    /// A class of the stylesheet, which colours it.
    pub class: &'static str,
    /// What it says when it is pointed at.
    pub title: String,
}

/// Where the bars that go down begin.
const AXIS: f64 = 60.0;

#[expect(clippy::cast_precision_loss, reason = "a drawing; counts are far below 2^52")]
fn float(count: i64) -> f64 {
    count as f64
}

fn bar(at: (f64, f64), size: (f64, f64), class: &'static str, title: &str) -> Bar {
    let text = |number: f64| format!("{number:.2}");
    Bar {
        x: text(at.0),
        y: text(at.1),
        width: text(size.0),
        height: text(size.1),
        class,
        title: title.to_owned(),
    }
}

/// Issued coupons upwards, those that ended downwards, a column a day.
pub fn days(page: &Page, days: &[DayBody]) -> Vec<Bar> {
    let ended = |day: &DayBody| day.used.coupons + day.cancelled.coupons + day.expired.coupons;
    let most = days.iter().map(|day| day.claimed.coupons).max().unwrap_or(0).max(1);
    let lost = days.iter().map(ended).max().unwrap_or(0).max(1);
    let column = 100.0 / float(i64::try_from(days.len().max(1)).unwrap_or(1));
    let mut bars = Vec::new();
    let mut left = 0.0;
    for day in days {
        let name = day.day.as_deref().unwrap_or_default();
        let (x, width) = (left + column * 0.15, column * 0.7);
        let mut put = |y: f64, height: f64, class: &'static str, count: i64| {
            if count > 0 {
                let what = page.t(&format!("plot-{class}"));
                let title = format!("{name} {what}: {}", page.number(&count));
                bars.push(bar((x, y), (width, height), class, &title));
            }
        };
        let up = float(day.claimed.coupons) / float(most) * (AXIS - 2.0);
        put(AXIS - up, up, "issued", day.claimed.coupons);
        let mut y = AXIS + 1.5;
        for (class, count) in [
            ("used", day.used.coupons),
            ("cancelled", day.cancelled.coupons),
            ("expired", day.expired.coupons),
        ] {
            let height = float(count) / float(lost) * (98.0 - AXIS - 1.5);
            put(y, height, class, count);
            y += height;
        }
        left += column;
    }
    bars
}

/// A column of the plot of times.
pub struct Column {
    pub label: String,
    pub count: i64,
    pub bar: Bar,
}

/// Up to so many milliseconds, each.
const STEPS: [u64; 7] = [250, 500, 1_000, 1_500, 2_000, 5_000, 10_000];

/// How often a coupon took how long.
pub fn times(page: &Page, times: &[Duration]) -> Vec<Column> {
    let mut counts = [0_i64; STEPS.len() + 1];
    for time in times {
        let fits = STEPS.iter().position(|step| time.as_millis() <= u128::from(*step));
        counts[fits.unwrap_or(STEPS.len())] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let label = |at: usize| match STEPS.get(at) {
        Some(step) => format!("≤{}", seconds(Duration::from_millis(*step))),
        None => format!(">{}", seconds(Duration::from_millis(STEPS[STEPS.len() - 1]))),
    };
    let column = |(at, count): (usize, i64)| {
        let height = float(count) / float(most) * 98.0;
        let title = format!("{}: {}", label(at), page.number(&count));
        let bar = bar((15.0, 100.0 - height), (70.0, height), "issued", &title);
        Column { label: label(at), count, bar }
    };
    counts.into_iter().enumerate().map(column).collect()
}

/// Seconds without their unit: `0.25`.
fn seconds(time: Duration) -> String {
    let millis = time.as_millis();
    let text = format!("{}.{:02}", millis / 1000, millis % 1000 / 10);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `250 ms`, `1.5 s`.
pub fn span(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        _ => format!("{} s", seconds(time)),
    }
}

/// The value below which so many per cent of the sorted times lie.
pub fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * percent / 100).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        for (millis, text) in
            [(0, "0 ms"), (250, "250 ms"), (1_000, "1 s"), (1_250, "1.25 s"), (10_500, "10.5 s")]
        {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn percentiles_of_few_and_many() {
        let of = |count: u64| (1..=count).map(Duration::from_millis).collect::<Vec<_>>();
        assert_eq!(percentile(&of(0), 50), None);
        assert_eq!(percentile(&of(1), 95), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&of(101), 50), Some(Duration::from_millis(51)));
        assert_eq!(percentile(&of(101), 95), Some(Duration::from_millis(96)));
    }
}
