//! The operations of a tape: their names, and the elementary ones applied to arrays.

use numpy::{Element as NumpyElement, IntoPyArray, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::level;
use crate::math::{self, Op};
use crate::simd::{Element, Level};

/// The names of the operations of a tape; an operation's code is its place in this list.
#[pyfunction]
pub fn operations() -> Vec<&'static str> {
    Op::ALL.iter().map(|op| op.name()).collect()
}

/// An operation of one or two numbers, element by element on float64 or float32 arrays of one dimension.
#[pyfunction]
#[pyo3(signature = (name, a, b=None, level=None))]
pub fn apply<'py>(
    py: Python<'py>,
    name: &str,
    a: &Bound<'py, PyAny>,
    b: Option<&Bound<'py, PyAny>>,
    level: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let op = Op::named(name).ok_or_else(|| {
        let known: Vec<_> =
            Op::ALL.iter().filter(|op| matches!(op.arguments(), Some(1 | 2))).map(|op| op.name()).collect();
        PyValueError::new_err(format!("no operation {name:?}: choose one of {}", known.join(", ")))
    })?;
    let level = self::level(level)?;
    if let Some(result) = applied::<f64>(py, op, a, b, level) {
        return result;
    }
    applied::<f32>(py, op, a, b, level).unwrap_or_else(|| {
        Err(PyTypeError::new_err("a (and b) must be one-dimensional arrays, both float64 or both float32"))
    })
}

/// The result, if the arrays have this type.
fn applied<'py, T: Element + NumpyElement>(
    py: Python<'py>,
    op: Op,
    a: &Bound<'py, PyAny>,
    b: Option<&Bound<'py, PyAny>>,
    level: Level,
) -> Option<PyResult<Bound<'py, PyAny>>> {
    let a = a.extract::<PyReadonlyArray1<'py, T>>().ok()?;
    let b = b.map(PyAnyMethods::extract::<PyReadonlyArray1<'py, T>>).transpose().ok()?;
    let scattered = |_| PyValueError::new_err("a (and b) must be contiguous: pass numpy.ascontiguousarray(a)");
    let result = || {
        let b = b.as_ref().map(PyReadonlyArray1::as_slice).transpose().map_err(scattered)?;
        let a = a.as_slice().map_err(scattered)?;
        let result = py.detach(|| math::apply(op, a, b, level))?;
        Ok(result.into_pyarray(py).into_any())
    };
    Some(result())
}
