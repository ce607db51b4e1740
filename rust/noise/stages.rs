//! Normals of several draws at once, stage by stage: for registers so few that the constants of a draw do not stay in them.
//!
//! Each stage is a loop of its own, short enough to keep its constants, in which no draw waits for another; what it leaves to the next is
//! in the nearest cache. The operations are those of [`super::Halfway`], and so are the bits.

use super::{BoxMuller, Noise, normal};
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
        let Self { stages: Stages { first, second, aside, sines }, noise, walkers, steps } = self;
        for room in [&mut *first, &mut *second, &mut *aside, &mut *sines] {
            room.resize(TOGETHER, P::constant(0.0));
        }
        let count = walkers.len() * steps.len();
        let (first, second) = (&mut first[..count], &mut second[..count]);
        P::encrypt_all(walkers, steps, noise.unshared(), (first, second));

        let (first, second) = (P::registers(first), P::registers(second));
        let (aside, sines) = (P::registers(&mut aside[..count]), P::registers(&mut sines[..count]));
        for ((first, second), cell) in first.iter_mut().zip(&*second).zip(&mut *sines) {
            let bits = normal::cell::<P::Register>(first.to_bits(), second.to_bits());
            (*first, *cell) = (Real::from_bits(bits.0), Real::from_bits(bits.1));
        }
        for ((first, of_cell), cell) in first.iter_mut().zip(&mut *aside).zip(&*sines) {
            (*first, *of_cell) = normal::reduced(first.to_bits(), &cell.to_bits());
        }
        for (first, &of_cell) in first.iter_mut().zip(&*aside) {
            *first = normal::logarithm(*first, of_cell);
        }
        for ((word, square), sine) in second.iter().zip(&mut *aside).zip(&mut *sines) {
            (*square, *sine) = normal::sine(word.to_bits());
        }
        for (((first, second), &square), &sine) in first.iter_mut().zip(second).zip(&*aside).zip(&*sines) {
            let radius = first.sqrt();
            let (cosine, sine) = normal::turned(second.to_bits(), square, sine);
            (*first, *second) = (radius * cosine, radius * sine);
        }
    }
}
