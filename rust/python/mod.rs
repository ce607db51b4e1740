//! The glue to Python: borrow arrays, release the GIL, map errors, nothing else.
#![allow(
    clippy::needless_pass_by_value,
    clippy::elidable_lifetime_names,
    reason = "PyO3 hands arguments over by value, and 'py says whose objects they are"
)]

mod bound;
mod draws;
mod examples;
mod functions;
mod sampler;
mod tape;

use pyo3::create_exception;
use pyo3::exceptions::{PyArithmeticError, PyValueError};
use pyo3::prelude::*;

use crate::error::{Error, Kind};
use crate::simd::Level;

// The module where Python finds it: a pickle names nothing else.
create_exception!(
    langevin_ib._core,
    DivergedError,
    PyArithmeticError,
    "A walker diverged; args are (message, walker, step, cause, coordinate, value)."
);

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        match error.kind {
            Kind::InvalidArgument => PyValueError::new_err(error.message),
            Kind::Diverged { walker, step, cause, place } => {
                DivergedError::new_err((error.message, walker, step, cause.name(), place.coordinate, place.value))
            }
        }
    }
}

/// The named level, or the best one.
fn level(name: Option<&str>) -> PyResult<Level> {
    let Some(name) = name else { return Ok(Level::detect()) };
    Level::named(name).ok_or_else(|| {
        let available: Vec<_> = Level::available().into_iter().map(Level::name).collect();
        PyValueError::new_err(format!("level={name:?}: this machine has {}", available.join(", ")))
    })
}

/// The compiled core of langevin_ib.
#[pymodule]
mod _core {
    use numpy::PyArray1;
    use pyo3::prelude::*;

    use super::Level;

    #[pymodule_export]
    use super::DivergedError;
    #[pymodule_export]
    use super::bound::lead;
    #[pymodule_export]
    use super::draws::{box_muller, normal_sums, normals, words};
    #[pymodule_export]
    use super::functions::{apply, operations};
    #[pymodule_export]
    use super::sampler::sample;
    #[pymodule_export]
    use super::tape::evaluate;

    /// Finds NumPy's functions, which runs Python: Ctrl-C here ends an import, where at the first array it would be a panic.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.py().import("numpy")?;
        drop(PyArray1::<f64>::zeros(module.py(), 0, false));
        Ok(())
    }

    /// The instruction-set levels of this machine, slowest first.
    #[pyfunction]
    fn levels() -> Vec<&'static str> {
        Level::available().into_iter().map(Level::name).collect()
    }

    /// How many threads this machine runs at once.
    #[pyfunction]
    fn cpu_count() -> usize {
        std::thread::available_parallelism().map_or(1, Into::into)
    }
}
