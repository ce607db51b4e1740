//! Orthogonal coordinates y = Oᵀ x of some coordinates x, in which a group consists of scalings: there and back.

use crate::error::{Error, Result};
use crate::real::Real;

/// Blocks of coordinates that are turned, each by itself.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    turns: Vec<Turn>,
}

/// Some coordinates, and the matrix O by rows; y takes their places.
#[derive(Clone, Debug)]
struct Turn {
    coordinates: Vec<usize>,
    matrix: Vec<f64>,
}

impl Frame {
    /// Takes the coordinates of every block, and its matrix.
    ///
    /// # Errors
    /// If a matrix is not orthogonal or of another size, or a coordinate of `dim` is not there, or in two blocks.
    pub fn new(dim: usize, blocks: Vec<(Vec<usize>, Vec<f64>)>) -> Result<Self> {
        let mut taken = vec![false; dim];
        for &i in blocks.iter().flat_map(|(coordinates, _)| coordinates) {
            if i >= dim || std::mem::replace(&mut taken[i], true) {
                return Err(Error::invalid(format!("frame: coordinate {i} of {dim} is not there, or turns twice")));
            }
        }
        let turns: Vec<_> = blocks.into_iter().map(|(coordinates, matrix)| Turn { coordinates, matrix }).collect();
        if !turns.iter().all(Turn::is_orthogonal) {
            return Err(Error::invalid("frame: a matrix that is not orthogonal, or of another size"));
        }
        Ok(Self { turns })
    }

    /// Whether nothing is turned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// How many numbers `enter` and `leave` need room for.
    #[must_use]
    pub fn room(&self) -> usize {
        self.turns.iter().map(|turn| turn.coordinates.len()).max().unwrap_or(0)
    }

    /// Replaces x by y.
    #[inline(always)]
    pub fn enter<R: Real>(&self, x: &mut [R], room: &mut [R]) {
        for turn in &self.turns {
            let size = turn.coordinates.len();
            turn.apply(x, room, |row, column| turn.matrix[column * size + row]);
        }
    }

    /// Replaces y by x.
    #[inline(always)]
    pub fn leave<R: Real>(&self, y: &mut [R], room: &mut [R]) {
        for turn in &self.turns {
            let size = turn.coordinates.len();
            turn.apply(y, room, |row, column| turn.matrix[row * size + column]);
        }
    }
}

impl Turn {
    fn is_orthogonal(&self) -> bool {
        let size = self.coordinates.len();
        if self.matrix.len() != size * size {
            return false;
        }
        let rows: Vec<_> = self.matrix.chunks_exact(size.max(1)).collect();
        rows.iter().enumerate().all(|(i, a)| {
            rows.iter().enumerate().all(|(j, b)| {
                let product: f64 = a.iter().zip(*b).map(|(a, b)| a * b).sum();
                (product - f64::from(u8::from(i == j))).abs() < 1e-12
            })
        })
    }

    #[inline(always)]
    fn apply<R: Real>(&self, x: &mut [R], room: &mut [R], entry: impl Fn(usize, usize) -> f64) {
        for (row, turned) in room[..self.coordinates.len()].iter_mut().enumerate() {
            let mut sum = R::constant(0.0);
            for (column, &i) in self.coordinates.iter().enumerate() {
                sum = R::constant(entry(row, column)).mul_add(x[i], sum);
            }
            *turned = sum;
        }
        for (&i, &value) in self.coordinates.iter().zip(&*room) {
            x[i] = value;
        }
    }
}
