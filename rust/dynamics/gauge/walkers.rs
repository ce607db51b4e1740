//! A block of walkers goes back to the slice: who reached zero, who found no way, and where everybody is then.

use super::{AtZero, Gauge, Part};
use crate::error::Cause;
use crate::real::{Real, Scalar};
use crate::simd::{Element, Pack, Routine, Simd};

/// A walker that reached zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Death {
    /// Its number; within the block while the block is walked.
    pub walker: u64,
    /// Which of the parts that can reach zero, counted from 0.
    pub part: usize,
    /// After which step, counted from 1.
    pub step: u64,
}

/// One call for a block, a function of its own: inlined into every kernel it would be compiled many times.
pub struct Return<'a, S: Simd, T: Element> {
    /// Where to.
    pub gauge: &'a Gauge,
    /// The number of the step that was made, counted from 1.
    pub step: u64,
    /// Where the walkers were before the step: packs of `dim` coordinates one after another.
    pub before: &'a [T::Pack<S>],
    /// Where they are, likewise.
    pub x: &'a mut [T::Pack<S>],
    /// Room for `Gauge::room` packs.
    pub room: &'a mut [T::Pack<S>],
    /// Who reached zero in this step is added.
    pub deaths: &'a mut Vec<Death>,
    /// Who became NaN in this step, and why, is added.
    pub failures: &'a mut Vec<(usize, Cause)>,
}

impl<S: Simd, T: Element> Routine<S> for Return<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { gauge, step, before, x, room, deaths, failures } = self;
        let (dim, lanes) = (gauge.dim, T::Pack::<S>::LANES);
        let zero = T::Pack::<S>::constant(0.0);
        let (was, room) = room.split_at_mut(if gauge.frame.is_empty() { 0 } else { dim });
        for (pack, (before, x)) in before.chunks_exact(dim).zip(x.chunks_exact_mut(dim)).enumerate() {
            let mut mortal = 0;
            let before = if gauge.frame.is_empty() {
                before
            } else {
                was.copy_from_slice(before);
                gauge.frame.enter(was, room);
                gauge.frame.enter(x, room);
                &*was
            };
            for part in &gauge.parts {
                let is_mortal = part.is_mortal();
                let (dead, dies) = if is_mortal { part.fate(before, x) } else { (zero, zero) };
                let came = part.sum(x);
                part.retract::<S, T>(x, room);
                // Who came as a number and is NaN now has found no way.
                let lost = Real::select(came.is_nan(), zero, is_nan(part.sum(x)));
                for lane in lanes_of(Real::select(zero.less(dead), zero, lost)) {
                    failures.push((pack * lanes + lane, Cause::NoReturn));
                }
                if !is_mortal {
                    continue;
                }
                part.bury(dead, dies, gauge.at_zero, x);
                for lane in lanes_of(dies) {
                    let walker = pack * lanes + lane;
                    match gauge.at_zero {
                        AtZero::Absorb => deaths.push(Death { walker: walker as u64, part: mortal, step }),
                        AtZero::Fail => failures.push((walker, Cause::ReachedZero)),
                    }
                }
                mortal += 1;
            }
            gauge.frame.leave(x, room);
        }
    }
}

/// One where it is NaN, zero elsewhere.
#[inline(always)]
fn is_nan<R: Real>(x: R) -> R {
    Real::select(x.is_nan(), R::constant(1.0), R::constant(0.0))
}

/// The lanes that are not zero; hardly ever are there any.
#[inline(always)]
fn lanes_of<P: Pack<Scalar: Scalar>>(marks: P) -> Vec<usize> {
    if !P::any(P::constant(0.0).less(marks)) {
        return Vec::new();
    }
    let mut row = [P::Scalar::default(); 16];
    marks.store(&mut row);
    (0..P::LANES).filter(|&lane| row[lane].to_f64() > 0.0).collect()
}

impl Part {
    /// The sum of all coordinates, which is NaN if one is.
    #[inline(always)]
    fn sum<R: Real>(&self, x: &[R]) -> R {
        let mut sum = R::constant(0.0);
        for &i in &self.coordinates {
            sum = sum + x[i];
        }
        sum
    }

    /// Ones where a walker is at zero after a step from `before` to `x`, and ones where it has only now come there.
    #[inline(always)]
    fn fate<R: Real>(&self, before: &[R], x: &[R]) -> (R, R) {
        let (zero, one) = (R::constant(0.0), R::constant(1.0));
        // The sign of the product; of the numbers themselves the product could vanish for being small.
        let (mut sign, mut square) = (one, zero);
        for factor in &self.factors {
            let mut product = zero;
            for &i in factor {
                product = before[i].mul_add(x[i], product);
                square = before[i].mul_add(before[i], square);
            }
            let at = Real::select(product.equal(zero), zero, one);
            sign = sign * Real::select(product.less(zero), -one, at);
        }
        let dead = Real::select(sign.less_equal(zero), one, zero);
        (dead, Real::select(square.equal(zero), zero, dead))
    }

    /// Puts the dead where they belong: to zero, or out of the run.
    #[inline(always)]
    fn bury<R: Real>(&self, dead: R, dies: R, at_zero: AtZero, x: &mut [R]) {
        let zero = R::constant(0.0);
        let fate = match at_zero {
            AtZero::Absorb => zero,
            AtZero::Fail => Real::select(zero.less(dies), R::constant(f64::NAN), zero),
        };
        for factor in &self.factors {
            for &i in factor {
                x[i] = Real::select(zero.less(dead), fate, x[i]);
            }
        }
    }
}
