//! One step's normals for a block of walkers, unit by unit. The random words of each unit are encrypted one unit ahead.

use super::{Address, BoxMuller, Noise, Precision, Stream, normal};
use crate::real::Real;
use crate::simd::{Counters, Element, Pack, Pair, Routine, Simd};

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
/// with the words of the next unit already on their way, it finds the middle of one chain beside the start of another.
pub struct Draws<'a, S: Simd, T: Element + BoxMuller, Q: Precision<T>> {
    source: Source<'a>,
    walkers: &'a [Counters],
    dim: usize,
    unit: usize,
    substep: u64,
    pair: usize,
    /// Words for the unit, finer step and pair of coordinates above.
    words: Words<Q::Drawn<S>>,
}

impl<'a, S: Simd, T: Element + BoxMuller, Q: Precision<T>> Draws<'a, S, T, Q> {
    /// Normals of `dim` coordinates for these walkers, at least one unit.
    #[inline(always)]
    #[must_use]
    pub fn new(source: Source<'a>, walkers: &'a [Counters], dim: usize) -> Self {
        let address = Address { stream: source.stream, step: source.step * source.substeps, pair: 0 };
        let words = two_words::<Q::Drawn<S>>(source.noise, &walkers[..2], address);
        Self { source, walkers, dim, unit: 0, substep: 0, pair: 0, words }
    }

    /// Writes the next unit's normals: packs of `dim` coordinates one after another.
    #[inline(always)]
    pub fn next(&mut self, out: &mut [T::Pack<S>]) {
        S::embed(Next { draws: self, out });
    }

    /// The same by a function of its own, for steps beside which a call is nothing.
    #[inline(always)]
    pub fn next_apart(&mut self, out: &mut [T::Pack<S>]) {
        S::call(Next { draws: self, out });
    }

    /// One finer step's normals of a unit, put into `out` or added to it.
    #[inline(always)]
    fn draw(&mut self, out: &mut [T::Pack<S>], add: bool) {
        for pair in 0..self.dim.div_ceil(2) {
            let words = self.words;
            self.turn();
            let (first, second) = normal::pair::<Pair<Q::Drawn<S>>>(words.0, words.1);
            let (left, right) = out.split_at_mut(Q::SERVES * self.dim);
            Q::put::<S>(first.0, 2 * pair, self.dim, left, add);
            Q::put::<S>(first.1, 2 * pair, self.dim, right, add);
            if 2 * pair + 1 < self.dim {
                Q::put::<S>(second.0, 2 * pair + 1, self.dim, left, add);
                Q::put::<S>(second.1, 2 * pair + 1, self.dim, right, add);
            }
        }
    }

    /// Encrypts the address after this one. After the last comes the first unit's again: nobody will ask for it.
    #[inline(always)]
    fn turn(&mut self) {
        self.pair += 1;
        if self.pair == self.dim.div_ceil(2) {
            self.pair = 0;
            self.substep += 1;
            if self.substep == self.source.substeps {
                self.substep = 0;
                self.unit = if 2 * self.unit + 2 < self.walkers.len() { self.unit + 1 } else { 0 };
            }
        }
        let Source { noise, stream, step, substeps } = self.source;
        let address = Address { stream, step: step * substeps + self.substep, pair: self.pair };
        self.words = two_words::<Q::Drawn<S>>(noise, &self.walkers[2 * self.unit..2 * self.unit + 2], address);
    }
}

/// First and second words of two packs of `P`.
type Words<P> = (Pair<<P as Real>::Bits>, Pair<<P as Real>::Bits>);

#[inline(always)]
fn two_words<P: Pack>(noise: &Noise, walkers: &[Counters], address: Address) -> Words<P> {
    let (first, second) = (noise.words::<P>(&walkers[0], address), noise.words::<P>(&walkers[1], address));
    (Pair(first.0, second.0), Pair(first.1, second.1))
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
        draws.draw(out, false);
        if draws.source.substeps > 1 {
            for _ in 1..draws.source.substeps {
                draws.draw(out, true);
            }
            normalise::<S, T>(out, draws.source.substeps);
        }
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
