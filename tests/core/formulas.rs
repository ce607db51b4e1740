//! Single steps of every scheme against its formula, written out by hand and fed with draws straight from the noise.

use langevin_ib::noise::{BoxMuller, Stream};
use langevin_ib::run::Plan;
use langevin_ib::simd::Element;

use crate::draws::{log_uniform, normals};
use crate::support::{CASES, PRODUCT, plan};

const H: f64 = 0.05;
const TEMPERATURE: f64 = 0.3;
/// Walkers that start and end inside packs, and a step that is not the first.
const WALKERS: std::ops::Range<u64> = 5..70;
const STEP: u64 = 7;

fn states() -> Vec<[f64; 2]> {
    // Multiples of 1/64, which are exact in single precision.
    WALKERS.map(|walker| [walker as f64 / 64.0 + 0.5, 1.25 - walker as f64 / 32.0]).collect()
}

/// V = (u v - 1)² / 2 + 0.05 (u² + v²).
fn value([u, v]: [f64; 2]) -> f64 {
    (u * v - PRODUCT.potential.target).powi(2) / 2.0 + PRODUCT.weight_decay / 2.0 * (u * u + v * v)
}

fn gradient([u, v]: [f64; 2]) -> [f64; 2] {
    let (error, decay) = (u * v - PRODUCT.potential.target, PRODUCT.weight_decay);
    [error * v + decay * u, error * u + decay * v]
}

fn moved(x: [f64; 2], noise: [f64; 2]) -> [f64; 2] {
    let slope = gradient(x);
    std::array::from_fn(|i| x[i] - H * slope[i] + (2.0 * TEMPERATURE * H).sqrt() * noise[i])
}

/// x' = x - h grad V(x) + sqrt(2 T h) R.
fn euler_maruyama<N: Element + BoxMuller>(x: [f64; 2], walker: u64) -> [f64; 2] {
    moved(x, normals::<N>(Stream::Increment, walker, STEP))
}

/// x' = x - h grad V(x) + sqrt(2 T h) (R_n + R_{n+1}) / 2.
fn leimkuhler_matthews<N: Element + BoxMuller>(x: [f64; 2], walker: u64) -> [f64; 2] {
    let (old, new) = (normals::<N>(Stream::Increment, walker, STEP), normals::<N>(Stream::Increment, walker, STEP + 1));
    moved(x, std::array::from_fn(|i| f64::midpoint(old[i], new[i])))
}

/// log q(x, y) = -|y - x + h grad V(x)|² / (4 T h), up to a constant.
fn log_proposal(x: [f64; 2], y: [f64; 2]) -> f64 {
    let slope = gradient(x);
    let distance: f64 = (0..2).map(|i| (y[i] - x[i] + H * slope[i]).powi(2)).sum();
    -distance / (4.0 * TEMPERATURE * H)
}

/// The proposal, if log u < log of exp(-V(y)/T) q(y, x) / (exp(-V(x)/T) q(x, y)).
fn metropolis<N: Element + BoxMuller, U: Element + BoxMuller>(x: [f64; 2], walker: u64) -> [f64; 2] {
    let y = euler_maruyama::<N>(x, walker);
    let log_ratio = (value(x) - value(y)) / TEMPERATURE + log_proposal(y, x) - log_proposal(x, y);
    if log_uniform::<U>(walker, STEP) < log_ratio { y } else { x }
}

/// The largest distance between the sampler's step and the formula's.
fn distance(case: &str, formula: fn([f64; 2], u64) -> [f64; 2]) -> f64 {
    distance_of(case, &plan(WALKERS, STEP..STEP + 1, H, TEMPERATURE), formula)
}

fn distance_of(case: &str, plan: &Plan, formula: impl Fn([f64; 2], u64) -> [f64; 2]) -> f64 {
    let case = CASES.iter().find(|known| known.name == case).expect("the case exists");
    let found = case.run(plan, states().as_flattened()).expect("one step");
    let expected = states().into_iter().zip(WALKERS).flat_map(|(x, walker)| formula(x, walker));
    found.states.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
}

/// Rounding of numbers below 8: a few parts in 2^53 and 2^24.
const DOUBLE: f64 = 1e-14;
const SINGLE: f64 = 5e-6;

#[test]
fn a_step_of_euler_maruyama_is_its_formula() {
    assert!(distance("em f64", euler_maruyama::<f64>) < DOUBLE);
    assert!(distance("em f64 single", euler_maruyama::<f32>) < DOUBLE);
    assert!(distance("em f32", euler_maruyama::<f32>) < SINGLE);
}

#[test]
fn a_step_of_leimkuhler_matthews_is_its_formula() {
    assert!(distance("lm f64", leimkuhler_matthews::<f64>) < DOUBLE);
    assert!(distance("lm f64 single", leimkuhler_matthews::<f32>) < DOUBLE);
    assert!(distance("lm f32", leimkuhler_matthews::<f32>) < SINGLE);
}

#[test]
fn a_step_of_mala_is_its_formula() {
    // Decisions are far enough from their thresholds here not to depend on rounding.
    assert!(distance("mala f64", metropolis::<f64, f64>) < DOUBLE);
    assert!(distance("mala f64 single", metropolis::<f32, f64>) < DOUBLE);
    assert!(distance("mala f32", metropolis::<f32, f32>) < SINGLE);
}

/// How many finer steps make a coarse one below.
const SUBSTEPS: u64 = 3;

/// The normals of a coarse step: the sum of those of its finer steps, scaled to variance 1.
fn coarse<N: Element + BoxMuller>(walker: u64, step: u64) -> [f64; 2] {
    let finer = (step * SUBSTEPS..(step + 1) * SUBSTEPS).map(|step| normals::<N>(Stream::Increment, walker, step));
    finer.fold([0.0; 2], |sum, normals| std::array::from_fn(|i| sum[i] + normals[i] / (SUBSTEPS as f64).sqrt()))
}

#[test]
fn a_coarse_step_follows_the_path_of_its_finer_steps() {
    for (precision, normals, rounding) in [
        ("f64", coarse::<f64> as fn(u64, u64) -> [f64; 2], DOUBLE),
        ("f64 single", coarse::<f32>, DOUBLE),
        ("f32", coarse::<f32>, SINGLE),
    ] {
        let coarse_plan = Plan { substeps: SUBSTEPS, ..plan(WALKERS, STEP..STEP + 1, H, TEMPERATURE) };
        let by_euler = |x, walker| moved(x, normals(walker, STEP));
        let by_leimkuhler = |x, walker| {
            let (old, new) = (normals(walker, STEP), normals(walker, STEP + 1));
            moved(x, std::array::from_fn(|i| f64::midpoint(old[i], new[i])))
        };
        assert!(distance_of(&format!("em {precision}"), &coarse_plan, by_euler) < rounding, "{precision}");
        assert!(distance_of(&format!("lm {precision}"), &coarse_plan, by_leimkuhler) < rounding, "{precision}");
    }
}

#[test]
fn a_step_of_another_scheme_is_noticed() {
    assert!(distance("em f64", leimkuhler_matthews::<f64>) > 0.01);
    assert!(distance("mala f64", euler_maruyama::<f64>) > 0.01, "every proposal was accepted: refusal is not tested");
    assert!(distance("em f64", |x, walker| euler_maruyama::<f64>(x, walker + 1)) > 0.01);
}
