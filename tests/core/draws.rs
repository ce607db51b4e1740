//! Draws taken straight from `Noise`, without the sampler: what formulas written out by hand are fed with.

use std::marker::PhantomData;

use langevin_ib::noise::{self, Address, BoxMuller, Noise, Stream};
use langevin_ib::real::Scalar;
use langevin_ib::simd::{Element, Job, Level, Pack, Simd};

use crate::support::KEY;

/// Normals of coordinates 0 and 1 for one walker, drawn with the precision of `T` under the tests' key.
pub fn normals<T: Element + BoxMuller>(stream: Stream, walker: u64, step: u64) -> [f64; 2] {
    Level::detect().run(Normals::<T> { address: Address { stream, step, pair: 0 }, walker, state: PhantomData })
}

/// log u of the walker's decision at one step.
pub fn log_uniform<T: Element + BoxMuller>(walker: u64, step: u64) -> f64 {
    Level::detect().run(LogUniform::<T> { walker, step, state: PhantomData })
}

struct Normals<T> {
    address: Address,
    walker: u64,
    state: PhantomData<T>,
}

impl<T: Element + BoxMuller> Job for Normals<T> {
    type Output = [f64; 2];
    #[inline(always)]
    fn run<S: Simd>(self) -> [f64; 2] {
        let (counters, lane) = pack_of::<T, S>(self.walker);
        let (even, odd) = Noise::new(KEY).pair::<T::Pack<S>>(&counters, self.address);
        [lane_of::<T, S>(even, lane), lane_of::<T, S>(odd, lane)]
    }
}

struct LogUniform<T> {
    walker: u64,
    step: u64,
    state: PhantomData<T>,
}

impl<T: Element + BoxMuller> Job for LogUniform<T> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let (counters, lane) = pack_of::<T, S>(self.walker);
        lane_of::<T, S>(Noise::new(KEY).log_uniform(&counters, Stream::Accept, self.step), lane)
    }
}

fn pack_of<T: Element, S: Simd>(walker: u64) -> (langevin_ib::simd::Counters, usize) {
    let lanes = T::Pack::<S>::LANES as u64;
    (noise::counters::<T::Pack<S>>(walker / lanes * lanes), (walker % lanes) as usize)
}

fn lane_of<T: Element, S: Simd>(pack: T::Pack<S>, lane: usize) -> f64 {
    let mut lanes = [T::default(); 16];
    pack.store(&mut lanes);
    Scalar::to_f64(lanes[lane])
}
