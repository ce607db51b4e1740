//! Several scalings that share coordinates, x_i -> exp(w_i · s) x_i: the way back to the slice is the minimum of a convex function.
//!
//! chi_a = Σ_i w_ai x_i² / 2 = c_a holds at exp(w · s) x where Φ(s) = Σ_i x_i² exp(2 w_i · s) / 4 - c · s is stationary. Newton's
//! step Δ is shortened to 2 / (2 + ρ) < ln(1 + ρ) / ρ of itself, ρ = max |2 w_i · Δ|: Φ is generalised self-concordant, so that it
//! falls at every step and the steps become Newton's own near the minimum (Sun and Tran-Dinh, Math. Program. 178 (2019) 145).

use super::pair::sum_of_squares;
use crate::dynamics::dense::solve;
use crate::math;
use crate::real::{Real, Scalar};

/// The most steps, each of which may change every x_i by a factor of e.
const MOST_STEPS: usize = 1000;

/// Coordinates that the scalings move alike.
#[derive(Clone, Debug)]
struct Factor {
    coordinates: Vec<usize>,
    /// One weight for each scaling.
    weights: Vec<f64>,
}

/// Scalings that hang together, and the levels of their chi.
#[derive(Clone, Debug)]
pub struct Scalings {
    factors: Vec<Factor>,
    levels: Vec<f64>,
}

impl Scalings {
    /// Takes groups of coordinates, each with its weight under every scaling, and the levels.
    #[must_use]
    pub fn new(factors: Vec<(Vec<usize>, Vec<f64>)>, levels: Vec<f64>) -> Self {
        let factors = factors.into_iter().map(|(coordinates, weights)| Factor { coordinates, weights }).collect();
        Self { factors, levels }
    }

    /// The coordinates that move, those together that move alike.
    #[must_use]
    pub fn factors(&self) -> Vec<Vec<usize>> {
        self.factors.iter().map(|factor| factor.coordinates.clone()).collect()
    }

    /// How many numbers `retract` needs room for.
    #[must_use]
    pub fn room(&self) -> usize {
        let m = self.levels.len();
        3 * self.factors.len() + m * (m + 2)
    }

    /// Moves a point to the slice; it becomes NaN if there is no way, or none was found.
    #[inline(always)]
    pub fn retract<R: Real>(&self, x: &mut [R], room: &mut [R]) {
        let (m, factors) = (self.levels.len(), self.factors.len());
        let (zero, one) = (R::constant(0.0), R::constant(1.0));
        let (squares, room) = room.split_at_mut(factors);
        let (moved, room) = room.split_at_mut(factors);
        let (scales, room) = room.split_at_mut(factors);
        let (shift, room) = room.split_at_mut(m);
        let (delta, room) = room.split_at_mut(m);
        let hessian = &mut room[..m * m];
        for (square, factor) in squares.iter_mut().zip(&self.factors) {
            *square = sum_of_squares(&factor.coordinates, x);
        }
        moved.copy_from_slice(squares);
        shift.fill(zero);
        // A step of this size leaves an error of its square.
        let enough = R::constant((-f64::from(<R::Scalar as Scalar>::MANTISSA + 1) / 2.0).exp2());
        // One in lanes that still move: they stop by themselves, whatever their neighbours do.
        let mut moving = one;
        for _ in 0..MOST_STEPS {
            self.system(moved, delta, hessian);
            solve(hessian, delta);
            let mut size = zero;
            for factor in &self.factors {
                size = (factor.along(delta) + factor.along(delta)).abs().greater(size);
            }
            let damped = R::constant(2.0) / (R::constant(2.0) + size);
            for (shift, &delta) in shift.iter_mut().zip(&*delta) {
                *shift = R::select(zero.less(moving), damped.mul_add(delta, *shift), *shift);
            }
            for (i, factor) in self.factors.iter().enumerate() {
                scales[i] = math::exp(factor.along(shift));
                moved[i] = squares[i] * (scales[i] * scales[i]);
            }
            // NaN is no step that goes on: the lane stops, and has become NaN.
            moving = R::select(enough.less(size), moving, zero);
            if !R::any(zero.less(moving)) {
                break;
            }
        }
        let fate = R::select(zero.less(moving), R::constant(f64::NAN), zero);
        for (factor, &scale) in self.factors.iter().zip(&*scales) {
            let scale = scale + fate;
            for &i in &factor.coordinates {
                x[i] = x[i] * scale;
            }
        }
    }

    /// Writes -grad Φ and the Hessian of Φ for moved squares y: c_a - Σ w_a y / 2, and Σ w_a w_b y.
    #[inline(always)]
    fn system<R: Real>(&self, moved: &[R], slope: &mut [R], hessian: &mut [R]) {
        let m = self.levels.len();
        for (slope, &level) in slope.iter_mut().zip(&self.levels) {
            *slope = R::constant(level);
        }
        hessian.fill(R::constant(0.0));
        for (factor, &y) in self.factors.iter().zip(moved) {
            for (a, &weight) in factor.weights.iter().enumerate() {
                if weight == 0.0 {
                    continue;
                }
                slope[a] = R::constant(-0.5 * weight).mul_add(y, slope[a]);
                for (b, &other) in factor.weights.iter().enumerate() {
                    hessian[a * m + b] = R::constant(weight * other).mul_add(y, hessian[a * m + b]);
                }
            }
        }
    }
}

impl Factor {
    /// w · s
    #[inline(always)]
    fn along<R: Real>(&self, s: &[R]) -> R {
        let mut sum = R::constant(0.0);
        for (&weight, &s) in self.weights.iter().zip(s) {
            sum = R::constant(weight).mul_add(s, sum);
        }
        sum
    }
}
