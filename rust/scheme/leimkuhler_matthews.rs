//! Leimkuhler–Matthews: x' = x - h grad V(x) + sqrt(T h / 2) (R_n + R_{n+1}). Stationary law wrong by O(h²) only, at the
//! same cost: one vector of normals is kept (Appl. Math. Res. Express 2013, 34–56).

use super::Scheme;
use crate::noise::{BoxMuller, Precision, Stream};
use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Element, Simd};
use crate::walk::{Step, Walk};

/// The Leimkuhler–Matthews scheme, the limit of BAOAB at infinite friction.
#[derive(Clone, Copy, Debug)]
pub struct LeimkuhlerMatthews;

impl Scheme for LeimkuhlerMatthews {
    #[inline(always)]
    fn begin<S, T, V, Q>(self, walk: &mut Walk<'_, S, T, V, Q>, step: u64, _size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        walk.draw(Stream::Increment, step);
        walk.kept.clone_from(&walk.normals);
    }

    #[inline(always)]
    fn advance<S, T, V, Q>(self, walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        walk.differentiate();
        walk.draw(Stream::Increment, step + 1);
        let (drift, diffusion) = (Real::constant(-size.h), Real::constant(size.diffusion() / 2.0));
        let noise = walk.normals.iter().zip(&mut walk.kept);
        for ((x, &gradient), (&new, old)) in walk.x.iter_mut().zip(&walk.gradient).zip(noise) {
            *x = (*old + new).mul_add(diffusion, gradient.mul_add(drift, *x));
            *old = new;
        }
    }
}
