//! The interpreter: one dispatch an instruction and strip of packs, then the same operation on every pack of the strip.
//!
//! A strip is long enough to hide the dispatch behind loads and stores, and short enough for the registers to stay in
//! first-level cache: with forty of them 8 packs took 1.3 times as long as 16, and 32 packs up to 1.6 times. Packs are walked
//! in fours, so that a short last strip costs little.

use std::cell::Cell;

use super::{Act, Factor, Instruction, Program};
use crate::math::{self, Op};
use crate::real::Real;
use crate::simd::{Element, Routine, Simd};

/// Packs that are walked at once.
const FOUR: usize = 4;
/// The fewest and the most fours in a strip.
const FOURS: (usize, usize) = (4, 8);
/// Bytes of first-level cache for the registers.
const CACHE: usize = 32 << 10;

/// A program with one worker's registers, in the packs of one instruction set; those of the constants are filled in.
#[derive(Debug)]
pub struct Evaluator<'a, S: Simd, T: Element> {
    program: &'a Program,
    /// Fours in a strip.
    strip: usize,
    /// Strips, one a register.
    registers: Vec<[T::Pack<S>; FOUR]>,
}

impl<'a, S: Simd, T: Element> Evaluator<'a, S, T> {
    pub(super) fn new(program: &'a Program) -> Self {
        let four = size_of::<[T::Pack<S>; FOUR]>();
        let strip = (CACHE / (program.registers * four).max(1)).clamp(FOURS.0, FOURS.1);
        let mut registers = vec![[T::Pack::<S>::constant(0.0); FOUR]; program.registers * strip];
        for (strip, &constant) in registers.chunks_exact_mut(strip).zip(&program.constants) {
            strip.fill([Real::constant(constant); FOUR]);
        }
        Self { program, strip, registers }
    }

    /// Evaluates the program for any number of packs. `x` has packs of `dim` coordinates one after another, and `outputs`
    /// likewise packs of results; a walker's results depend on nothing but its own coordinates.
    ///
    /// # Panics
    /// If the two do not hold the same number of whole packs.
    #[inline(always)]
    pub fn evaluate(&mut self, x: &[T::Pack<S>], outputs: &mut [T::Pack<S>]) {
        S::call(Execute { evaluator: self, x, outputs });
    }
}

/// One call of the interpreter, a function of its own: inlined into every kernel it would be compiled dozens of times.
struct Execute<'a, 'p, S: Simd, T: Element> {
    evaluator: &'a mut Evaluator<'p, S, T>,
    x: &'a [T::Pack<S>],
    outputs: &'a mut [T::Pack<S>],
}

impl<S: Simd, T: Element> Routine<S> for Execute<'_, '_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { evaluator: Evaluator { program, strip, registers }, x, outputs } = self;
        let (dim, width) = (program.dim, program.outputs.len());
        assert_eq!(
            (x.len() % dim, x.len() / dim * width),
            (0, outputs.len()),
            "inputs and outputs are not as many packs"
        );
        let (strip, packs) = (*strip, FOUR * *strip);
        let coordinates = program.constants.len() * strip..(program.constants.len() + dim) * strip;
        for (x, outputs) in x.chunks(packs * dim).zip(outputs.chunks_mut(packs * width)) {
            let coordinates = registers[coordinates.clone()].as_flattened_mut();
            for (pack, point) in (0..packs).zip(x.chunks_exact(dim)) {
                for (register, &x) in coordinates.chunks_exact_mut(packs).zip(point) {
                    register[pack] = x;
                }
            }
            let fours = (x.len() / dim).div_ceil(FOUR);
            let cells = Strips { fours: Cell::from_mut(&mut registers[..]).as_slice_of_cells(), strip, used: fours };
            for section in &program.sections {
                let (rows, columns) = match section.table {
                    Some(table) => (program.data[table].numbers::<T>(), program.data[table].columns),
                    // Straight code runs once, as if for a row that it does not read.
                    None => (&[T::default()][..], 1),
                };
                for row in rows.chunks_exact(columns) {
                    interpret(&section.code, row, cells);
                }
            }
            let registers = registers.as_flattened();
            for (pack, results) in (0..packs).zip(outputs.chunks_exact_mut(width)) {
                for (result, &register) in results.iter_mut().zip(&program.outputs) {
                    *result = registers[usize::from(register) * packs + pack];
                }
            }
        }
    }
}

/// The registers, to be read and written in any order: a destination may be an operand too.
#[derive(Clone, Copy)]
struct Strips<'a, P> {
    fours: &'a [Cell<[P; FOUR]>],
    /// Fours in a register.
    strip: usize,
    /// Those of them that hold walkers.
    used: usize,
}

impl<'a, P> Strips<'a, P> {
    /// The used fours of a register. A tape was checked, so there is a register of every number in it.
    #[inline(always)]
    fn of(self, register: u16) -> &'a [Cell<[P; FOUR]>] {
        &self.fours[usize::from(register) * self.strip..][..self.used]
    }
}

/// Runs some instructions on every register.
#[inline(always)]
fn interpret<P: Real>(code: &[Instruction], row: &[P::Scalar], registers: Strips<'_, P>) {
    let mut code = code.iter();
    // A copy, whose fields no write to a register can have changed.
    while let Some(&at) = code.next() {
        macro_rules! each {
            ($($x:ident),* => $result:expr) => {{
                let to = registers.of(at.to);
                $(let $x = &registers.of(at.$x)[..to.len()];)*
                for i in 0..to.len() {
                    $(let $x = $x[i].get();)*
                    let mut four = to[i].get();
                    for pack in 0..FOUR {
                        $(let $x = $x[pack];)*
                        four[pack] = $result;
                    }
                    to[i].set(four);
                }
            }};
        }
        macro_rules! column {
            ($column:ident) => {
                P::splat(row[usize::from(at.$column)])
            };
        }
        // The run that follows its head.
        macro_rules! terms {
            () => {{
                let (terms, rest) = code.as_slice().split_at(usize::from(at.b));
                code = rest.iter();
                terms
            }};
        }
        match at.act {
            Act::Op(Op::Copy) => each!(a => a),
            Act::Op(Op::Neg) => each!(a => -a),
            Act::Op(Op::Abs) => each!(a => math::abs(a)),
            Act::Op(Op::Sign) => each!(a => math::sign(a)),
            Act::Op(Op::Sqrt) => each!(a => a.sqrt()),
            Act::Op(Op::Exp) => each!(a => math::exp(a)),
            Act::Op(Op::Expm1) => each!(a => math::expm1(a)),
            Act::Op(Op::Log) => each!(a => math::log(a)),
            Act::Op(Op::Log1p) => each!(a => math::log1p(a)),
            Act::Op(Op::Sin) => each!(a => math::sin(a)),
            Act::Op(Op::Cos) => each!(a => math::cos(a)),
            Act::Op(Op::Tan) => each!(a => math::tan(a)),
            Act::Op(Op::Sinh) => each!(a => math::sinh(a)),
            Act::Op(Op::Cosh) => each!(a => math::cosh(a)),
            Act::Op(Op::Tanh) => each!(a => math::tanh(a)),
            Act::Op(Op::Atan) => each!(a => math::atan(a)),
            Act::Op(Op::Erf) => each!(a => math::erf(a)),
            Act::Op(Op::Sigmoid) => each!(a => math::sigmoid(a)),
            Act::Op(Op::Softplus) => each!(a => math::softplus(a)),
            Act::Op(Op::Add) => each!(a, b => a + b),
            Act::Op(Op::Sub) => each!(a, b => a - b),
            Act::Op(Op::Mul) => each!(a, b => a * b),
            Act::Op(Op::Div) => each!(a, b => a / b),
            Act::Op(Op::Min) => each!(a, b => math::min(a, b)),
            Act::Op(Op::Max) => each!(a, b => math::max(a, b)),
            Act::Op(Op::Pow) => each!(a, b => math::pow(a, b)),
            Act::Op(Op::Less) => each!(a, b => math::less(a, b)),
            Act::Op(Op::LessEqual) => each!(a, b => math::less_equal(a, b)),
            Act::Op(Op::Select) => each!(a, b, c => math::select(a, b, c)),
            Act::Op(Op::Fma) => each!(a, b, c => a.mul_add(b, c)),
            // Loops have become sections.
            Act::Op(Op::Loop) => {}
            Act::Op(Op::Column) => {
                let column = column!(a);
                each!(=> column);
            }
            Act::Op(Op::MulColumn) => {
                let column = column!(b);
                each!(a => a * column);
            }
            Act::Op(Op::FmaColumn) => {
                let column = column!(b);
                each!(a, c => a.mul_add(column, c));
            }
            Act::Sum(Factor::Register) => sum::<P, false>(at, terms!(), row, registers),
            Act::Sum(Factor::Column) => sum::<P, true>(at, terms!(), row, registers),
            Act::Spread(Factor::Register) => spread::<P, false>(at, terms!(), row, registers),
            Act::Spread(Factor::Column) => spread::<P, true>(at, terms!(), row, registers),
        }
    }
}

/// The second factor of a product: a register's packs or a column's number.
#[inline(always)]
fn factor<P: Real, const COLUMN: bool>(
    term: Instruction,
    row: &[P::Scalar],
    registers: Strips<'_, P>,
    i: usize,
) -> [P; FOUR] {
    if COLUMN { [P::splat(row[usize::from(term.b)]); FOUR] } else { registers.of(term.b)[i].get() }
}

/// Adds products to one register, which is read and written once.
#[inline(always)]
fn sum<P: Real, const COLUMN: bool>(
    head: Instruction,
    terms: &[Instruction],
    row: &[P::Scalar],
    registers: Strips<'_, P>,
) {
    for i in 0..registers.used {
        let mut sum = registers.of(head.a)[i].get();
        for &term in terms {
            let (x, y) = (registers.of(term.a)[i].get(), factor::<P, COLUMN>(term, row, registers, i));
            for pack in 0..FOUR {
                sum[pack] = x[pack].mul_add(y[pack], sum[pack]);
            }
        }
        registers.of(head.to)[i].set(sum);
    }
}

/// Adds multiples of one register, which is read once, to many.
#[inline(always)]
fn spread<P: Real, const COLUMN: bool>(
    head: Instruction,
    terms: &[Instruction],
    row: &[P::Scalar],
    registers: Strips<'_, P>,
) {
    for i in 0..registers.used {
        let x = registers.of(head.a)[i].get();
        for &term in terms {
            let y = factor::<P, COLUMN>(term, row, registers, i);
            let mut z = registers.of(term.c)[i].get();
            for pack in 0..FOUR {
                z[pack] = x[pack].mul_add(y[pack], z[pack]);
            }
            registers.of(term.to)[i].set(z);
        }
    }
}
