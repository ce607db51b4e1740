//! One step's normals for a block of walkers, unit by unit. Two units ahead their random words are encrypted, one unit ahead they are
//! halfway to normals; or, where registers are few, several draws are made at once.

use std::marker::PhantomData;

use super::{Address, BoxMuller, Halfway, Noise, Precision, Stages, Stream, TOGETHER, Window};
use crate::real::Real;
use crate::simd::{Counters, Element, Pack, Routine, Simd};

/// Where a step's normals come from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The random function.
    pub noise: &'a Noise,
    /// What the normals are for.
    pub stream: Stream,
    /// The step.
    pub step: u64,
    /// The step's normals are the normalised sums over this many finer steps.
    pub substeps: u64,
}

/// Yields one step's normals, a unit of walkers at a time.
///
/// A normal is one long chain of dependent operations: encryption, logarithm, root. The processor looks only so far ahead;
/// with the words after the next on their way, and the next already in the middle, it finds pieces of three chains side by side.
pub struct Draws<'a, S: Simd, T: Element + BoxMuller, Q: Precision<T>> {
    source: Source<'a>,
    walkers: &'a [Counters],
    dim: usize,
    /// The next unit.
    unit: usize,
    /// Both parts of what is encrypted: the walkers' by unit and pair of coordinates, and the step's.
    begun: &'a [Counters],
    part: &'a u128,
    /// The draw whose words were encrypted last.
    at: usize,
    words: Words<Q::Drawn<S>>,
    /// The draw before that.
    half: Halfway<Q::Drawn<S>>,
    /// Room for draws that are made together, which takes the place of both.
    stages: &'a mut Stages<Q::Drawn<S>>,
}

/// First and second words.
type Words<P> = (<P as Real>::Bits, <P as Real>::Bits);

impl<'a, S: Simd, T: Element + BoxMuller, Q: Precision<T>> Draws<'a, S, T, Q> {
    /// Normals of `dim` coordinates for the walkers of a window, at least one unit.
    #[inline(always)]
    #[must_use]
    pub fn new(source: Source<'a>, window: &'a mut Window<Q::Drawn<S>>, dim: usize) -> Self {
        let Source { noise, stream, step, .. } = source;
        let (walkers, begun, part, stages) = window.open_at::<S>(noise, stream, step);
        let nothing = Q::Drawn::<S>::constant(0.0).to_bits();
        let (mut at, mut words, mut half) = (0, (nothing, nothing), Halfway::default());
        if !Q::Drawn::<S>::BY_STAGES {
            let first = noise.finish::<Q::Drawn<S>>(&begun[0], part);
            half = Halfway::new(first.0, first.1);
            at = usize::from(begun.len() > 1);
            words = noise.finish::<Q::Drawn<S>>(&begun[at], part);
        }
        Self { source, walkers, dim, unit: 0, begun, part, at, words, half, stages }
    }

    /// Writes the next unit's normals: packs of `dim` coordinates one after another. There must be no finer steps.
    #[inline(always)]
    pub fn next(&mut self, out: &mut [T::Pack<S>]) {
        S::embed(Next { draws: self, out });
    }

    /// The same where there may be finer steps.
    #[inline(always)]
    pub fn next_or_sum(&mut self, out: &mut [T::Pack<S>]) {
        if self.source.substeps == 1 { self.next(out) } else { self.sum(out) }
    }

    /// The same by a function of its own, for steps beside which a call is nothing.
    #[inline(always)]
    pub fn next_apart(&mut self, out: &mut [T::Pack<S>]) {
        if self.source.substeps == 1 { S::call(Next { draws: self, out }) } else { self.sum(out) }
    }

    /// The next draw, while those after it are on their way.
    #[inline(always)]
    fn of_one(&mut self) -> (Q::Drawn<S>, Q::Drawn<S>) {
        // After the last draw comes the first again: nobody will ask for it.
        self.at = if self.at + 1 < self.begun.len() { self.at + 1 } else { 0 };
        let ahead = self.source.noise.finish::<Q::Drawn<S>>(&self.begun[self.at], self.part);
        let begun = Halfway::new(self.words.0, self.words.1);
        let normals = self.half.normals();
        (self.half, self.words) = (begun, ahead);
        normals
    }

    /// The next draw, of several that are made when the first of them is asked for.
    #[inline(always)]
    fn of_several(&mut self) -> (Q::Drawn<S>, Q::Drawn<S>) {
        let which = self.at % TOGETHER;
        if which == 0 {
            let several = &self.begun[self.at..self.begun.len().min(self.at + TOGETHER)];
            self.stages.make::<S>(self.source.noise, several, std::slice::from_ref(self.part));
        }
        self.at += 1;
        self.stages.normals(which)
    }

    /// The next unit's normalised sums over finer steps.
    #[inline(always)]
    fn sum(&mut self, out: &mut [T::Pack<S>]) {
        let (source, walkers) = (self.source, &self.walkers[self.unit]);
        S::call(Sum::<S, T, Q> { source, walkers, dim: self.dim, out, precision: PhantomData });
        self.unit += 1;
    }
}

/// The next unit's normals: most of what a kernel consists of.
struct Next<'a, 'd, S: Simd, T: Element + BoxMuller, Q: Precision<T>> {
    draws: &'a mut Draws<'d, S, T, Q>,
    out: &'a mut [T::Pack<S>],
}

impl<S: Simd, T: Element + BoxMuller, Q: Precision<T>> Routine<S> for Next<'_, '_, S, T, Q> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { draws, out } = self;
        let dim = draws.dim;
        for coordinate in (0..dim).step_by(2) {
            let normals = if Q::Drawn::<S>::BY_STAGES { draws.of_several() } else { draws.of_one() };
            put::<S, T, Q>(normals, coordinate, dim, out, false);
        }
    }
}

/// A unit's normalised sums over finer steps, which may be of many windows.
struct Sum<'a, S: Simd, T: Element, Q> {
    source: Source<'a>,
    walkers: &'a Counters,
    dim: usize,
    out: &'a mut [T::Pack<S>],
    precision: PhantomData<Q>,
}

impl<S: Simd, T: Element + BoxMuller, Q: Precision<T>> Routine<S> for Sum<'_, S, T, Q> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { source, walkers, dim, out, .. } = self;
        let Source { noise, stream, step, substeps } = source;
        for substep in 0..substeps {
            for pair in 0..dim.div_ceil(2) {
                let address = Address { stream, step: step * substeps + substep, pair };
                let normals = noise.pair::<Q::Drawn<S>>(walkers, address);
                put::<S, T, Q>(normals, 2 * pair, dim, out, substep > 0);
            }
        }
        normalise::<S, T>(out, substeps);
    }
}

/// Puts the normals of a coordinate, and of the next if there is one, to their places in `out`, or adds them to what is there.
#[inline(always)]
fn put<S: Simd, T: Element + BoxMuller, Q: Precision<T>>(
    normals: (Q::Drawn<S>, Q::Drawn<S>),
    coordinate: usize,
    dim: usize,
    out: &mut [T::Pack<S>],
    add: bool,
) {
    Q::put::<S>(normals.0, coordinate, dim, out, add);
    if coordinate + 1 < dim {
        Q::put::<S>(normals.1, coordinate + 1, dim, out, add);
    }
}

/// Divides sums of `substeps` normals by their standard deviation.
#[inline(always)]
fn normalise<S: Simd, T: Element>(sums: &mut [T::Pack<S>], substeps: u64) {
    let scale = Real::constant((substeps as f64).sqrt().recip());
    for sum in sums {
        *sum = *sum * scale;
    }
}
