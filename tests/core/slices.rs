//! Gauges and surfaces: where the ways back lead, that they are one walker's own, and runs of bound walkers in any arrangement.

use langevin_ib::dynamics::Way;
use langevin_ib::dynamics::gauge::{
    AtZero, Death, Gauge, GeneralLinear, Pair, Part, Retraction, Scalings, Translations,
};
use langevin_ib::dynamics::slice::Slice;
use langevin_ib::error::{Cause, Error, Kind, Result};
use langevin_ib::math::Op;
use langevin_ib::noise::{BoxMuller, Native};
use langevin_ib::potential::Told;
use langevin_ib::potential::program::{Parts, Program};
use langevin_ib::run::{self, Acceptance, Before, Plan};
use langevin_ib::scheme::{Any, Metropolis, Rigid};
use langevin_ib::simd::{Element, Level};

use crate::support::{Numbers, PRODUCT, Rooms, harmonic, plan, rows};
use crate::tapes::instruction;

const LEVEL: f64 = 0.5;

fn gauge(dim: usize, retraction: Retraction) -> Gauge {
    Gauge::new(dim, vec![Part::new(retraction)], AtZero::Fail).expect("the gauge is sound")
}

fn pair(level: f64) -> Retraction {
    Retraction::Pair(Pair::new(vec![0], vec![1], level))
}

/// u1 u2 u3 with u1² - u2² = 2 c1, u2² - u3² = 2 c2.
fn chain() -> Retraction {
    let factors = vec![(vec![0], vec![1.0, 0.0]), (vec![1], vec![-1.0, 1.0]), (vec![2], vec![0.0, -1.0])];
    Retraction::Scalings(Scalings::new(factors, vec![0.4, 0.3]))
}

/// U of shape (4, r) and V of shape (3, r), by rows.
fn matrices(r: usize) -> Retraction {
    Retraction::GeneralLinear(GeneralLinear::new(r, (0..4 * r).collect(), (4 * r..7 * r).collect()))
}

/// The tape of chi = (x0² - x1²) / 2 and its gradient.
fn hyperbola() -> Slice {
    let code = vec![
        instruction(Op::Mul, 3, &[1, 1]),
        instruction(Op::Neg, 4, &[2]),
        instruction(Op::Fma, 3, &[4, 2, 3]),
        instruction(Op::Mul, 3, &[0, 3]),
    ];
    let parts = Parts { code, constants: vec![0.5], dim: 2, registers: 5, outputs: vec![3, 1, 4], data: Vec::new() };
    Slice::new(Program::new(parts).expect("the tape is sound"), vec![LEVEL], &[1]).expect("the surface is sound")
}

fn led(way: Way, points: &[f64]) -> Vec<f64> {
    let mut found = points.to_vec();
    way.lead(Level::detect(), &mut found);
    found
}

fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{what}: {found} and not {expected}");
}

#[test]
fn a_pair_goes_to_its_level_and_keeps_its_product() {
    let states = Numbers(1).units(2 * 333);
    for level in [-3.0, -1e-3, 0.0, 1e-12, 0.5, 40.0] {
        let gauge = gauge(2, pair(level));
        for (x, y) in states.chunks_exact(2).zip(led(Way::Orbits(&gauge), &states).chunks_exact(2)) {
            assert_close(y[0] * y[1], x[0] * x[1], 1e-14, "product");
            assert_close((y[0] - y[1]) * (y[0] + y[1]) / 2.0, level, 1e-14, "level");
            assert!(x[0] * y[0] > 0.0 && x[1] * y[1] > 0.0, "signs stay");
        }
    }
}

#[test]
fn the_way_of_a_pair_is_the_same_by_newtons_method() {
    let factors = vec![(vec![0], vec![1.0]), (vec![1], vec![-1.0])];
    let by_newton = gauge(2, Retraction::Scalings(Scalings::new(factors, vec![LEVEL])));
    let closed = gauge(2, pair(LEVEL));
    let states = Numbers(2).units(2 * 100);
    let pairs = led(Way::Orbits(&by_newton), &states);
    for (a, b) in pairs.iter().zip(led(Way::Orbits(&closed), &states)) {
        assert_close(*a, b, 1e-14, "coordinate");
    }
}

#[test]
fn a_pair_in_a_frame_is_the_pair_in_its_coordinates() {
    let h = 0.5_f64.sqrt();
    let turned = gauge(3, pair(LEVEL)).in_frame(vec![(vec![0, 1], vec![h, h, h, -h])]).expect("the frame is sound");
    let states = Numbers(12).units(3 * 100);
    let inside: Vec<f64> = states.chunks_exact(3).flat_map(|x| [(x[0] + x[1]) * h, (x[0] - x[1]) * h, x[2]]).collect();
    let there = led(Way::Orbits(&gauge(3, pair(LEVEL))), &inside);
    for (x, y) in led(Way::Orbits(&turned), &states).chunks_exact(3).zip(there.chunks_exact(3)) {
        assert_close(x[0] * x[1], LEVEL, 1e-13, "level");
        assert_close((x[0] + x[1]) * h, y[0], 1e-13, "first");
        assert_close((x[0] - x[1]) * h, y[1], 1e-13, "second");
        assert_close(x[2], y[2], 0.0, "what is not turned");
    }
}

#[test]
fn frames_that_are_none_are_refused() {
    let frames = [
        vec![(vec![0, 1], vec![1.0, 0.0, 0.0, 2.0])],
        vec![(vec![0, 1], vec![1.0, 0.0, 0.0])],
        vec![(vec![0, 2], vec![1.0, 0.0, 0.0, 1.0])],
        vec![(vec![0], vec![1.0]), (vec![0], vec![1.0])],
        vec![(vec![0], vec![f64::NAN])],
    ];
    for frame in frames {
        assert!(gauge(2, pair(LEVEL)).in_frame(frame).is_err());
    }
}

#[test]
fn translations_lead_to_their_levels_and_no_further() {
    let directions = vec![(vec![0.6, 0.8, 0.0], 2.0), (vec![0.0, 0.0, 1.0], -1.0)];
    let gauge = gauge(4, Retraction::Translations(Translations::new(vec![0, 1, 3], directions)));
    let states = Numbers(13).units(4 * 100);
    for (x, y) in states.chunks_exact(4).zip(led(Way::Orbits(&gauge), &states).chunks_exact(4)) {
        assert_close(0.6 * y[0] + 0.8 * y[1], 2.0, 1e-14, "first level");
        assert_close(y[3], -1.0, 1e-14, "second level");
        assert_close(0.8 * y[0] - 0.6 * y[1], 0.8 * x[0] - 0.6 * x[1], 1e-14, "across");
        assert_close(y[2], x[2], 0.0, "what does not move");
    }
}

#[test]
fn surfaces_of_blocks_that_do_not_fit_are_refused() {
    let tape = || {
        let parts = Parts {
            code: Vec::new(),
            constants: vec![],
            dim: 2,
            registers: 2,
            outputs: vec![0, 1, 0, 1, 0, 1],
            data: vec![],
        };
        Program::new(parts).expect("the tape is sound")
    };
    for sizes in [&[1][..], &[2, 1], &[0, 2], &[]] {
        assert!(Slice::new(tape(), vec![LEVEL, LEVEL], sizes).is_err(), "{sizes:?}");
    }
    assert!(Slice::new(tape(), vec![LEVEL, LEVEL], &[1, 1]).is_ok());
}

#[test]
fn a_chain_goes_to_its_levels_from_near_and_far() {
    let gauge = gauge(3, chain());
    let near = Numbers(3).units(3 * 100);
    let far: Vec<f64> = near.iter().zip([1e7, 1e-5, 1e-2].iter().cycle()).map(|(x, scale)| x * scale).collect();
    let (near, far) = (led(Way::Orbits(&gauge), &near), led(Way::Orbits(&gauge), &far));
    for (x, y) in near.chunks_exact(3).zip(far.chunks_exact(3)) {
        assert_close(x[0] * x[0] - x[1] * x[1], 0.8, 1e-14, "first level");
        assert_close(x[1] * x[1] - x[2] * x[2], 0.6, 1e-14, "second level");
        (0..3).for_each(|i| assert_close(y[i], x[i], 1e-10, "coordinate"));
    }
}

#[test]
fn matrices_are_balanced_and_keep_their_product() {
    for r in [2, 3] {
        let gauge = gauge(7 * r, matrices(r));
        let states = Numbers(4).units(7 * r * 50);
        for (x, y) in states.chunks_exact(7 * r).zip(led(Way::Orbits(&gauge), &states).chunks_exact(7 * r)) {
            let gram = |x: &[f64], i: usize, j: usize| x.chunks_exact(r).map(|row| row[i] * row[j]).sum::<f64>();
            let product =
                |x: &[f64], i: usize, j: usize| (0..r).map(|k| x[i * r + k] * x[(4 + j) * r + k]).sum::<f64>();
            for (i, j) in (0..r).flat_map(|i| (0..r).map(move |j| (i, j))) {
                assert_close(gram(&y[..4 * r], i, j), gram(&y[4 * r..], i, j), 1e-10, "Gram matrix");
            }
            for (i, j) in (0..4).flat_map(|i| (0..3).map(move |j| (i, j))) {
                assert_close(product(y, i, j), product(x, i, j), 1e-10, "product");
            }
        }
    }
}

#[test]
fn bits_of_a_way_depend_on_neither_level_nor_neighbours() {
    let gauges = [gauge(2, pair(LEVEL)), gauge(3, chain()), gauge(14, matrices(2)), gauge(21, matrices(3))];
    for gauge in &gauges {
        let dim = gauge.dim();
        let states = Numbers(5).units(dim * 45);
        let expected = led(Way::Orbits(gauge), &states);
        for level in Level::available() {
            let mut found = states.clone();
            Way::Orbits(gauge).lead(level, &mut found);
            assert_eq!(bits(&found), bits(&expected), "{}", level.name());
            let mut alone = states[7 * dim..8 * dim].to_vec();
            Way::Orbits(gauge).lead(level, &mut alone);
            assert_eq!(bits(&alone), bits(&expected[7 * dim..8 * dim]), "{}", level.name());
        }
    }
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn normals_lead_to_the_surface() {
    let slice = hyperbola();
    let found = led(Way::Normals(&slice), &Numbers(6).units(2 * 100));
    for x in found.chunks_exact(2) {
        assert_close((x[0] * x[0] - x[1] * x[1]) / 2.0, LEVEL, 1e-11, "level");
    }
    assert!(led(Way::Normals(&slice), &[0.0, 0.0])[0].is_nan(), "at the centre there are no normals");
}

#[test]
fn coordinates_that_move_twice_are_refused() {
    let twice = vec![Part::new(pair(0.5)), Part::new(pair(0.5))];
    assert!(Gauge::new(2, twice, AtZero::Fail).is_err());
    assert!(Gauge::new(1, vec![Part::new(pair(0.5))], AtZero::Fail).is_err());
}

/// What became of bound walkers.
struct Found<T> {
    states: Vec<T>,
    acceptance: Vec<Acceptance>,
    deaths: Vec<Death>,
}

/// Runs the product model under a scheme that binds walkers.
fn bound<T: Element + BoxMuller>(plan: &Plan, scheme: Any, states: &[f64]) -> Result<Found<T>> {
    bound_after(plan, &Told::Product(PRODUCT), scheme, states, &[])
}

/// The same in any potential, after an earlier part.
fn bound_after<T: Element + BoxMuller>(
    plan: &Plan,
    potential: &Told,
    scheme: Any,
    states: &[f64],
    acceptance: &[Acceptance],
) -> Result<Found<T>> {
    let states: Vec<T> = states.iter().map(|&x| T::from_f64(x)).collect();
    let before = Before { states: &states, sums: &[], acceptance };
    let mut rooms = Rooms::new(plan, scheme, states.len());
    let outcome = run::run(plan, potential, scheme, Native, before, rooms.lend(), |_| true)?;
    let states = rows(&rooms.states, plan, &outcome.rows);
    Ok(Found { states, acceptance: rooms.acceptance, deaths: outcome.deaths })
}

fn start(walkers: usize) -> Vec<f64> {
    let gauge = gauge(2, pair(LEVEL));
    led(Way::Orbits(&gauge), &Numbers(7).units(2 * walkers))
}

fn same<T: Element + BoxMuller>(scheme: Any, states: &[f64], what: &str) {
    let walkers = states.len() as u64 / 2;
    let reference = plan(0..walkers, 0..130, 0.02, 0.3);
    let expected = bound::<T>(&reference, scheme, states).expect("the run is stable");
    let numbers = |found: &Found<T>| found.states.iter().map(|x| x.to_f64().to_bits()).collect::<Vec<_>>();
    let mut plans: Vec<Plan> =
        Level::available().into_iter().map(|level| Plan { level, ..reference.clone() }).collect();
    plans.push(Plan { threads: 3, block: 32, ..reference.clone() });
    plans.push(Plan { block: 100, ..reference.clone() });
    for plan in plans {
        let found = bound::<T>(&plan, scheme, states).expect("the run is stable");
        assert_eq!(numbers(&found), numbers(&expected), "{what}");
        assert_eq!((&found.acceptance, &found.deaths), (&expected.acceptance, &expected.deaths), "{what}");
    }
    let first = bound::<T>(&Plan { steps: 0..41, ..reference.clone() }, scheme, states).expect("the run is stable");
    let middle: Vec<f64> = first.states.iter().map(|x| x.to_f64()).collect();
    let second = bound_after::<T>(
        &Plan { steps: 41..130, ..reference },
        &Told::Product(PRODUCT),
        scheme,
        &middle,
        &first.acceptance,
    );
    let second = second.expect("the run is stable");
    assert_eq!(numbers(&second), numbers(&expected), "{what}, cut");
    assert_eq!(second.acceptance, expected.acceptance, "{what}, cut");
    let mut deaths = [first.deaths, second.deaths].concat();
    deaths.sort_unstable();
    assert_eq!(deaths, expected.deaths, "{what}, cut");
}

#[test]
fn bits_of_bound_walkers_do_not_depend_on_the_arrangement() {
    let slice = hyperbola();
    let mortal = Gauge::new(2, vec![Part::new(pair(0.0)).mortal()], AtZero::Absorb).expect("the gauge is sound");
    let tip = led(Way::Orbits(&mortal), &Numbers(8).units(2 * 301));
    let gauge = gauge(2, pair(LEVEL));
    for metropolis in [None, Some(Metropolis { approach: 0 }), Some(Metropolis { approach: 60 })] {
        let scheme = Any::Rigid(Rigid { slice: &slice, metropolis });
        same::<f64>(scheme, &start(301), "rigid, f64");
        same::<f32>(scheme, &start(301), "rigid, f32");
    }
    for (gauge, states) in [(&gauge, start(301)), (&mortal, tip)] {
        same::<f64>(Any::GaugeFixed(gauge), &states, "gauge-fixed, f64");
        same::<f32>(Any::GaugeFixed(gauge), &states, "gauge-fixed, f32");
    }
}

#[test]
fn a_scheme_told_at_run_time_is_the_scheme() {
    let plan = plan(0..70, 0..90, 0.02, 0.3);
    let states = Numbers(9).units(2 * 70);
    for (case, scheme) in ["em", "lm", "mala"].iter().zip([
        Any::EulerMaruyama,
        Any::LeimkuhlerMatthews,
        Any::Metropolis(Metropolis { approach: 0 }),
    ]) {
        let expected = crate::support::cases_of(case).next().expect("there is one").run(&plan, &states);
        let found = bound::<f64>(&plan, scheme, &states).expect("the run is stable");
        assert_eq!(bits(&found.states), bits(&expected.expect("the run is stable").states), "{case}");
    }
}

#[test]
fn a_step_is_that_of_euler_maruyama_and_then_the_way_back() {
    let (states, gauge) = (start(64), gauge(2, pair(LEVEL)));
    let plan = plan(0..64, 5..6, 0.02, 0.3);
    let free = bound::<f64>(&plan, Any::EulerMaruyama, &states).expect("the run is stable");
    let fixed = bound::<f64>(&plan, Any::GaugeFixed(&gauge), &states).expect("the run is stable");
    assert_eq!(bits(&fixed.states), bits(&led(Way::Orbits(&gauge), &free.states)));
}

#[test]
fn whoever_reaches_zero_is_named_and_stays_there() {
    let plan = plan(3..203, 0..400, 0.01, 0.3);
    let part = || vec![Part::new(pair(0.0)).mortal()];
    let absorb = Gauge::new(2, part(), AtZero::Absorb).expect("the gauge is sound");
    let states = vec![0.4; 400];
    let found = bound::<f64>(&plan, Any::GaugeFixed(&absorb), &states).expect("the run is stable");
    assert!(found.deaths.len() > 50 && found.deaths.len() < 200, "{}", found.deaths.len());
    for (walker, x) in (3..203).zip(found.states.chunks_exact(2)) {
        let died = found.deaths.iter().filter(|death| death.walker == walker).count();
        assert_eq!((x[0] == 0.0, x[1] == 0.0), (died == 1, died == 1), "walker {walker}");
    }
    let first = found.deaths.iter().map(|death| (death.step, death.walker)).min().expect("some died");
    let fail = Gauge::new(2, part(), AtZero::Fail).expect("the gauge is sound");
    let Err(Error { kind: Kind::Diverged { walker, step, cause, .. }, message }) =
        bound::<f64>(&plan, Any::GaugeFixed(&fail), &states)
    else {
        panic!("nobody was reported")
    };
    assert_eq!(((step, walker), cause), (first, Cause::ReachedZero), "{message}");
}

#[test]
fn whoever_finds_no_way_along_the_normals_is_named() {
    // From a tangent move longer than its radius no normal leads back to a circle.
    let code =
        vec![instruction(Op::Mul, 3, &[1, 1]), instruction(Op::Fma, 3, &[2, 2, 3]), instruction(Op::Mul, 3, &[0, 3])];
    let parts = Parts { code, constants: vec![0.5], dim: 2, registers: 4, outputs: vec![3, 1, 2], data: Vec::new() };
    let circle =
        Slice::new(Program::new(parts).expect("the tape is sound"), vec![0.5], &[1]).expect("the surface is sound");
    let plan = plan(0..64, 0..200, 0.1, 0.3);
    let model = harmonic(2, 1.0);
    let scheme = Any::Rigid(Rigid { slice: &circle, metropolis: None });
    let outcome = bound_after::<f64>(&plan, &model, scheme, &[1.0, 0.0].repeat(64), &[]);
    let Err(Error { kind: Kind::Diverged { cause, .. }, message }) = outcome else { panic!("nobody was reported") };
    assert_eq!(cause, Cause::NoProjection, "{message}");
}
