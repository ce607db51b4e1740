//! What steps of a window share is done once, and draws are those of all rounds, one after another.

use std::marker::PhantomData;

use langevin_ib::noise::{
    self, Address, BoxMuller, Draws, GROUP, Native, Noise, Precision, Single, Source, Stream, WINDOW, Window,
};
use langevin_ib::real::{Real, Scalar};
use langevin_ib::simd::{Element, Job, Level, Pack, Simd};

use crate::support::KEY;

/// Walkers of a block.
const WALKERS: usize = 64;

/// All normals of a block at some steps, one step after another, by `Draws` or straight from the five rounds.
struct Normals<'a, T, Q> {
    first: u64,
    steps: &'a [u64],
    stream: Stream,
    dim: usize,
    substeps: u64,
    by_draws: bool,
    types: PhantomData<(T, Q)>,
}

impl<T: Element + BoxMuller, Q: Precision<T>> Job for Normals<'_, T, Q> {
    type Output = Vec<f64>;
    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<f64> {
        let Self { first, steps, stream, dim, substeps, by_draws, .. } = self;
        let noise = Noise::new(KEY);
        let zero = T::Pack::<S>::constant(0.0);
        let unit = Q::PACKS * dim;
        let mut normals = Vec::new();
        let mut window = Window::default();
        window.reset(Q::counters::<S>(first, WALKERS), dim.div_ceil(2));
        for &step in steps {
            let mut packs = vec![zero; WALKERS / T::Pack::<S>::LANES * dim];
            if by_draws {
                let source = Source { noise: &noise, stream, step, substeps };
                let mut draws = Draws::<S, T, Q>::new(source, &mut window, dim);
                for (i, unit) in packs.chunks_exact_mut(unit).enumerate() {
                    if i % 2 == 0 { draws.next_or_sum(unit) } else { draws.next_apart(unit) }
                }
            } else {
                for (unit, walkers) in packs.chunks_exact_mut(unit).zip(Q::counters::<S>(first, WALKERS)) {
                    for pair in 0..dim.div_ceil(2) {
                        for substep in 0..substeps {
                            let address = Address { stream, step: step * substeps + substep, pair };
                            let (one, two) = noise.pair::<Q::Drawn<S>>(&walkers, address);
                            Q::put::<S>(one, 2 * pair, dim, unit, substep > 0);
                            if 2 * pair + 1 < dim {
                                Q::put::<S>(two, 2 * pair + 1, dim, unit, substep > 0);
                            }
                        }
                    }
                    if substeps > 1 {
                        let scale = Real::constant((substeps as f64).sqrt().recip());
                        for x in unit {
                            *x = *x * scale;
                        }
                    }
                }
            }
            let mut lanes = [T::default(); 16];
            for pack in packs {
                pack.store(&mut lanes);
                normals.extend(lanes[..T::Pack::<S>::LANES].iter().map(|&x| Scalar::to_f64(x)));
            }
        }
        normals
    }
}

fn compare<T: Element + BoxMuller, Q: Precision<T>>(
    stream: Stream,
    first: u64,
    steps: &[u64],
    dim: usize,
    substeps: u64,
) {
    for level in Level::available() {
        let [found, expected] = [true, false].map(|by_draws| {
            let types = PhantomData::<(T, Q)>;
            level.run(Normals { first, steps, stream, dim, substeps, by_draws, types })
        });
        assert!(found == expected, "{}: walkers from {first}, steps {steps:?}, {dim} coordinates", level.name());
        assert!(found.iter().any(|x| x.to_bits() != found[0].to_bits()), "the draws are all alike");
    }
}

fn compare_all(stream: Stream, first: u64, steps: &[u64], dim: usize, substeps: u64) {
    compare::<f64, Native>(stream, first, steps, dim, substeps);
    compare::<f64, Single>(stream, first, steps, dim, substeps);
    compare::<f32, Native>(stream, first, steps, dim, substeps);
}

/// Steps of one window and of others, forwards and back, with every byte of the number in use.
const STEPS: [u64; 14] = [
    0,
    1,
    7,
    8,
    WINDOW - 1,
    WINDOW,
    3,
    WINDOW + 255,
    2 * WINDOW,
    (1 << 32) - 1,
    1 << 32,
    0x0012_3456_789A_BCDE,
    0x0012_3456_789A_BC00,
    (1 << 62) + 77,
];

#[test]
fn draws_are_those_of_all_rounds_at_every_step() {
    compare_all(Stream::Increment, 0, &STEPS, 2, 1);
    compare_all(Stream::Accept, 0, &STEPS, 2, 1);
}

#[test]
fn draws_are_those_of_all_rounds_for_every_walker() {
    let group = GROUP as u64;
    for first in [
        0,
        group - 64,
        group,
        2 * group - 64,
        255 * group,
        256 * group + 64,
        (1 << 39) + 3 * group,
        noise::MAX_WALKERS - 64,
    ] {
        compare_all(Stream::Increment, first, &[5, 6, 700], 2, 1);
    }
}

#[test]
fn draws_are_those_of_all_rounds_for_every_coordinate() {
    for dim in [1, 3, 4, 5, 1025] {
        compare_all(Stream::Increment, 128, &[3, WINDOW + 3], dim, 1);
    }
}

#[test]
fn sums_over_finer_steps_are_those_of_all_rounds() {
    for substeps in [2, 3, 300] {
        compare_all(Stream::Increment, 64, &[0, 1, 99], 3, substeps);
    }
}
