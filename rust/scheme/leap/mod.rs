//! Many steps of Euler–Maruyama at once: in the product of two coordinates a pack of walkers stays in registers from step to
//! step, and only its noise is work. A histogram may look on. The bits are those of single steps.

mod by_stages;
mod draw_by_draw;
mod glance;

use std::marker::PhantomData;
use std::ops::Range;

use crate::dynamics::Ambient;
use crate::noise::{BoxMuller, Noise, Precision, Stream, WINDOW, Window};
use crate::observe::Histogram;
use crate::potential::{Formula, Potential, Product};
use crate::real::Real;
use crate::simd::{Element, Pack, Routine, Simd};
use crate::walk::{Step, Walk};

use glance::Glance;

/// Steps that are made at once, at most.
const MOST: usize = WINDOW as usize;
/// The same where a histogram looks on, since what it sees is kept until they are made.
const MOST_SEEN: usize = 64;
/// Fewer steps are made one by one: what is begun ahead would not pay.
const LEAST: u64 = 4;
/// Coordinates.
const DIM: usize = 2;

/// Makes these steps, if it can, and counts for a histogram of one of the potential's observables, the first watch.
#[inline(always)]
pub(super) fn leap<S, T, V, Q>(
    walk: &mut Walk<'_, S, T, V, Q>,
    steps: &Range<u64>,
    size: Step,
    glance: Option<(Histogram, usize)>,
) -> bool
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    if !T::Pack::<S>::UNROLLS || steps.end - steps.start < LEAST || walk.substeps > 1 {
        return false;
    }
    let potential = walk.potential;
    let Some(form) = potential.product() else { return false };
    let extent = walk.extent(DIM);
    let mut from = steps.start;
    while from < steps.end {
        let most = if glance.is_some() { MOST_SEEN } else { MOST };
        let to = steps.end.min(from + most as u64).min(from.saturating_add(WINDOW - from % WINDOW));
        walk.increments.open::<S>(walk.noise, Stream::Increment, from);
        let (noise, window, x) = (walk.noise, &mut walk.increments, &mut walk.x[..extent]);
        let is_seen = glance.is_some();
        let glance = match glance {
            Some((histogram, which)) => {
                let (firsts, table) = walk.tally.open(0);
                Glance { histogram, which, firsts, table }
            }
            None => Glance::nobodys(),
        };
        let leap = Leap::<S, T, Q> { form, noise, window, x, steps: from..to, size, glance, precision: PhantomData };
        if is_seen {
            S::call(Way::<_, _, _, true, MOST_SEEN>(leap));
        } else {
            S::call(Way::<_, _, _, false, MOST>(leap));
        }
        from = to;
    }
    true
}

/// What it takes to move a block's walkers through steps of a window.
struct Leap<'a, S: Simd, T: Element, Q: Precision<T>> {
    form: &'a Ambient<Product>,
    noise: &'a Noise,
    window: &'a mut Window<Q::Drawn<S>>,
    x: &'a mut [T::Pack<S>],
    steps: Range<u64>,
    size: Step,
    glance: Glance<'a>,
    precision: PhantomData<Q>,
}

/// The way to do it, with so many steps at most. A histogram looks on or not.
struct Way<'a, S: Simd, T: Element, Q: Precision<T>, const LOOKS: bool, const MOST: usize>(Leap<'a, S, T, Q>);

impl<S, T, Q, const LOOKS: bool, const MOST: usize> Routine<S> for Way<'_, S, T, Q, LOOKS, MOST>
where
    S: Simd,
    T: Element + BoxMuller,
    Q: Precision<T>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if Q::Drawn::<S>::BY_STAGES { self.by_stages() } else { self.draw_by_draw() }
    }
}

/// One step of packs of states by these normals.
#[inline(always)]
fn advance<S: Simd, R: Real>(form: &Ambient<Product>, size: Step, normals: &[R], x: &mut [R]) {
    // At most two packs of two coordinates.
    let mut slopes = [R::constant(0.0); 4];
    for (x, slopes) in x.chunks_exact(DIM).zip(slopes.chunks_exact_mut(DIM)) {
        form.gradient(x, slopes);
    }
    size.displace::<S, _>(1.0, None, &slopes[..x.len()], normals.iter().copied(), &mut [], x);
}
