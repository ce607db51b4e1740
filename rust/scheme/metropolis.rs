//! MALA: an Euler–Maruyama step as a proposal, accepted or refused so that exp(-V/T) dx is exactly stationary
//! (Roberts and Tweedie, Bernoulli 2 (1996) 341).

use super::Scheme;
use crate::noise::{BoxMuller, Precision, Stream};
use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Element, Simd};
use crate::walk::{Step, Walk};

/// The Metropolis-adjusted Langevin algorithm.
#[derive(Clone, Copy, Debug)]
pub struct Metropolis;

impl Scheme for Metropolis {
    #[inline(always)]
    fn begin<S, T, V, Q>(self, walk: &mut Walk<'_, S, T, V, Q>, _step: u64, _size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        walk.differentiate();
        walk.kept.clone_from(&walk.gradient);
        walk.energy = walk.x.chunks_exact(walk.potential.dim()).map(|x| walk.potential.value(x)).collect();
    }

    #[inline(always)]
    fn advance<S, T, V, Q>(self, walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        walk.draw(Stream::Increment, step);
        let (h, drift, diffusion) = (Real::constant(size.h), Real::constant(-size.h), Real::constant(size.diffusion()));
        let beta = Real::constant(1.0 / size.temperature);
        let quarter = Real::constant(0.25 / (size.temperature * size.h));
        let zero = T::Pack::<S>::constant(0.0);
        let one = T::Pack::<S>::constant(1.0);
        for (i, counters) in walk.packs.iter().enumerate() {
            let pack = i * walk.potential.dim()..(i + 1) * walk.potential.dim();
            let (x, slope) = (&mut walk.x[pack.clone()], &mut walk.kept[pack.clone()]);
            let (y, slope_at_y) = (&mut walk.proposal[..], &mut walk.gradient[pack.clone()]);
            let normals = &walk.normals[pack];

            for j in 0..y.len() {
                y[j] = normals[j].mul_add(diffusion, slope[j].mul_add(drift, x[j]));
            }
            let energy = walk.potential.value(y);
            walk.potential.gradient(y, slope_at_y);

            // log of exp(-V(y)/T) q(y, x) / (exp(-V(x)/T) q(x, y)), with q(x, y) ∝ exp(-|y - x + h grad V(x)|² / (4 T h));
            // for the step just proposed that exponent is |normals|² / 2.
            let (mut forward, mut backward) = (zero, zero);
            for j in 0..y.len() {
                let back = slope_at_y[j].mul_add(h, x[j] - y[j]);
                backward = back.mul_add(back, backward);
                forward = normals[j].mul_add(normals[j], forward);
            }
            let log_ratio =
                (walk.energy[i] - energy).mul_add(beta, forward.mul_add(Real::constant(0.5), -(backward * quarter)));

            // A proposal whose ratio is NaN is refused.
            let accept = walk.noise.log_uniform::<T::Pack<S>>(counters, Stream::Accept, step).less(log_ratio);
            walk.energy[i] = Real::select(accept, energy, walk.energy[i]);
            for j in 0..y.len() {
                x[j] = Real::select(accept, y[j], x[j]);
                slope[j] = Real::select(accept, slope_at_y[j], slope[j]);
            }
            walk.accepted[i] = walk.accepted[i] + Real::select(accept, one, zero);
        }
    }
}
