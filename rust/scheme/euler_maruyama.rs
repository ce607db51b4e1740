//! Euler–Maruyama: x' = x - h grad V(x) + sqrt(2 T h) R. The stationary law is wrong by O(h).

use super::Scheme;
use crate::metric::whiten;
use crate::noise::{BoxMuller, Draws, Precision};
use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Element, Pack, Simd};
use crate::walk::{Step, Walk};

/// The Euler–Maruyama scheme.
#[derive(Clone, Copy, Debug)]
pub struct EulerMaruyama;

impl Scheme for EulerMaruyama {
    type Room<S: Simd, T: Element> = ();

    fn room<S: Simd, T: Element>(self) {}

    #[inline(always)]
    fn advance<S, T, V, Q>(self, (): &mut (), walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        // Two coordinates are frequent; as a constant they take up to a quarter less time.
        match walk.potential.dim() {
            2 if T::Pack::<S>::UNROLLS && walk.is_plain() => move_all(walk, step, size, (2, true)),
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
    walk.potential.attend::<S, T>(&mut walk.worker, (walk.first, &walk.lanes), step);
    let is_still = size.temperature <= 0.0 && walk.potential.is_drawn();
    let (unit, metric) = (Walk::<S, T, V, Q>::unit(dim), if is_plain { None } else { walk.metric });
    let (extent, strip) = (walk.extent(dim), walk.strip(dim));
    let mut draws = Draws::<S, T, Q>::new(walk.increments(step), &mut walk.increments, dim);
    // Those of two coordinates stay in registers.
    let mut few = [Real::constant(0.0); 4];
    let normals = if unit <= few.len() { &mut few[..unit] } else { &mut walk.normals[..unit] };
    for x in walk.x[..extent].chunks_mut(strip) {
        let slopes = &mut walk.slopes[..x.len()];
        walk.potential.gradients::<S, T>(&mut walk.worker, x, slopes);
        whiten::<S, _>(metric, slopes);
        for (x, slopes) in x.chunks_exact_mut(unit).zip(slopes.chunks_exact(unit)) {
            // Normals that are not drawn are the zeros that they were.
            if !is_still {
                if is_plain {
                    draws.next(normals);
                } else {
                    draws.next_or_sum(normals);
                }
            }
            walk.tally.count(Walk::<S, T, V, Q>::BATCHES);
            size.displace::<S, _>(1.0, metric, slopes, normals.iter().copied(), &mut walk.proposal, x);
        }
    }
}
