//! What the tests share: test numbers, potentials, and runs of every scheme in a form that can be compared.

use std::ops::Range;

use langevin_ib::dynamics::Ambient;
use langevin_ib::error::Result;
use langevin_ib::math::Op;
use langevin_ib::noise::{BoxMuller, Native, Noise, Precision, Single};
use langevin_ib::observe::{Histogram, Keep, Looks, Moments, Watch};
use langevin_ib::potential::program::{Parts, Program};
use langevin_ib::potential::{Harmonic, Observable, Product, Taped, Told};
use langevin_ib::real::Scalar;
use langevin_ib::run::{self, Acceptance, Before, Plan, Room};
use langevin_ib::scheme::{Any, Metropolis, Scheme};
use langevin_ib::simd::{Element, Level};
use langevin_ib::walk::Step;

use crate::tapes::instruction;

pub const KEY: u128 = 0x0123_4567_89AB_CDEF_0011_2233_4455_6677;

/// `SplitMix64`: test numbers that owe nothing to the generator under test.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [-1, 1).
    pub fn unit(&mut self) -> f64 {
        self.bits().cast_signed() as f64 / 2.0_f64.powi(63)
    }

    pub fn units(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.unit()).collect()
    }
}

/// What one watch kept: counts, sums and pivots, or a trace.
#[derive(Clone, Debug)]
pub enum Kept {
    Counts(Vec<u64>),
    Sums(Vec<f64>),
    Trace(Vec<f64>),
}

/// What a run hands back, as `f64` whatever the type of the state.
#[derive(Clone, Debug)]
pub struct Record {
    pub states: Vec<f64>,
    pub kept: Vec<Kept>,
    pub steps: u64,
    pub acceptance: Vec<Acceptance>,
}

impl Record {
    pub fn counts(&self, watch: usize) -> &[u64] {
        let Kept::Counts(counts) = &self.kept[watch] else { panic!("watch {watch} keeps no counts") };
        counts
    }

    pub fn sums(&self, watch: usize) -> &[f64] {
        let Kept::Sums(sums) = &self.kept[watch] else { panic!("watch {watch} keeps no sums") };
        sums
    }

    pub fn trace(&self, watch: usize) -> &[f64] {
        let Kept::Trace(trace) = &self.kept[watch] else { panic!("watch {watch} keeps no trace") };
        trace
    }
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

/// Fails unless two runs agree in every bit that they hand back.
pub fn assert_same(expected: &Record, found: &Record, what: &str) {
    assert_eq!(bits(&expected.states), bits(&found.states), "{what}: states");
    assert_eq!(expected.steps, found.steps, "{what}: steps");
    assert_eq!(expected.acceptance, found.acceptance, "{what}: acceptance");
    assert_eq!(expected.kept.len(), found.kept.len(), "{what}: watches");
    for (watch, pair) in expected.kept.iter().zip(&found.kept).enumerate() {
        match pair {
            (Kept::Counts(expected), Kept::Counts(found)) => assert_eq!(expected, found, "{what}: counts of {watch}"),
            (Kept::Sums(expected), Kept::Sums(found)) | (Kept::Trace(expected), Kept::Trace(found)) => {
                assert_eq!(bits(expected), bits(found), "{what}: watch {watch}");
            }
            pair => panic!("{what}: watch {watch} keeps {pair:?}"),
        }
    }
}

/// Runs a plan from states given as `f64`, (walkers, dim).
fn record<T: Element + BoxMuller, Q: Precision<T>>(
    plan: &Plan,
    potential: &Told,
    scheme: Any,
    precision: Q,
    start: Start,
) -> Result<Record> {
    let numbers = |numbers: Vec<T>| numbers.into_iter().map(T::to_f64).collect();
    let states: Vec<T> = start.states.iter().map(|&x| T::from_f64(x)).collect();
    let before = Before { states: &states, sums: start.before.sums, acceptance: start.before.acceptance };
    let mut rooms = Rooms::new(plan, scheme, states.len());
    let outcome = run::run(plan, potential, scheme, precision, before, rooms.lend(), start.go_on)?;
    let states = rows(&rooms.states, plan, &outcome.rows);
    let kept = outcome.kept.into_iter().zip(&rooms.sums).map(|(kept, sums)| match kept {
        run::Kept::Counts(counts) => Kept::Counts(counts),
        run::Kept::Sums => Kept::Sums(rows(sums, plan, &outcome.rows)),
        run::Kept::Trace(trace) => Kept::Trace(numbers(trace)),
    });
    let kept = kept.collect();
    Ok(Record { states: numbers(states), kept, steps: outcome.steps, acceptance: rooms.acceptance })
}

/// Room for a run.
pub struct Rooms<T> {
    pub states: Vec<T>,
    pub sums: Vec<Vec<f64>>,
    pub acceptance: Vec<Acceptance>,
}

impl<T: Scalar> Rooms<T> {
    /// For a run of a plan from so many numbers.
    pub fn new(plan: &Plan, scheme: Any, numbers: usize) -> Self {
        let (walkers, aligned) = ((plan.walkers.end - plan.walkers.start) as usize, aligned(plan));
        Self {
            states: vec![T::default(); numbers / walkers * aligned],
            // What is there before does not matter.
            sums: plan.watches.iter().map(|watch| vec![7.0; watch.sums() * aligned]).collect(),
            acceptance: vec![Acceptance::default(); if scheme.is_metropolis() { walkers } else { 0 }],
        }
    }

    pub fn lend(&mut self) -> Room<'_, T> {
        let sums = self.sums.iter_mut().map(|sums| &mut sums[..]).collect();
        Room { states: &mut self.states, sums, acceptance: &mut self.acceptance }
    }
}

fn aligned(plan: &Plan) -> usize {
    let aligned = plan.aligned();
    (aligned.end - aligned.start) as usize
}

/// Some rows of numbers of all walkers that a run moved.
pub fn rows<T: Clone>(numbers: &[T], plan: &Plan, rows: &Range<usize>) -> Vec<T> {
    let width = numbers.len() / aligned(plan);
    numbers[rows.start * width..rows.end * width].to_vec()
}

/// Where a run starts from, and whom it asks whether to go on.
struct Start<'a> {
    states: &'a [f64],
    before: Before<'a, f64>,
    go_on: &'a mut dyn FnMut(u64) -> bool,
}

/// V = (stiffness / 2) |x|².
pub const fn harmonic(dim: usize, stiffness: f64) -> Told {
    Told::Harmonic(Ambient { potential: Harmonic { dim, stiffness }, weight_decay: 0.0 })
}

/// V = x²/2 + 1/x, singular at the origin, where the lanes that fill up a pack are parked; as tapes: the constants 1 and 1/2, the
/// coordinate, and what comes of them.
pub fn barrier() -> Told {
    let gradient =
        [instruction(Op::Mul, 3, &[2, 2]), instruction(Op::Div, 3, &[0, 3]), instruction(Op::Sub, 3, &[2, 3])];
    let value = [
        instruction(Op::Mul, 4, &[1, 2]),
        instruction(Op::Mul, 4, &[4, 2]),
        instruction(Op::Div, 5, &[0, 2]),
        instruction(Op::Add, 4, &[4, 5]),
    ];
    let tape = |code: Vec<_>, registers, outputs| {
        let parts = Parts { code, constants: vec![1.0, 0.5], dim: 1, registers, outputs, data: Vec::new() };
        Program::new(parts).expect("the tape is sound")
    };
    let both = gradient.iter().chain(&value).copied().collect();
    Told::Taped(Taped::new(tape(gradient.to_vec(), 4, vec![3]), tape(both, 6, vec![4, 3])).expect("the tapes fit"))
}

/// The product model that most tests run.
pub const PRODUCT: Ambient<Product> = Ambient { potential: Product { target: 1.0 }, weight_decay: 0.1 };

/// MALA that begins at once.
const MALA: Any = Any::Metropolis(Metropolis { approach: 0 });

/// MALA that approaches for so long.
const LATE: Any = Any::Metropolis(Metropolis { approach: 40 });

/// A scheme in a precision.
pub struct Case {
    pub name: &'static str,
    run: fn(&Plan, &Told, Start) -> Result<Record>,
}

/// All three schemes in all three precisions, and MALA after an approach.
pub const CASES: [Case; 12] = [
    Case { name: "em f64", run: |p, v, s| record::<f64, _>(p, v, Any::EulerMaruyama, Native, s) },
    Case { name: "em f64 single", run: |p, v, s| record::<f64, _>(p, v, Any::EulerMaruyama, Single, s) },
    Case { name: "em f32", run: |p, v, s| record::<f32, _>(p, v, Any::EulerMaruyama, Native, s) },
    Case { name: "lm f64", run: |p, v, s| record::<f64, _>(p, v, Any::LeimkuhlerMatthews, Native, s) },
    Case { name: "lm f64 single", run: |p, v, s| record::<f64, _>(p, v, Any::LeimkuhlerMatthews, Single, s) },
    Case { name: "lm f32", run: |p, v, s| record::<f32, _>(p, v, Any::LeimkuhlerMatthews, Native, s) },
    Case { name: "mala f64", run: |p, v, s| record::<f64, _>(p, v, MALA, Native, s) },
    Case { name: "mala f64 single", run: |p, v, s| record::<f64, _>(p, v, MALA, Single, s) },
    Case { name: "mala f32", run: |p, v, s| record::<f32, _>(p, v, MALA, Native, s) },
    Case { name: "late mala f64", run: |p, v, s| record::<f64, _>(p, v, LATE, Native, s) },
    Case { name: "late mala f64 single", run: |p, v, s| record::<f64, _>(p, v, LATE, Single, s) },
    Case { name: "late mala f32", run: |p, v, s| record::<f32, _>(p, v, LATE, Native, s) },
];

/// The cases of one scheme: `em`, `lm` or `mala`.
pub fn cases_of(scheme: &str) -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(move |case| case.name.starts_with(scheme))
}

impl Case {
    /// Runs the product model without interruption, from nothing kept.
    pub fn run(&self, plan: &Plan, states: &[f64]) -> Result<Record> {
        self.run_in(&Told::Product(PRODUCT), plan, states)
    }

    /// Runs in some potential.
    pub fn run_in(&self, potential: &Told, plan: &Plan, states: &[f64]) -> Result<Record> {
        (self.run)(plan, potential, Start { states, before: Before::default(), go_on: &mut |_| true })
    }

    /// Runs on from what an earlier part kept.
    pub fn resume(&self, plan: &Plan, states: &[f64], before: Before<f64>) -> Result<Record> {
        (self.run)(plan, &Told::Product(PRODUCT), Start { states, before, go_on: &mut |_| true })
    }

    /// Runs as long as `go_on` agrees.
    pub fn run_while(&self, plan: &Plan, states: &[f64], go_on: &mut dyn FnMut(u64) -> bool) -> Result<Record> {
        (self.run)(plan, &Told::Product(PRODUCT), Start { states, before: Before::default(), go_on })
    }

    pub fn is_single(&self) -> bool {
        self.name.ends_with("f32")
    }
}

/// A plan on the best level, one thread, with nothing watched.
pub fn plan(walkers: Range<u64>, steps: Range<u64>, h: f64, temperature: f64) -> Plan {
    Plan {
        step: Step { h, temperature },
        noise: Noise::new(KEY),
        metric: None,
        substeps: 1,
        walkers,
        steps,
        burn_in: 0,
        watches: Vec::new(),
        groups: 1,
        bound: 1e18,
        threads: 1,
        // The tests' short runs must use the threads that they ask for.
        alone_below: 0,
        level: Level::detect(),
        block: 512,
    }
}

pub fn histogram(observable: Observable, every: u64, bins: u32, lo: f64, hi: f64) -> Watch {
    Watch { observable, looks: Looks::Every(every), keep: Keep::Histogram(Histogram { bins, lo, hi }, None) }
}

pub fn moments(observable: Observable, every: u64, order: usize) -> Watch {
    Watch { observable, looks: Looks::Every(every), keep: Keep::Moments(Moments { order }) }
}

pub fn trace(observable: Observable, every: u64) -> Watch {
    Watch { observable, looks: Looks::Every(every), keep: Keep::Trace }
}
