//! Operations of one or two numbers on rows of packs: one function for each instruction set and precision, which tapes and arrays
//! share.

use std::cell::Cell;

use super::{
    Op, abs, atan, cos, cosh, erf, exp, expm1, less, less_equal, log, log1p, max, min, pow, sigmoid, sign, sin, sinh,
    softplus, tan, tanh,
};
use crate::real::Real;
use crate::simd::{Element, Routine, Simd};

/// Packs that are walked at once.
pub const FOUR: usize = 4;

/// `out = op(a, b)` for packs in fours. `out` may be the same as `a` or `b`; operations of one number do not look at `b`, and
/// those of other numbers do nothing.
pub struct Elementary<'a, S: Simd, T: Element> {
    pub op: Op,
    pub a: &'a [Cell<[T::Pack<S>; FOUR]>],
    pub b: &'a [Cell<[T::Pack<S>; FOUR]>],
    pub out: &'a [Cell<[T::Pack<S>; FOUR]>],
}

impl<S: Simd, T: Element> Routine<S> for Elementary<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // A macro: a closure over packs might not be inlined.
        macro_rules! each {
            (|$($x:ident),*| $formula:expr) => {
                for ((a, b), out) in self.a.iter().zip(self.b).zip(self.out) {
                    let (a, b) = (a.as_array_of_cells(), b.as_array_of_cells());
                    for ((a, b), out) in a.iter().zip(b).zip(out.as_array_of_cells()) {
                        each!(@ a, b, $($x),*);
                        out.set($formula);
                    }
                }
            };
            (@ $a:ident, $b:ident, $x:ident) => { let ($x, _) = ($a.get(), $b); };
            (@ $a:ident, $b:ident, $x:ident, $y:ident) => { let ($x, $y) = ($a.get(), $b.get()); };
        }
        match self.op {
            Op::Copy => each!(|x| x),
            Op::Neg => each!(|x| -x),
            Op::Abs => each!(|x| abs(x)),
            Op::Sign => each!(|x| sign(x)),
            Op::Sqrt => each!(|x| x.sqrt()),
            Op::Exp => each!(|x| exp(x)),
            Op::Expm1 => each!(|x| expm1(x)),
            Op::Log => each!(|x| log(x)),
            Op::Log1p => each!(|x| log1p(x)),
            Op::Sin => each!(|x| sin(x)),
            Op::Cos => each!(|x| cos(x)),
            Op::Tan => each!(|x| tan(x)),
            Op::Sinh => each!(|x| sinh(x)),
            Op::Cosh => each!(|x| cosh(x)),
            Op::Tanh => each!(|x| tanh(x)),
            Op::Atan => each!(|x| atan(x)),
            Op::Erf => each!(|x| erf(x)),
            Op::Sigmoid => each!(|x| sigmoid(x)),
            Op::Softplus => each!(|x| softplus(x)),
            Op::Add => each!(|x, y| x + y),
            Op::Sub => each!(|x, y| x - y),
            Op::Mul => each!(|x, y| x * y),
            Op::Div => each!(|x, y| x / y),
            Op::Min => each!(|x, y| min(x, y)),
            Op::Max => each!(|x, y| max(x, y)),
            Op::Pow => each!(|x, y| pow(x, y)),
            Op::Less => each!(|x, y| less(x, y)),
            Op::LessEqual => each!(|x, y| less_equal(x, y)),
            Op::Select | Op::Fma | Op::Loop | Op::Column | Op::MulColumn | Op::FmaColumn => {}
        }
    }
}
