//! Leimkuhler–Matthews: x' = x - h grad V(x) + sqrt(T h / 2) (R_n + R_{n+1}). Stationary law wrong by O(h²) only, at the
//! same cost: one vector of normals is kept (Appl. Math. Res. Express 2013, 34–56).

use std::mem::replace;

use super::Scheme;
use crate::metric::whiten;
use crate::noise::{BoxMuller, Draws, Precision};
use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Element, Simd};
use crate::walk::{Step, Walk};

/// The Leimkuhler–Matthews scheme, the limit of BAOAB at infinite friction.
#[derive(Clone, Copy, Debug)]
pub struct LeimkuhlerMatthews;

impl Scheme for LeimkuhlerMatthews {
    type Room<S: Simd, T: Element> = ();

    fn room<S: Simd, T: Element>(self) {}

    #[inline(always)]
    fn begin<S, T, V, Q>(self, (): &mut (), walk: &mut Walk<'_, S, T, V, Q>, step: u64)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        let unit = Walk::<S, T, V, Q>::unit(walk.potential.dim());
        let mut draws = Draws::<S, T, Q>::new(walk.increments(step), &mut walk.increments, walk.potential.dim());
        walk.kept.clone_from(&walk.x);
        for kept in walk.kept.chunks_exact_mut(unit) {
            draws.next_apart(kept);
        }
    }

    #[inline(always)]
    fn advance<S, T, V, Q>(self, (): &mut (), walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
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
    let (unit, metric) = (Walk::<S, T, V, Q>::unit(dim), if is_plain { None } else { walk.metric });
    let (extent, strip) = (walk.extent(dim), walk.strip(dim));
    let mut draws = Draws::<S, T, Q>::new(walk.increments(step + 1), &mut walk.increments, dim);
    // Those of two coordinates stay in registers.
    let mut few = [Real::constant(0.0); 4];
    let normals = if unit <= few.len() { &mut few[..unit] } else { &mut walk.normals[..unit] };
    for (x, kept) in walk.x[..extent].chunks_mut(strip).zip(walk.kept.chunks_mut(strip)) {
        let slopes = &mut walk.slopes[..x.len()];
        walk.potential.gradients::<S, T>(&mut walk.worker, x, slopes);
        whiten::<S, _>(metric, slopes);
        let units = x.chunks_exact_mut(unit).zip(kept.chunks_exact_mut(unit));
        for ((x, kept), slopes) in units.zip(slopes.chunks_exact(unit)) {
            if is_plain {
                draws.next(normals);
            } else {
                draws.next_or_sum(normals);
            }
            walk.tally.count(Walk::<S, T, V, Q>::BATCHES);
            let sums = kept.iter_mut().zip(&*normals).map(|(kept, &normal)| replace(kept, normal) + normal);
            size.displace::<S, _>(0.5, metric, slopes, sums, &mut walk.proposal, x);
        }
    }
}
