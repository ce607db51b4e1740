//! Translations x -> x + Σ_a s_a a: the way back to q_a · x = c_a for orthonormal q_a is a closed form, and a projection.

use crate::real::Real;

/// Orthonormal directions, and the levels along them.
#[derive(Clone, Debug)]
pub struct Translations {
    coordinates: Vec<usize>,
    /// For each direction its components along the coordinates, and the level.
    directions: Vec<(Vec<f64>, f64)>,
}

impl Translations {
    /// Takes the coordinates that move, and for each direction its components and its level.
    #[must_use]
    pub fn new(coordinates: Vec<usize>, directions: Vec<(Vec<f64>, f64)>) -> Self {
        Self { coordinates, directions }
    }

    /// All coordinates that move.
    #[must_use]
    pub fn coordinates(&self) -> Vec<usize> {
        self.coordinates.clone()
    }

    /// Moves a point to the slice.
    #[inline(always)]
    pub fn retract<R: Real>(&self, x: &mut [R]) {
        for (direction, level) in &self.directions {
            let mut missing = R::constant(*level);
            for (&i, &component) in self.coordinates.iter().zip(direction) {
                missing = R::constant(-component).mul_add(x[i], missing);
            }
            for (&i, &component) in self.coordinates.iter().zip(direction) {
                x[i] = R::constant(component).mul_add(missing, x[i]);
            }
        }
    }
}
