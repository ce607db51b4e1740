//! `_core.sample`: one request in, plain arrays out. The GIL is released once, around the whole loop.

use numpy::{
    Element as NumpyElement, IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PySlice;

use super::bound::{Bound as BoundTo, Checked};
use super::examples::Examples;
use super::level;
use super::tape::Tape;
use crate::dynamics::Ambient;
use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::noise::{ALIGNMENT, BoxMuller, MAX_WALKERS, Native, Noise, Precision, Single};
use crate::observe::{Given, Histogram, Keep, Looks, Moments, Watch};
use crate::potential::{Foreign, Harmonic, Observable, Potential, Product, Taped, Told};
use crate::run::{self, Acceptance, Before, Kept, Outcome, Plan, Room};
use crate::scheme::{Any, Metropolis, Rigid, Scheme};
use crate::simd::Element;
use crate::walk::Step;

/// States beyond these are runaways; their squares can still be compared.
const BOUND: (f64, f64) = (1e100, 1e18);

/// Runs of fewer walker-steps take less time than it takes to wake a thread.
const ALONE_BELOW: u64 = 50_000;

/// Everything about a run that has no array in it, read from a dict.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Request<'py> {
    potential: Driver<'py>,
    /// What walkers are bound to, if to anything.
    bound: Option<BoundTo<'py>>,
    /// The metric by rows, or None for the Euclidean one.
    metric: Option<Vec<f64>>,
    scheme: String,
    noise: String,
    temperature: f64,
    step_size: f64,
    key: u128,
    substeps: u64,
    walkers: (u64, u64),
    steps: (u64, u64),
    burn_in: u64,
    /// Steps before the first proposal.
    approach: u64,
    observe: Vec<Look<'py>>,
    groups: u64,
    threads: usize,
    level: Option<String>,
    block: usize,
}

/// What drives the walkers.
#[derive(FromPyObject)]
#[allow(clippy::large_enum_variant, reason = "there is one of them in a run")]
enum Driver<'py> {
    /// Name, constants and weight decay of a closed form.
    Formula(String, Vec<f64>, f64),
    /// A C function's address, that of its data, and weight decay.
    Function(usize, usize, f64),
    /// The gradient, and the value followed by the gradient.
    Tapes(Tape<'py>, Tape<'py>),
    /// A mean over rows, of which each walker takes some.
    Risk(Examples<'py>),
}

/// Observable, when it is looked at, kind, the kind's constants, and the condition under which it counts: observable, lower and
/// upper end.
type Look<'py> = (Seen<'py>, When, String, Vec<f64>, Option<(Seen<'py>, f64, f64)>);

/// When an observer looks, counted from the end of the burn-in.
#[derive(FromPyObject)]
enum When {
    /// After every so many steps.
    Every(u64),
    /// After these steps.
    At(Vec<u64>),
}

/// What an observer looks at.
#[derive(FromPyObject)]
enum Seen<'py> {
    /// One of the potential's own observables, or a coordinate.
    Name(String),
    /// The output of a tape.
    Tape(Tape<'py>),
}

/// What a run gives back: states, what each observer kept, steps made, rows (accepted, refused by now, most
/// refused) of each walker that makes proposals, rows (walker, part, step) of those who reached zero, the exception that stopped it.
type Answer<'py> =
    (Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>, u64, Bound<'py, PyAny>, Bound<'py, PyAny>, Option<PyErr>);

/// Runs a request from the given states, (walkers, dim); `sums` continue the moments of an earlier part of the run, and
/// `acceptance` what became of its proposals.
#[pyfunction]
#[pyo3(signature = (request, states, sums=Vec::new(), progress=None, acceptance=None))]
pub fn sample<'py>(
    py: Python<'py>,
    request: Request<'py>,
    states: &Bound<'py, PyAny>,
    sums: Vec<PyReadonlyArray1<'py, f64>>,
    progress: Option<Py<PyAny>>,
    acceptance: Option<PyReadonlyArray2<'py, i64>>,
) -> PyResult<Answer<'py>> {
    let acceptance = acceptance.as_ref().map_or(Ok(&[][..]), rows_of)?;
    let sums = sums.iter().map(|sums| Ok(sums.as_slice()?)).collect::<PyResult<Vec<_>>>()?;
    if let Ok(states) = states.extract::<PyReadonlyArray2<'py, f64>>() {
        let job = Job {
            request: &request,
            dim: states.shape()[1],
            before: Before { states: states.as_slice()?, sums: &sums, acceptance },
            progress,
            bound: BOUND.0,
        };
        match request.noise.as_str() {
            "native" => job.sample(py, Native),
            "single" => job.sample(py, Single),
            other => Err(PyValueError::new_err(format!("noise={other:?}: expected 'native' or 'single'"))),
        }
    } else if let Ok(states) = states.extract::<PyReadonlyArray2<'py, f32>>() {
        let job = Job {
            request: &request,
            dim: states.shape()[1],
            before: Before { states: states.as_slice()?, sums: &sums, acceptance },
            progress,
            bound: BOUND.1,
        };
        job.sample(py, Native)
    } else {
        Err(PyTypeError::new_err("states must be a two-dimensional float64 or float32 array"))
    }
}

/// A request with its arrays.
struct Job<'a, 'py, T> {
    request: &'a Request<'py>,
    dim: usize,
    before: Before<'a, T>,
    progress: Option<Py<PyAny>>,
    bound: f64,
}

impl<'py, T: Element + BoxMuller + NumpyElement> Job<'_, 'py, T> {
    fn sample<Q: Precision<T>>(self, py: Python<'py>, precision: Q) -> PyResult<Answer<'py>> {
        let potential = self.potential()?;
        let bound = self.request.bound.as_ref().map(|bound| bound.checked(self.dim)).transpose()?;
        match (&potential, &bound) {
            (Told::Product(_) | Told::Harmonic(_), Some(_)) => {
                return Err(PyValueError::new_err("bound walkers are driven by tapes or functions"));
            }
            (Told::Risk(_), bound) if self.request.scheme != "euler-maruyama" || bound.is_some() => {
                return Err(PyValueError::new_err("risk: only 'euler-maruyama' moves walkers that see batches"));
            }
            _ => {}
        }
        if bound.is_some() && self.request.metric.is_some() {
            return Err(PyValueError::new_err("metric: bound walkers know the Euclidean one only"));
        }
        let mala = Metropolis { approach: self.request.approach };
        let scheme = match (self.request.scheme.as_str(), &bound) {
            ("euler-maruyama", None) => Any::EulerMaruyama,
            ("leimkuhler-matthews", None) => Any::LeimkuhlerMatthews,
            ("mala", None) => Any::Metropolis(mala),
            ("euler-maruyama", Some(Checked::Gauge(gauge))) => Any::GaugeFixed(gauge),
            ("euler-maruyama", Some(Checked::Slice(slice))) => Any::Rigid(Rigid { slice, metropolis: None }),
            ("mala", Some(Checked::Slice(slice))) => Any::Rigid(Rigid { slice, metropolis: Some(mala) }),
            (other, None) => {
                return Err(PyValueError::new_err(format!(
                    "scheme={other:?}: expected 'euler-maruyama', 'leimkuhler-matthews' or 'mala'"
                )));
            }
            (other, Some(_)) => {
                return Err(PyValueError::new_err(format!("scheme={other:?} does not move walkers that are bound so")));
            }
        };
        self.run(py, precision, &potential, scheme)
    }

    fn potential(&self) -> PyResult<Told> {
        Ok(match &self.request.potential {
            Driver::Formula(name, constants, weight_decay) => self.formula(name, constants, *weight_decay)?,
            &Driver::Function(address, user_data, weight_decay) => {
                // SAFETY: Python keeps the function and its data alive during the call, and says so in its documentation.
                #[allow(unsafe_code, reason = "the user vouches for the function")]
                let potential = unsafe { Foreign::new(address, user_data, self.dim, weight_decay)? };
                Told::Foreign(potential)
            }
            Driver::Tapes(gradient, value_and_gradient) => {
                Told::Taped(Taped::new(gradient.program()?, value_and_gradient.program()?)?)
            }
            Driver::Risk(examples) => Told::Risk(Box::new(examples.risk(self.dim, self.request.key)?)),
        })
    }

    fn formula(&self, name: &str, constants: &[f64], weight_decay: f64) -> PyResult<Told> {
        match (name, constants, self.dim) {
            ("product", &[target], 2) => Ok(Told::Product(Ambient { potential: Product { target }, weight_decay })),
            ("harmonic", &[stiffness], dim @ 1..) => {
                Ok(Told::Harmonic(Ambient { potential: Harmonic { dim, stiffness }, weight_decay }))
            }
            (name, constants, dim) => Err(PyValueError::new_err(format!(
                "no potential {name:?} with {} constants in {dim} dimensions",
                constants.len()
            ))),
        }
    }

    fn run<Q: Precision<T>>(
        self,
        py: Python<'py>,
        precision: Q,
        potential: &Told,
        scheme: Any<'_>,
    ) -> PyResult<Answer<'py>> {
        let plan = self.request.plan(
            potential,
            self.before.states.len(),
            self.bound,
            level(self.request.level.as_deref())?,
        )?;
        let Self { before, progress, .. } = self;
        let mut stopped = None;
        let go_on = |steps| {
            stopped = Python::attach(|py| {
                py.check_signals()?;
                progress.as_ref().map_or(Ok(()), |progress| progress.call1(py, (steps,)).map(drop))
            })
            .err();
            stopped.is_none()
        };
        // NumPy asks the system for large pages, which are filled five times as fast as others.
        let aligned = (plan.aligned().end - plan.aligned().start) as usize;
        let states = PyArray2::zeros(py, [aligned, potential.dim()], false);
        let sums: Vec<_> =
            plan.watches.iter().map(|watch| PyArray2::<f64>::zeros(py, [aligned, watch.sums()], false)).collect();
        let proposing = if scheme.is_metropolis() { plan.walkers.end - plan.walkers.start } else { 0 };
        let counts = PyArray2::zeros(py, [proposing as usize, 3], false);
        let outcome = {
            let (mut states, mut counts) = (states.readwrite(), counts.readwrite());
            let mut sums: Vec<_> = sums.iter().map(PyArrayMethods::readwrite).collect();
            let room = Room {
                states: states.as_slice_mut()?,
                sums: sums.iter_mut().map(|sums| sums.as_slice_mut()).collect::<std::result::Result<_, _>>()?,
                acceptance: counts.as_slice_mut()?.as_chunks_mut().0,
            };
            py.detach(|| run::run(&plan, potential, scheme, precision, before, room, go_on))?
        };
        let Outcome { rows, kept, steps, deaths } = outcome;
        let live = PySlice::new(py, rows.start as isize, rows.end as isize, 1);
        let states = states.get_item(&live)?;
        let kept = kept.into_iter().zip(sums).map(|(kept, sums)| match kept {
            Kept::Counts(counts) => matrix(py, counts, plan.groups as usize),
            Kept::Sums => sums.get_item(&live),
            Kept::Trace(trace) => matrix(py, trace, rows.len()),
        });
        let kept = kept.collect::<PyResult<_>>()?;
        let died = deaths.len();
        let deaths: Vec<i64> =
            deaths.iter().flat_map(|death| [death.walker as i64, death.part as i64, death.step as i64]).collect();
        let deaths = deaths.into_pyarray(py).reshape([died, 3])?.into_any();
        Ok((states, kept, steps, counts.into_any(), deaths, stopped))
    }
}

/// What became of the proposals of an earlier part of a run: rows (accepted, refused by now, most refused).
fn rows_of<'a>(counts: &'a PyReadonlyArray2<'_, i64>) -> PyResult<&'a [Acceptance]> {
    if counts.shape()[1] != 3 {
        return Err(PyValueError::new_err("acceptance: expected three counts for each walker"));
    }
    Ok(counts.as_slice()?.as_chunks().0)
}

/// What a watch kept, as a matrix of so many rows.
fn matrix<'py, U: NumpyElement>(py: Python<'py>, data: Vec<U>, rows: usize) -> PyResult<Bound<'py, PyAny>> {
    let columns = data.len() / rows.max(1);
    Ok(data.into_pyarray(py).reshape([rows, columns])?.into_any())
}

impl Request<'_> {
    fn plan<V: Potential>(&self, potential: &V, numbers: usize, bound: f64, level: crate::simd::Level) -> Result<Plan> {
        let walkers = self.walkers.0..self.walkers.1;
        let plenty = |name: &str, is_fine: bool| {
            if is_fine { Ok(()) } else { Err(Error::invalid(format!("{name} is outside the range of the core"))) }
        };
        plenty("walkers", walkers.start < walkers.end && walkers.end <= MAX_WALKERS)?;
        plenty("states", (walkers.end - walkers.start) as usize * potential.dim() == numbers)?;
        plenty("steps", self.steps.0 <= self.steps.1 && self.steps.1 < u64::MAX)?;
        plenty("substeps", self.substeps >= 1 && self.substeps.checked_mul(self.steps.1 + 1).is_some())?;
        plenty("groups", (1..=65_536).contains(&self.groups))?;
        plenty("threads", (1..=4096).contains(&self.threads))?;
        plenty("block", (ALIGNMENT..=65_536).contains(&self.block))?;
        plenty("step_size", self.step_size.is_finite() && self.step_size > 0.0)?;
        plenty("temperature", self.temperature.is_finite() && self.temperature >= 0.0)?;
        let watches: Vec<Watch> = self.observe.iter().map(|look| self.watch(look, potential)).collect::<Result<_>>()?;
        let plan = Plan {
            step: Step { h: self.step_size, temperature: self.temperature },
            noise: Noise::new(self.key),
            metric: self.metric.as_ref().map(|matrix| Metric::new(matrix, potential.dim())).transpose()?,
            substeps: self.substeps,
            walkers,
            steps: self.steps.0..self.steps.1,
            burn_in: self.burn_in,
            watches,
            groups: self.groups,
            bound,
            threads: self.threads,
            alone_below: ALONE_BELOW,
            level,
            block: self.block,
        };
        if plan.slots() > i32::MAX as usize {
            return Err(Error::invalid(format!(
                "{} bins of all histograms together cannot be kept; ask for fewer",
                plan.slots()
            )));
        }
        Ok(plan)
    }

    fn watch<V: Potential>(&self, look: &Look, potential: &V) -> Result<Watch> {
        let (observable, when, kind, constants, given) = look;
        let keep = match (kind.as_str(), &constants[..]) {
            ("histogram", &[bins, lo, hi]) => {
                let slots = (bins + 4.0) * (self.groups as f64 + 1.0);
                if !(bins >= 1.0 && lo < hi && (hi - lo).is_finite() && slots < f64::from(i32::MAX)) {
                    return Err(Error::invalid(format!("a histogram of {bins} bins on [{lo}, {hi}) cannot be kept")));
                }
                let given = given.as_ref().map(|(observable, lo, hi)| {
                    Ok::<_, Error>(Given { observable: observable.find(potential)?, lo: *lo, hi: *hi })
                });
                Keep::Histogram(Histogram { bins: bins as u32, lo, hi }, given.transpose()?)
            }
            ("moments", &[order]) if (1.0..=16.0).contains(&order) => Keep::Moments(Moments { order: order as usize }),
            ("trace", &[]) => Keep::Trace,
            ("states", &[]) => Keep::States,
            _ => return Err(Error::invalid(format!("no observer {kind:?} with constants {constants:?}"))),
        };
        let looks = match when {
            When::Every(every) => Looks::Every(*every),
            When::At(steps) => Looks::At(steps.clone()),
        };
        Ok(Watch { observable: observable.find(potential)?, looks: looks.checked()?, keep })
    }
}

impl Seen<'_> {
    fn find<V: Potential>(&self, potential: &V) -> Result<Observable> {
        match self {
            Seen::Name(name) => Observable::parse(name, potential),
            Seen::Tape(tape) => Observable::program(tape.program()?, potential),
        }
    }
}
