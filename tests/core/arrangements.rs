//! Results do not depend on how a run is laid out: threads, levels, blocks, epochs, segments and shards give the same bits.

use std::ops::Range;

use langevin_ib::observe::Watch;
use langevin_ib::potential::{Observable, Told};
use langevin_ib::run::{Before, Plan};
use langevin_ib::simd::Level;

use crate::support::{
    CASES, Case, Kept, Numbers, PRODUCT, Record, assert_same, cases_of, harmonic, histogram, moments, plan, trace,
};

/// One walker more than whole packs on either side.
const WALKERS: Range<u64> = 0..1001;
const STEPS: Range<u64> = 0..130;

/// Every kind of observer, at intervals that no segment, epoch or check divides.
fn watches() -> Vec<Watch> {
    vec![
        histogram(Observable::Named(0), 1, 40, -1.0, 2.0),
        histogram(Observable::Coordinate(1), 3, 7, -0.5, 1.5),
        moments(Observable::Named(0), 1, 4),
        moments(Observable::Coordinate(0), 5, 2),
        trace(Observable::Named(1), 7),
    ]
}

fn full_plan() -> Plan {
    Plan { burn_in: 11, watches: watches(), groups: 6, ..plan(WALKERS, STEPS, 0.05, 0.2) }
}

fn start(walkers: Range<u64>) -> Vec<f64> {
    let all = Numbers(5).units(2 * WALKERS.end as usize);
    all[2 * walkers.start as usize..2 * walkers.end as usize].to_vec()
}

/// Runs every case in every arrangement and compares with the case's plain run.
fn same_for(what: &str, arrangements: &[(String, Plan)]) {
    for case in &CASES {
        let expected = case.run(&full_plan(), &start(WALKERS)).expect("the run is stable");
        for (arrangement, plan) in arrangements {
            let found = case.run(plan, &start(WALKERS)).expect("the run is stable");
            assert_same(&expected, &found, &format!("{}, {what} {arrangement}", case.name));
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    // Small blocks, so that every thread gets some.
    let with = |threads| (format!("{threads}"), Plan { threads, block: 32, ..full_plan() });
    same_for("threads", &[1, 2, 3, 4].map(with));
}

#[test]
fn bits_do_not_depend_on_the_level() {
    let plans: Vec<_> =
        Level::available().into_iter().map(|level| (level.name().into(), Plan { level, ..full_plan() })).collect();
    same_for("level", &plans);
}

#[test]
fn bits_do_not_depend_on_the_level_for_any_number_of_packs() {
    for packs in 1..=5 {
        let walkers = 0..8 * packs - 3;
        let plain = Plan { watches: vec![], ..plan(walkers.clone(), 0..300, 0.05, 0.2) };
        for case in &CASES {
            let lowest = Plan { level: Level::available()[0], ..plain.clone() };
            let expected = case.run(&lowest, &start(walkers.clone())).expect("the run is stable");
            for level in Level::available() {
                let found = case.run(&Plan { level, ..plain.clone() }, &start(walkers.clone()));
                let what = format!("{}, {} packs, {}", case.name, packs, level.name());
                assert_same(&expected, &found.expect("the run is stable"), &what);
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_block_size() {
    let with = |block| (format!("{block}"), Plan { block, ..full_plan() });
    same_for("block", &[1, 16, 17, 48, 100, 1000, 4096].map(with));
}

#[test]
fn bits_do_not_depend_on_all_of_them_together() {
    let levels = Level::available();
    let with = |(threads, block): (usize, usize)| {
        let level = levels[threads % levels.len()];
        (format!("{threads}, {block}, {}", level.name()), Plan { threads, block, level, ..full_plan() })
    };
    same_for("threads, block, level", &[(2, 16), (3, 64), (4, 4096)].map(with));
}

#[test]
fn bits_do_not_depend_on_whether_anybody_looks() {
    // Where nobody looks, walkers of few coordinates make many steps at once.
    let potentials = [(Told::Product(PRODUCT), 2), (harmonic(1, 1.3), 1), (harmonic(2, 1.3), 2), (harmonic(3, 1.3), 3)];
    for (potential, dim) in &potentials {
        let start = Numbers(6).units(dim * WALKERS.end as usize);
        for case in &CASES {
            let every_step =
                Plan { watches: vec![trace(Observable::Coordinate(0), 1)], ..plan(WALKERS, STEPS, 0.05, 0.2) };
            let expected = case.run_in(potential, &every_step, &start).expect("the run is stable").states;
            for level in Level::available() {
                for every in [None, Some(3), Some(4), Some(70)] {
                    let watches = every.map(|every| trace(Observable::Coordinate(0), every)).into_iter().collect();
                    let other = Plan { level, watches, block: 96, threads: 2, ..every_step.clone() };
                    let found = case.run_in(potential, &other, &start).expect("the run is stable").states;
                    assert_eq!(found, expected, "{}, {}, {dim}, looks every {every:?}", case.name, level.name());
                }
            }
        }
    }
}

#[test]
fn a_histogram_that_looks_on_counts_what_it_counts_among_others() {
    // Bins, some of whose edges are where walkers start; and so wide that every walker is as near to an edge as can be told.
    let start: Vec<f64> = Numbers(7).units(2 * WALKERS.end as usize).iter().map(|x| (4.0 * x).round() / 4.0).collect();
    for temperature in [0.2, 0.0] {
        for (bins, lo, hi) in
            [(64, -1.0, 1.0), (7, -0.3, 0.4), (3, 0.0, 1e-300), (5, -1e300, 1e300), (4, -8e307, 8e307)]
        {
            for burn_in in [0, 29] {
                let lone = histogram(Observable::Named(0), 1, bins, lo, hi);
                let both = vec![lone.clone(), trace(Observable::Named(0), 1)];
                let plan = Plan { burn_in, groups: 6, ..plan(WALKERS, STEPS, 0.0625, temperature) };
                for case in &CASES {
                    let among = Plan { watches: both.clone(), ..plan.clone() };
                    let expected = case.run(&among, &start).expect("the run is stable");
                    for level in Level::available() {
                        let alone = Plan { watches: vec![lone.clone()], level, block: 96, ..plan.clone() };
                        let found = case.run(&alone, &start).expect("the run is stable");
                        let what = format!("{}, {}, {bins} bins, {temperature}, {burn_in}", case.name, level.name());
                        assert_eq!(found.states, expected.states, "{what}");
                        assert_eq!(found.counts(0), expected.counts(0), "{what}");
                    }
                }
            }
        }
    }
}

/// What two consecutive segments of a run kept, as one run would have kept it. The later sums already contain the earlier.
fn joined(earlier: Record, later: Record) -> Record {
    let walkers = (WALKERS.end - WALKERS.start) as usize;
    let kept = earlier.kept.into_iter().zip(later.kept).map(|kept| match kept {
        (Kept::Counts(earlier), Kept::Counts(later)) => {
            Kept::Counts(earlier.iter().zip(later).map(|(a, b)| a + b).collect())
        }
        (Kept::Sums(_), Kept::Sums(later)) => Kept::Sums(later),
        (Kept::Trace(earlier), Kept::Trace(later)) => {
            let (earlier_draws, later_draws) = (earlier.len() / walkers, later.len() / walkers);
            let rows = (0..walkers).flat_map(|walker| {
                let earlier = &earlier[walker * earlier_draws..(walker + 1) * earlier_draws];
                [earlier, &later[walker * later_draws..(walker + 1) * later_draws]].concat()
            });
            Kept::Trace(rows.collect())
        }
        _ => panic!("segments kept different things"),
    });
    Record {
        kept: kept.collect(),
        states: later.states,
        steps: earlier.steps + later.steps,
        acceptance: later.acceptance,
    }
}

/// Moments' sums, to be handed to the next segment.
fn sums(record: &Record) -> Vec<Vec<f64>> {
    let sums = record.kept.iter().map(|kept| if let Kept::Sums(sums) = kept { sums.clone() } else { Vec::new() });
    sums.collect()
}

fn resumed(case: &Case, plan: &Plan, earlier: Record, steps: Range<u64>) -> Record {
    let plan = Plan { steps, ..plan.clone() };
    let sums = sums(&earlier);
    let sums: Vec<_> = sums.iter().map(Vec::as_slice).collect();
    let before = Before { states: &[], sums: &sums, acceptance: &earlier.acceptance };
    let later = case.resume(&plan, &earlier.states, before).expect("the run is stable");
    joined(earlier, later)
}

#[test]
fn bits_do_not_depend_on_where_a_run_is_cut_and_resumed() {
    for case in &CASES {
        let plan = full_plan();
        let expected = case.run(&plan, &start(WALKERS)).expect("the run is stable");
        // Within burn-in, at its end, between two looks, at a look, at a check and just before the end.
        for cut in [1, 11, 12, 40, 64, 65, 129] {
            let first = Plan { steps: 0..cut, ..plan.clone() };
            let first = case.run(&first, &start(WALKERS)).expect("the run is stable");
            let found = resumed(case, &plan, first, cut..STEPS.end);
            assert_same(&expected, &found, &format!("{}, cut at {cut}", case.name));
        }
        let mut found = case.run(&Plan { steps: 0..1, ..plan.clone() }, &start(WALKERS)).expect("the run is stable");
        for step in 1..STEPS.end {
            found = resumed(case, &plan, found, step..step + 1);
        }
        assert_same(&expected, &found, &format!("{}, step by step", case.name));
    }
}

#[test]
fn bits_do_not_depend_on_epochs_nor_on_a_stop_between_them() {
    let walkers = WALKERS.end - WALKERS.start;
    for case in &CASES {
        // Ten times as many steps as fit into the first epoch, whose later lengths depend on the clock.
        let long = Plan { watches: watches()[..4].to_vec(), ..full_plan() };
        let long = Plan { steps: 0..10_000_000 / walkers, threads: 2, block: 100, ..long };
        let mut epochs = Vec::new();
        let expected = case.run_while(&long, &start(WALKERS), &mut |steps| {
            epochs.push(steps);
            true
        });
        let expected = expected.expect("the run is stable");
        assert!(epochs.len() > 1, "{}: there was one epoch only", case.name);
        assert_eq!(epochs.last(), Some(&long.steps.end));
        let stopped = case.run_while(&long, &start(WALKERS), &mut |_| false).expect("the run is stable");
        assert_eq!(stopped.steps, epochs[0], "{}: a run stops after the epoch in which it is told to", case.name);
        let cut = stopped.steps;
        let found = resumed(case, &long, stopped, cut..long.steps.end);
        assert_same(&expected, &found, &format!("{}, stopped after {cut} steps", case.name));
    }
}

#[test]
fn a_run_can_be_stopped_while_its_walkers_are_laid_out() {
    let case = cases_of("em").next().expect("there is one");
    let large = plan(5..3_000_005, 0..2, 1e-3, 0.1);
    let states = [1.0, 0.5].repeat(3_000_000);
    for threads in [1, 2] {
        let plan = Plan { threads, ..large.clone() };
        let mut heard = Vec::new();
        let whole = case.run_while(&plan, &states, &mut |steps| {
            heard.push(steps);
            true
        });
        assert_eq!(whole.expect("the run is stable").steps, 2);
        let laying = heard.iter().take_while(|&&steps| steps == 0).count();
        assert!(laying >= 5, "heard {heard:?}");
        let mut looks = 0;
        let stopped = case.run_while(&plan, &states, &mut |_| {
            looks += 1;
            looks < 3
        });
        let stopped = stopped.expect("the run is stable");
        assert_eq!((looks, stopped.steps, stopped.states.len()), (3, 0, 0));
    }
}

#[test]
fn a_run_is_heard_amid_a_step_of_many_walkers_and_stops_after_it() {
    let states = [1.0, 0.5].repeat(3_000_000);
    for (case, threads) in cases_of("em").chain(cases_of("mala")).take(2).zip([1, 2]) {
        let long = Plan { threads, ..plan(5..3_000_005, 0..1000, 1e-3, 0.1) };
        let mut heard = Vec::new();
        let stopped = case.run_while(&long, &states, &mut |steps| {
            heard.push(steps);
            // Amid the second step, or the steps that a fast machine makes in one go after the first.
            heard.iter().filter(|&&steps| steps == 1).count() < 4
        });
        let stopped = stopped.expect("the run is stable");
        let [none, one] = [0, 1].map(|made| heard.iter().filter(|&&steps| steps == made).count());
        assert!(none >= 10, "not heard while walkers were laid out and made their first step: {heard:?}");
        assert_eq!((one, none + one), (4, heard.len()), "{}: {heard:?}", case.name);
        assert!((2..=5).contains(&stopped.steps), "{}: {heard:?}, {} steps", case.name, stopped.steps);
        let expected = case.run(&Plan { steps: 0..stopped.steps, ..long }, &states).expect("the run is stable");
        assert_same(&expected, &stopped, case.name);
    }
}

#[test]
fn bits_of_coarse_steps_do_not_depend_on_the_arrangement_either() {
    let plan = Plan { substeps: 3, ..full_plan() };
    for case in &CASES {
        let expected = case.run(&plan, &start(WALKERS)).expect("the run is stable");
        for level in Level::available() {
            let other = Plan { level, threads: 2, block: 64, ..plan.clone() };
            let found = case.run(&other, &start(WALKERS)).expect("the run is stable");
            assert_same(&expected, &found, &format!("{}, {}", case.name, level.name()));
        }
        let first = case.run(&Plan { steps: 0..37, ..plan.clone() }, &start(WALKERS)).expect("the run is stable");
        let found = resumed(case, &plan, first, 37..STEPS.end);
        assert_same(&expected, &found, &format!("{}, cut at 37", case.name));
    }
}

/// What shards of walkers kept, as one run would have kept it.
fn merged(shards: Vec<Record>) -> Record {
    let mut shards = shards.into_iter();
    let mut merged = shards.next().expect("there is a shard");
    for shard in shards {
        merged.states.extend(shard.states);
        merged.acceptance.extend(shard.acceptance);
        for pair in merged.kept.iter_mut().zip(shard.kept) {
            match pair {
                (Kept::Counts(merged), Kept::Counts(shard)) => merged.iter_mut().zip(shard).for_each(|(m, s)| *m += s),
                (Kept::Sums(merged), Kept::Sums(shard)) | (Kept::Trace(merged), Kept::Trace(shard)) => {
                    merged.extend(shard);
                }
                _ => panic!("shards kept different things"),
            }
        }
    }
    merged
}

#[test]
fn bits_do_not_depend_on_how_walkers_are_split_into_shards() {
    for case in &CASES {
        let expected = case.run(&full_plan(), &start(WALKERS)).expect("the run is stable");
        for bounds in [&[0, 37, 1001][..], &[0, 1, 2, 17, 31, 33, 64, 999, 1001], &[0, 512, 1001]] {
            let shards = bounds.windows(2).map(|shard| {
                let walkers = shard[0]..shard[1];
                let plan = Plan { walkers: walkers.clone(), ..full_plan() };
                case.run(&plan, &start(walkers)).expect("the run is stable")
            });
            assert_same(&expected, &merged(shards.collect()), &format!("{}, shards {bounds:?}", case.name));
        }
    }
}

#[test]
fn a_different_key_step_or_walker_changes_the_bits() {
    for case in &CASES {
        let reference = case.run(&full_plan(), &start(WALKERS)).expect("the run is stable");
        let other = Plan { noise: langevin_ib::noise::Noise::new(1), ..full_plan() };
        let other_steps = Plan { steps: 1..131, ..full_plan() };
        let other_walkers = Plan { walkers: 1..1002, ..full_plan() };
        for plan in [other, other_steps, other_walkers] {
            let found = case.run(&plan, &start(WALKERS)).expect("the run is stable");
            let unequal = reference.states.iter().zip(&found.states).filter(|(a, b)| a.to_bits() != b.to_bits());
            assert!(unequal.count() > 1000, "{}", case.name);
        }
    }
}
