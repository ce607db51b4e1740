//! A program computes what its tape means: the same bits at every level, for any number of walkers, with runs fused or not.

use langevin_ib::math::Op;
use langevin_ib::potential::Program;
use langevin_ib::potential::program::{Matrix, Parts};
use langevin_ib::real::{Real, Scalar};
use langevin_ib::simd::{Element, Job, Level, Pack, Simd};

use crate::support::Numbers;
use crate::tapes::{APPROXIMATE, EXACT, Random, exact, instruction, meaning, single};

/// Bit patterns, of which any NaN is as good as another.
fn patterns<T: Scalar<Mask = bool>>(numbers: &[T]) -> Vec<u64> {
    let pattern = |x: &T| if x.to_f64().is_nan() { u64::MAX } else { T::widen(x.to_bits()) };
    numbers.iter().map(pattern).collect()
}

/// Fails at the first result that differs; a test that prints thousands helps nobody.
#[track_caller]
fn assert_same<T: Scalar<Mask = bool>>(found: &[T], expected: &[T], what: &dyn std::fmt::Debug) {
    assert_eq!(found.len(), expected.len(), "{what:?}");
    let differs = |(found, expected): (u64, u64)| found != expected;
    let first = patterns(found).into_iter().zip(patterns(expected)).position(differs);
    assert!(first.is_none(), "result {first:?} of {what:?}: {:?}", first.map(|i| (found[i], expected[i])));
}

fn program(parts: &Parts) -> Program {
    Program::new(parts.clone()).unwrap_or_else(|error| panic!("{error}: {parts:?}"))
}

fn results<T: Element>(parts: &Parts, level: Level, points: &[T]) -> Vec<T> {
    program(parts).at(level, points).expect("points of the right dimension")
}

fn rounded<T: Scalar>(numbers: &[f64]) -> Vec<T> {
    numbers.iter().map(|&x| T::from_f64(x)).collect()
}

/// Triples of zeros, ones, subnormals, infinities, NaN and ordinary numbers.
fn triples() -> Vec<f64> {
    let special = [0.0, 1.0, -1.5, 2.0, 3.0, 1e-310, 1e-40, 1e30, 0.1, f64::INFINITY, f64::NAN];
    let signed: Vec<f64> = special.iter().flat_map(|&x| [x, -x]).collect();
    let pairs = signed.iter().flat_map(|&a| signed.iter().map(move |&b| (a, b)));
    pairs.flat_map(|(a, b)| signed.iter().flat_map(move |&c| [a, b, c])).collect()
}

fn exact_operations_are_ieee<T: Element<Mask = bool>>() {
    for (op, arity) in EXACT {
        let triples: Vec<T> = rounded(&triples());
        let points: Vec<T> = triples.chunks_exact(3).flat_map(|triple| triple[..arity].to_vec()).collect();
        let expected: Vec<T> =
            triples.chunks_exact(3).map(|triple| exact(op, triple[0], triple[1], triple[2])).collect();
        for level in Level::available() {
            let found = results(&single(op, arity), level, &points);
            assert_same(&found, &expected, &(op, level));
        }
    }
}

#[test]
fn exact_operations_have_the_bits_of_ieee_754() {
    exact_operations_are_ieee::<f64>();
    exact_operations_are_ieee::<f32>();
}

/// The operation by the standard library; whoever wires an opcode to another function is found out.
fn standard(op: Op, a: f64, b: f64) -> f64 {
    match op {
        Op::Exp => a.exp(),
        Op::Expm1 => a.exp_m1(),
        Op::Log => a.ln(),
        Op::Log1p => a.ln_1p(),
        Op::Sin => a.sin(),
        Op::Cos => a.cos(),
        Op::Tan => a.tan(),
        Op::Sinh => a.sinh(),
        Op::Cosh => a.cosh(),
        Op::Tanh => a.tanh(),
        Op::Atan => a.atan(),
        // Maclaurin's series: 2/sqrt(pi) sum (-1)^n x^(2n+1) / (n! (2n+1)).
        Op::Erf => {
            let term = |n: i32| (1..=n).fold(a, |term, k| -term * a * a / f64::from(k)) / f64::from(2 * n + 1);
            std::f64::consts::FRAC_2_SQRT_PI * (0..60).map(term).sum::<f64>()
        }
        Op::Sigmoid => 1.0 / (1.0 + (-a).exp()),
        Op::Softplus => (1.0 + a.exp()).ln(),
        Op::Pow => a.powf(b),
        other => panic!("{other:?} is exact"),
    }
}

fn approximate_operations_agree<T: Element>(tolerance: f64) {
    for (op, arity) in APPROXIMATE {
        let points: Vec<T> = rounded(&Numbers(9).units(300 * arity).iter().map(|x| x + 1.1).collect::<Vec<_>>());
        let expected = points.chunks_exact(arity).map(|x| standard(op, x[0].to_f64(), x[arity - 1].to_f64()));
        for (found, expected) in results(&single(op, arity), Level::detect(), &points).into_iter().zip(expected) {
            let error = (found.to_f64() - expected).abs() / expected.abs().max(1e-3);
            assert!(error < tolerance, "{op:?}: {found:?} instead of {expected}");
        }
    }
}

#[test]
fn approximate_operations_are_the_functions_of_their_names() {
    approximate_operations_agree::<f64>(1e-13);
    approximate_operations_agree::<f32>(1e-5);
}

/// Random points, and their results at every level, walker by walker.
fn random_tapes_mean<T: Element<Mask = bool>>() {
    let mut random = Random { numbers: Numbers(17), operations: &EXACT };
    for count in 0..400 {
        let parts = random.tape();
        let points: Vec<T> = rounded(&random.numbers.units((1 + count % 333) * parts.dim));
        let expected: Vec<T> = points.chunks_exact(parts.dim).flat_map(|x| meaning(&parts, x)).collect();
        for level in Level::available() {
            let found = results(&parts, level, &points);
            assert_same(&found, &expected, &(level, &parts));
        }
    }
}

#[test]
fn random_tapes_compute_what_they_mean() {
    random_tapes_mean::<f64>();
    random_tapes_mean::<f32>();
}

#[test]
fn results_have_the_same_bits_at_every_level() {
    fn agree<T: Element<Mask = bool>>() {
        let operations = [&EXACT[..], &APPROXIMATE].concat();
        let mut random = Random { numbers: Numbers(23), operations: &operations };
        for _ in 0..200 {
            let parts = random.tape();
            let points: Vec<T> = rounded(&random.numbers.units(97 * parts.dim));
            let expected = results(&parts, Level::detect(), &points);
            for level in Level::available() {
                assert_same(&results(&parts, level, &points), &expected, &(level, &parts));
            }
        }
    }
    agree::<f64>();
    agree::<f32>();
}

/// Evaluates at 1, 2, … packs, with one evaluator throughout.
struct Lengths<'a, T> {
    program: &'a Program,
    points: &'a [T],
    expected: &'a [u64],
}

impl<T: Element<Mask = bool>> Job for Lengths<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { program, points, expected } = self;
        let (dim, width, lanes) = (program.dim(), program.outputs(), T::Pack::<S>::LANES);
        let zero = T::Pack::<S>::constant(0.0);
        let mut evaluator = program.evaluator::<S, T>();
        let mut row = [T::default(); 16];
        for packs in (1..40).chain([1, 16, 3, 64]) {
            let mut x = vec![zero; packs * dim];
            for (i, x) in x.iter_mut().enumerate() {
                for (lane, row) in row.iter_mut().enumerate().take(lanes) {
                    *row = points[(i / dim * lanes + lane) * dim + i % dim];
                }
                *x = Pack::load(&row);
            }
            let mut y = vec![zero; packs * width];
            evaluator.evaluate(&x, &mut y);
            for (i, y) in y.iter().enumerate() {
                y.store(&mut row);
                for (lane, found) in patterns(&row[..lanes]).into_iter().enumerate() {
                    let walker = i / width * lanes + lane;
                    assert_eq!(found, expected[walker * width + i % width], "walker {walker} of {packs} packs");
                }
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_how_many_packs_there_are() {
    fn agree<T: Element<Mask = bool>>() {
        let mut random = Random { numbers: Numbers(31), operations: &EXACT };
        for _ in 0..20 {
            let parts = random.tape();
            let points: Vec<T> = rounded(&random.numbers.units(64 * 16 * parts.dim));
            let expected: Vec<T> = points.chunks_exact(parts.dim).flat_map(|x| meaning(&parts, x)).collect();
            for level in Level::available() {
                let program = program(&parts);
                level.run(Lengths { program: &program, points: &points, expected: &patterns(&expected) });
            }
        }
    }
    agree::<f64>();
    agree::<f32>();
}

/// Sum over rows of x · w, and of (x · w - y) x, with accumulators in place, as a compiler would write them.
fn least_squares(rows: usize, dim: usize) -> Parts {
    let (weights, error, gradient) = (1, 1 + dim, 2 + dim);
    let mut code: Vec<_> = (0..dim).map(|i| instruction(Op::Copy, gradient + i, &[0])).collect();
    code.push(instruction(Op::Loop, 0, &[0, 2 * dim + 2]));
    code.push(instruction(Op::Column, error, &[dim]));
    code.push(instruction(Op::Neg, error, &[error]));
    code.extend((0..dim).map(|i| instruction(Op::FmaColumn, error, &[weights + i, i, error])));
    code.extend((0..dim).map(|i| instruction(Op::FmaColumn, gradient + i, &[error, i, gradient + i])));
    Parts {
        code,
        constants: vec![0.0],
        dim,
        registers: gradient + dim,
        outputs: (gradient..gradient + dim).map(|i| i as i32).collect(),
        data: vec![Matrix { rows, columns: dim + 1, numbers: Numbers(5).units(rows * (dim + 1)) }],
    }
}

#[test]
fn a_loop_over_data_sums_over_its_rows() {
    for (rows, dim) in [(0, 3), (1, 1), (7, 3), (40, 20)] {
        let parts = least_squares(rows, dim);
        let points = Numbers(6).units(50 * dim);
        let found = results(&parts, Level::detect(), &points);
        for (w, found) in points.chunks_exact(dim).zip(found.chunks_exact(dim)) {
            for (i, found) in found.iter().enumerate() {
                let row = |row: &[f64]| (w.iter().zip(row).map(|(w, x)| w * x).sum::<f64>() - row[dim]) * row[i];
                let expected: f64 = parts.data[0].numbers.chunks_exact(dim + 1).map(row).sum();
                assert!((found - expected).abs() < 1e-12 * (1.0 + rows as f64), "{found} instead of {expected}");
            }
        }
    }
}

/// Sums over rows of r x / (3 + r²), r = u x + v y + v and of the same with y; where others see the quotient, of its square too.
fn student(rows: usize, is_seen: bool) -> Parts {
    let mut code: Vec<_> = [6, 7, 8].map(|sum| instruction(Op::Copy, sum, &[1])).to_vec();
    code.push(instruction(Op::Loop, 0, &[0, 6 + usize::from(is_seen)]));
    code.push(instruction(Op::FmaColumn, 4, &[2, 0, 3]));
    code.push(instruction(Op::FmaColumn, 4, &[3, 1, 4]));
    code.push(instruction(Op::Fma, 5, &[4, 4, 0]));
    code.push(instruction(Op::Div, 4, &[4, 5]));
    code.extend([0, 1].map(|i| instruction(Op::FmaColumn, 6 + i, &[4, i, 6 + i])));
    code.extend(is_seen.then(|| instruction(Op::Fma, 8, &[4, 4, 8])));
    Parts {
        code,
        constants: vec![3.0, 0.0],
        dim: 2,
        registers: 9,
        outputs: vec![6, 7, 8],
        data: vec![Matrix { rows, columns: 2, numbers: Numbers(7).units(rows * 2) }],
    }
}

#[test]
fn quotients_of_sums_have_the_bits_of_their_operations() {
    fn agree<T: Element<Mask = bool>>() {
        for (rows, is_seen) in [(0, false), (3, false), (4, false), (33, false), (33, true)] {
            let parts = student(rows, is_seen);
            let points: Vec<T> = rounded(&Numbers(8).units(2 * 299));
            let expected: Vec<T> = points.chunks_exact(2).flat_map(|point| meaning(&parts, point)).collect();
            for level in Level::available() {
                assert_same(&results(&parts, level, &points), &expected, &(level, rows, is_seen));
            }
        }
    }
    agree::<f64>();
    agree::<f32>();
}

#[test]
fn data_are_rounded_once_for_single_precision() {
    // 1 + 2^-30 is 1 in single precision, so the difference is exactly 0 there and 2^-30 in double precision.
    let parts = Parts {
        code: vec![
            instruction(Op::Loop, 0, &[0, 2]),
            instruction(Op::Column, 2, &[0]),
            instruction(Op::Sub, 2, &[2, 0]),
            instruction(Op::Copy, 3, &[1]),
        ],
        constants: vec![1.0],
        dim: 1,
        registers: 4,
        outputs: vec![3],
        data: vec![Matrix { rows: 1, columns: 1, numbers: vec![1.0 + 2.0_f64.powi(-30)] }],
    };
    assert_eq!(results(&parts, Level::detect(), &[7.0]), [7.0]);
    let mut after = parts;
    after.code.insert(0, instruction(Op::Copy, 2, &[0]));
    after.outputs = vec![2];
    assert_eq!(patterns(&results(&after, Level::detect(), &[7.0_f64])), patterns(&[2.0_f64.powi(-30)]));
    assert_eq!(patterns(&results(&after, Level::detect(), &[7.0_f32])), patterns(&[0.0_f32]));
}

#[test]
fn outputs_may_be_constants_and_coordinates() {
    let parts = Parts { constants: vec![2.5], dim: 2, registers: 3, outputs: vec![2, 0, 1, 2], ..Parts::default() };
    let found = results(&parts, Level::detect(), &[10.0, 20.0, 30.0, 40.0]);
    assert_eq!(patterns(&found), patterns(&[20.0, 2.5, 10.0, 20.0, 40.0, 2.5, 30.0, 40.0]));
}

#[test]
fn points_need_the_programs_dimension() {
    let parts = Parts { dim: 2, registers: 2, outputs: vec![0], ..Parts::default() };
    let error = program(&parts).at(Level::detect(), &[1.0, 2.0, 3.0]).expect_err("three numbers in the plane");
    assert!(error.message.contains("3 numbers are not rows of 2 coordinates"), "{error}");
    assert!(results::<f64>(&parts, Level::detect(), &[]).is_empty());
}
