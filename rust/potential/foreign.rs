//! A potential that somebody else has compiled: a C function, called with a block of walkers at a time.
#![allow(unsafe_code, reason = "calls a function whose address the user gave")]

use std::ffi::c_void;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::error::{Error, Result};
use crate::simd::{Element, Pack, Simd};

/// `f(walkers, dim, x, gradient, value, user_data)` reads `x[coordinate * walkers + walker]`, writes `gradient` in the same
/// layout, and `value[walker]` unless `value` is null. It returns 0, or a code of its own that ends the run. Several
/// threads call it at once, without Python's lock.
pub type Function = unsafe extern "C" fn(i64, i64, *const f64, *mut f64, *mut f64, *mut c_void) -> i32;

/// A potential given by a C function, and weight decay on top.
#[derive(Debug)]
pub struct Foreign {
    function: Function,
    user_data: usize,
    dim: usize,
    weight_decay: f64,
    /// The first code other than 0 that the function returned.
    failed: AtomicI32,
}

impl Foreign {
    /// Takes the address of a `Function` and of the data that it is handed.
    ///
    /// # Errors
    /// If the address is zero.
    ///
    /// # Safety
    /// The address must be that of such a function, it must be safe to call from any thread with that data, and both must
    /// outlive the potential.
    pub unsafe fn new(address: usize, user_data: usize, dim: usize, weight_decay: f64) -> Result<Self> {
        if address == 0 {
            return Err(Error::invalid("potential: the address of the function is zero"));
        }
        // SAFETY: the caller vouches for the address.
        let function = unsafe { std::mem::transmute::<usize, Function>(address) };
        Ok(Self { function, user_data, dim, weight_decay, failed: AtomicI32::new(0) })
    }

    /// Calls the function on the worker's buffers. After a failure gradients are NaN, which ends the run.
    fn call(&self, worker: &mut Worker, wants_values: bool) {
        let walkers = worker.values.len();
        let value = if wants_values { worker.values.as_mut_ptr() } else { std::ptr::null_mut() };
        // SAFETY: buffers are as long as the signature says; the rest is what `new` was promised.
        let code = unsafe {
            (self.function)(
                walkers as i64,
                self.dim as i64,
                worker.x.as_ptr(),
                worker.gradient.as_mut_ptr(),
                value,
                self.user_data as *mut c_void,
            )
        };
        if code != 0 {
            // Another thread may have been first.
            let _ = self.failed.compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed);
            worker.gradient.fill(f64::NAN);
        }
    }
}

/// One worker's walkers as the function wants them, coordinate by coordinate.
#[derive(Debug, Default)]
pub struct Worker {
    x: Vec<f64>,
    gradient: Vec<f64>,
    values: Vec<f64>,
}

impl Worker {
    #[inline(always)]
    fn take<S: Simd, T: Element>(&mut self, x: &[T::Pack<S>], dim: usize) {
        let lanes = T::Pack::<S>::LANES;
        let walkers = x.len() / dim * lanes;
        self.x.resize(walkers * dim, 0.0);
        self.gradient.resize(walkers * dim, 0.0);
        self.values.resize(walkers, 0.0);
        let mut row = [T::default(); 16];
        for (i, pack) in x.iter().enumerate() {
            pack.store(&mut row);
            let start = i % dim * walkers + i / dim * lanes;
            for (to, from) in self.x[start..start + lanes].iter_mut().zip(row) {
                *to = from.to_f64();
            }
        }
    }

    #[inline(always)]
    fn give<S: Simd, T: Element>(&self, gradients: &mut [T::Pack<S>], dim: usize, weight_decay: f64) {
        let lanes = T::Pack::<S>::LANES;
        let walkers = self.values.len();
        for (i, gradient) in gradients.iter_mut().enumerate() {
            let start = i % dim * walkers + i / dim * lanes;
            let numbers = self.gradient[start..].iter().zip(&self.x[start..]);
            *gradient = packed::<S, T>(numbers.map(|(&g, &x)| weight_decay.mul_add(x, g)));
        }
    }
}

/// A pack of the first numbers.
#[inline(always)]
fn packed<S: Simd, T: Element>(numbers: impl Iterator<Item = f64>) -> T::Pack<S> {
    let mut row = [T::default(); 16];
    for (to, from) in row[..T::Pack::<S>::LANES].iter_mut().zip(numbers) {
        *to = T::from_f64(from);
    }
    Pack::load(&row)
}

impl Foreign {
    /// Number of coordinates.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Writes grad V at every point.
    #[inline(always)]
    pub fn gradients<S: Simd, T: Element>(&self, worker: &mut Worker, x: &[T::Pack<S>], gradients: &mut [T::Pack<S>]) {
        worker.take::<S, T>(x, self.dim);
        self.call(worker, false);
        worker.give::<S, T>(gradients, self.dim, self.weight_decay);
    }

    /// Writes V and grad V at every point.
    #[inline(always)]
    pub fn values_and_gradients<S: Simd, T: Element>(
        &self,
        worker: &mut Worker,
        x: &[T::Pack<S>],
        values: &mut [T::Pack<S>],
        gradients: &mut [T::Pack<S>],
    ) {
        worker.take::<S, T>(x, self.dim);
        self.call(worker, true);
        worker.give::<S, T>(gradients, self.dim, self.weight_decay);
        let (lanes, half) = (T::Pack::<S>::LANES, 0.5 * self.weight_decay);
        for (i, value) in values.iter_mut().enumerate() {
            let decayed = (i * lanes..(i + 1) * lanes).map(|walker| {
                let squares = worker.x[walker..].iter().step_by(worker.values.len()).map(|x| x * x);
                half.mul_add(squares.sum(), worker.values[walker])
            });
            *value = packed::<S, T>(decayed);
        }
    }

    /// What the function had to say.
    ///
    /// # Errors
    /// If it failed.
    pub fn check(&self) -> Result<()> {
        match self.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            code => Err(Error::invalid(format!(
                "potential: the function returned {code}, which ended the run; 0 means all is well"
            ))),
        }
    }
}
