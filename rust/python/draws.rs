//! The noise itself, for initial states and for the tests that it has to pass.

use std::marker::PhantomData;

use numpy::{Element as NumpyElement, IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::level;
use crate::noise::{
    self, ALIGNMENT, Address, BoxMuller, Draws, MAX_DIM, MAX_WALKERS, Native, Noise, Precision, Single, Source, Stream,
    Window,
};
use crate::real::{Real, Scalar};
use crate::simd::{Element, Job, Pack, Simd};

/// Walkers and steps of a table of draws, with the stream that they come from.
struct Table {
    noise: Noise,
    stream: Stream,
    walkers: (u64, u64),
    steps: (u64, u64),
    dim: usize,
}

impl Table {
    fn new(key: u128, stream: &str, walkers: (u64, u64), steps: (u64, u64), dim: usize) -> PyResult<Self> {
        let stream = Stream::named(stream).ok_or_else(|| {
            let known = Stream::NAMED.map(|(name, _)| name).join(", ");
            PyValueError::new_err(format!("stream={stream:?}: expected one of {known}"))
        })?;
        if walkers.0 > walkers.1 || walkers.1 > MAX_WALKERS || steps.0 > steps.1 || !(1..=MAX_DIM).contains(&dim) {
            return Err(PyValueError::new_err("walkers, steps and dim must be ranges that the counter can address"));
        }
        Ok(Self { noise: Noise::new(key), stream, walkers, steps, dim })
    }

    /// The first walkers of the aligned blocks that hold the table's walkers.
    fn blocks(&self) -> impl Iterator<Item = u64> {
        let alignment = ALIGNMENT as u64;
        (self.walkers.0 / alignment..self.walkers.1.div_ceil(alignment)).map(move |i| i * alignment)
    }

    /// Room for `width` numbers for each (walker, step).
    fn room<T: Scalar>(&self, width: usize) -> Vec<T> {
        vec![T::default(); ((self.walkers.1 - self.walkers.0) * (self.steps.1 - self.steps.0)) as usize * width]
    }

    /// Puts a block's numbers for one step, `width` a walker, to their places.
    fn put<T: Scalar>(&self, first: u64, step: u64, width: usize, block: &[T], room: &mut [T]) {
        let steps = self.steps.1 - self.steps.0;
        for (walker, numbers) in (first..).zip(block.chunks_exact(width)) {
            if (self.walkers.0..self.walkers.1).contains(&walker) {
                let at = ((walker - self.walkers.0) * steps + step - self.steps.0) as usize * width;
                room[at..at + width].copy_from_slice(numbers);
            }
        }
    }
}

struct Normals<'a, T, Q>(&'a Table, PhantomData<(T, Q)>);

impl<T: Element + BoxMuller, Q: Precision<T>> Job for Normals<'_, T, Q> {
    type Output = Vec<T>;
    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<T> {
        let Self(table, _) = self;
        let lanes = T::Pack::<S>::LANES;
        let mut packs = vec![T::Pack::<S>::constant(0.0); ALIGNMENT / lanes * table.dim];
        let mut row = [T::default(); 16];
        let mut block = vec![T::default(); ALIGNMENT * table.dim];
        let mut room = table.room(table.dim);
        let mut window = Window::default();
        for first in table.blocks() {
            window.reset(Q::counters::<S>(first, ALIGNMENT), table.dim.div_ceil(2));
            for step in table.steps.0..table.steps.1 {
                let source = Source { noise: &table.noise, stream: table.stream, step, substeps: 1 };
                let mut draws = Draws::<S, T, Q>::new(source, &mut window, table.dim);
                for unit in packs.chunks_exact_mut(Q::PACKS * table.dim) {
                    draws.next(unit);
                }
                for (i, pack) in packs.iter().enumerate() {
                    pack.store(&mut row);
                    for (lane, &x) in row[..lanes].iter().enumerate() {
                        block[(i / table.dim * lanes + lane) * table.dim + i % table.dim] = x;
                    }
                }
                table.put(first, step, table.dim, &block, &mut room);
            }
        }
        room
    }
}

/// Two normals for each walker and step, as the loop draws them, and nothing done with them but added up.
struct Sums {
    noise: Noise,
    walkers: u64,
    steps: u64,
}

impl Job for Sums {
    type Output = Vec<f64>;
    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<f64> {
        const BLOCK: usize = 256;
        let zero = S::F64::constant(0.0);
        let mut unit = [zero; 2];
        let mut sums = unit;
        let mut window = Window::default();
        for first in (0..self.walkers).step_by(BLOCK) {
            window.reset(<Native as Precision<f64>>::counters::<S>(first, BLOCK), 1);
            for step in 0..self.steps {
                let source = Source { noise: &self.noise, stream: Stream::Increment, step, substeps: 1 };
                let mut draws = Draws::<S, f64, Native>::new(source, &mut window, 2);
                for _ in 0..BLOCK / 8 {
                    draws.next(&mut unit);
                    for (sum, &normal) in sums.iter_mut().zip(&unit) {
                        *sum = *sum + normal;
                    }
                }
            }
        }
        let mut totals = vec![0.0; 2];
        let mut lanes = [0.0; 8];
        for (i, sum) in sums.into_iter().enumerate() {
            sum.store(&mut lanes);
            totals[i] += lanes.iter().sum::<f64>();
        }
        totals
    }
}

/// Sums of the normals that runs of two coordinates draw: as fast as a step could be if it did nothing else. For benchmarks.
#[pyfunction]
#[pyo3(signature = (key, walkers, steps, *, level=None))]
pub fn normal_sums<'py>(
    py: Python<'py>,
    key: u128,
    walkers: u64,
    steps: u64,
    level: Option<&str>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    if !walkers.is_multiple_of(256) || walkers > MAX_WALKERS {
        return Err(PyValueError::new_err("walkers must be a multiple of 256 that the counter can address"));
    }
    let (level, job) = (self::level(level)?, Sums { noise: Noise::new(key), walkers, steps });
    Ok(py.detach(|| level.run(job)).into_pyarray(py))
}

/// Standard normals as the sampler draws them, (walkers, steps, dim).
#[pyfunction]
#[pyo3(signature = (key, walkers, steps, dim, *, stream="increment", dtype="float64", noise="native", level=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub fn normals<'py>(
    py: Python<'py>,
    key: u128,
    walkers: (u64, u64),
    steps: (u64, u64),
    dim: usize,
    stream: &str,
    dtype: &str,
    noise: &str,
    level: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let table = Table::new(key, stream, walkers, steps, dim)?;
    let level = self::level(level)?;
    match (dtype, noise) {
        ("float64", "native") => {
            shaped(py, &table, py.detach(|| level.run(Normals::<f64, Native>(&table, PhantomData))), dim)
        }
        ("float64", "single") => {
            shaped(py, &table, py.detach(|| level.run(Normals::<f64, Single>(&table, PhantomData))), dim)
        }
        ("float32", "native") => {
            shaped(py, &table, py.detach(|| level.run(Normals::<f32, Native>(&table, PhantomData))), dim)
        }
        _ => Err(PyValueError::new_err(format!("no normals of dtype={dtype:?} with noise={noise:?}"))),
    }
}

struct Words<'a>(&'a Table);

impl Job for Words<'_> {
    type Output = Vec<f64>;
    #[inline(always)]
    fn run<S: Simd>(self) -> Vec<f64> {
        let Self(table) = self;
        let pairs = table.dim.div_ceil(2);
        let mut lanes = [[0.0; 8]; 2];
        let mut block = vec![0.0; ALIGNMENT * 2 * pairs];
        let mut room = table.room(2 * pairs);
        for first in table.blocks() {
            for step in table.steps.0..table.steps.1 {
                for (pack, rows) in block.chunks_exact_mut(8 * 2 * pairs).enumerate() {
                    let counters = noise::counters::<S::F64>(first + 8 * pack as u64);
                    for pair in 0..pairs {
                        let address = Address { stream: table.stream, step, pair };
                        let (one, two) = table.noise.words::<S::F64>(&counters, address);
                        <S::F64 as Real>::from_bits(one).store(&mut lanes[0]);
                        <S::F64 as Real>::from_bits(two).store(&mut lanes[1]);
                        for (lane, row) in rows.chunks_exact_mut(2 * pairs).enumerate() {
                            row[2 * pair..2 * pair + 2].copy_from_slice(&[lanes[0][lane], lanes[1][lane]]);
                        }
                    }
                }
                table.put(first, step, 2 * pairs, &block, &mut room);
            }
        }
        room
    }
}

/// The random words under `normals`, (walkers, steps, 2 ceil(dim / 2)).
#[pyfunction]
#[pyo3(signature = (key, walkers, steps, dim, *, stream="increment", level=None))]
pub fn words<'py>(
    py: Python<'py>,
    key: u128,
    walkers: (u64, u64),
    steps: (u64, u64),
    dim: usize,
    stream: &str,
    level: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let table = Table::new(key, stream, walkers, steps, dim)?;
    let level = self::level(level)?;
    let words: Vec<u64> = py.detach(|| level.run(Words(&table)).into_iter().map(f64::to_bits).collect());
    shaped(py, &table, words, 2 * dim.div_ceil(2))
}

fn shaped<'py, T: NumpyElement>(
    py: Python<'py>,
    table: &Table,
    numbers: Vec<T>,
    width: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let walkers = (table.walkers.1 - table.walkers.0) as usize;
    let steps = (table.steps.1 - table.steps.0) as usize;
    Ok(numbers.into_pyarray(py).reshape([walkers, steps, width])?.into_any())
}

/// The transform alone: the normals that two arrays of words become, for measuring its rounding error.
#[pyfunction]
#[pyo3(signature = (first, second, *, dtype="float64"))]
pub fn box_muller<'py>(
    py: Python<'py>,
    first: PyReadonlyArray1<'py, u64>,
    second: PyReadonlyArray1<'py, u64>,
    dtype: &str,
) -> PyResult<[Bound<'py, PyArray1<f64>>; 2]> {
    fn pairs<T: BoxMuller>(first: &[u64], second: &[u64]) -> (Vec<f64>, Vec<f64>) {
        let pair = |(&first, &second)| noise::normal::pair::<T>(T::low_bits(first), T::low_bits(second));
        first.iter().zip(second).map(pair).map(|(cosine, sine)| (cosine.to_f64(), sine.to_f64())).unzip()
    }
    let (first, second) = (first.as_slice()?, second.as_slice()?);
    let (cosines, sines) = match dtype {
        "float64" => pairs::<f64>(first, second),
        "float32" => pairs::<f32>(first, second),
        other => return Err(PyValueError::new_err(format!("dtype={other:?}: expected 'float64' or 'float32'"))),
    };
    Ok([cosines.into_pyarray(py), sines.into_pyarray(py)])
}
