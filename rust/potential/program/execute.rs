//! The interpreter: one dispatch an instruction and strip of packs, then the same operation on every pack of the strip.
//!
//! A strip is long enough to hide the dispatch behind loads and stores, and short enough for some forty registers to stay in
//! first-level cache: 8 packs took 1.3 times as long, 32 packs up to 1.6 times. Packs are walked in fours, so that a short
//! last strip costs little.

use super::{Act, Factor, Instruction, Program};
use crate::math::{self, Op};
use crate::real::Real;
use crate::simd::{Element, Routine, Simd};

/// Packs that are walked at once.
const FOUR: usize = 4;
/// Fours in a strip.
const FOURS: usize = 4;

/// A register: a strip of packs.
type Strip<P> = [[P; FOUR]; FOURS];

/// A program with one worker's registers, in the packs of one instruction set; those of the constants are filled in.
#[derive(Debug)]
pub struct Evaluator<'a, S: Simd, T: Element> {
    program: &'a Program,
    registers: Vec<Strip<T::Pack<S>>>,
}

impl<'a, S: Simd, T: Element> Evaluator<'a, S, T> {
    pub(super) fn new(program: &'a Program) -> Self {
        let mut registers = vec![[[T::Pack::<S>::constant(0.0); FOUR]; FOURS]; program.registers];
        for (register, &constant) in registers.iter_mut().zip(&program.constants) {
            *register = [[Real::constant(constant); FOUR]; FOURS];
        }
        Self { program, registers }
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
        let Self { evaluator: Evaluator { program, registers }, x, outputs } = self;
        let (dim, width) = (program.dim, program.outputs.len());
        assert_eq!(
            (x.len() % dim, x.len() / dim * width),
            (0, outputs.len()),
            "inputs and outputs are not as many packs"
        );
        let coordinates = program.constants.len()..program.constants.len() + dim;
        for (x, outputs) in x.chunks(FOUR * FOURS * dim).zip(outputs.chunks_mut(FOUR * FOURS * width)) {
            for (i, register) in registers[coordinates.clone()].iter_mut().enumerate() {
                for (pack, &x) in register.as_flattened_mut().iter_mut().zip(x[i..].iter().step_by(dim)) {
                    *pack = x;
                }
            }
            let fours = (x.len() / dim).div_ceil(FOUR);
            for section in &program.sections {
                let (rows, columns) = match section.table {
                    Some(table) => (program.data[table].numbers::<T>(), program.data[table].columns),
                    // Straight code runs once, as if for a row that it does not read.
                    None => (&[T::default()][..], 1),
                };
                for row in rows.chunks_exact(columns) {
                    interpret(&section.code, row, registers, fours);
                }
            }
            for (i, &register) in program.outputs.iter().enumerate() {
                let packs = registers[usize::from(register)].as_flattened().iter();
                for (&pack, output) in packs.zip(outputs[i..].iter_mut().step_by(width)) {
                    *output = pack;
                }
            }
        }
    }
}

/// Runs some instructions on the first fours of every register. A tape was checked, so no index is out of range.
#[inline(always)]
fn interpret<P: Real>(code: &[Instruction], row: &[P::Scalar], registers: &mut [Strip<P>], fours: usize) {
    let mut code = code.iter();
    // A copy, whose fields no write to a register can have changed.
    while let Some(&at) = code.next() {
        // A destination may be an operand too: each pack is read before it is written.
        macro_rules! each {
            ($($x:ident),* => $result:expr) => {
                for four in 0..fours.min(FOURS) {
                    for pack in 0..FOUR {
                        $(let $x = registers[usize::from(at.$x)][four][pack];)*
                        registers[usize::from(at.to)][four][pack] = $result;
                    }
                }
            };
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
            Act::Sum(Factor::Register) => sum::<P, false>(at, terms!(), row, registers, fours),
            Act::Sum(Factor::Column) => sum::<P, true>(at, terms!(), row, registers, fours),
            Act::Spread(Factor::Register) => spread::<P, false>(at, terms!(), row, registers, fours),
            Act::Spread(Factor::Column) => spread::<P, true>(at, terms!(), row, registers, fours),
        }
    }
}

/// The second factor of a product: a register's packs or a column's number.
#[inline(always)]
fn factor<P: Real, const COLUMN: bool>(
    term: Instruction,
    row: &[P::Scalar],
    registers: &[Strip<P>],
    four: usize,
) -> [P; FOUR] {
    if COLUMN { [P::splat(row[usize::from(term.b)]); FOUR] } else { registers[usize::from(term.b)][four] }
}

/// Adds products to one register, which is read and written once.
#[inline(always)]
fn sum<P: Real, const COLUMN: bool>(
    head: Instruction,
    terms: &[Instruction],
    row: &[P::Scalar],
    registers: &mut [Strip<P>],
    fours: usize,
) {
    for four in 0..fours.min(FOURS) {
        let mut sum = registers[usize::from(head.a)][four];
        for &term in terms {
            let (x, y) = (registers[usize::from(term.a)][four], factor::<P, COLUMN>(term, row, registers, four));
            for pack in 0..FOUR {
                sum[pack] = x[pack].mul_add(y[pack], sum[pack]);
            }
        }
        registers[usize::from(head.to)][four] = sum;
    }
}

/// Adds multiples of one register, which is read once, to many.
#[inline(always)]
fn spread<P: Real, const COLUMN: bool>(
    head: Instruction,
    terms: &[Instruction],
    row: &[P::Scalar],
    registers: &mut [Strip<P>],
    fours: usize,
) {
    for four in 0..fours.min(FOURS) {
        let x = registers[usize::from(head.a)][four];
        for &term in terms {
            let y = factor::<P, COLUMN>(term, row, registers, four);
            for pack in 0..FOUR {
                let z = registers[usize::from(term.c)][four][pack];
                registers[usize::from(term.to)][four][pack] = x[pack].mul_add(y[pack], z);
            }
        }
    }
}
