//! What happens to a block before and between its steps: a scheme begins, observers look, runaways are found. It is rare, and
//! needed by many kernels or twice in one: so these are functions of their own, and most are compiled once for all schemes.

use std::ops::Range;

use super::Plan;
use crate::noise::{BoxMuller, Precision};
use crate::observe::{Column, Tally, View};
use crate::potential::Potential;
use crate::real::Real;
use crate::scheme::Scheme;
use crate::simd::{Element, Pack, Routine, Simd};
use crate::walk::Walk;

/// A scheme prepares a block.
pub struct Begin<'a, 'w, S: Simd, T: Element, V: Potential + 'w, C: Scheme, Q: Precision<T>> {
    pub scheme: C,
    pub room: &'a mut C::Room<S, T>,
    pub walk: &'a mut Walk<'w, S, T, V, Q>,
    pub step: u64,
}

impl<S, T, V, C, Q> Routine<S> for Begin<'_, '_, S, T, V, C, Q>
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    C: Scheme,
    Q: Precision<T>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.scheme.begin(self.room, self.walk, self.step);
    }
}

/// All watches that are due see a block after a step.
pub struct Look<'a, 'v, 'c, S: Simd, T: Element, V> {
    pub plan: &'a Plan,
    pub step: u64,
    pub potential: &'a V,
    pub x: &'a [T::Pack<S>],
    pub views: &'a mut [View<'v, S, T>],
    pub columns: &'a mut [Column<'c, T>],
    pub tally: &'a mut Tally,
}

impl<S: Simd, T: Element, V: Potential> Routine<S> for Look<'_, '_, '_, S, T, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { plan, step, potential, x, views, columns, tally } = self;
        tally.settle();
        for (i, ((watch, view), column)) in plan.watches.iter().zip(views).zip(columns).enumerate() {
            if plan.is_due(watch, step) {
                watch.see::<S, T, V>(i, potential, x, view, column, tally);
            }
        }
    }
}

/// The first of the `live` walkers whose state is NaN or beyond `bound`.
pub struct Lost<'a, S: Simd, T: Element> {
    pub x: &'a [T::Pack<S>],
    pub dim: usize,
    pub live: &'a Range<usize>,
    pub bound: f64,
}

impl<S: Simd, T: Element> Routine<S> for Lost<'_, S, T> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self) -> Option<usize> {
        let square = T::Pack::<S>::constant(self.bound * self.bound);
        let (none, one) = (T::Pack::<S>::constant(0.0), T::Pack::<S>::constant(1.0));
        let mut lanes = [T::default(); 16];
        for (pack, x) in self.x.chunks_exact(self.dim).enumerate() {
            let mut bad = none;
            for &x in x {
                bad = Real::select((x * x).less(square), bad, one);
            }
            bad.store(&mut lanes);
            for (lane, bad) in lanes[..T::Pack::<S>::LANES].iter().enumerate() {
                let walker = pack * T::Pack::<S>::LANES + lane;
                if bad.to_f64() > 0.0 && self.live.contains(&walker) {
                    return Some(walker);
                }
            }
        }
        None
    }
}
