//! One scaling of weights +w and -w, (U, V) -> (g U, V / g): the way back to |U|² - |V|² = 2 c is a closed form.

use crate::real::Real;

/// Coordinates with weight +1 and with weight -1, and the level c of (|U|² - |V|²) / 2.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Coordinates of the side that is the larger one on the slice.
    larger: Vec<usize>,
    smaller: Vec<usize>,
    /// |c|
    level: f64,
}

impl Pair {
    /// Takes the coordinates that are multiplied by g, those that are divided, and c.
    #[must_use]
    pub fn new(up: Vec<usize>, down: Vec<usize>, level: f64) -> Self {
        let (larger, smaller) = if level < 0.0 { (down, up) } else { (up, down) };
        Self { larger, smaller, level: level.abs() }
    }

    /// The two factors of the predictor.
    #[must_use]
    pub fn factors(&self) -> Vec<Vec<usize>> {
        vec![self.larger.clone(), self.smaller.clone()]
    }

    /// All coordinates that move.
    #[must_use]
    pub fn coordinates(&self) -> Vec<usize> {
        self.factors().concat()
    }

    /// Moves a point to the slice. With s = |U| |V|, which stays, the square of the larger side becomes |c| + sqrt(c² + s²): a
    /// sum of positive numbers, whatever the sign of c.
    #[inline(always)]
    pub fn retract<R: Real>(&self, x: &mut [R]) {
        let (larger, smaller) = (sum_of_squares(&self.larger, x), sum_of_squares(&self.smaller, x));
        let ratio = if self.level > 0.0 {
            let c = R::constant(self.level);
            (c + larger.mul_add(smaller, c * c).sqrt()) / larger
        } else {
            // Not from s², which may be too small a number.
            (smaller / larger).sqrt()
        };
        let scale = ratio.sqrt();
        let inverse = R::constant(1.0) / scale;
        for &i in &self.larger {
            x[i] = x[i] * scale;
        }
        for &i in &self.smaller {
            x[i] = x[i] * inverse;
        }
    }
}

/// The sum of the squares of some coordinates.
#[inline(always)]
pub fn sum_of_squares<R: Real>(coordinates: &[usize], x: &[R]) -> R {
    let mut sum = R::constant(0.0);
    for &i in coordinates {
        sum = x[i].mul_add(x[i], sum);
    }
    sum
}
