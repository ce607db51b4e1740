//! A layer of rectified units beside another one, averaged over all inputs x ~ N(0, I): the loss (c/2) E (f(x) − f'(x))².
//!
//! E max(0, a · x) max(0, b · x) = |a| |b| (sin t + (π − t) cos t) / (2π), t the angle between a and b: the arc-cosine kernel of Cho
//! and Saul, "Kernel methods for deep learning" (NeurIPS 2009). Its derivative by a is (|b| sin t a / |a| + (π − t) b) / (2π).

use std::f64::consts::{FRAC_1_PI, PI};

use super::{packed, total};
use crate::math;
use crate::potential::risk::Table;
use crate::real::Real;
use crate::simd::Pack;

/// The layer that it learns from. Vectors are the first weights of all units, the second ones, ..., and what they are multiplied by.
#[derive(Clone, Debug)]
pub struct MeanLayer {
    /// Weights of its units, vector by vector.
    pub teacher: Vec<f64>,
    /// Its units.
    pub units: usize,
}

impl MeanLayer {
    /// Whether so many vectors belong to it; rows have nothing in them.
    #[must_use]
    pub fn fits(&self, vectors: usize, table: &Table) -> bool {
        vectors > 1 && self.units.checked_mul(vectors) == Some(self.teacher.len()) && table.width() == 0
    }
}

/// Units in packs.
struct Units<P> {
    /// Packs of a vector.
    packs: usize,
    /// Vector by vector; of the teacher what its outputs are multiplied by is negative.
    vectors: Vec<P>,
    /// |w|.
    sizes: Vec<P>,
}

impl<P: Real> Units<P> {
    #[inline(always)]
    fn measure(&mut self) {
        let weights = self.vectors.len() - self.packs;
        self.sizes.clear();
        for pack in 0..self.packs {
            let mut square = P::constant(0.0);
            for &w in self.vectors[pack..weights].iter().step_by(self.packs) {
                square = w.mul_add(w, square);
            }
            self.sizes.push(square.sqrt());
        }
    }
}

/// Room for both layers.
pub struct Room<P> {
    own: Units<P>,
    teacher: Units<P>,
    numbers: Vec<f64>,
    sums: Vec<P>,
}

impl<P: Pack<Scalar = f64>> Room<P> {
    /// Takes up the teacher.
    pub fn new(layer: &MeanLayer, packs: usize) -> Self {
        let empty = |packs| Units::<P> { packs, vectors: Vec::new(), sizes: Vec::new() };
        let mut teacher = empty(layer.units.div_ceil(P::LANES));
        for vector in layer.teacher.chunks_exact(layer.units) {
            packed(vector, &mut teacher.vectors);
        }
        let weights = teacher.vectors.len() - teacher.packs;
        teacher.vectors[weights..].iter_mut().for_each(|v| *v = -*v);
        teacher.measure();
        Self { own: empty(packs), teacher, numbers: Vec::new(), sums: Vec::new() }
    }

    /// Writes the slopes of all vectors of so many units.
    #[inline(always)]
    pub fn slopes(&mut self, units: usize, factor: f64, x: &[P], slopes: &mut [P]) {
        let Self { own, teacher, numbers, sums } = self;
        let line = own.packs * P::LANES;
        own.vectors.clear();
        own.vectors.extend_from_slice(x);
        own.measure();
        numbers.clear();
        numbers.resize(x.len() * P::LANES, 0.0);
        for (pack, to) in x.iter().zip(numbers.chunks_exact_mut(P::LANES)) {
            pack.store(to);
        }
        let vectors = x.len() / own.packs;
        for unit in 0..units {
            // Sums over other units: of what belongs to each weight, to w itself, and to v.
            sums.clear();
            sums.resize(vectors + 1, P::constant(0.0));
            for others in [&*own, &*teacher] {
                add(others, unit, line, numbers, sums);
            }
            let mut square = 0.0;
            for i in 0..vectors - 1 {
                let w = numbers[i * line + unit];
                square += w * w;
            }
            let size = square.sqrt();
            let along = total(sums[vectors - 1]) * if size > 0.0 { 1.0 / size } else { size };
            let v = numbers[(vectors - 1) * line + unit] * 0.5 * factor * FRAC_1_PI;
            for i in 0..vectors - 1 {
                let place = &mut numbers[i * line + unit];
                *place = (along * *place + total(sums[i])) * v;
            }
            numbers[(vectors - 1) * line + unit] = total(sums[vectors]) * size * 0.5 * factor * FRAC_1_PI;
        }
        for (slope, from) in slopes.iter_mut().zip(numbers.chunks_exact(P::LANES)) {
            *slope = P::load(from);
        }
    }
}

/// Adds to the sums of a unit what some units give.
#[inline(always)]
fn add<P: Pack<Scalar = f64>>(others: &Units<P>, unit: usize, line: usize, numbers: &[f64], sums: &mut [P]) {
    let (zero, one) = (P::constant(0.0), P::constant(1.0));
    let last = others.vectors.len() / others.packs - 1;
    for pack in 0..others.packs {
        let (mut product, mut square) = (zero, zero);
        for i in 0..last {
            let w = P::splat(numbers[i * line + unit]);
            product = w.mul_add(others.vectors[i * others.packs + pack], product);
            square = w.mul_add(w, square);
        }
        let length = others.sizes[pack];
        let both = square.sqrt() * length;
        let cosine = P::select(zero.less(both), product / both, zero);
        let cosine = one.lesser((-one).greater(cosine));
        let (below, above) = (one - cosine, one + cosine);
        let sine = (below * above).sqrt();
        let rest = math::atan((below / above).sqrt()).mul_add(P::constant(-2.0), P::constant(PI));
        let weight = others.vectors[last * others.packs + pack];
        let weighted = weight * length;
        let turned = weight * rest;
        for (sum, vector) in sums[..last].iter_mut().zip(others.vectors.chunks_exact(others.packs)) {
            *sum = turned.mul_add(vector[pack], *sum);
        }
        sums[last] = weighted.mul_add(sine, sums[last]);
        sums[last + 1] = weighted.mul_add(rest.mul_add(cosine, sine), sums[last + 1]);
    }
}
