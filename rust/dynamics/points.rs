//! Given points are moved to a slice, outside of any run: where walkers start.

use super::gauge::Gauge;
use super::slice::Slice;
use crate::real::Real;
use crate::simd::{Element, Job, Level, Pack, Simd};

/// Packs that move together.
const PACKS: usize = 16;

/// The way to a slice.
#[derive(Clone, Copy, Debug)]
pub enum Way<'a> {
    /// Along the orbits.
    Orbits(&'a Gauge),
    /// Along the normals.
    Normals(&'a Slice),
}

impl Way<'_> {
    /// Moves points, (points, dim) in C order, to the slice. Who finds no way becomes NaN.
    pub fn lead<T: Element>(self, level: Level, points: &mut [T]) {
        level.run(Lead { way: self, points });
    }

    fn dim(self) -> usize {
        match self {
            Self::Orbits(gauge) => gauge.dim(),
            Self::Normals(slice) => slice.dim(),
        }
    }
}

struct Lead<'a, T> {
    way: Way<'a>,
    points: &'a mut [T],
}

impl<T: Element> Job for Lead<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { way, points } = self;
        let (dim, lanes) = (way.dim(), T::Pack::<S>::LANES);
        let mut x = Vec::new();
        for points in points.chunks_mut(PACKS * lanes * dim) {
            load::<S, T>(points, dim, &mut x);
            match way {
                Way::Orbits(gauge) => {
                    let mut room = vec![T::Pack::<S>::constant(0.0); gauge.room()];
                    for x in x.chunks_exact_mut(dim) {
                        gauge.retract::<S, T>(x, &mut room);
                    }
                }
                Way::Normals(slice) => {
                    let zeros = |count| vec![T::Pack::<S>::constant(0.0); count];
                    let (mut there, mut lost) = (zeros(x.len() / dim * slice.width()), zeros(x.len() / dim));
                    slice.tools::<S, T>().project(None, &mut x, &mut there, &mut lost);
                    for (x, &lost) in x.chunks_exact_mut(dim).zip(&lost) {
                        let is_lost = T::Pack::<S>::constant(0.0).less(lost);
                        for x in x {
                            *x = Real::select(is_lost, Real::constant(f64::NAN), *x);
                        }
                    }
                }
            }
            store::<S, T>(&x, dim, points);
        }
    }
}

/// Points as packs; lanes without a point hold the last one.
#[inline(always)]
fn load<S: Simd, T: Element>(points: &[T], dim: usize, x: &mut Vec<T::Pack<S>>) {
    let lanes = T::Pack::<S>::LANES;
    let count = points.len() / dim;
    let mut row = [T::default(); 16];
    x.clear();
    for i in 0..count.div_ceil(lanes) * dim {
        for (lane, value) in row[..lanes].iter_mut().enumerate() {
            *value = points[(i / dim * lanes + lane).min(count - 1) * dim + i % dim];
        }
        x.push(Pack::load(&row));
    }
}

#[inline(always)]
fn store<S: Simd, T: Element>(x: &[T::Pack<S>], dim: usize, points: &mut [T]) {
    let lanes = T::Pack::<S>::LANES;
    let mut row = [T::default(); 16];
    for (i, x) in x.iter().enumerate() {
        x.store(&mut row);
        let rows = points.chunks_exact_mut(dim).skip(i / dim * lanes);
        for (point, &value) in rows.zip(&row[..lanes]) {
            point[i % dim] = value;
        }
    }
}
