//! MALA: an Euler–Maruyama step as a proposal, accepted or refused so that exp(-V/T) dx is exactly stationary
//! (Roberts and Tweedie, Bernoulli 2 (1996) 341).

use std::ops::Range;

use super::Scheme;
use super::approach::ATTEMPTS;
use crate::metric::whiten;
use crate::noise::{BoxMuller, Draws, Precision};
use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Element, Routine, Simd};
use crate::walk::{Step, Walk};

/// The Metropolis-adjusted Langevin algorithm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metropolis {
    /// The first step that is a proposal; those before it lead the walkers to where they belong.
    pub approach: u64,
}

impl Scheme for Metropolis {
    type Room<S: Simd, T: Element> = ();

    fn room<S: Simd, T: Element>(self) {}

    #[inline(always)]
    fn is_metropolis(self) -> bool {
        true
    }

    #[inline(always)]
    fn begin<S, T, V, Q>(self, (): &mut (), walk: &mut Walk<'_, S, T, V, Q>, _step: u64)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        walk.kept.resize(walk.x.len(), Real::constant(0.0));
        walk.potential.values_and_gradients::<S, T>(&mut walk.worker, &walk.x, &mut walk.energy, &mut walk.kept);
        whiten::<S, _>(walk.metric, &mut walk.kept);
        walk.proposed_energy.resize(walk.energy.len(), Real::constant(0.0));
    }

    #[inline(always)]
    fn advance<S, T, V, Q>(self, (): &mut (), walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        if step < self.approach {
            S::call(Approach { walk, step, size });
            return;
        }
        // As in Euler-Maruyama.
        match walk.potential.dim() {
            2 if Walk::<S, T, V, Q>::UNROLLS && walk.is_plain() => move_all(walk, step, size, (2, true)),
            dim => move_all(walk, step, size, (dim, false)),
        }
    }
}

/// The step in `dim` coordinates, which is the potential's number of them; plain or not.
#[inline(always)]
fn move_all<S, T, V, Q>(walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step, (dim, is_plain): (usize, bool))
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    let mut increments = std::mem::take(&mut walk.increments);
    let mut draws = Draws::<S, T, Q>::new(walk.increments(step), &mut increments, dim);
    for strip in strips(walk, dim) {
        for normals in walk.normals[..strip.len()].chunks_exact_mut(Walk::<S, T, V, Q>::unit(dim)) {
            if is_plain {
                draws.next(normals);
            } else {
                draws.next_or_sum(normals);
            }
            walk.tally.count(Walk::<S, T, V, Q>::BATCHES);
        }
        propose(walk, strip.clone(), size, dim);
        decide(walk, strip, step, size, dim);
    }
    walk.increments = increments;
}

/// One step of the approach, a function of its own: beside it the step of MALA, whose size never changes, would be slower.
struct Approach<'a, 'w, S: Simd, T: Element, V: Potential + 'w, Q: Precision<T>> {
    walk: &'a mut Walk<'w, S, T, V, Q>,
    step: u64,
    size: Step,
}

impl<S, T, V, Q> Routine<S> for Approach<'_, '_, S, T, V, Q>
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { walk, step, size } = self;
        let dim = walk.potential.dim();
        let mut increments = std::mem::take(&mut walk.increments);
        let mut draws = Draws::<S, T, Q>::new(walk.increments(step), &mut increments, dim);
        for strip in strips(walk, dim) {
            for normals in walk.normals[..strip.len()].chunks_exact_mut(Walk::<S, T, V, Q>::unit(dim)) {
                draws.next_apart(normals);
            }
            walk.moving[..strip.len() / dim].fill(Real::constant(1.0));
            for attempt in 0..ATTEMPTS {
                let size = size.quartered(attempt);
                propose(walk, strip.clone(), size, dim);
                if approach(walk, strip.clone(), size) {
                    break;
                }
            }
        }
        walk.increments = increments;
    }
}

/// The strips of a block; the last may be shorter.
#[inline(always)]
fn strips<S, T, V, Q>(walk: &Walk<'_, S, T, V, Q>, dim: usize) -> impl Iterator<Item = Range<usize>> + use<S, T, V, Q>
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    let (strip, extent) = (walk.strip(dim), walk.extent(dim));
    (0..extent).step_by(strip).map(move |start| start..extent.min(start + strip))
}

/// Writes proposals for the walkers of a strip, and what V and its slopes are there.
#[inline(always)]
fn propose<S, T, V, Q>(walk: &mut Walk<'_, S, T, V, Q>, strip: Range<usize>, size: Step, dim: usize)
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    let (packs, length) = (strip.len() / dim, strip.len());
    let (proposals, slopes) = (&mut walk.proposal[..length], &mut walk.slopes[..length]);
    proposals.copy_from_slice(&walk.x[strip.clone()]);
    size.displace::<S, _>(
        1.0,
        walk.metric,
        &walk.kept[strip],
        walk.normals[..length].iter().copied(),
        slopes,
        proposals,
    );
    let energies = &mut walk.proposed_energy[..packs];
    walk.potential.values_and_gradients::<S, T>(&mut walk.worker, proposals, energies, slopes);
    whiten::<S, _>(walk.metric, slopes);
}

/// Accepts or refuses them.
#[inline(always)]
fn decide<S, T, V, Q>(walk: &mut Walk<'_, S, T, V, Q>, strip: Range<usize>, step: u64, size: Step, dim: usize)
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    for (i, pack) in (strip.start / dim..strip.end / dim).enumerate() {
        let (there, here) = (i * dim..(i + 1) * dim, pack * dim..(pack + 1) * dim);
        let descent = walk.energy[pack] - walk.proposed_energy[i];
        let log_ratio = size.log_ratio(&walk.kept[here], &walk.slopes[there.clone()], &walk.normals[there], descent);
        // A proposal whose ratio is NaN is refused.
        let accept = walk.log_chance(pack, step).less(log_ratio);
        walk.take(i, pack, accept, dim);
        walk.count(pack, accept);
    }
}

/// Takes those that do not lead too far uphill, of walkers that have not moved yet; returns whether all have.
#[inline(always)]
fn approach<S, T, V, Q>(walk: &mut Walk<'_, S, T, V, Q>, strip: Range<usize>, size: Step) -> bool
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    let dim = walk.potential.dim();
    let (zero, rise) = (T::Pack::<S>::constant(0.0), T::Pack::<S>::constant(size.rise(dim)));
    let mut is_done = true;
    for (i, pack) in (strip.start / dim..strip.end / dim).enumerate() {
        let nowhere = Real::constant(f64::NEG_INFINITY);
        let most = Real::select(zero.less(walk.moving[i]), walk.energy[pack] + rise, nowhere);
        // Where V is NaN is too far.
        let accept = walk.proposed_energy[i].less(most);
        walk.take(i, pack, accept, dim);
        walk.moving[i] = Real::select(accept, zero, walk.moving[i]);
        is_done &= !T::Pack::<S>::any(zero.less(walk.moving[i]));
    }
    is_done
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
