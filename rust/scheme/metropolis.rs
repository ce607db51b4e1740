//! MALA: an Euler–Maruyama step as a proposal, accepted or refused so that exp(-V/T) dx is exactly stationary
//! (Roberts and Tweedie, Bernoulli 2 (1996) 341).

use super::Scheme;
use crate::metric::whiten;
use crate::noise::{BoxMuller, Draws, Precision, Stream};
use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Element, Simd};
use crate::walk::{Step, Walk};

/// The Metropolis-adjusted Langevin algorithm.
#[derive(Clone, Copy, Debug)]
pub struct Metropolis;

impl Scheme for Metropolis {
    type Room<S: Simd, T: Element> = ();

    fn room<S: Simd, T: Element>(self) {}

    #[inline(always)]
    fn begin<S, T, V, Q>(self, (): &mut (), walk: &mut Walk<'_, S, T, V, Q>, _step: u64)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        walk.kept.clone_from(&walk.x);
        walk.energy.clone_from(&walk.accepted);
        walk.potential.values_and_gradients::<S, T>(&mut walk.worker, &walk.x, &mut walk.energy, &mut walk.kept);
        whiten(walk.metric, &mut walk.kept);
        walk.proposed_energy.clone_from(&walk.energy);
    }

    #[inline(always)]
    fn advance<S, T, V, Q>(self, (): &mut (), walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        let dim = walk.potential.dim();
        let (strip, unit) = (walk.strip(dim), Walk::<S, T, V, Q>::unit(dim));
        let mut draws = Draws::<S, T, Q>::new(walk.increments(step), &walk.increments, dim);
        let (normals, proposals) = (&mut walk.normals[..strip], &mut walk.proposal[..strip]);
        let (slopes, energies) = (&mut walk.slopes[..strip], &mut walk.proposed_energy[..strip / dim]);
        for start in (0..walk.x.len()).step_by(strip) {
            for normals in normals.chunks_exact_mut(unit) {
                draws.next(normals);
                walk.tally.count(Walk::<S, T, V, Q>::BATCHES);
            }
            proposals.copy_from_slice(&walk.x[start..start + strip]);
            size.displace(1.0, walk.metric, &walk.kept[start..start + strip], normals, slopes, proposals);
            walk.potential.values_and_gradients::<S, T>(&mut walk.worker, proposals, energies, slopes);
            whiten(walk.metric, slopes);
            for (i, &energy) in energies.iter().enumerate() {
                let (there, pack) = (i * dim..(i + 1) * dim, start / dim + i);
                let (x, slope) =
                    (&mut walk.x[pack * dim..(pack + 1) * dim], &mut walk.kept[pack * dim..(pack + 1) * dim]);
                let (y, slope_at_y) = (&proposals[there.clone()], &slopes[there.clone()]);

                let log_ratio = size.log_ratio(slope, slope_at_y, &normals[there], walk.energy[pack] - energy);
                // A proposal whose ratio is NaN is refused.
                let accept =
                    walk.noise.log_uniform::<T::Pack<S>>(&walk.packs[pack], Stream::Accept, step).less(log_ratio);
                walk.energy[pack] = Real::select(accept, energy, walk.energy[pack]);
                for j in 0..dim {
                    x[j] = Real::select(accept, y[j], x[j]);
                    slope[j] = Real::select(accept, slope_at_y[j], slope[j]);
                }
                let (one, zero) = (Real::constant(1.0), Real::constant(0.0));
                walk.accepted[pack] = walk.accepted[pack] + Real::select(accept, one, zero);
            }
        }
    }
}

impl Step {
    /// log of exp(-V(y)/T) q(y, x) / (exp(-V(x)/T) q(x, y)), with q(x, y) ∝ exp(-|y - x + h slope(x)|² / (4 T h)) in the
    /// coordinates in which the metric is Euclidean. For the step just proposed, y - x = -h slope(x) + sqrt(2 T h) normals.
    /// `descent` is V(x) - V(y).
    #[inline(always)]
    fn log_ratio<R: Real>(self, slope: &[R], slope_at_y: &[R], normals: &[R], descent: R) -> R {
        let (h, diffusion) = (R::constant(self.h), R::constant(self.diffusion()));
        let (mut forward, mut backward) = (R::constant(0.0), R::constant(0.0));
        for j in 0..normals.len() {
            let back = (slope[j] + slope_at_y[j]).mul_add(h, -(normals[j] * diffusion));
            backward = back.mul_add(back, backward);
            forward = normals[j].mul_add(normals[j], forward);
        }
        let quarter = R::constant(0.25 / (self.temperature * self.h));
        let kinetic = forward.mul_add(R::constant(0.5), -(backward * quarter));
        descent.mul_add(R::constant(1.0 / self.temperature), kinetic)
    }
}
