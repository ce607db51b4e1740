//! The exact discrete-time laws of the harmonic potential V = k |x|² / 2, for which every scheme is solved in closed form.
//!
//! Statistical tests: walkers are independent, so the standard error of a mean over walkers of each walker's time average
//! is exact whatever the autocorrelation. A law is accepted within 4.5 standard errors: for a right law that fails with
//! probability 7e-6 a comparison, 2e-4 over all the comparisons of this file; and with the fixed key, either always or never.

use langevin_ib::potential::{Observable, Told};
use langevin_ib::run::Plan;

use crate::support::{Case, cases_of, harmonic, moments, plan};

const STIFFNESS: f64 = 2.5;
const TEMPERATURE: f64 = 0.4;
const HARMONIC: Told = harmonic(3, STIFFNESS);
const WALKERS: u64 = 4096;
const STEPS: u64 = 1500;
/// Standard errors that a right law may be off.
const ACCEPTED: f64 = 4.5;

/// A mean over walkers and its standard error.
#[derive(Clone, Copy, Debug)]
struct Mean {
    value: f64,
    error: f64,
}

impl Mean {
    fn of(samples: &[f64]) -> Self {
        let n = samples.len() as f64;
        let value = samples.iter().sum::<f64>() / n;
        let variance = samples.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
        Self { value, error: (variance / n).sqrt() }
    }

    /// How many standard errors lie between the mean and a law.
    fn off(self, law: f64) -> f64 {
        (self.value - law).abs() / self.error
    }
}

/// Time averages of x, x², x³, x⁴ over a stationary run, for each of two coordinates, with the run's acceptance.
fn averages(case: &Case, kh: f64) -> ([[Mean; 4]; 2], f64) {
    let coordinates = [0, 2];
    let watches = coordinates.iter().map(|&i| moments(Observable::Coordinate(i), 1, 4)).collect();
    // From 0, the variance is within (1 - kh)^200, or MALA's slower decay, of its limit: far below a standard error.
    let burn_in = 100;
    let settings = plan(0..WALKERS, 0..STEPS, kh / STIFFNESS, TEMPERATURE);
    let plan = Plan { burn_in, watches, ..settings };
    let states = vec![0.0; 3 * WALKERS as usize];
    let found = case.run_in(&HARMONIC, &plan, &states).expect("the run is stable");
    let draws = (STEPS - burn_in) as f64;
    let mean = |watch: usize, power: usize| {
        let samples: Vec<f64> = found.sums(watch).chunks_exact(5).map(|row| raw_moment(row, power, draws)).collect();
        Mean::of(&samples)
    };
    let means = [0, 1].map(|watch| std::array::from_fn(|power| mean(watch, power)));
    (means, found.acceptance.iter().map(|walker| walker[0]).sum::<i64>() as f64 / (WALKERS * STEPS) as f64)
}

/// E x^(power + 1) of a walker, from its sums of powers of x - pivot, and the pivot.
fn raw_moment(row: &[f64], power: usize, draws: f64) -> f64 {
    const PASCAL: [[f64; 5]; 4] =
        [[1.0, 1.0, 0.0, 0.0, 0.0], [1.0, 2.0, 1.0, 0.0, 0.0], [1.0, 3.0, 3.0, 1.0, 0.0], [1.0, 4.0, 6.0, 4.0, 1.0]];
    let pivot = row[4];
    let central = |j: usize| if j == 0 { 1.0 } else { row[j - 1] / draws };
    (0..=power + 1).map(|j| PASCAL[power][j] * pivot.powi((power + 1 - j) as i32) * central(j)).sum()
}

/// Fails unless the law of a coordinate is normal with this variance, as far as four moments can tell.
fn assert_normal(what: &str, means: [[Mean; 4]; 2], variance: f64) {
    for [first, second, third, fourth] in means {
        assert!(first.off(0.0) < ACCEPTED, "{what}: E x = {first:?}");
        assert!(second.off(variance) < ACCEPTED, "{what}: E x² = {second:?}, not {variance}");
        assert!(third.off(0.0) < ACCEPTED, "{what}: E x³ = {third:?}");
        assert!(fourth.off(3.0 * variance * variance) < ACCEPTED, "{what}: E x⁴ = {fourth:?}");
        // Negative control: a variance one per cent off, by temperature or by stiffness, is told apart.
        assert!(second.off(1.01 * variance) > ACCEPTED, "{what}: the run is too short to tell: {second:?}");
    }
}

#[test]
fn the_variance_under_euler_maruyama_is_that_of_the_discrete_chain() {
    let kh = 0.5;
    for case in cases_of("em") {
        let (means, _) = averages(case, kh);
        assert_normal(case.name, means, TEMPERATURE / STIFFNESS / (1.0 - kh / 2.0));
        assert!(means[0][1].off(TEMPERATURE / STIFFNESS) > 100.0, "the continuous law is told apart");
    }
}

#[test]
fn the_variance_under_leimkuhler_matthews_is_exactly_that_of_the_continuous_law() {
    let kh = 0.5;
    for case in cases_of("lm") {
        let (means, _) = averages(case, kh);
        assert_normal(case.name, means, TEMPERATURE / STIFFNESS);
        assert!(means[0][1].off(TEMPERATURE / STIFFNESS / (1.0 - kh / 2.0)) > 100.0, "Euler–Maruyama's is told apart");
    }
}

#[test]
fn the_variance_under_mala_is_exactly_that_of_the_continuous_law_at_a_big_step() {
    let kh = 1.2;
    for case in cases_of("mala") {
        let (means, acceptance) = averages(case, kh);
        assert_normal(case.name, means, TEMPERATURE / STIFFNESS);
        assert!(acceptance > 0.2 && acceptance < 0.95, "{}: acceptance {acceptance}", case.name);
        assert!(means[0][1].off(TEMPERATURE / STIFFNESS / (1.0 - kh / 2.0)) > 100.0, "Euler–Maruyama's is told apart");
    }
}

#[test]
fn coordinates_of_a_walker_are_uncorrelated() {
    // |x|² of three independent normals: variance 6 (T/k)² needs E x_i² x_j² = (E x²)².
    let plan = plan(0..200_000, 0..60, 0.5 / STIFFNESS, TEMPERATURE);
    let states = vec![0.0; 3 * 200_000];
    for case in cases_of("lm") {
        let found = case.run_in(&HARMONIC, &plan, &states).expect("the run is stable");
        for (i, j) in [(0, 1), (0, 2), (1, 2)] {
            let products: Vec<f64> = found.states.chunks_exact(3).map(|x| x[i] * x[j]).collect();
            assert!(Mean::of(&products).off(0.0) < ACCEPTED, "{}: E x{i} x{j}", case.name);
            let squares: Vec<f64> = found.states.chunks_exact(3).map(|x| (x[i] * x[j]).powi(2)).collect();
            assert!(
                Mean::of(&squares).off((TEMPERATURE / STIFFNESS).powi(2)) < ACCEPTED,
                "{}: E x{i}² x{j}²",
                case.name
            );
        }
    }
}

#[test]
fn at_zero_temperature_walkers_decay_geometrically() {
    let (kh, steps) = (0.3, 40);
    let plan = plan(3..40, 0..steps, kh / STIFFNESS, 0.0);
    let states: Vec<f64> = (0..3 * 37).map(|i| f64::from(i) - 55.5).collect();
    for case in cases_of("em").chain(cases_of("lm")) {
        let found = case.run_in(&HARMONIC, &plan, &states).expect("the run is stable");
        // Each step rounds twice, and the factor is itself rounded.
        let ulp = if case.is_single() { f64::from(f32::EPSILON) } else { f64::EPSILON };
        for (found, x) in found.states.iter().zip(&states) {
            let expected = (1.0 - kh).powi(steps as i32) * x;
            assert!((found - expected).abs() <= 2.0 * steps as f64 * ulp * expected.abs(), "{found}, not {expected}");
        }
    }
}
