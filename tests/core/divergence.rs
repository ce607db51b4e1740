//! A runaway is reported with its walker and step, the same ones in every arrangement, and only if it is a live walker.

use langevin_ib::error::{Error, Kind, Result};
use langevin_ib::noise::Stream;
use langevin_ib::potential::Formula;
use langevin_ib::real::Real;
use langevin_ib::run::Plan;
use langevin_ib::simd::Level;

use crate::draws::normals;
use crate::support::{CASES, Case, PRODUCT, Record, barrier, cases_of, plan};

/// So large a step that now and then a walker is thrown out of the valley.
const H: f64 = 0.2;
const TEMPERATURE: f64 = 0.25;
const STEPS: u64 = 3000;

fn named(result: Result<Record>) -> (u64, u64) {
    match result {
        Err(Error { kind: Kind::Diverged { walker, step, .. }, message }) => {
            let (named_walker, named_step) = (format!("walker {walker} "), format!("step {step}:"));
            assert!(message.contains(&named_walker) && message.contains(&named_step), "{message}");
            (walker, step)
        }
        other => panic!("nothing diverged: {:?}", other.map(|record| record.steps)),
    }
}

fn wild(walkers: std::ops::Range<u64>) -> Plan {
    plan(walkers, 0..STEPS, H, TEMPERATURE)
}

fn start(walkers: &std::ops::Range<u64>) -> Vec<f64> {
    vec![0.5; 2 * (walkers.end - walkers.start) as usize]
}

/// When one walker alone leaves the bound, by Euler–Maruyama on numbers.
fn lifetime(walker: u64, bound: f64, most: u64) -> Option<u64> {
    let mut x = [0.5, 0.5];
    (0..most).find_map(|step| {
        let mut slope = [0.0; 2];
        PRODUCT.gradient(&x, &mut slope);
        let noise = normals::<f64>(Stream::Increment, walker, step);
        for i in 0..2 {
            x[i] = Real::mul_add(noise[i], (2.0 * TEMPERATURE * H).sqrt(), Real::mul_add(slope[i], -H, x[i]));
        }
        // Written so that NaN is out of bounds.
        let inside = x.iter().all(|x| x.abs() < bound);
        (!inside).then_some(step + 1)
    })
}

#[test]
fn the_walker_and_step_are_those_of_a_scalar_run() {
    let walkers = 0..300;
    let plan = wild(walkers.clone());
    let lifetimes = walkers.clone().filter_map(|walker| Some((lifetime(walker, plan.bound, STEPS)?, walker)));
    let (step, walker) = lifetimes.min().expect("the step size is so large that some walker diverges");
    assert!(step > 70, "a runaway before the second check tests little: {step}");
    assert_eq!(named(CASES[0].run(&plan, &start(&walkers))), (walker, step));
}

#[test]
fn the_walker_and_step_do_not_depend_on_threads_blocks_or_levels() {
    let walkers = 3..1000;
    for case in cases_of("em").chain(cases_of("lm")) {
        let expected = named(case.run(&wild(walkers.clone()), &start(&walkers)));
        for threads in [1, 2, 4] {
            for block in [16, 100, 4096] {
                let plan = Plan { threads, block, ..wild(walkers.clone()) };
                assert_eq!(named(case.run(&plan, &start(&walkers))), expected, "{}, {threads}, {block}", case.name);
            }
        }
        for level in Level::available() {
            let plan = Plan { level, ..wild(walkers.clone()) };
            assert_eq!(named(case.run(&plan, &start(&walkers))), expected, "{}, {}", case.name, level.name());
        }
    }
}

/// Runs in segments, as epochs would cut it.
fn in_segments(case: &Case, plan: &Plan, states: &[f64], length: u64) -> Result<Record> {
    let mut states = states.to_vec();
    let mut from = 0;
    loop {
        let to = plan.steps.end.min(from + length);
        let record = case.run(&Plan { steps: from..to, ..plan.clone() }, &states)?;
        if to == plan.steps.end {
            return Ok(record);
        }
        (states, from) = (record.states, to);
    }
}

#[test]
fn the_walker_and_step_do_not_depend_on_where_the_run_is_cut() {
    let walkers = 0..300;
    for case in cases_of("em").chain(cases_of("lm")) {
        let plan = wild(walkers.clone());
        let expected = named(case.run(&plan, &start(&walkers)));
        for length in [1, 7, 64, 100] {
            let found = in_segments(case, &plan, &start(&walkers), length);
            assert_eq!(named(found), expected, "{}, segments of {length}", case.name);
        }
    }
}

#[test]
fn a_nan_to_start_from_is_reported_at_step_1() {
    let walkers = 5..200;
    for case in &CASES {
        for (bad, value) in [(0, f64::NAN), (117, f64::NAN), (194, f64::INFINITY)] {
            for level in Level::available() {
                let mut states = start(&walkers);
                states[2 * bad + 1] = value;
                let plan = Plan { level, ..plan(walkers.clone(), 0..100, 0.01, 0.1) };
                assert_eq!(named(case.run(&plan, &states)), (5 + bad as u64, 1), "{}", case.name);
            }
        }
    }
}

#[test]
fn of_several_runaways_the_first_step_is_named_then_the_first_walker() {
    let walkers = 0..200;
    let mut states = start(&walkers);
    // All within the bound at first; the further out, the sooner beyond it.
    for (walker, size) in [(150, 30.0), (60, 1e6), (170, 1e6), (20, 30.0)] {
        (states[2 * walker], states[2 * walker + 1]) = (size, size);
    }
    for case in cases_of("em").chain(cases_of("lm")) {
        for (threads, block) in [(1, 4096), (1, 16), (3, 16)] {
            let plan = Plan { threads, block, ..plan(walkers.clone(), 0..100, 0.1, 0.1) };
            let (walker, step) = named(case.run(&plan, &states));
            assert_eq!(walker, 60, "{}, {threads}, {block}", case.name);
            // 1e6 -> 1e17 -> 1e50, but 30 -> 3e3 -> 2e9 -> 7e26.
            assert_eq!(step, 2, "{}, {threads}, {block}", case.name);
        }
    }
}

#[test]
fn lanes_that_only_fill_up_a_pack_never_diverge() {
    for level in Level::available() {
        for walkers in [0..1, 3..4, 15..17, 5..70] {
            let count = walkers.end - walkers.start;
            let plan = Plan { level, ..plan(walkers, 0..200, 0.01, 1e-3) };
            for case in &CASES {
                let found = case.run_in(&barrier(), &plan, &vec![1.0; count as usize]);
                let found = found.expect("the live walkers are calm");
                let accepted: i64 = found.acceptance.iter().map(|walker| walker[0]).sum();
                assert!(accepted.cast_unsigned() <= 200 * count, "{}: lanes that do not count were counted", case.name);
            }
        }
    }
    // Control: a live walker at the origin does diverge.
    let plan = plan(0..1, 0..200, 0.01, 1e-3);
    for case in cases_of("em") {
        assert_eq!(named(case.run_in(&barrier(), &plan, &[0.0])), (0, 1));
    }
}
