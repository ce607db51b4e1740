//! Operations on whole arrays: for trying them out, and for the tests.

use super::{
    Op, abs, atan, cos, cosh, erf, exp, expm1, less, less_equal, log, log1p, max, min, pow, sigmoid, sign, sin, sinh,
    softplus, tan, tanh,
};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::simd::{Element, Job, Level, Pack, Simd};

/// An operation of one or two arguments on arrays of one length, element by element.
///
/// # Errors
/// If the operation takes another number of arguments, or the arrays have different lengths.
pub fn apply<T: Element>(op: Op, a: &[T], b: Option<&[T]>, level: Level) -> Result<Vec<T>> {
    let given = 1 + usize::from(b.is_some());
    match op.arguments() {
        Some(arguments) if arguments == given => {}
        Some(arguments @ 1..=2) => {
            let name = op.name();
            return Err(Error::invalid(format!("{name:?} takes {arguments} array(s), but {given} were given")));
        }
        _ => {
            let name = op.name();
            return Err(Error::invalid(format!("{name:?} is not a function of one or two numbers: run it in a tape")));
        }
    }
    let b = b.unwrap_or(a);
    if a.len() != b.len() {
        let (a, b) = (a.len(), b.len());
        return Err(Error::invalid(format!("a has {a} elements and b has {b}: give arrays of one length")));
    }
    let mut out = vec![T::default(); a.len()];
    let whole = a.len() / BLOCK * BLOCK;
    level.run(Apply { op, a: &a[..whole], b: &b[..whole], out: &mut out[..whole] });
    let [mut a_rest, mut b_rest, mut rest] = [[T::default(); BLOCK]; 3];
    a_rest[..a.len() - whole].copy_from_slice(&a[whole..]);
    b_rest[..a.len() - whole].copy_from_slice(&b[whole..]);
    level.run(Apply { op, a: &a_rest, b: &b_rest, out: &mut rest });
    out[whole..].copy_from_slice(&rest[..a.len() - whole]);
    Ok(out)
}

/// A multiple of the lanes of every pack.
const BLOCK: usize = 16;

/// Arrays of whole blocks.
struct Apply<'a, T> {
    op: Op,
    a: &'a [T],
    b: &'a [T],
    out: &'a mut [T],
}

/// The loop over packs, with a formula of one or two of them. (A macro: a closure over packs might not be inlined.)
macro_rules! each {
    ($job:ident, $pack:ty, |$a:ident| $formula:expr) => {
        for (a, out) in $job.a.chunks_exact(<$pack>::LANES).zip($job.out.chunks_exact_mut(<$pack>::LANES)) {
            let $a = <$pack>::load(a);
            $formula.store(out);
        }
    };
    ($job:ident, $pack:ty, |$a:ident, $b:ident| $formula:expr) => {
        for ((a, b), out) in $job
            .a
            .chunks_exact(<$pack>::LANES)
            .zip($job.b.chunks_exact(<$pack>::LANES))
            .zip($job.out.chunks_exact_mut(<$pack>::LANES))
        {
            let ($a, $b) = (<$pack>::load(a), <$pack>::load(b));
            $formula.store(out);
        }
    };
}

impl<T: Element> Job for Apply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        match self.op {
            Op::Copy => each!(self, T::Pack<S>, |x| x),
            Op::Neg => each!(self, T::Pack<S>, |x| -x),
            Op::Abs => each!(self, T::Pack<S>, |x| abs(x)),
            Op::Sign => each!(self, T::Pack<S>, |x| sign(x)),
            Op::Sqrt => each!(self, T::Pack<S>, |x| x.sqrt()),
            Op::Exp => each!(self, T::Pack<S>, |x| exp(x)),
            Op::Expm1 => each!(self, T::Pack<S>, |x| expm1(x)),
            Op::Log => each!(self, T::Pack<S>, |x| log(x)),
            Op::Log1p => each!(self, T::Pack<S>, |x| log1p(x)),
            Op::Sin => each!(self, T::Pack<S>, |x| sin(x)),
            Op::Cos => each!(self, T::Pack<S>, |x| cos(x)),
            Op::Tan => each!(self, T::Pack<S>, |x| tan(x)),
            Op::Sinh => each!(self, T::Pack<S>, |x| sinh(x)),
            Op::Cosh => each!(self, T::Pack<S>, |x| cosh(x)),
            Op::Tanh => each!(self, T::Pack<S>, |x| tanh(x)),
            Op::Atan => each!(self, T::Pack<S>, |x| atan(x)),
            Op::Erf => each!(self, T::Pack<S>, |x| erf(x)),
            Op::Sigmoid => each!(self, T::Pack<S>, |x| sigmoid(x)),
            Op::Softplus => each!(self, T::Pack<S>, |x| softplus(x)),
            Op::Add => each!(self, T::Pack<S>, |a, b| (a + b)),
            Op::Sub => each!(self, T::Pack<S>, |a, b| (a - b)),
            Op::Mul => each!(self, T::Pack<S>, |a, b| (a * b)),
            Op::Div => each!(self, T::Pack<S>, |a, b| (a / b)),
            Op::Min => each!(self, T::Pack<S>, |a, b| min(a, b)),
            Op::Max => each!(self, T::Pack<S>, |a, b| max(a, b)),
            Op::Pow => each!(self, T::Pack<S>, |a, b| pow(a, b)),
            Op::Less => each!(self, T::Pack<S>, |a, b| less(a, b)),
            Op::LessEqual => each!(self, T::Pack<S>, |a, b| less_equal(a, b)),
            Op::Select | Op::Fma | Op::Loop | Op::Column | Op::MulColumn | Op::FmaColumn => {}
        }
    }
}
