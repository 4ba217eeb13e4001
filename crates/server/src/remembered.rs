//! Figures that are dear in a large shop, remembered for some seconds: whoever looks at a list
//! again and again does not count a million rows each time. A small shop's are read anew.

use domain::ShopId;
use quick_cache::sync::Cache;
use std::{future::Future, time::Duration};
use tokio::time::Instant;

/// What is read faster than this is not worth remembering.
const CHEAP: Duration = Duration::from_millis(10);
/// Remembered for so many times as long as it took, within bounds.
const TIMES: u32 = 100;
const LEAST: Duration = Duration::from_secs(2);
const MOST: Duration = Duration::from_secs(30);
const SHOPS: usize = 1_000;

/// One kind of figures, of each shop.
pub struct Remembered<T>(Cache<ShopId, (T, Instant)>);

impl<T: Clone> Default for Remembered<T> {
    fn default() -> Self {
        Self(Cache::new(SHOPS))
    }
}

impl<T: Clone> Remembered<T> {
    /// As they were remembered, or as they are read now.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn or<E>(
        &self,
        shop: &ShopId,
        read: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let begun = Instant::now();
        if let Some((figures, _)) = self.0.get(shop).filter(|(_, until)| *until > begun) {
            return Ok(figures);
        }
        let figures = read.await?;
        if let Some(good_for) = good_for(begun.elapsed()) {
            self.0.insert(shop.clone(), (figures.clone(), Instant::now() + good_for));
        }
        Ok(figures)
    }
}

/// How long figures are remembered that took so long to read; `None`: not at all.
fn good_for(took: Duration) -> Option<Duration> {
    (took > CHEAP).then(|| took.saturating_mul(TIMES).clamp(LEAST, MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_dear_is_remembered_and_not_for_long() {
        for (took_ms, good_for_ms) in
            [(0, None), (10, None), (11, Some(2_000)), (50, Some(5_000)), (2_000, Some(30_000))]
        {
            let expected = good_for_ms.map(Duration::from_millis);
            assert_eq!(good_for(Duration::from_millis(took_ms)), expected, "{took_ms} ms");
        }
    }

    #[tokio::test]
    async fn what_is_remembered_is_not_read_again() {
        let (shop, figures) = (ShopId("main".to_owned()), Remembered::default());
        let far = Instant::now() + Duration::from_secs(60);
        figures.0.insert(shop.clone(), (1, far));
        let read = async { Ok::<_, ()>(2) };
        assert_eq!(figures.or(&shop, read).await, Ok(1));
        figures.0.insert(shop.clone(), (1, Instant::now()));
        let read = async { Ok::<_, ()>(2) };
        assert_eq!(figures.or(&shop, read).await, Ok(2));
    }
}
