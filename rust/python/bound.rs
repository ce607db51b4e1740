//! Where walkers are bound to, as Python has it: a gauge, or a surface told by a tape; and `_core.lead`, the way there.

use numpy::{Element as NumpyElement, IntoPyArray, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::level;
use super::tape::Tape;
use crate::dynamics::Way;
use crate::dynamics::gauge::{
    AtZero, Gauge, GeneralLinear, MOST_COLUMNS, Pair, Part, Retraction, Scalings, Translations,
};
use crate::dynamics::slice::Slice;
use crate::error::{Error, Result};
use crate::simd::{Element, Level};

/// What walkers are bound to.
#[derive(FromPyObject)]
pub enum Bound<'py> {
    /// The parts of a gauge; whether walkers that reach zero are absorbed; the frame of the parts' coordinates: those of every
    /// block, and its matrix by rows.
    Gauge(Vec<PartOfGauge>, bool, Vec<(Vec<usize>, Vec<f64>)>),
    /// A tape of functions and their gradients, the functions' levels, and the sizes of the blocks that they fall into.
    Slice(Tape<'py>, Vec<f64>, Vec<usize>),
}

/// One part of a gauge; whether walkers may end at zero.
#[derive(FromPyObject)]
pub enum PartOfGauge {
    /// Coordinates of weight 1 and of weight -1, and the level.
    Pair(Vec<usize>, Vec<usize>, f64, bool),
    /// Coordinates that move alike, their weights under each scaling, and the levels.
    Scalings(Vec<Vec<usize>>, Vec<Vec<f64>>, Vec<f64>, bool),
    /// Columns, and the coordinates of both matrices by rows.
    GeneralLinear(usize, Vec<usize>, Vec<usize>),
    /// Coordinates, orthonormal directions, and the levels.
    Translations(Vec<usize>, Vec<Vec<f64>>, Vec<f64>),
}

/// The same, checked.
pub enum Checked {
    Gauge(Gauge),
    Slice(Slice),
}

impl Bound<'_> {
    /// Checks it.
    ///
    /// # Errors
    /// If it is none.
    pub fn checked(&self, dim: usize) -> Result<Checked> {
        match self {
            Self::Gauge(parts, absorb, frame) => {
                let parts = parts.iter().map(PartOfGauge::part).collect::<Result<_>>()?;
                let at_zero = if *absorb { AtZero::Absorb } else { AtZero::Fail };
                Ok(Checked::Gauge(Gauge::new(dim, parts, at_zero)?.in_frame(frame.clone())?))
            }
            Self::Slice(tape, levels, blocks) => {
                let slice = Slice::new(tape.program()?, levels.clone(), blocks)?;
                if slice.dim() != dim {
                    return Err(Error::invalid(format!("slice: a tape of {} inputs, not {dim}", slice.dim())));
                }
                Ok(Checked::Slice(slice))
            }
        }
    }
}

impl PartOfGauge {
    fn part(&self) -> Result<Part> {
        let fits = |is_fine: bool| {
            if is_fine { Ok(()) } else { Err(Error::invalid("gauge: the shapes of a part do not fit each other")) }
        };
        let (retraction, mortal) = match self {
            Self::Pair(up, down, level, mortal) => {
                fits(!up.is_empty() && !down.is_empty() && level.is_finite())?;
                (Retraction::Pair(Pair::new(up.clone(), down.clone(), *level)), *mortal)
            }
            Self::Scalings(factors, weights, levels, mortal) => {
                fits(factors.len() == weights.len() && !levels.is_empty())?;
                fits(weights.iter().all(|weights| weights.len() == levels.len()))?;
                let factors = factors.iter().cloned().zip(weights.iter().cloned()).collect();
                (Retraction::Scalings(Scalings::new(factors, levels.clone())), *mortal)
            }
            Self::GeneralLinear(columns, u, v) => {
                fits((2..=MOST_COLUMNS).contains(columns))?;
                fits(u.len() >= columns * columns && v.len() >= columns * columns)?;
                fits(u.len().is_multiple_of(*columns) && v.len().is_multiple_of(*columns))?;
                (Retraction::GeneralLinear(GeneralLinear::new(*columns, u.clone(), v.clone())), false)
            }
            Self::Translations(coordinates, directions, levels) => {
                fits(directions.len() == levels.len() && levels.iter().all(|level| level.is_finite()))?;
                fits(directions.iter().all(|direction| direction.len() == coordinates.len()))?;
                let directions = directions.iter().cloned().zip(levels.iter().copied()).collect();
                (Retraction::Translations(Translations::new(coordinates.clone(), directions)), false)
            }
        };
        let part = Part::new(retraction);
        Ok(if mortal { part.mortal() } else { part })
    }
}

/// Points (points, dim) moved to where walkers are bound: along the orbits of a gauge, or along the normals of a surface. Who
/// finds no way becomes NaN.
#[pyfunction]
#[pyo3(signature = (bound, points, level=None))]
pub fn lead<'py>(
    py: Python<'py>,
    bound: Bound<'py>,
    points: &pyo3::Bound<'py, PyAny>,
    level: Option<&str>,
) -> PyResult<pyo3::Bound<'py, PyAny>> {
    let level = self::level(level)?;
    if let Ok(points) = points.extract::<PyReadonlyArray2<'py, f64>>() {
        led(py, &bound, level, points)
    } else if let Ok(points) = points.extract::<PyReadonlyArray2<'py, f32>>() {
        led(py, &bound, level, points)
    } else {
        Err(PyTypeError::new_err("points must be a two-dimensional float64 or float32 array"))
    }
}

fn led<'py, T: Element + NumpyElement>(
    py: Python<'py>,
    bound: &Bound<'py>,
    level: Level,
    points: PyReadonlyArray2<'py, T>,
) -> PyResult<pyo3::Bound<'py, PyAny>> {
    let shape = [points.shape()[0], points.shape()[1]];
    let checked = bound.checked(shape[1])?;
    if shape[1] == 0 {
        return Err(PyValueError::new_err("points have no coordinates"));
    }
    let mut points = points.as_slice()?.to_vec();
    let way = match &checked {
        Checked::Gauge(gauge) => Way::Orbits(gauge),
        Checked::Slice(slice) => Way::Normals(slice),
    };
    py.detach(|| way.lead(level, &mut points));
    Ok(points.into_pyarray(py).reshape(shape)?.into_any())
}
