//! Gauge-fixing: after a step every walker goes along its orbit back to the slice {chi = level}.
//!
//! - `pair`: one scaling of weights +1 and -1, in closed form.
//! - `scalings`: several that hang together, by Newton's method on a convex function.
//! - `general_linear`: GL(r) on two matrices, by symmetric square roots.
//! - `translations`: a projection.
//! - `frame`: the coordinates in which all of these are said, where they are not those of the parameters.
//! - `walkers`: a block of walkers, and those that end at zero.

mod frame;
mod general_linear;
mod pair;
mod scalings;
mod translations;
mod walkers;

pub use frame::Frame;
pub use general_linear::{GeneralLinear, MOST_COLUMNS};
pub use pair::Pair;
pub use scalings::Scalings;
pub use translations::Translations;
pub use walkers::{Death, Return};

use crate::error::{Error, Result};
use crate::simd::{Element, Routine, Simd};

/// The way back to the slice for some coordinates that hang together.
#[derive(Clone, Debug)]
pub enum Retraction {
    /// One scaling of weights +1 and -1.
    Pair(Pair),
    /// Several scalings, or other weights.
    Scalings(Scalings),
    /// A general linear group.
    GeneralLinear(GeneralLinear),
    /// Translations.
    Translations(Translations),
}

/// What becomes of a walker whose predictor reaches zero, where the slice has its tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtZero {
    /// It stays there.
    Absorb,
    /// The run ends with an error.
    Fail,
}

/// Some coordinates that hang together.
#[derive(Clone, Debug)]
pub struct Part {
    retraction: Retraction,
    /// All that move.
    coordinates: Vec<usize>,
    /// The factors of their predictor, as coordinates, if walkers can end at zero.
    factors: Vec<Vec<usize>>,
}

/// A gauge: parts that share no coordinates of a frame.
#[derive(Clone, Debug)]
pub struct Gauge {
    dim: usize,
    frame: Frame,
    parts: Vec<Part>,
    at_zero: AtZero,
}

impl Gauge {
    /// Takes the parts.
    ///
    /// # Errors
    /// If one names a coordinate that is not there, or two name the same.
    pub fn new(dim: usize, parts: Vec<Part>, at_zero: AtZero) -> Result<Self> {
        let mut taken = vec![false; dim];
        for part in &parts {
            for &i in &part.coordinates {
                if i >= dim || std::mem::replace(&mut taken[i], true) {
                    return Err(Error::invalid(format!("gauge: coordinate {i} of {dim} is not there, or moves twice")));
                }
            }
        }
        Ok(Self { dim, frame: Frame::default(), parts, at_zero })
    }

    /// The same, where the coordinates that the parts name are those of a frame.
    ///
    /// # Errors
    /// If the frame is none, see `Frame::new`.
    pub fn in_frame(self, blocks: Vec<(Vec<usize>, Vec<f64>)>) -> Result<Self> {
        Ok(Self { frame: Frame::new(self.dim, blocks)?, ..self })
    }

    /// Number of coordinates.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Whether walkers can end at zero.
    #[must_use]
    pub fn is_mortal(&self) -> bool {
        self.parts.iter().any(Part::is_mortal)
    }

    /// How many numbers `retract` needs room for.
    #[must_use]
    pub fn room(&self) -> usize {
        let parts = self.parts.iter().map(|part| part.retraction.room()).max().unwrap_or(0);
        // Beside where a walker was before its step, in the frame.
        parts.max(self.frame.room()) + if self.frame.is_empty() { 0 } else { self.dim }
    }

    /// Moves a pack of points to the slice; coordinates that no scaling moves stay.
    #[inline(always)]
    pub fn retract<S: Simd, T: Element>(&self, x: &mut [T::Pack<S>], room: &mut [T::Pack<S>]) {
        self.frame.enter(x, room);
        for part in &self.parts {
            part.retract::<S, T>(x, room);
        }
        self.frame.leave(x, room);
    }
}

/// The longer ways back for one part of a pack of points, a function of its own: it is needed in several places.
struct Retract<'a, S: Simd, T: Element> {
    part: &'a Part,
    x: &'a mut [T::Pack<S>],
    room: &'a mut [T::Pack<S>],
}

impl<S: Simd, T: Element> Routine<S> for Retract<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match &self.part.retraction {
            // It has gone already.
            Retraction::Pair(_) => {}
            Retraction::Scalings(scalings) => scalings.retract(self.x, self.room),
            Retraction::GeneralLinear(group) => group.retract(self.x),
            Retraction::Translations(translations) => translations.retract(self.x),
        }
    }
}

impl Part {
    /// Takes the way back.
    #[must_use]
    pub fn new(retraction: Retraction) -> Self {
        let coordinates = match &retraction {
            Retraction::Pair(pair) => pair.coordinates(),
            Retraction::Scalings(scalings) => scalings.factors().concat(),
            Retraction::GeneralLinear(group) => group.coordinates(),
            Retraction::Translations(translations) => translations.coordinates(),
        };
        Self { retraction, coordinates, factors: Vec::new() }
    }

    /// The same, where walkers that reach zero end. That is where, in a step x -> y, the product over the factors f of
    /// x_f · y_f, which for numbers is the old predictor times the new one, is not positive.
    #[must_use]
    pub fn mortal(mut self) -> Self {
        self.factors = match &self.retraction {
            Retraction::Pair(pair) => pair.factors(),
            Retraction::Scalings(scalings) => scalings.factors(),
            Retraction::GeneralLinear(_) | Retraction::Translations(_) => Vec::new(),
        };
        self
    }

    fn is_mortal(&self) -> bool {
        !self.factors.is_empty()
    }

    /// Moves a pack of points to the slice.
    #[inline(always)]
    fn retract<S: Simd, T: Element>(&self, x: &mut [T::Pack<S>], room: &mut [T::Pack<S>]) {
        match &self.retraction {
            Retraction::Pair(pair) => pair.retract(x),
            _ => S::call(Retract::<S, T> { part: self, x, room }),
        }
    }
}

impl Retraction {
    fn room(&self) -> usize {
        if let Self::Scalings(scalings) = self { scalings.room() } else { 0 }
    }
}
