//! What a person reads: headings, times, errors. Plain text, so that a log keeps it.

use std::time::{Duration, Instant};

/// The heading of a section.
pub fn heading(title: &str) {
    println!("\n== {title} {}", "=".repeat(70_usize.saturating_sub(title.len())));
}

/// A line about something that a reader should know and that is no failure.
pub fn note(text: &str) {
    println!("note: {text}");
}

/// The reason why a task failed.
pub fn error(text: &str) {
    eprintln!("error: {text}");
}

/// `4.2 s`, `3 min 07 s`.
pub fn in_words(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// Now, for telling how long a task took.
#[expect(clippy::disallowed_methods, reason = "tasks are timed for the person who waits for them")]
pub fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let cases = [(4_200, "4.2 s"), (59_900, "59.9 s"), (60_000, "1 min 00 s")];
        for (ms, expected) in cases {
            assert_eq!(in_words(Duration::from_millis(ms)), expected);
        }
    }
}
