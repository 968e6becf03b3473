//! How long something took, as counts of buckets that grow by a quarter of an octave: histograms of days add up to that of
//! all of them, and a quantile is told within 9 %. The buckets are those of `insight_bucket` in the database.

use std::collections::BTreeMap;

/// Buckets of each octave.
const PER_OCTAVE: f64 = 4.0;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<i16, i64>);

impl Histogram {
    pub fn add(&mut self, bucket: i16, count: i64) {
        *self.0.entry(bucket).or_default() += count;
    }

    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            self.add(*bucket, *count);
        }
    }

    #[must_use]
    pub fn count(&self) -> i64 {
        self.0.values().sum()
    }

    /// The time in milliseconds that so many percent of all stayed within, as the middle of its bucket; `None` of nothing.
    #[must_use]
    pub fn quantile(&self, percent: u8) -> Option<u32> {
        let rank = (self.count() * i64::from(percent) + 99) / 100;
        let mut seen = 0;
        let bucket = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank.max(1)
        });
        // At most 2^31 ms: buckets are made of 32-bit numbers.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        bucket.map(|(bucket, _)| ((f64::from(*bucket) - 0.5) / PER_OCTAVE).exp2().round().max(1.0) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the database does it.
    #[allow(clippy::cast_possible_truncation)]
    fn bucket(ms: u32) -> i16 {
        (PER_OCTAVE * f64::from(ms.max(1)).log2()).ceil() as i16
    }

    #[test]
    fn quantiles_are_within_nine_percent() {
        for most in [1_u32, 2, 7, 40, 333, 1_000, 30_000, 120_000] {
            let mut histogram = Histogram::default();
            for ms in 1..=most {
                histogram.add(bucket(ms), 1);
            }
            for percent in [50, 95, 100] {
                let real = f64::from((most * u32::from(percent)).div_ceil(100));
                let told = f64::from(histogram.quantile(percent).unwrap());
                // Below 8 ms the buckets are narrower than what is told in whole milliseconds.
                assert!(
                    (told - real).abs() <= (real * 0.0945).max(1.0),
                    "{percent}% of {most}: {told}, {real}"
                );
            }
        }
    }

    #[test]
    fn days_add_up_to_all_of_them_and_nothing_has_no_quantile() {
        let (mut one, mut other, mut all) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for ms in [3, 50, 50, 800, 9_000] {
            one.add(bucket(ms), 1);
            all.add(bucket(ms), 1);
        }
        other.add(bucket(70), 4);
        all.add(bucket(70), 4);
        one.merge(&other);
        assert_eq!((&one, one.count()), (&all, 9));
        assert_eq!(Histogram::default().quantile(50), None);
    }
}
