//! Counts equal those of a naive binning of the same values, in every group and every slot, edges included.

use langevin_ib::observe::{Histogram, Tally, Watch};
use langevin_ib::potential::Observable;
use langevin_ib::run::Plan;
use langevin_ib::simd::{Element, Job, Level, Pack, Simd};

use crate::support::{CASES, Case, Numbers, Record, harmonic, histogram, plan, trace};

const GROUPS: u64 = 7;

/// The slot of a value as counts are handed back: 0 below `edges[0]`, i in [edges[i-1], edges[i]), bins + 1 from the last edge on, bins + 2 for NaN.
fn naive_slot(value: f64, edges: &[f64]) -> usize {
    if value.is_nan() { edges.len() + 1 } else { edges.partition_point(|&edge| edge <= value) }
}

/// The edges that `numpy.linspace(lo, hi, bins + 1)` gives.
fn edges(bins: u32, lo: f64, hi: f64) -> Vec<f64> {
    let step = (hi - lo) / f64::from(bins);
    (0..bins).map(|i| f64::from(i) * step + lo).chain([hi]).collect()
}

/// Counts of a trace, (walkers, draws), by group of walkers.
fn naive_counts(trace: &[f64], walkers: std::ops::Range<u64>, edges: &[f64]) -> Vec<u64> {
    let draws = trace.len() / (walkers.end - walkers.start) as usize;
    let stride = edges.len() + 2;
    let mut counts = vec![0; GROUPS as usize * stride];
    for (walker, values) in walkers.zip(trace.chunks_exact(draws)) {
        for &value in values {
            counts[(walker % GROUPS) as usize * stride + naive_slot(value, edges)] += 1;
        }
    }
    counts
}

/// How many draws the naive binning saw below and beyond the range.
fn outside(counts: &[u64], bins: u32) -> (u64, u64) {
    let groups = counts.chunks_exact(bins as usize + 3);
    groups.fold((0, 0), |(below, beyond), group| (below + group[0], beyond + group[bins as usize + 1]))
}

fn watched(case: &Case, every: u64, burn_in: u64, watch: &Watch) -> (Record, std::ops::Range<u64>) {
    let walkers = 3..500;
    let watches = vec![watch.clone(), trace(watch.observable.clone(), every)];
    let settings = plan(walkers.clone(), 0..100, 0.05, 0.4);
    let plan = Plan { burn_in, watches, groups: GROUPS, block: 64, ..settings };
    let states = Numbers(6).units(2 * (walkers.end - walkers.start) as usize);
    let found = case.run(&plan, &states).expect("the run is stable");
    let draws = found.trace(1).len() as u64 / (walkers.end - walkers.start);
    assert_eq!(draws, (100 - burn_in) / every);
    (found, walkers)
}

#[test]
fn counts_are_those_of_a_naive_binning_of_the_trace() {
    let (bins, lo, hi) = (150, -0.2, 1.3);
    for case in &CASES {
        for (every, burn_in) in [(1, 0), (1, 20), (3, 0), (3, 20)] {
            let observable = Observable::Named(0);
            let (found, walkers) = watched(case, every, burn_in, &histogram(observable, every, bins, lo, hi));
            let expected = naive_counts(found.trace(1), walkers, &edges(bins, lo, hi));
            let (below, beyond) = outside(&expected, bins);
            assert!(below > 100 && beyond > 100, "underflow {below} and overflow {beyond} are not tested");
            assert_eq!(found.counts(0), expected, "{}, every {every}, burn-in {burn_in}", case.name);
        }
    }
}

#[test]
fn counts_of_a_coordinate_are_exact_where_edges_are_dyadic() {
    let (bins, lo, hi) = (96, -0.25, 1.25);
    for case in &CASES {
        for every in [1, 3] {
            let observable = Observable::Coordinate(1);
            let (found, walkers) = watched(case, every, 10, &histogram(observable, every, bins, lo, hi));
            let expected = naive_counts(found.trace(1), walkers, &edges(bins, lo, hi));
            assert_eq!(found.counts(0), expected, "{}, every {every}", case.name);
        }
    }
}

#[test]
fn values_on_edges_belong_to_the_bin_above() {
    // No force and no noise: walkers stay where they are put.
    let still = harmonic(1, 0.0);
    let (bins, lo, hi) = (8, -1.0_f64, 3.0_f64);
    let edges = edges(bins, lo, hi);
    let mut values = edges.clone();
    values.extend([lo.next_down(), lo.next_up(), hi.next_down(), hi.next_up()]);
    values.extend([-1e17, -1.5, 3.5, 1e17, 0.0, -0.0, f64::MIN_POSITIVE, 1e-310]);
    let walkers = 0..values.len() as u64;
    let steps = 5;
    let watches = vec![histogram(Observable::Coordinate(0), 1, bins, lo, hi)];
    let settings = plan(walkers.clone(), 0..steps, 0.1, 0.0);
    let plan = Plan { watches, groups: GROUPS, ..settings };
    let rows: Vec<f64> = values.iter().flat_map(|&value| [value; 5]).collect();
    let expected = naive_counts(&rows, walkers, &edges);
    let found = CASES[0].run_in(&still, &plan, &values).expect("nothing moves");
    assert_eq!(found.counts(0), expected);
}

/// Counts values, a multiple of 32 of them, into one group.
struct Count<'a, T>(Histogram, &'a [T]);

impl<T: Element> Job for Count<'_, T> {
    type Output = Vec<u64>;
    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<u64> {
        let Self(histogram, values) = self;
        let mut tally = Tally::new(1, histogram.stride());
        tally.aim(0, values.iter().map(|_| 0));
        let ruler = histogram.ruler::<T::Pack<S>>();
        let lanes = T::Pack::<S>::LANES;
        let (offsets, slots) = tally.look(0);
        let rows = offsets.chunks_exact(lanes).zip(slots.chunks_exact_mut(lanes));
        for (values, (offsets, slots)) in values.chunks_exact(lanes).zip(rows) {
            ruler.slot(T::Pack::<S>::load(values)).store_truncated(ruler.invalid, offsets, slots);
        }
        // Some while there is time, the others at the end.
        tally.count(1);
        tally.settle();
        let mut counts = vec![0; histogram.stride()];
        tally.merge_into(&mut counts);
        assert_eq!(counts.remove(histogram.bins as usize + 2), 0, "there was no condition");
        counts
    }
}

fn count<T: Element>(histogram: Histogram, values: &[f64]) {
    let edges = edges(histogram.bins, histogram.lo, histogram.hi);
    let values: Vec<T> = values.iter().chain(values).map(|&x| T::from_f64(x)).collect();
    let mut expected = vec![0; histogram.bins as usize + 3];
    for value in &values {
        expected[naive_slot(value.to_f64(), &edges)] += 1;
    }
    for level in Level::available() {
        assert_eq!(level.run(Count(histogram, &values)), expected, "{}", level.name());
    }
}

#[test]
fn infinities_overflow_and_nan_is_counted_apart_at_every_level() {
    let (infinity, nan) = (f64::INFINITY, f64::NAN);
    let mut values = vec![infinity, -infinity, nan, -nan, f64::MAX, f64::MIN, 0.0, -0.0, 1.0, 0.5, 1e-310, -1e-310];
    values.extend([0.25, 0.75, 0.999_999_999_999_999_9, 2.0]);
    count::<f64>(Histogram { bins: 4, lo: 0.0, hi: 1.0 }, &values);
    count::<f32>(Histogram { bins: 4, lo: 0.0, hi: 1.0 }, &values);
    count::<f64>(Histogram { bins: 1, lo: 0.0, hi: 1.0 }, &values);
}

#[test]
fn a_value_just_below_the_upper_end_is_not_overflow() {
    // (value - lo) * (bins / (hi - lo)) may round up to bins.
    for bins in [1, 3, 10, 49, 100, 1_000_003] {
        for (lo, hi) in [(0.0, 1.0_f64), (-1.0, 3.0), (0.1, 0.7), (-0.3, 0.1), (1e6, 1e6 + 1.0)] {
            let values = [hi.next_down(); 32];
            for level in Level::available() {
                let table = level.run(Count(Histogram { bins, lo, hi }, &values));
                assert_eq!(table[bins as usize], 32, "{bins} bins on [{lo}, {hi}) at level {}", level.name());
            }
        }
    }
}

/// Every edge, in both precisions, and the numbers beside it.
fn near_edges(edges: &[f64]) -> Vec<f64> {
    let double = edges.iter().flat_map(|edge| [edge.next_down(), *edge, edge.next_up()]);
    let single = edges.iter().map(|&edge| edge as f32).flat_map(|edge| [edge.next_down(), edge, edge.next_up()]);
    double.chain(single.map(f64::from)).collect()
}

#[test]
fn values_beside_edges_are_on_their_side_in_every_precision_at_every_level() {
    for bins in [1, 3, 10, 49, 100, 1009] {
        for (lo, hi) in [
            (0.0, 1.0_f64),
            (-1.0, 3.0),
            (0.1, 0.7),
            (-0.3, 0.1),
            (1e6, 1e6 + 1.0),
            (-1e-30, 2e-30),
            (0.0, 1e-300),
            (-1e300, 1e300),
            (1e16, 1e16 + 4e4),
        ] {
            let edges = edges(bins, lo, hi);
            let mut values = near_edges(&edges);
            values.resize(values.len().next_multiple_of(32), f64::NAN);
            count::<f64>(Histogram { bins, lo, hi }, &values);
            count::<f32>(Histogram { bins, lo, hi }, &values);
        }
    }
}

#[test]
fn draws_are_taken_after_the_steps_that_every_and_burn_in_name() {
    let walkers = 0..50;
    let (every, burn_in) = (3, 20);
    let states = Numbers(7).units(100);
    for case in &CASES {
        let watches = vec![trace(Observable::Coordinate(0), every), trace(Observable::Named(0), every)];
        let settings = plan(walkers.clone(), 0..30, 0.05, 0.4);
        let long = Plan { burn_in, watches, ..settings.clone() };
        let long = case.run(&long, &states).expect("the run is stable");
        for (draw, step) in [23, 26, 29].into_iter().enumerate() {
            let short = case.run(&Plan { steps: 0..step, ..settings.clone() }, &states).expect("the run is stable");
            for (walker, x) in short.states.chunks_exact(2).enumerate() {
                let [coordinate, product] = [0, 1].map(|watch| long.trace(watch)[3 * walker + draw]);
                assert_eq!(coordinate.to_bits(), x[0].to_bits(), "{}, step {step}", case.name);
                let rounded = if case.is_single() { f64::from((x[0] * x[1]) as f32) } else { x[0] * x[1] };
                assert_eq!(product.to_bits(), rounded.to_bits(), "{}, step {step}", case.name);
            }
        }
    }
}
