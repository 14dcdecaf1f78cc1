//! How long requests took: histograms of constant size.
//!
//! Place: kept by each part that times requests. It reads no clock and allocates nothing.
//! [`Histogram`] is for a measurement, [`SmallHistogram`] for times that are always counted.
//!
//! The buckets are log-linear, as those of HdrHistogram: each power of two has
//! [`STEPS`](LogLinear::STEPS) of equal width. So every time, short or long, is known to one part
//! in `STEPS`. Recording a time takes a few instructions.

use core::time::Duration;

/// Times of 2^42 ns (73 min) and more share the last bucket. The longest time is kept exactly.
const BITS: u32 = 42;

/// How many powers of two [`LogLinear::powers`] tells apart.
pub const POWERS: usize = BITS as usize;

/// How many buckets there are if each power of two has 2^`step_bits` of them.
pub const fn buckets(step_bits: u32) -> usize {
    ((BITS - step_bits + 1) as usize) << step_bits
}

/// Steps of 1/32. It takes about 10 KiB: too much for a stack.
///
/// ```
/// use bio::Histogram;
/// use core::time::Duration;
/// let mut times = Histogram::new();
/// (1..=1000).for_each(|micros| times.record(Duration::from_micros(micros)));
/// assert_eq!((times.count(), times.max()), (1000, Duration::from_millis(1)));
/// let p99 = times.quantile(990);
/// assert!(p99 >= Duration::from_micros(990) && p99 <= Duration::from_micros(990 + 990 / 32));
/// ```
pub type Histogram = LogLinear<5, { buckets(5) }>;

/// Steps of 1/8, in 2.5 KiB.
pub type SmallHistogram = LogLinear<3, { buckets(3) }>;

/// The distribution of times, in buckets that share each power of two among 2^`STEP_BITS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLinear<const STEP_BITS: u32, const BUCKETS: usize> {
    buckets: [u64; BUCKETS],
    nanos: u128,
    max: u64,
}

impl<const STEP_BITS: u32, const BUCKETS: usize> LogLinear<STEP_BITS, BUCKETS> {
    /// Buckets for each power of two. A quantile is at most one part in `STEPS` above the truth.
    pub const STEPS: u64 = 1 << STEP_BITS;

    /// A histogram without times.
    pub const fn new() -> Self {
        const { assert!(BUCKETS == buckets(STEP_BITS), "`buckets` says how many there are") };
        LogLinear { buckets: [0; BUCKETS], nanos: 0, max: 0 }
    }

    /// Records a time. A time of more than 584 years counts as 584 years.
    pub fn record(&mut self, time: Duration) {
        self.record_nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records a time in nanoseconds.
    #[inline]
    pub fn record_nanos(&mut self, nanos: u64) {
        // 2^64 times take centuries.
        let count = &mut self.buckets[Self::bucket_of(nanos)];
        *count = count.wrapping_add(1);
        self.nanos += u128::from(nanos);
        self.max = self.max.max(nanos);
    }

    /// Adds all times of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (mine, its) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += its;
        }
        self.nanos += other.nanos;
        self.max = self.max.max(other.max);
    }

    /// How many times there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many times there are of each power of two: at `n` those of 2^n ns and more, but less
    /// than 2^(n+1) ns. A time of zero counts in the first entry, a time that is too long in
    /// the last.
    ///
    /// ```
    /// use bio::SmallHistogram;
    /// use core::time::Duration;
    /// let mut times = SmallHistogram::new();
    /// [1, 1023, 1024, 2047].into_iter().for_each(|it| times.record_nanos(it));
    /// let powers = times.powers();
    /// assert_eq!((powers[0], powers[9], powers[10]), (1, 1, 2));
    /// ```
    pub fn powers(&self) -> [u64; POWERS] {
        let mut powers = [0; POWERS];
        for (bucket, count) in self.buckets.iter().enumerate() {
            powers[Self::longest_in(bucket).max(1).ilog2() as usize] += count;
        }
        powers
    }

    /// The longest time, exactly; zero if there is none.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The mean, exactly, rounded down to a nanosecond; zero if there is no time.
    pub fn mean(&self) -> Duration {
        let nanos = self.nanos.checked_div(self.count().into()).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// A time that `permille` thousandths of all times do not exceed: 500 is the median, 990 the
    /// 99th percentile. It is never below the truth, at most one part in [`STEPS`](Self::STEPS)
    /// above it, and at most [`max`](Histogram::max). Zero if there is no time.
    ///
    /// # Panics
    /// If `permille` is more than 1000.
    pub fn quantile(&self, permille: u64) -> Duration {
        assert!(permille <= 1000, "{permille} of 1000");
        let wanted = (u128::from(self.count()) * u128::from(permille)).div_ceil(1000).max(1);
        let mut seen = 0;
        let reaches = |count: &u64| {
            seen += u128::from(*count);
            seen >= wanted
        };
        let bucket = self.buckets.iter().position(reaches);
        let longest = bucket.filter(|&at| at + 1 < BUCKETS).map_or(self.max, Self::longest_in);
        Duration::from_nanos(longest.min(self.max))
    }

    /// The bucket of a time in nanoseconds. The first [`STEPS`](Self::STEPS) hold one time
    /// each.
    #[inline]
    fn bucket_of(nanos: u64) -> usize {
        // A time below `STEPS` counts as if its highest bit were that of `STEPS`.
        let shift = (nanos | Self::STEPS).ilog2() - STEP_BITS;
        let step = nanos >> shift;
        // `STEPS` times the shift, and less than 2 * `STEPS` more: no sum overflows.
        let bucket = (u64::from(shift) << STEP_BITS).wrapping_add(step);
        (bucket as usize).min(BUCKETS - 1)
    }

    /// The longest time of a bucket, in nanoseconds. The last bucket has none.
    fn longest_in(bucket: usize) -> u64 {
        let bucket = bucket as u64;
        // After the first row, the steps of a row are numbered from `STEPS`.
        let shift = (bucket / Self::STEPS).saturating_sub(1);
        let step = bucket - shift * Self::STEPS;
        ((step + 1) << shift) - 1
    }
}

impl<const STEP_BITS: u32, const BUCKETS: usize> Default for LogLinear<STEP_BITS, BUCKETS> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const STEPS: u64 = Histogram::STEPS;

    fn of(nanos: impl IntoIterator<Item = u64>) -> Histogram {
        let mut times = Histogram::new();
        nanos.into_iter().for_each(|it| times.record(Duration::from_nanos(it)));
        times
    }

    fn follow_each_other<const STEP_BITS: u32, const BUCKETS: usize>(
        _: LogLinear<STEP_BITS, BUCKETS>,
    ) {
        let longest_in = LogLinear::<STEP_BITS, BUCKETS>::longest_in;
        let bucket_of = LogLinear::<STEP_BITS, BUCKETS>::bucket_of;
        for bucket in 0..BUCKETS - 1 {
            let longest = longest_in(bucket);
            assert_eq!(bucket_of(longest), bucket, "{longest}");
            assert_eq!(bucket_of(longest + 1), bucket + 1, "{longest} and one more");
        }
        assert_eq!(longest_in(BUCKETS - 2) + (1 << (BITS - 1 - STEP_BITS)), (1 << BITS) - 1);
    }

    #[test]
    fn buckets_follow_each_other_without_gaps() {
        follow_each_other(Histogram::new());
        follow_each_other(SmallHistogram::new());
    }

    #[test]
    fn each_time_is_with_its_power_of_two() {
        for power in 0..POWERS {
            let first = 1 << power;
            let mut times = SmallHistogram::new();
            [first, first * 2 - 1].into_iter().for_each(|it| times.record_nanos(it));
            let mut expected = [0; POWERS];
            expected[power] = 2;
            assert_eq!(times.powers(), expected, "2^{power}");
        }
        let mut times = SmallHistogram::new();
        [0, u64::MAX].into_iter().for_each(|it| times.record_nanos(it));
        let powers = times.powers();
        assert_eq!((powers[0], powers[POWERS - 1], powers.iter().sum()), (1, 1, 2));
    }

    #[test]
    fn a_quantile_is_the_truth_or_little_more() {
        let mut chance = 7_u64;
        let mut draw = || {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (chance >> 20) >> (chance >> 58)
        };
        let mut all: Vec<u64> = (0..10_000).map(|_| draw().min((1 << BITS) - 1)).collect();
        let times = of(all.iter().copied());
        all.sort_unstable();
        for permille in [1, 10, 250, 500, 900, 990, 999, 1000] {
            let truth = all[(all.len() * permille).div_ceil(1000) - 1];
            let told = times.quantile(permille as u64).as_nanos() as u64;
            assert!(told >= truth && told <= truth + truth / STEPS, "{permille}: {told}, {truth}");
        }
        assert_eq!(times.max().as_nanos() as u64, all[all.len() - 1]);
        let sum: u64 = all.iter().sum();
        assert_eq!(times.mean().as_nanos() as u64, sum / 10_000);
    }

    #[test]
    fn short_times_are_kept_exactly() {
        let times = of(0..STEPS);
        assert_eq!(times.quantile(0), Duration::ZERO);
        assert_eq!(times.quantile(500), Duration::from_nanos(STEPS / 2 - 1));
        assert_eq!(times.quantile(1000), Duration::from_nanos(STEPS - 1));
    }

    #[test]
    fn nothing_is_zero_and_one_time_is_every_quantile() {
        let none = Histogram::default();
        assert_eq!((none.count(), none.max(), none.mean()), (0, Duration::ZERO, Duration::ZERO));
        assert_eq!(none.quantile(999), Duration::ZERO);
        let one = of([1_234_567]);
        assert!([0, 500, 1000].iter().all(|it| one.quantile(*it) == one.max()));
    }

    #[test]
    fn what_is_too_long_is_in_the_last_bucket_and_the_maximum_is_right() {
        let mut times = of([1, u64::MAX]);
        times.record(Duration::MAX);
        assert_eq!(times.count(), 3);
        assert_eq!(times.quantile(999), Duration::from_nanos(u64::MAX));
        assert_eq!(times.quantile(300), Duration::from_nanos(1));
        assert_eq!(times.mean(), Duration::from_nanos(u64::MAX / 3 * 2));
    }

    #[test]
    fn two_together_are_as_one_that_saw_all() {
        let (left, right) = ([5, 70, 9_000_000], [40, 70, 123_456_789_012]);
        let mut both = of(left);
        both.merge(&of(right));
        assert_eq!(both, of(left.into_iter().chain(right)));
    }
}
