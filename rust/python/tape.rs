//! Tapes as Python has them: a dict of plain arrays.

use numpy::{
    Element as NumpyElement, IntoPyArray, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::error::Result;
use crate::potential::program::{Matrix, Parts, Program};
use crate::simd::{Element, Level};

/// A tape, borrowed.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Tape<'py> {
    code: PyReadonlyArray2<'py, i32>,
    constants: PyReadonlyArray1<'py, f64>,
    dim: usize,
    registers: usize,
    outputs: PyReadonlyArray1<'py, i32>,
    data: Vec<PyReadonlyArray2<'py, f64>>,
}

impl Tape<'_> {
    /// The checked program.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn program(&self) -> Result<Program> {
        let rows = self.code.as_array();
        let code = rows.rows().into_iter().map(|row| std::array::from_fn(|i| row.get(i).copied().unwrap_or(-1)));
        let matrix = |numbers: &PyReadonlyArray2<f64>| Matrix {
            rows: numbers.shape()[0],
            columns: numbers.shape()[1],
            numbers: numbers.as_array().iter().copied().collect(),
        };
        Program::new(Parts {
            code: code.collect(),
            constants: self.constants.as_array().to_vec(),
            dim: self.dim,
            registers: self.registers,
            outputs: self.outputs.as_array().to_vec(),
            data: self.data.iter().map(matrix).collect(),
        })
    }
}

/// The results of a tape at points, (points, outputs); the points are (points, dim), and their type is that of the results.
#[pyfunction]
#[pyo3(signature = (tape, points, level=None))]
pub fn evaluate<'py>(
    py: Python<'py>,
    tape: Tape<'py>,
    points: &Bound<'py, PyAny>,
    level: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let (program, level) = (tape.program()?, super::level(level)?);
    if let Ok(points) = points.extract::<PyReadonlyArray2<'py, f64>>() {
        at(py, &program, level, points)
    } else if let Ok(points) = points.extract::<PyReadonlyArray2<'py, f32>>() {
        at(py, &program, level, points)
    } else {
        Err(PyTypeError::new_err("points must be a two-dimensional float64 or float32 array"))
    }
}

fn at<'py, T: Element + NumpyElement>(
    py: Python<'py>,
    program: &Program,
    level: Level,
    points: PyReadonlyArray2<'py, T>,
) -> PyResult<Bound<'py, PyAny>> {
    let [rows, columns] = [points.shape()[0], points.shape()[1]];
    if columns != program.dim() {
        return Err(PyValueError::new_err(format!(
            "points have {columns} coordinates each, the tape has {}",
            program.dim()
        )));
    }
    let points = points.as_slice()?;
    let results = py.detach(|| program.at(level, points))?;
    Ok(results.into_pyarray(py).reshape([rows, program.outputs()])?.into_any())
}
