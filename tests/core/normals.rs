//! The Box–Muller transform: at the edges of its words, and on packs as on scalars. (Its rounding error is measured from
//! Python, against mpmath.)

use langevin_ib::noise::{BoxMuller, normal};
use langevin_ib::real::Real;
use langevin_ib::simd::{Element, Job, Level, Pack, Pair, Simd};

use crate::support::Numbers;

/// Words at which a case distinction, a rounding or a quarter of a turn lies.
fn edges(word: u32) -> Vec<u64> {
    let top = 1_u64 << (word - 1);
    let all = top | (top - 1);
    let corners = [0, top, top >> 1, top >> 2, top >> 3, top | top >> 1, top | top >> 2, top >> 1 | top >> 2];
    let around = corners.into_iter().flat_map(|w| [w, w.wrapping_add(1) & all, w.wrapping_sub(1) & all]);
    // Where u rounds to 1, and where its cell changes (0.703125).
    around.chain([all - 1, all - 127, all - 1023, all - 1024, all - 4095, all / 128 * 90, all / 128 * 90 + 2]).collect()
}

/// All pairs of edges, then random words.
fn words<T: BoxMuller>(random: usize) -> Vec<(T::Bits, T::Bits)> {
    let mut numbers = Numbers(3);
    let edges = edges(8 * size_of::<T>() as u32);
    let mut words: Vec<_> = edges.iter().flat_map(|&first| edges.iter().map(move |&second| (first, second))).collect();
    words.extend((0..random).map(|_| (numbers.bits(), numbers.bits())));
    // Small words: the tails.
    words.extend((0..random / 4).map(|i| (numbers.bits() >> (i % 64), numbers.bits())));
    words.truncate(words.len() / 16 * 16);
    words.into_iter().map(|(first, second)| (T::low_bits(first), T::low_bits(second))).collect()
}

/// Both normals and the logarithm of the uniform, for each pair of words.
struct Transform<'a, T: BoxMuller>(&'a [(T::Bits, T::Bits)]);

impl<T: Element + BoxMuller> Job for Transform<'_, T> {
    type Output = Vec<[T; 3]>;
    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<[T; 3]> {
        let lanes = T::Pack::<S>::LANES;
        let mut results = Vec::new();
        for words in self.0.chunks_exact(lanes) {
            let (first, second): (Vec<T>, Vec<T>) =
                words.iter().map(|&(first, second)| (T::from_bits(first), T::from_bits(second))).unzip();
            let (first, second) = (T::Pack::<S>::load(&first).to_bits(), T::Pack::<S>::load(&second).to_bits());
            let (cosine, sine) = normal::pair::<T::Pack<S>>(first, second);
            let log = normal::log_uniform::<T::Pack<S>>(first, second);
            let columns = [cosine, sine, log].map(stored::<T, S>);
            // The sampler transforms two packs side by side.
            let (cosines, sines) = normal::pair::<Pair<T::Pack<S>>>(Pair(first, first), Pair(second, second));
            for (one, two) in [(cosine, cosines.0), (cosine, cosines.1), (sine, sines.0), (sine, sines.1)] {
                let bits = |pack| stored::<T, S>(pack).map(|x| T::widen(x.to_bits()));
                assert_eq!(bits(one), bits(two), "two packs side by side");
            }
            results.extend((0..lanes).map(|lane| columns.map(|column| column[lane])));
        }
        results
    }
}

#[inline(always)]
fn stored<T: Element, S: Simd>(pack: T::Pack<S>) -> [T; 16] {
    let mut lanes = [T::default(); 16];
    pack.store(&mut lanes);
    lanes
}

/// Not inlined, so that it is compiled without the features of any level.
#[inline(never)]
fn scalar<T: BoxMuller>(first: T::Bits, second: T::Bits) -> [T; 3] {
    let (cosine, sine) = normal::pair::<T>(first, second);
    [cosine, sine, normal::log_uniform::<T>(first, second)]
}

fn packs_transform_as_scalars<T: Element + BoxMuller>() {
    let words = words::<T>(100_000);
    let bits = |results: [T; 3]| results.map(|x| T::widen(x.to_bits()));
    let expected: Vec<_> = words.iter().map(|&(first, second)| bits(scalar::<T>(first, second))).collect();
    for level in Level::available() {
        let found = level.run(Transform::<T>(&words));
        assert_eq!(found.len(), expected.len());
        for ((&(first, second), expected), found) in words.iter().zip(&expected).zip(found) {
            let (first, second) = (T::widen(first), T::widen(second));
            assert_eq!(*expected, bits(found), "words {first:#x}, {second:#x} at level {}", level.name());
        }
    }
}

#[test]
fn packs_transform_as_scalars_in_double_precision() {
    packs_transform_as_scalars::<f64>();
}

#[test]
fn packs_transform_as_scalars_in_single_precision() {
    packs_transform_as_scalars::<f32>();
}

/// Every result is finite, no normal is beyond the largest, and no logarithm is positive.
fn results_are_bounded<T: BoxMuller>(largest: f64) {
    for (first, second) in words::<T>(10_000) {
        let [cosine, sine, log] = scalar::<T>(first, second).map(T::to_f64);
        assert!(cosine.hypot(sine) <= largest, "({cosine}, {sine}) from {:#x}", T::widen(first));
        assert!((-0.5 * largest * largest..=0.0).contains(&log), "{log} from {:#x}", T::widen(first));
    }
}

#[test]
fn every_pair_of_words_gives_finite_normals() {
    // sqrt(-2 log u) at the smallest u, 2^-64 and 2^-40, and a little for rounding.
    results_are_bounded::<f64>(9.419_300_4);
    results_are_bounded::<f32>(7.446_612);
    for word in [0, u64::MAX] {
        assert!(scalar::<f64>(word, word).iter().all(|x| x.is_finite()));
        assert!(scalar::<f32>(word as u32, word as u32).iter().all(|x| x.is_finite()));
    }
}

/// The words that round to u = 1, whatever the angle.
fn one_gives_zero<T: BoxMuller>() {
    for &second in &edges(8 * size_of::<T>() as u32) {
        let results = scalar::<T>(T::low_bits(u64::MAX), T::low_bits(second));
        assert!(results.iter().all(|x| x.to_f64() == 0.0), "{results:?} at angle {second:#x}");
    }
}

#[test]
fn a_uniform_of_one_gives_exactly_zero() {
    one_gives_zero::<f64>();
    one_gives_zero::<f32>();
    // The word before the first that rounds to 1 does not.
    let below_one = u64::MAX - 2047;
    assert!(scalar::<f64>(below_one, 0)[0] > 0.0 && scalar::<f64>(below_one, 0)[2] < 0.0);
}

#[test]
fn tails_reach_beyond_eight_sigma_in_double_precision() {
    let largest = scalar::<f64>(0, 0)[0];
    assert!((largest - (128.0 * std::f64::consts::LN_2).sqrt()).abs() < 1e-14 && largest > 9.4, "{largest}");
    let largest = f64::from(scalar::<f32>(0, 0)[0]);
    assert!((largest - (80.0 * std::f64::consts::LN_2).sqrt()).abs() < 1e-6 && largest > 7.4, "{largest}");
}

/// The transform written with the standard library; the angle's bits are those that the transform documents.
fn textbook(first: u64, second: u64) -> [f64; 3] {
    let log = (((first | 1) as f64) / 2.0_f64.powi(64)).ln();
    let t = (second << 2).cast_signed() as f64 / 2.0_f64.powi(64);
    let (sine, cosine) = (std::f64::consts::FRAC_PI_2 * t).sin_cos();
    let cosine = if second & 1 << 62 == 0 { cosine } else { -cosine };
    let (one, other) = if second >> 63 == 1 { (sine, cosine) } else { (cosine, sine) };
    let radius = (-2.0 * log).sqrt();
    [radius * one, radius * other, log]
}

#[test]
fn the_transform_is_box_muller() {
    for (first, second) in words::<f64>(10_000) {
        let (expected, found) = (textbook(first, second), scalar::<f64>(first, second));
        let radius = expected[0].hypot(expected[1]);
        for (expected, found) in expected.into_iter().zip(found) {
            let scale = radius.max(expected.abs());
            assert!((expected - found).abs() <= 2e-15 * scale, "{expected} is not {found} for {first:#x}, {second:#x}");
        }
    }
}
