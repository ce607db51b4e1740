//! Every operation of `Real` and `Bits` gives the scalars' bits in the packs of every level, the portable arrays included.
//!
//! The formulas are generic, so scalar and pack run the same text; `scalars_are_ieee` pins the scalars themselves.

use langevin_ib::real::{Bits, Real, Scalar, Tables};
use langevin_ib::simd::{Element, Job, Level, Pack, Simd, Widen};

use crate::support::Numbers;

/// How results are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    /// Bit for bit.
    Exact,
    /// Bit for bit, but any NaN is as good as another: IEEE 754 leaves its payload open.
    AnyNan,
}

/// One operation's name, how to compare it, and its result.
type Answer<R> = (&'static str, Match, R);

#[inline(always)]
fn floats<R: Real>(a: R, b: R, c: R) -> [Answer<R>; 23] {
    let one = R::constant(1.0);
    let zero = R::constant(0.0);
    let tables = [1.0, 2.5].map(|first| std::array::from_fn(|i| R::Scalar::from_f64(1.0 / (i as f64 + first))));
    let (first, second) = R::lookup(&Tables::new(tables[0], tables[1]), &R::places(a.to_bits()));
    let coefficients = [0.3, -1.7, 2.9].map(R::Scalar::from_f64);
    let (exponent, rest) = a.split();
    [
        ("+", Match::AnyNan, a + b),
        ("-", Match::AnyNan, a - b),
        ("*", Match::AnyNan, a * b),
        ("/", Match::AnyNan, a / b),
        ("mul_add", Match::AnyNan, a.mul_add(b, c)),
        ("negation", Match::AnyNan, -a),
        ("sqrt", Match::AnyNan, a.sqrt()),
        ("less", Match::Exact, R::select(a.less(b), one, zero)),
        ("less_equal", Match::Exact, R::select(a.less_equal(b), one, zero)),
        ("equal", Match::Exact, R::select(a.equal(b), one, zero)),
        ("is_nan", Match::Exact, R::select(a.is_nan(), one, zero)),
        ("lesser", Match::Exact, a.lesser(b)),
        ("greater", Match::Exact, a.greater(b)),
        ("abs", Match::Exact, a.abs()),
        ("exponent of split", Match::AnyNan, exponent),
        // What goes with an exponent that is NaN is left open.
        ("rest of split", Match::Exact, R::select(exponent.is_nan(), one, rest)),
        ("lanewise", Match::Exact, a.lanewise(|x| R::Scalar::from_bits(x.to_bits()))),
        ("select", Match::Exact, R::select(b.less(c), a, b)),
        ("from_unsigned", Match::Exact, R::from_unsigned(a.to_bits())),
        ("from_signed", Match::Exact, R::from_signed(a.to_bits())),
        ("lookup in the first table", Match::Exact, first),
        ("lookup in the second table", Match::Exact, second),
        ("polynomial", Match::AnyNan, a.polynomial(&coefficients)),
    ]
}

#[inline(always)]
fn integers<R: Real>(a: R, b: R) -> [Answer<R>; 9] {
    let (one, zero) = (R::constant(1.0), R::constant(0.0));
    let (a, b) = (a.to_bits(), b.to_bits());
    [
        // Sums that leave the range are not promised: scalars would refuse them in a debug build.
        ("bits +", Match::Exact, R::from_bits(a.shr(1) + b.shr(1))),
        ("bits -", Match::Exact, R::from_bits((a | b) - b)),
        ("bits &", Match::Exact, R::from_bits(a & b)),
        ("bits |", Match::Exact, R::from_bits(a | b)),
        ("bits ^", Match::Exact, R::from_bits(a ^ b)),
        ("top_bit", Match::Exact, R::select(a.top_bit(), one, zero)),
        ("splat of bits", Match::Exact, R::from_bits(a ^ R::Bits::splat(0x8123_4567_89AB_CDEF))),
        ("splat", Match::Exact, R::splat(R::Scalar::from_f64(0.1))),
        ("to_bits", Match::Exact, R::from_bits(a)),
    ]
}

#[inline(always)]
fn shifts<R: Real>(a: R, width: u32) -> impl Iterator<Item = Answer<R>> {
    (0..width).flat_map(move |by| {
        let bits = a.to_bits();
        [("shl", Match::Exact, R::from_bits(bits.shl(by))), ("shr", Match::Exact, R::from_bits(bits.shr(by)))]
    })
}

#[inline(always)]
fn answers<R: Real>(a: R, b: R, c: R, with_shifts: bool) -> Vec<Answer<R>> {
    let mut answers = Vec::with_capacity(160);
    answers.extend(floats(a, b, c));
    answers.extend(integers(a, b));
    if with_shifts {
        answers.extend(shifts(a, 8 * size_of::<R::Scalar>() as u32));
    }
    answers
}

/// Checks the packs of a level against scalars; the operands' number is a multiple of the lanes.
struct PacksAgree<'a, T> {
    operands: &'a [[T; 3]],
    level: &'static str,
}

impl<T: Element<Mask = bool>> Job for PacksAgree<'_, T> {
    type Output = usize;
    #[inline(always)]
    fn run<S: Simd>(self) -> usize {
        let lanes = T::Pack::<S>::LANES;
        let mut found = [T::default(); 16];
        let mut compared = 0;
        for (i, operands) in self.operands.chunks_exact(lanes).enumerate() {
            let pack = |which: usize| {
                let column: Vec<T> = operands.iter().map(|operands| operands[which]).collect();
                T::Pack::<S>::load(&column)
            };
            let with_shifts = i % 16 == 0;
            let answers = answers(pack(0), pack(1), pack(2), with_shifts);
            let expected: Vec<_> = operands.iter().map(|&[a, b, c]| scalar_answers(a, b, c, with_shifts)).collect();
            for (which, (name, how, answer)) in answers.into_iter().enumerate() {
                answer.store(&mut found);
                for lane in 0..lanes {
                    let (expected, found) = (expected[lane][which].2, found[lane]);
                    assert!(
                        agree(expected, found, how),
                        "{name} of {:?} is {expected:?}, but {found:?} in lane {lane} at level {}",
                        operands[lane],
                        self.level
                    );
                    compared += 1;
                }
            }
        }
        compared
    }
}

/// Not inlined, so that it is compiled without the features of any level.
#[inline(never)]
fn scalar_answers<T: Scalar<Mask = bool>>(a: T, b: T, c: T, with_shifts: bool) -> Vec<Answer<T>> {
    answers(a, b, c, with_shifts)
}

fn agree<T: Scalar<Mask = bool>>(expected: T, found: T, how: Match) -> bool {
    let both_nan = expected.to_f64().is_nan() && found.to_f64().is_nan();
    T::widen(expected.to_bits()) == T::widen(found.to_bits()) || (how == Match::AnyNan && both_nan)
}

/// Bit patterns that have gone wrong for somebody: zeros, subnormals, infinities, NaN, and integers next to a rounding.
fn special_f64() -> Vec<u64> {
    let floats =
        [0.0, 1.0, 1.0 + f64::EPSILON, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NAN, 1e-300, 0.703_125];
    let subnormals = [1, 0x000F_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0001];
    let integers =
        [(1 << 53) + 1, (1 << 53) + 2, (1 << 54) + 2, (1 << 54) + 6, (1 << 62) + 1, u64::MAX - 511, 0x7FFF_FFFF];
    let signed = floats.into_iter().map(f64::to_bits).chain(subnormals).flat_map(|bits| [bits, bits | 1 << 63]);
    signed.chain(integers.into_iter().flat_map(|n: u64| [n, n.wrapping_neg()])).chain([u64::MAX, 1 << 63]).collect()
}

fn special_f32() -> Vec<u64> {
    let floats = [0.0, 1.0, 1.0 + f32::EPSILON, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, f32::NAN, 1e-36, 0.703_125];
    let subnormals = [1, 0x007F_FFFF, 0x7F80_0001];
    let integers = [(1 << 24) + 1, (1 << 24) + 2, (1 << 25) + 2, (1 << 25) + 6, (1 << 30) + 1, u32::MAX - 127, 0x7FFF];
    let signed = floats.into_iter().map(f32::to_bits).chain(subnormals).flat_map(|bits| [bits, bits | 1 << 31]);
    let all = signed.chain(integers.into_iter().flat_map(|n: u32| [n, n.wrapping_neg()])).chain([u32::MAX, 1 << 31]);
    all.map(u64::from).collect()
}

/// All triples of special patterns, random patterns, integers of every size, and sums that nearly cancel.
fn operands<T: Scalar<Bits: Bits<Mask = bool>>>(special: &[u64]) -> Vec<[T; 3]> {
    let mut numbers = Numbers(1);
    let number = |bits: u64| T::from_bits(T::low_bits(bits));
    let mut operands = Vec::new();
    for &a in special {
        for &b in special {
            operands.extend(special.iter().map(|&c| [a, b, c].map(number)));
        }
    }
    for _ in 0..20_000 {
        operands.push(std::array::from_fn(|_| number(numbers.bits())));
        let size = numbers.bits() % 64;
        operands.push(std::array::from_fn(|_| number(numbers.bits() >> size)));
        let (a, b) = (numbers.unit(), numbers.unit());
        operands.push([a, b, -a * b].map(T::from_f64));
    }
    operands.truncate(operands.len() / 16 * 16);
    operands
}

fn packs_agree<T: Element<Mask = bool> + Scalar<Bits: Bits<Mask = bool>>>(special: &[u64]) {
    let operands = operands::<T>(special);
    for level in Level::available() {
        let compared = level.run(PacksAgree { operands: &operands, level: level.name() });
        assert!(compared > 22 * operands.len(), "nothing was compared");
    }
}

#[test]
fn packs_have_the_bits_of_scalars_in_double_precision() {
    packs_agree::<f64>(&special_f64());
}

#[test]
fn packs_have_the_bits_of_scalars_in_single_precision() {
    packs_agree::<f32>(&special_f32());
}

#[test]
fn scalars_are_ieee() {
    // One rounding: 1 + 2^-60 survives a fused product, not a rounded one.
    let (a, b) = (1.0 + 2.0_f64.powi(-30), 1.0 - 2.0_f64.powi(-30));
    assert_eq!(Real::mul_add(a, b, -1.0).to_bits(), (-(2.0_f64.powi(-60))).to_bits());
    assert_eq!(<f64 as Real>::from_unsigned(u64::MAX).to_bits(), 2.0_f64.powi(64).to_bits());
    assert_eq!(<f64 as Real>::from_signed(1 << 63).to_bits(), (-(2.0_f64.powi(63))).to_bits());
    // Ties go to even.
    assert_eq!(<f64 as Real>::from_unsigned((1 << 53) + 1).to_bits(), 2.0_f64.powi(53).to_bits());
    assert_eq!(<f32 as Real>::from_unsigned((1 << 24) + 3).to_bits(), ((1_u32 << 24) as f32 + 4.0).to_bits());
    assert_eq!(<f32 as Real>::from_signed(u32::MAX).to_bits(), (-1.0_f32).to_bits());
    let less = <f64 as Real>::less;
    assert!(!less(f64::NAN, 1.0) && !less(1.0, f64::NAN) && !less(1.0, 1.0) && less(0.0, 1.0) && !less(-0.0, 0.0));
    assert!([f64::NAN, -f64::NAN].into_iter().all(Real::is_nan) && !Real::is_nan(f64::INFINITY));
    let tables = Tables::new(std::array::from_fn(|i| i as f64), std::array::from_fn(|i| 2.0 * i as f64));
    assert_eq!(<f64 as Real>::lookup(&tables, &<f64 as Real>::places(0x35)), (5.0, 10.0));
    assert!(Real::less_equal(1.0, 1.0) && !Real::less_equal(1.0, f64::NAN) && Real::equal(0.0, -0.0));
    // Where there is no order, the second operand.
    assert!(Real::lesser(1.0, f64::NAN).is_nan() && Real::equal(Real::lesser(f64::NAN, 1.0), 1.0));
    assert!(Real::greater(-0.0_f64, 0.0).is_sign_positive() && Real::greater(0.0_f64, -0.0).is_sign_negative());
    // c0 + c1 x + c2 x², lowest first.
    assert_eq!(2.0_f64.polynomial(&[1.0, 10.0, 100.0]).to_bits(), 421.0_f64.to_bits());
}

/// Numbers near the edges of what may be truncated, in the lanes of a pack.
struct Truncates<T>(std::marker::PhantomData<T>);

impl<T: Element> Job for Truncates<T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let nan = f64::NAN;
        let numbers =
            [0.0, 0.999, 1.0, 1.5, 2.999_999, 255.5, 65_536.0, 8_388_607.5, -0.5, nan, -nan, 3.0, 4.0, 5.0, 6.0, 7.5];
        let expected = [0, 0, 1, 1, 2, 255, 65_536, 8_388_607, 0, 9_000_000, 9_000_000, 3, 4, 5, 6, 7];
        let lanes = T::Pack::<S>::LANES;
        for (numbers, expected) in numbers.chunks_exact(lanes).zip(expected.chunks_exact(lanes)) {
            let numbers: Vec<T> = numbers.iter().map(|&x| T::from_f64(x)).collect();
            let mut truncated = [0; 16];
            let offsets: [i32; 16] = std::array::from_fn(|i| 1000 * i as i32 - 3);
            T::Pack::<S>::load(&numbers).store_truncated(9_000_000, &offsets, &mut truncated);
            for ((truncated, offset), expected) in truncated.iter().zip(offsets).zip(expected) {
                assert_eq!(truncated - offset, *expected);
            }
        }
    }
}

#[test]
fn packs_truncate_towards_zero() {
    for level in Level::available() {
        level.run(Truncates::<f64>(std::marker::PhantomData));
        level.run(Truncates::<f32>(std::marker::PhantomData));
    }
}

struct Widens;

impl Job for Widens {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let narrow: [f32; 16] = std::array::from_fn(|i| (0.1_f32 * (i as f32 - 7.5)).powi(5));
        let mut wide = [0.0; 16];
        let [lower, upper] = S::F64::widen(S::F32::load(&narrow));
        lower.store(&mut wide[..8]);
        upper.store(&mut wide[8..]);
        assert_eq!(wide.map(f64::to_bits), narrow.map(|x| f64::from(x).to_bits()));
    }
}

#[test]
fn packs_widen_exactly_and_in_order() {
    for level in Level::available() {
        level.run(Widens);
    }
}

#[test]
fn numbers_split_into_a_power_of_two_and_a_rest() {
    for (x, k, z) in [(1.0, 0.0, 1.0), (1.5, 1.0, 0.75), (0.75, 0.0, 0.75), (-0.0, f64::NEG_INFINITY, 1.0)] {
        assert_eq!(Real::split(x), (k, z), "{x}");
    }
    assert_eq!(Real::split(f64::from_bits(3)), (-1072.0, 0.75));
    assert_eq!(Real::split(f32::from_bits(3)), (-147.0, 0.75));
    assert_eq!(Real::split(f64::MAX), (1024.0, 1.0 - f64::EPSILON / 2.0));
    assert_eq!(Real::split(f32::INFINITY), (f32::INFINITY, 1.0));
    assert!([-1.0, f64::NEG_INFINITY, f64::NAN].into_iter().all(|x| Real::split(x).0.is_nan()));
}

/// Scales numbers by powers of two, and asks whether a mask holds anywhere.
struct Scales<'a, T>(&'a [[T; 2]]);

impl<T: Element<Mask = bool>> Job for Scales<'_, T> {
    type Output = Vec<T>;
    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<T> {
        let lanes = T::Pack::<S>::LANES;
        let mut found = vec![T::default(); self.0.len()];
        for (operands, found) in self.0.chunks_exact(lanes).zip(found.chunks_exact_mut(lanes)) {
            let pack = |which: usize| {
                let column: Vec<T> = operands.iter().map(|operands| operands[which]).collect();
                T::Pack::<S>::load(&column)
            };
            pack(0).scale(pack(1)).store(found);
            let below = operands.iter().any(|&[x, k]| Real::less(x, k));
            assert_eq!(T::Pack::<S>::any(pack(0).less(pack(1))), below);
        }
        found
    }
}

/// Numbers and powers of two over the range that `scale` promises.
fn scalings<T: Scalar<Mask = bool>>(smallest: f64, most: i32) -> Vec<[T; 2]> {
    let mut numbers = Numbers(5);
    let sizes: Vec<f64> =
        (0..64).map(|_| 8.0 * numbers.unit() * 2.0_f64.powf(smallest * numbers.unit().abs())).collect();
    let sizes: Vec<f64> = sizes.into_iter().chain([0.0, -0.0, 1.0, 0.75, 1.5]).collect();
    let all = (-most..=most).flat_map(|k| sizes.iter().map(move |&x| [x, f64::from(k)].map(T::from_f64)));
    let mut all: Vec<_> = all.collect();
    all.truncate(all.len() / 16 * 16);
    all
}

fn scales_round_once<T: Element<Mask = bool>>(smallest: f64, most: i32, exact: fn(T, T) -> T) {
    let scalings = scalings::<T>(smallest, most);
    for level in Level::available() {
        for (&[x, k], found) in scalings.iter().zip(level.run(Scales(&scalings))) {
            let bits = |x: T| T::widen(x.to_bits());
            assert_eq!(bits(found), bits(exact(x, k)), "{x:?} * 2^{k:?} at level {}", level.name());
            assert_eq!(bits(x.scale(k)), bits(found), "{x:?} * 2^{k:?}");
        }
    }
}

#[test]
fn scaling_by_a_power_of_two_rounds_once() {
    // Single precision is exact in double precision, and so rounded once.
    scales_round_once::<f32>(-48.0, 252, |x, k| (f64::from(x) * f64::from(k).exp2()) as f32);
    // In double precision, integers are shifted: the bits that fall off are rounded to even.
    scales_round_once::<f64>(-128.0, 2044, |x, k| {
        if x == 0.0 {
            return x;
        }
        let bits = x.to_bits();
        let (mantissa, exponent) = (bits & ((1 << 52) - 1) | 1 << 52, (bits >> 52 & 0x7FF) as i64 + k as i64);
        let sign = bits & 1 << 63;
        if exponent >= 2047 {
            return f64::from_bits(sign | f64::INFINITY.to_bits());
        }
        if exponent >= 1 {
            return f64::from_bits(sign | (exponent as u64) << 52 | mantissa & ((1 << 52) - 1));
        }
        let fall = (1 - exponent).min(60) as u32;
        let (kept, rest, half) = (mantissa >> fall, mantissa & ((1 << fall) - 1), 1_u64 << (fall - 1));
        f64::from_bits(sign | (kept + u64::from(rest > half || rest == half && kept & 1 == 1)))
    });
}
