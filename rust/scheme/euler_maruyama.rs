//! Euler–Maruyama: x' = x - h grad V(x) + sqrt(2 T h) R. The stationary law is wrong by O(h).

use super::Scheme;
use crate::noise::{BoxMuller, Precision, Stream};
use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Element, Simd};
use crate::walk::{Step, Walk};

/// The Euler–Maruyama scheme.
#[derive(Clone, Copy, Debug)]
pub struct EulerMaruyama;

impl Scheme for EulerMaruyama {
    #[inline(always)]
    fn advance<S, T, V, Q>(self, walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        walk.differentiate();
        walk.draw(Stream::Increment, step);
        let (drift, diffusion) = (Real::constant(-size.h), Real::constant(size.diffusion()));
        for ((x, &gradient), &normal) in walk.x.iter_mut().zip(&walk.gradient).zip(&walk.normals) {
            *x = normal.mul_add(diffusion, gradient.mul_add(drift, *x));
        }
    }
}
