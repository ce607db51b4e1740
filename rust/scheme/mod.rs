//! Schemes: how a block of walkers makes one step of d x = -grad V dt + sqrt(2 T) dW. One scheme a file.

mod any;
mod approach;
mod euler_maruyama;
mod leap;
mod leimkuhler_matthews;
mod metropolis;
mod rigid;

pub use any::Any;
pub use euler_maruyama::EulerMaruyama;
pub use leimkuhler_matthews::LeimkuhlerMatthews;
pub use metropolis::Metropolis;
pub use rigid::Rigid;

use std::ops::Range;

use crate::noise::{BoxMuller, Precision};
use crate::observe::Histogram;
use crate::potential::Potential;
use crate::simd::{Element, Simd};
use crate::walk::{Step, Walk};

/// A rule for one step. It may keep nothing that is not a function of the state and the noise: that is what makes
/// results independent of where a run is cut.
pub trait Scheme: Copy + Send + Sync {
    /// What a worker needs beside the walk.
    type Room<S: Simd, T: Element>;
    /// Prepares a worker.
    fn room<S: Simd, T: Element>(self) -> Self::Room<S, T>;
    /// Whether it proposes, and counts what is accepted.
    #[inline(always)]
    fn is_metropolis(self) -> bool {
        false
    }
    /// Prepares a block whose walkers are at x before `step`.
    #[inline(always)]
    fn begin<S, T, V, Q>(self, room: &mut Self::Room<S, T>, walk: &mut Walk<'_, S, T, V, Q>, step: u64)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        let _ = (room, walk, step);
    }

    /// Moves every walker of the block through several steps, if there is a way that is better than one step after another; says
    /// whether it has. Nobody looks on but, at every step, a histogram of the potential's observable of this number, the run's
    /// first and only watch.
    #[inline(always)]
    fn leap<S, T, V, Q>(
        self,
        walk: &mut Walk<'_, S, T, V, Q>,
        steps: Range<u64>,
        size: Step,
        glance: Option<(Histogram, usize)>,
    ) -> bool
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        let _ = (walk, steps, size, glance);
        false
    }

    /// Moves every walker of the block from x before `step` to x after it.
    fn advance<S, T, V, Q>(self, room: &mut Self::Room<S, T>, walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>;
}
