//! The interpreter: one dispatch an instruction and strip of packs, then the same operation on every pack of the strip.
//!
//! A strip is long enough to hide the dispatch behind loads and stores, and short enough for the registers to stay in
//! first-level cache: with forty of them 8 packs took 1.3 times as long as 16, and 32 packs up to 1.6 times. Packs are walked
//! in fours, so that a short last strip costs little.

use std::cell::Cell;

use super::pair::Link;
use super::rows::ROWS;
use super::{Act, Factor, Instruction, Program};
use crate::math::{self, Elementary, FOUR, Op};
use crate::real::Real;
use crate::simd::{Element, Routine, Simd};

/// Fours in a strip.
const FOURS: usize = 8;
/// Of which so many are used at least.
const LEAST: usize = 4;
/// Bytes of first-level cache for the registers.
const CACHE: usize = 32 << 10;

/// The packs of one register.
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
        for (strip, &constant) in registers.iter_mut().zip(&program.constants) {
            *strip = [[Real::constant(constant); FOUR]; FOURS];
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
        S::call(Execute { evaluator: self, x, rows: None, outputs });
    }

    /// Evaluates the program once for every row that each walker has, and adds up what it gives, row by row, to the numbers in
    /// `sums`. Its coordinates are those of the walker, followed by the entries of the row.
    ///
    /// # Panics
    /// If the sizes do not fit each other.
    #[inline(always)]
    pub fn accumulate(&mut self, x: &[T::Pack<S>], rows: Rows<'_, T::Pack<S>>, sums: &mut [T::Pack<S>]) {
        S::call(Execute { evaluator: self, x, rows: Some(rows), outputs: sums });
    }
}

/// Rows of data that each walker has for itself.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, P> {
    /// By row, pack of walkers and entry.
    pub entries: &'a [P],
    /// How much each row counts, by row and pack of walkers. What counts 0 may be anything, NaN for instance.
    pub weights: &'a [P],
    /// Entries in a row.
    pub width: usize,
}

/// One call of the interpreter, a function of its own: inlined into every kernel it would be compiled dozens of times.
struct Execute<'a, 'p, S: Simd, T: Element> {
    evaluator: &'a mut Evaluator<'p, S, T>,
    x: &'a [T::Pack<S>],
    rows: Option<Rows<'a, T::Pack<S>>>,
    outputs: &'a mut [T::Pack<S>],
}

impl<S: Simd, T: Element> Routine<S> for Execute<'_, '_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { evaluator: Evaluator { program, registers }, x, rows, outputs } = self;
        let (dim, width) = (program.dim - rows.map_or(0, |rows| rows.width), program.outputs.len());
        let all = x.len() / dim;
        assert_eq!((x.len() % dim, all * width), (0, outputs.len()), "inputs and outputs are not as many packs");
        let times = rows.map_or(1, |rows| rows.weights.len() / all);
        let constants = program.constants.len();
        let four = size_of::<[T::Pack<S>; FOUR]>();
        let packs = FOUR * (CACHE / (program.registers * four)).clamp(LEAST, FOURS);
        let strips = x.chunks(packs * dim).zip(outputs.chunks_mut(packs * width));
        for (first, (x, outputs)) in (0..).step_by(packs).zip(strips) {
            put(&mut registers[constants..constants + dim], x);
            for time in 0..times {
                if let Some(rows) = rows.filter(|rows| rows.width > 0) {
                    let entries = &rows.entries[(time * all + first) * rows.width..][..x.len() / dim * rows.width];
                    put(&mut registers[constants + dim..][..rows.width], entries);
                }
                let fours = (x.len() / dim).div_ceil(FOUR);
                run::<S, T>(program, Strips { all: Cell::from_mut(&mut registers[..]).as_slice_of_cells(), fours });
                for (output, &register) in program.outputs.iter().enumerate() {
                    let register = registers[usize::from(register)].as_flattened();
                    let results = outputs.chunks_exact_mut(width).zip(register);
                    match rows {
                        None => results.for_each(|(results, &result)| results[output] = result),
                        Some(rows) => {
                            for ((results, &result), &weight) in results.zip(&rows.weights[time * all + first..]) {
                                add(&mut results[output], result, weight);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Puts the coordinates of some packs of points into registers of their own.
#[inline(always)]
fn put<P: Copy>(registers: &mut [Strip<P>], x: &[P]) {
    let dim = registers.len();
    for (coordinate, register) in registers.iter_mut().enumerate() {
        for (place, point) in register.as_flattened_mut().iter_mut().zip(x.chunks_exact(dim)) {
            *place = point[coordinate];
        }
    }
}

/// Adds what counts so much.
#[inline(always)]
fn add<P: Real>(sum: &mut P, result: P, weight: P) {
    *sum = Real::select(weight.equal(P::constant(0.0)), *sum, result.mul_add(weight, *sum));
}

/// Runs a program once.
#[inline(always)]
fn run<S: Simd, T: Element>(program: &Program, cells: Strips<'_, T::Pack<S>>) {
    for section in &program.sections {
        let (mut rows, stride) = match section.table {
            Some(table) => (program.data[table].numbers::<T>(), program.data[table].stride),
            // Straight code runs once, as if for a row that it does not read.
            None => (&[T::default()][..], 1),
        };
        if !section.together.is_empty() {
            let some = rows.chunks_exact(ROWS * stride);
            rows = some.remainder();
            for rows in some {
                interpret::<S, T>(&section.together, rows, cells);
            }
        }
        for row in rows.chunks_exact(stride) {
            interpret::<S, T>(&section.code, row, cells);
        }
    }
}

/// The registers, to be read and written in any order: a destination may be an operand too.
#[derive(Clone, Copy)]
struct Strips<'a, P> {
    all: &'a [Cell<Strip<P>>],
    /// Fours that hold walkers.
    fours: usize,
}

impl<'a, P> Strips<'a, P> {
    /// A register's packs. A tape was checked, so there is a register of every number in it.
    #[inline(always)]
    fn of(self, register: u16) -> &'a [Cell<[P; FOUR]>; FOURS] {
        self.all[usize::from(register)].as_array_of_cells()
    }

    /// The numbers of the fours that hold walkers; the compiler sees that they are in range.
    #[inline(always)]
    fn fours(self) -> std::ops::Range<usize> {
        0..self.fours.min(FOURS)
    }
}

/// Runs some instructions on every register.
#[inline(always)]
fn interpret<S: Simd, T: Element>(code: &[Instruction], row: &[T], registers: Strips<'_, T::Pack<S>>) {
    let mut code = code.iter();
    // A copy, whose fields no write to a register can have changed.
    while let Some(&at) = code.next() {
        macro_rules! each {
            ($($x:ident $step:literal),* $(; $column:ident $at:literal)? => $result:expr) => {{
                for turn in 0..at.rows {
                    $(let $column = <T::Pack<S>>::splat(row[usize::from(at.$column + turn * at.steps[$at])]);)?
                    let to = registers.of(at.to + turn);
                    $(let $x = registers.of(at.$x + turn * at.steps[$step]);)*
                    for i in registers.fours() {
                        $(let $x = $x[i].get();)*
                        let mut four = to[i].get();
                        for pack in 0..FOUR {
                            $(let $x = $x[pack];)*
                            four[pack] = $result;
                        }
                        to[i].set(four);
                    }
                }
            }};
        }
        macro_rules! call {
            ($op:ident, $a:ident $i:literal, $b:ident $j:literal) => {{
                for turn in 0..at.rows {
                    let a = &registers.of(at.$a + turn * at.steps[$i])[registers.fours()];
                    let b = &registers.of(at.$b + turn * at.steps[$j])[registers.fours()];
                    let out = &registers.of(at.to + turn)[registers.fours()];
                    S::call(Elementary::<S, T> { op: $op, a, b, out });
                }
            }};
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
            Act::Op(Op::Copy) => each!(a 0 => a),
            Act::Op(Op::Neg) => each!(a 0 => -a),
            Act::Op(Op::Abs) => each!(a 0 => math::abs(a)),
            Act::Op(Op::Sign) => each!(a 0 => math::sign(a)),
            Act::Op(Op::Sqrt) => each!(a 0 => a.sqrt()),
            // What takes many operations of the processor takes a call as well.
            Act::Op(op @ Op::Pow) => call!(op, a 0, b 1),
            Act::Op(
                op @ (Op::Exp
                | Op::Expm1
                | Op::Log
                | Op::Log1p
                | Op::Sin
                | Op::Cos
                | Op::Tan
                | Op::Sinh
                | Op::Cosh
                | Op::Tanh
                | Op::Atan
                | Op::Erf
                | Op::Sigmoid
                | Op::Softplus),
            ) => call!(op, a 0, a 0),
            Act::Op(Op::Add) => each!(a 0, b 1 => a + b),
            Act::Op(Op::Sub) => each!(a 0, b 1 => a - b),
            Act::Op(Op::Mul) => each!(a 0, b 1 => a * b),
            Act::Op(Op::Div) => each!(a 0, b 1 => a / b),
            Act::Op(Op::Min) => each!(a 0, b 1 => math::min(a, b)),
            Act::Op(Op::Max) => each!(a 0, b 1 => math::max(a, b)),
            Act::Op(Op::Less) => each!(a 0, b 1 => math::less(a, b)),
            Act::Op(Op::LessEqual) => each!(a 0, b 1 => math::less_equal(a, b)),
            Act::Op(Op::Select) => each!(a 0, b 1, c 2 => math::select(a, b, c)),
            Act::Op(Op::Fma) => each!(a 0, b 1, c 2 => a.mul_add(b, c)),
            // Loops have become sections, and the second of a pair comes with the first.
            Act::Op(Op::Loop) | Act::Link(_) => {}
            Act::Op(Op::Column) => each!(; a 0 => a),
            Act::Op(Op::MulColumn) => each!(a 0; b 1 => a * b),
            Act::Op(Op::FmaColumn) => each!(a 0, c 2; b 1 => a.mul_add(b, c)),
            Act::Sum(Factor::Register) => sum::<T::Pack<S>, false>(at, terms!(), row, registers),
            Act::Sum(Factor::Column) => sum::<T::Pack<S>, true>(at, terms!(), row, registers),
            Act::Spread(Factor::Register) => spread::<T::Pack<S>, false>(at, terms!(), row, registers),
            Act::Spread(Factor::Column) => spread::<T::Pack<S>, true>(at, terms!(), row, registers),
            Act::Pair(_) => {
                if let Some(&second) = code.next() {
                    pair(at, second, registers);
                }
            }
            Act::Dots => dots(terms!(), row, registers),
            Act::Outer => outer(terms!(), row, registers),
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
    for i in registers.fours() {
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
    for i in registers.fours() {
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

/// For each of some rows the sum of products with columns; each register is read once for all of them.
#[inline(always)]
fn dots<P: Real>(code: &[Instruction], row: &[P::Scalar], registers: Strips<'_, P>) {
    let (rows, terms) = code.split_at(ROWS);
    let offsets: [usize; ROWS] = std::array::from_fn(|i| usize::from(rows[i].b - rows[0].b));
    for i in registers.fours() {
        let mut sums: [[P; FOUR]; ROWS] = std::array::from_fn(|k| registers.of(rows[k].c)[i].get());
        for &term in terms {
            let x = registers.of(term.a)[i].get();
            for k in 0..ROWS {
                let y = P::splat(row[usize::from(term.b) + offsets[k]]);
                for pack in 0..FOUR {
                    sums[k][pack] = x[pack].mul_add(y, sums[k][pack]);
                }
            }
        }
        for k in 0..ROWS {
            registers.of(rows[k].to)[i].set(sums[k]);
        }
    }
}

/// Adds products of a register a row with columns to sums, each of which is read and written once for all rows.
#[inline(always)]
fn outer<P: Real>(code: &[Instruction], row: &[P::Scalar], registers: Strips<'_, P>) {
    let (rows, terms) = code.split_at(ROWS);
    let offsets: [usize; ROWS] = std::array::from_fn(|i| usize::from(rows[i].b - rows[0].b));
    for i in registers.fours() {
        let x: [[P; FOUR]; ROWS] = std::array::from_fn(|k| registers.of(rows[k].a)[i].get());
        for &term in terms {
            let mut sum = registers.of(term.to)[i].get();
            for k in 0..ROWS {
                let y = P::splat(row[usize::from(term.b) + offsets[k]]);
                for pack in 0..FOUR {
                    sum[pack] = x[k][pack].mul_add(y, sum[pack]);
                }
            }
            registers.of(term.to)[i].set(sum);
        }
    }
}

/// Does two operations, the second of which takes the first one's result out of registers of the processor.
#[inline(always)]
fn pair<P: Real>(first: Instruction, second: Instruction, registers: Strips<'_, P>) {
    let (Act::Pair(op), Act::Link(link)) = (first.act, second.act) else { return };
    for turn in 0..first.rows {
        let a = registers.of(first.a + turn * first.steps[0]);
        let b = registers.of(first.b + turn * first.steps[1]);
        let c = registers.of(first.c + turn * first.steps[2]);
        let other = registers.of(second.a + turn * second.steps[0]);
        let third = registers.of(second.c + turn * second.steps[2]);
        let to = registers.of(second.to + turn);
        macro_rules! each {
            ($($operand:ident),* => $first:expr; $z:ident => $second:expr) => {{
                for i in registers.fours() {
                    $(let $operand = $operand[i].get();)*
                    let mut four = to[i].get();
                    for pack in 0..FOUR {
                        $(let $operand = $operand[pack];)*
                        let $z = $first;
                        four[pack] = $second;
                    }
                    to[i].set(four);
                }
            }};
        }
        macro_rules! first {
            ($($operand:ident),* => $first:expr) => {
                match link {
                    Link::Add => each!($($operand),*, other => $first; z => z + other),
                    Link::Minus => each!($($operand),*, other => $first; z => z - other),
                    Link::From => each!($($operand),*, other => $first; z => other - z),
                    Link::Times => each!($($operand),*, other => $first; z => z * other),
                    Link::Over => each!($($operand),*, other => $first; z => z / other),
                    Link::Under => each!($($operand),*, other => $first; z => other / z),
                    Link::Fma => each!($($operand),*, other, third => $first; z => z.mul_add(other, third)),
                    Link::Plus => each!($($operand),*, other, third => $first; z => other.mul_add(third, z)),
                }
            };
        }
        match op {
            Op::Add => first!(a, b => a + b),
            Op::Sub => first!(a, b => a - b),
            Op::Mul => first!(a, b => a * b),
            Op::Div => first!(a, b => a / b),
            _ => first!(a, b, c => a.mul_add(b, c)),
        }
    }
}
