//! The elementary functions: on packs as on scalars, lane by lane, at known values and at the edges. (Their errors are measured
//! from Python, against mpmath.)

use std::f64::consts::{E, FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, LN_10, SQRT_2};

use langevin_ib::math::{self, Op};
use langevin_ib::real::{Bits, Scalar};
use langevin_ib::simd::{Element, Level};

use crate::support::Numbers;

/// Bit patterns: special ones, the arguments at which a formula changes, random ones, and numbers of every ordinary size.
fn arguments<T: Scalar<Bits: Bits<Mask = bool>>>(random: usize) -> Vec<T> {
    let mut numbers = Numbers(7);
    let width = 8 * size_of::<T>() as u32;
    let top = T::low_bits(1 << (width - 1));
    let around = |x: f64| {
        let bits = T::widen(T::from_f64(x).to_bits());
        (0..5).map(move |i| T::low_bits(bits + i - 2))
    };
    let edges = [
        0.25,
        0.346_573_6,
        0.414,
        0.5,
        FRAC_1_SQRT_2,
        0.75,
        FRAC_PI_4,
        1.0,
        1.5,
        FRAC_PI_2,
        2.0,
        2.414,
        3.0,
        4.0,
        6.0,
        20.0,
        25.0,
        44.0,
        50.0,
        87.3,
        88.72,
        89.0,
        90.0,
        103.97,
        104.0,
        708.4,
        709.78,
        710.0,
        710.47,
        711.0,
        745.13,
        746.0,
        32_768.0,
        8_388_608.0,
        16_777_216.0,
        1_073_741_824.0,
        4_503_599_627_370_496.0,
        9_007_199_254_740_992.0,
        1e18,
        1e22,
    ];
    let infinity = T::widen(T::from_f64(f64::INFINITY).to_bits());
    let patterns = [
        0,
        1,
        2,
        3,
        infinity - 1,
        infinity,
        infinity + 1,
        infinity | infinity >> 1,
        (1 << T::MANTISSA) - 1,
        1 << T::MANTISSA,
    ];
    let special: Vec<T::Bits> =
        edges.into_iter().flat_map(around).chain(patterns.into_iter().map(T::low_bits)).collect();
    let mut all: Vec<T> = special.iter().flat_map(|&bits| [bits, bits | top]).map(T::from_bits).collect();
    for _ in 0..random {
        all.push(T::from_bits(T::low_bits(numbers.bits())));
        let size = 2.0_f64.powf(20.0 * numbers.unit() - 5.0);
        all.push(T::from_f64(size * numbers.unit()));
    }
    all
}

/// One scalar at a time; not inlined, so that it is compiled without the features of any level.
#[inline(never)]
fn scalar<T: Scalar>(op: Op, a: T, b: T) -> T {
    match op {
        Op::Abs => math::abs(a),
        Op::Sign => math::sign(a),
        Op::Exp => math::exp(a),
        Op::Expm1 => math::expm1(a),
        Op::Log => math::log(a),
        Op::Log1p => math::log1p(a),
        Op::Sin => math::sin(a),
        Op::Cos => math::cos(a),
        Op::Tan => math::tan(a),
        Op::Sinh => math::sinh(a),
        Op::Cosh => math::cosh(a),
        Op::Tanh => math::tanh(a),
        Op::Atan => math::atan(a),
        Op::Erf => math::erf(a),
        Op::Sigmoid => math::sigmoid(a),
        Op::Softplus => math::softplus(a),
        Op::Min => math::min(a, b),
        Op::Max => math::max(a, b),
        Op::Pow => math::pow(a, b),
        Op::Less => math::less(a, b),
        Op::LessEqual => math::less_equal(a, b),
        Op::Copy => a,
        Op::Neg => -a,
        Op::Sqrt => a.sqrt(),
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a / b,
        other => panic!("{other:?} is not elementary"),
    }
}

/// The operations of one or two numbers.
fn elementary() -> impl Iterator<Item = Op> {
    Op::ALL.iter().copied().filter(|op| matches!(op.arguments(), Some(1 | 2)))
}

fn applied<T: Element>(op: Op, a: &[T], b: &[T], level: Level) -> Vec<T> {
    math::apply(op, a, (op.arguments() == Some(2)).then_some(b), level).expect("the operation is elementary")
}

fn agree<T: Scalar>(expected: T, found: T) -> bool {
    let both_nan = expected.to_f64().is_nan() && found.to_f64().is_nan();
    T::widen(expected.to_bits()) == T::widen(found.to_bits()) || both_nan
}

fn packs_compute_as_scalars<T: Element + Scalar<Bits: Bits<Mask = bool>>>() {
    let a = arguments::<T>(10_000);
    let mut b = a.clone();
    b.rotate_left(1234);
    let levels = Level::available();
    for op in elementary() {
        let found: Vec<_> = levels.iter().map(|&level| applied(op, &a, &b, level)).collect();
        for (i, (&a, &b)) in a.iter().zip(&b).enumerate() {
            let expected = scalar(op, a, b);
            for (found, level) in found.iter().zip(&levels) {
                let (name, found) = (op.name(), found[i]);
                assert!(
                    agree(expected, found),
                    "{name}({a:?}, {b:?}) is {expected:?}, but {found:?} at {}",
                    level.name()
                );
            }
        }
    }
}

#[test]
fn packs_compute_as_scalars_in_double_precision() {
    packs_compute_as_scalars::<f64>();
}

#[test]
fn packs_compute_as_scalars_in_single_precision() {
    packs_compute_as_scalars::<f32>();
}

/// All pairs of special values, for functions of two numbers.
fn pairs_compute_as_scalars<T: Element + Scalar<Bits: Bits<Mask = bool>>>() {
    let special = arguments::<T>(0);
    let (a, b): (Vec<T>, Vec<T>) = special.iter().flat_map(|&a| special.iter().map(move |&b| (a, b))).unzip();
    for op in elementary().filter(|op| op.arguments() == Some(2)) {
        for level in Level::available() {
            for ((&a, &b), found) in a.iter().zip(&b).zip(applied(op, &a, &b, level)) {
                let (name, expected) = (op.name(), scalar(op, a, b));
                assert!(
                    agree(expected, found),
                    "{name}({a:?}, {b:?}) is {expected:?}, but {found:?} at {}",
                    level.name()
                );
            }
        }
    }
}

#[test]
fn all_pairs_of_special_values_compute_as_scalars() {
    pairs_compute_as_scalars::<f64>();
    pairs_compute_as_scalars::<f32>();
}

#[test]
fn a_lane_does_not_see_its_neighbours() {
    let plain: Vec<f64> = (0..64).map(|i| f64::from(i) * 0.37 - 11.0).collect();
    for op in elementary().filter(|op| op.arguments() == Some(1)) {
        for level in Level::available() {
            let alone = applied(op, &plain, &plain, level);
            for intruder in [1e300, -1e18, f64::NAN, f64::INFINITY, 5e-324] {
                for place in 0..16 {
                    let mixed: Vec<f64> =
                        plain.iter().enumerate().map(|(i, &x)| if i % 16 == place { intruder } else { x }).collect();
                    for (i, (found, expected)) in applied(op, &mixed, &mixed, level).iter().zip(&alone).enumerate() {
                        let same = agree(*expected, *found);
                        assert!(same || i % 16 == place, "{} beside {intruder} at {}", op.name(), level.name());
                    }
                }
            }
        }
    }
}

/// Values that are exact, or known to more digits than a number has.
#[test]
fn known_values_are_met() {
    let near = |found: f64, expected: f64| {
        assert!((found - expected).abs() <= f64::EPSILON * expected.abs(), "{found}, not {expected}");
    };
    near(math::exp(1.0), E);
    near(math::log(10.0), LN_10);
    near(math::sin(1e22), -0.852_200_849_767_188_8);
    near(math::cos(1e22), 0.523_214_785_395_138_9);
    near(math::tan(1e22), -1.628_778_225_606_899);
    // The argument nearest to a multiple of π/2 of all doubles.
    near(math::cos(6_381_956_970_095_103.0 * 2.0_f64.powi(797)), -4.687_165_924_254_628e-19);
    near(math::atan(f64::INFINITY), FRAC_PI_2);
    near(math::erf(0.5), 0.520_499_877_813_046_5);
    near(math::tanh(0.5), 0.462_117_157_260_009_75);
    near(math::pow(2.0, 0.5), SQRT_2);
    near(math::pow(1.000_000_1, 1e7), 2.718_281_694_132_081_6);
    let exact = |found: f64, expected: f64| assert_eq!(found.to_bits(), expected.to_bits(), "{found}, not {expected}");
    exact(math::exp(0.0), 1.0);
    exact(math::pow(-3.0, 5.0), -243.0);
    exact(math::pow(10.0, 22.0), 1e22);
    exact(math::sigmoid(0.0), 0.5);
    exact(math::log(1.0), 0.0);
    exact(math::exp(-745.0), 5e-324);
    exact(math::erf(6.0), 1.0);
    exact(math::tanh(-20.0), -1.0);
}

#[test]
fn odd_functions_keep_the_sign_of_zero_and_tiny_numbers_are_their_own_images() {
    let odd = [Op::Expm1, Op::Log1p, Op::Sin, Op::Tan, Op::Sinh, Op::Tanh, Op::Atan];
    for op in odd {
        for x in [0.0_f64, 5e-324, 1e-310, 1e-300] {
            for x in [x, -x] {
                assert_eq!(scalar(op, x, x).to_bits(), x.to_bits(), "{}({x})", op.name());
            }
        }
        for x in [0.0_f32, 1e-45, 1e-39, 1e-30] {
            for x in [x, -x] {
                assert_eq!(scalar(op, x, x).to_bits(), x.to_bits(), "{}({x})", op.name());
            }
        }
    }
    assert_eq!(math::erf(-0.0_f64).to_bits(), (-0.0_f64).to_bits());
}

#[test]
fn edges_are_limits() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (op, x, limit) in [
        (Op::Exp, inf, inf),
        (Op::Exp, -inf, 0.0),
        (Op::Exp, 709.79, inf),
        (Op::Exp, -745.2, 0.0),
        (Op::Expm1, inf, inf),
        (Op::Expm1, -inf, -1.0),
        (Op::Log, inf, inf),
        (Op::Log, 0.0, -inf),
        (Op::Log, -0.0, -inf),
        (Op::Log, -1e-310, nan),
        (Op::Log, -inf, nan),
        (Op::Log1p, inf, inf),
        (Op::Log1p, -1.0, -inf),
        (Op::Log1p, -1.1, nan),
        (Op::Sin, inf, nan),
        (Op::Cos, -inf, nan),
        (Op::Tan, inf, nan),
        (Op::Sinh, -inf, -inf),
        (Op::Sinh, 710.48, inf),
        (Op::Cosh, -inf, inf),
        (Op::Tanh, -inf, -1.0),
        (Op::Atan, -inf, -FRAC_PI_2),
        (Op::Erf, -inf, -1.0),
        (Op::Sigmoid, -inf, 0.0),
        (Op::Sigmoid, inf, 1.0),
        (Op::Softplus, -inf, 0.0),
        (Op::Softplus, inf, inf),
        (Op::Sign, -0.0, 0.0),
        (Op::Sign, -inf, -1.0),
    ] {
        assert!(agree(limit, scalar(op, x, x)), "{}({x}) is not {limit}", op.name());
        let (single, limit) = (x as f32, limit as f32);
        let beyond_both_ranges = x == 0.0 || x.abs() > 100.0;
        assert!(
            !beyond_both_ranges || agree(limit, scalar(op, single, single)),
            "{}({x}_f32) is not {limit}",
            op.name()
        );
    }
    for op in elementary().filter(|&op| !matches!(op, Op::Less | Op::LessEqual)) {
        assert!(scalar(op, nan, nan).is_nan(), "{}", op.name());
        assert!(scalar(op, f32::NAN, f32::NAN).is_nan(), "{}", op.name());
    }
}

#[test]
fn powers_have_the_special_values_of_c() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (x, y, power) in [
        (0.0, 2.0, 0.0),
        (0.0, 0.0, 1.0),
        (-0.0, 3.0, -0.0),
        (-0.0, 2.5, 0.0),
        (0.0, -1.0, inf),
        (-0.0, -1.0, -inf),
        (-0.0, -2.0, inf),
        (-8.0, 1.0 / 3.0, nan),
        (-2.0, 3.0, -8.0),
        (-2.0, -2.0, 0.25),
        (-2.0, 9_007_199_254_740_991.0, -inf),
        (-2.0, 9_007_199_254_740_992.0, inf),
        (-1.0, 4_503_599_627_370_497.0, -1.0),
        (-1.0, 2_251_799_813_685_248.5, nan),
        (-1.0, inf, 1.0),
        (-1.0, nan, nan),
        (1.0, nan, 1.0),
        (nan, 0.0, 1.0),
        (nan, 1.0, nan),
        (0.5, inf, 0.0),
        (0.5, -inf, inf),
        (-3.0, inf, inf),
        (-inf, 3.0, -inf),
        (-inf, 2.5, inf),
        (-inf, -3.0, -0.0),
        (inf, -0.5, 0.0),
        (10.0, 309.0, inf),
        (10.0, -324.0, 0.0),
    ] {
        let found: f64 = math::pow(x, y);
        assert!(agree(power, found), "{x}^{y} is {found}, not {power}");
    }
}

#[test]
fn smaller_larger_and_comparisons_treat_nan_as_documented() {
    let nan = f64::NAN;
    for (a, b) in [(nan, 1.0), (1.0, nan), (nan, nan)] {
        assert!(math::min(a, b).is_nan() && math::max(a, b).is_nan());
        assert!(math::less(a, b).to_bits() == 0 && math::less_equal(a, b).to_bits() == 0);
    }
    let values: [f64; 6] = [
        math::min(2.0, -3.0),
        math::max(2.0, -3.0),
        math::less(1.0, 2.0),
        math::less_equal(2.0, 2.0),
        math::select(nan, 4.0, 5.0),
        math::select(-0.0, 4.0, 5.0),
    ];
    assert_eq!(values.map(f64::to_bits), [-3.0, 2.0, 1.0, 1.0, 4.0, 5.0].map(f64::to_bits));
}

#[test]
fn operations_are_found_by_name_and_by_code() {
    assert_eq!(Op::ALL.len(), 34);
    for (code, &op) in Op::ALL.iter().enumerate() {
        assert_eq!((Op::from_code(code), Op::named(op.name()), op as usize), (Some(op), Some(op), code));
    }
    assert_eq!((Op::from_code(34), Op::named("cosine")), (None, None));
    let codes =
        [("exp", 5), ("softplus", 18), ("add", 19), ("pow", 25), ("select", 28), ("loop", 30), ("fma_column", 33)];
    assert!(codes.into_iter().all(|(name, code)| Op::named(name) == Op::from_code(code)));
}

#[test]
fn arrays_that_do_not_fit_are_refused_with_the_reason() {
    let (level, x) = (Level::detect(), [1.0, 2.0, 3.0]);
    let refused = |op, b: Option<&[f64]>| math::apply(op, &x, b, level).expect_err("must be refused").message;
    assert!(refused(Op::Exp, Some(&x)).contains("takes 1"));
    assert!(refused(Op::Pow, None).contains("takes 2"));
    assert!(refused(Op::Pow, Some(&x[..2])).contains("a has 3 elements and b has 2"));
    assert!(refused(Op::Select, Some(&x)).contains("tape"));
    assert!(math::apply::<f64>(Op::Exp, &[], None, level).expect("nothing to do").is_empty());
}
