//! A scheme that is told at run time: one type, so that the loop is compiled once for all of them. A choice and a call for a whole
//! block of walkers cost nothing beside its step.

use std::ops::Range;

use super::leap::leap;
use super::{EulerMaruyama, LeimkuhlerMatthews, Metropolis, Rigid, Scheme, rigid};
use crate::dynamics::gauge::{Gauge, Return};
use crate::noise::{BoxMuller, Precision};
use crate::observe::Histogram;
use crate::potential::Potential;
use crate::real::Real;
use crate::simd::{Element, Routine, Simd};
use crate::walk::{Step, Walk};

/// One of the schemes.
#[derive(Clone, Copy, Debug)]
pub enum Any<'a> {
    /// Euler–Maruyama.
    EulerMaruyama,
    /// Leimkuhler–Matthews.
    LeimkuhlerMatthews,
    /// MALA.
    Metropolis(Metropolis),
    /// A step of Euler–Maruyama, and then along the orbit back to the slice. Higher order within the step gives nothing, as the way
    /// back is only right to first order in h.
    GaugeFixed(&'a Gauge),
    /// Either, on a surface.
    Rigid(Rigid<'a>),
}

/// What a worker needs for one of them.
pub struct Room<'a, S: Simd, T: Element> {
    /// Where the walkers were before the step, and room for the way back.
    before: Vec<T::Pack<S>>,
    gauge: Vec<T::Pack<S>>,
    rigid: Option<rigid::Room<'a, S, T>>,
}

impl<'a> Scheme for Any<'a> {
    type Room<S: Simd, T: Element> = Room<'a, S, T>;

    fn room<S: Simd, T: Element>(self) -> Room<'a, S, T> {
        let gauge = if let Self::GaugeFixed(gauge) = self { gauge.room() } else { 0 };
        let rigid = if let Self::Rigid(rigid) = self { Some(rigid.room()) } else { None };
        Room { before: Vec::new(), gauge: vec![Real::constant(0.0); gauge], rigid }
    }

    #[inline(always)]
    fn is_metropolis(self) -> bool {
        match self {
            Self::Metropolis(_) => true,
            Self::Rigid(rigid) => rigid.is_metropolis(),
            _ => false,
        }
    }

    #[inline(always)]
    fn begin<S, T, V, Q>(self, room: &mut Room<'a, S, T>, walk: &mut Walk<'_, S, T, V, Q>, step: u64)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        match (self, &mut room.rigid) {
            (Self::LeimkuhlerMatthews, _) => one(LeimkuhlerMatthews, &mut (), walk, step, None),
            (Self::Metropolis(mala), _) => one(mala, &mut (), walk, step, None),
            (Self::Rigid(rigid), Some(room)) => one(rigid, room, walk, step, None),
            _ => {}
        }
    }

    #[inline(always)]
    fn leap<S, T, V, Q>(
        self,
        walk: &mut Walk<'_, S, T, V, Q>,
        steps: Range<u64>,
        size: Step,
        glance: Option<(Histogram, usize)>,
    ) -> bool
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        if !matches!(self, Self::EulerMaruyama) || walk.metric.is_some() {
            return false;
        }
        if leap(walk, &steps, size, glance) {
            return true;
        }
        let is_plain = size.temperature <= 0.0 || (Walk::<S, T, V, Q>::IS_DOUBLE && walk.substeps == 1);
        is_plain && glance.is_none() && {
            let walkers = (walk.first, &walk.lanes);
            walk.potential.descend::<S, T>(&mut walk.worker, &mut walk.x, walkers, steps, size)
        }
    }

    #[inline(always)]
    fn advance<S, T, V, Q>(self, room: &mut Room<'a, S, T>, walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        match (self, &mut room.rigid) {
            (Self::LeimkuhlerMatthews, _) => one(LeimkuhlerMatthews, &mut (), walk, step, Some(size)),
            (Self::Metropolis(mala), _) => one(mala, &mut (), walk, step, Some(size)),
            (Self::Rigid(rigid), Some(room)) => one(rigid, room, walk, step, Some(size)),
            _ => {
                if let Self::GaugeFixed(_) = self {
                    room.before.clone_from(&walk.x);
                }
                one(EulerMaruyama, &mut (), walk, step, Some(size));
                if let Self::GaugeFixed(gauge) = self {
                    walk.proposal.copy_from_slice(&walk.x);
                    S::call(Return::<S, T> {
                        gauge,
                        step: step + 1,
                        before: &room.before,
                        x: &mut walk.x,
                        room: &mut room.gauge,
                        deaths: &mut walk.deaths,
                        failures: &mut walk.failures,
                    });
                }
            }
        }
    }
}

/// One scheme's step, or its preparation where there is no size, as a function of its own: together they are more than a
/// compiler likes to see at once.
struct One<'a, 'w, S: Simd, T: Element, V: Potential + 'w, C: Scheme, Q: Precision<T>> {
    scheme: C,
    room: &'a mut C::Room<S, T>,
    walk: &'a mut Walk<'w, S, T, V, Q>,
    step: u64,
    size: Option<Step>,
}

#[inline(always)]
fn one<S, T, V, C, Q>(
    scheme: C,
    room: &mut C::Room<S, T>,
    walk: &mut Walk<'_, S, T, V, Q>,
    step: u64,
    size: Option<Step>,
) where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    C: Scheme,
    Q: Precision<T>,
{
    S::call(One { scheme, room, walk, step, size });
}

impl<S, T, V, C, Q> Routine<S> for One<'_, '_, S, T, V, C, Q>
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
        let Self { scheme, room, walk, step, size } = self;
        match size {
            Some(size) => scheme.advance(room, walk, step, size),
            None => scheme.begin(room, walk, step),
        }
    }
}
