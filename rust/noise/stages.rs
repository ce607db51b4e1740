//! Normals of several draws at once, stage by stage: for registers so few that the constants of a draw do not stay in them.
//!
//! Each stage is a loop of its own, short enough to keep its constants, in which no draw waits for another; what it leaves to the next is
//! in the nearest cache. The operations are those of [`super::Halfway`], and so are the bits.

use super::{Address, BoxMuller, Noise, Stream, normal};
use crate::real::Real;
use crate::simd::{Counters, Pack, Routine, Simd};

/// So many draws are made at once, at most.
pub const TOGETHER: usize = 16;

/// Draws on their way from random words to normals.
#[derive(Clone, Debug)]
pub struct Stages<P> {
    /// First words, which become normals.
    first: Vec<P>,
    /// Second words, which become the other normals.
    second: Vec<P>,
    /// What a stage leaves to the next beside that.
    aside: Vec<P>,
    sines: Vec<P>,
}

impl<P> Default for Stages<P> {
    fn default() -> Self {
        Self { first: Vec::new(), second: Vec::new(), aside: Vec::new(), sines: Vec::new() }
    }
}

impl<P: Pack<Scalar: BoxMuller>> Stages<P> {
    /// Makes the draws of these walkers at one step after another, from both parts of what is encrypted: at most `TOGETHER`. Returns
    /// first and second normals, walkers first.
    #[inline(always)]
    pub fn make<S: Simd>(&mut self, noise: &Noise, walkers: &[Counters], steps: &[u128]) -> (&[P], &[P]) {
        S::call(Make { stages: self, noise, walkers, steps });
        let count = walkers.len() * steps.len();
        (&self.first[..count], &self.second[..count])
    }

    /// Both normals of a draw.
    #[inline(always)]
    #[must_use]
    pub fn normals(&self, draw: usize) -> (P, P) {
        (self.first[draw], self.second[draw])
    }

    /// As [`Noise::log_uniform`], for several packs: at most `TOGETHER`.
    #[inline(always)]
    pub fn log_uniforms<S: Simd>(&mut self, noise: &Noise, walkers: &[Counters], stream: Stream, step: u64) -> &[P] {
        S::call(MakeLogs { stages: self, noise, walkers, address: Address { stream, step, pair: 0 } });
        &self.first[..walkers.len()]
    }

    /// The logarithm of a uniform number that was made so.
    #[inline(always)]
    #[must_use]
    pub fn log_uniform(&self, draw: usize) -> P {
        self.first[draw]
    }

    /// Encrypts.
    #[inline(always)]
    fn draw<const R: usize>(&mut self, walkers: &[Counters], steps: &[u128], keys: &[u128; R]) {
        for room in [&mut self.first, &mut self.second, &mut self.aside, &mut self.sines] {
            room.resize(TOGETHER, P::constant(0.0));
        }
        P::encrypt_all(walkers, steps, keys, (&mut self.first, &mut self.second));
    }

    /// `-2 log u` in place of the first words.
    #[inline(always)]
    fn square_radii(&mut self, count: usize) {
        let (first, second) = (P::registers(&mut self.first[..count]), P::registers(&mut self.second[..count]));
        let (aside, cells) = (P::registers(&mut self.aside[..count]), P::registers(&mut self.sines[..count]));
        for ((first, second), cell) in first.iter_mut().zip(second).zip(&mut *cells) {
            let bits = normal::cell::<P::Register>(first.to_bits(), second.to_bits());
            (*first, *cell) = (Real::from_bits(bits.0), Real::from_bits(bits.1));
        }
        for ((first, of_cell), cell) in first.iter_mut().zip(&mut *aside).zip(&*cells) {
            (*first, *of_cell) = normal::reduced(first.to_bits(), &cell.to_bits());
        }
        for (first, &of_cell) in first.iter_mut().zip(&*aside) {
            *first = normal::logarithm(*first, of_cell);
        }
    }

    /// Normals in place of that and of the second words.
    #[inline(always)]
    fn turn(&mut self, count: usize) {
        let (first, second) = (P::registers(&mut self.first[..count]), P::registers(&mut self.second[..count]));
        let (squares, sines) = (P::registers(&mut self.aside[..count]), P::registers(&mut self.sines[..count]));
        for ((word, square), sine) in second.iter().zip(&mut *squares).zip(&mut *sines) {
            (*square, *sine) = normal::sine(word.to_bits());
        }
        for (((first, second), &square), &sine) in first.iter_mut().zip(second).zip(&*squares).zip(&*sines) {
            let radius = first.sqrt();
            let (cosine, sine) = normal::turned(second.to_bits(), square, sine);
            (*first, *second) = (radius * cosine, radius * sine);
        }
    }
}

/// From counters to normals.
struct Make<'a, P> {
    stages: &'a mut Stages<P>,
    noise: &'a Noise,
    walkers: &'a [Counters],
    steps: &'a [u128],
}

impl<S: Simd, P: Pack<Scalar: BoxMuller>> Routine<S> for Make<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { stages, noise, walkers, steps } = self;
        let count = walkers.len() * steps.len();
        stages.draw(walkers, steps, noise.unshared());
        stages.square_radii(count);
        stages.turn(count);
    }
}

/// From counters to logarithms of uniform numbers.
struct MakeLogs<'a, P> {
    stages: &'a mut Stages<P>,
    noise: &'a Noise,
    walkers: &'a [Counters],
    address: Address,
}

impl<S: Simd, P: Pack<Scalar: BoxMuller>> Routine<S> for MakeLogs<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { stages, noise, walkers, address } = self;
        stages.draw(walkers, &[noise.whitened::<P>(address)], &noise.keys);
        stages.square_radii(walkers.len());
        for first in &mut stages.first[..walkers.len()] {
            *first = normal::half_negated(*first);
        }
    }
}
