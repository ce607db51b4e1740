//! The interpreter: one dispatch an instruction and strip of packs, then the same operation on every pack of the strip. Packs are
//! walked in fours, so that a short last strip costs little.

use std::cell::Cell;

use super::pair::Link;
use super::rows::ROWS;
use super::{Act, Factor, Instruction};
use crate::math::{self, Elementary, FOUR, Op};
use crate::real::Real;
use crate::simd::{Element, Pack, Simd};

/// Fours in a strip.
pub(super) const FOURS: usize = 8;

/// The packs of one register.
pub(super) type Strip<P> = [[P; FOUR]; FOURS];

/// The registers, to be read and written in any order: a destination may be an operand too.
#[derive(Clone, Copy)]
pub(super) struct Strips<'a, P> {
    pub all: &'a [Cell<Strip<P>>],
    /// Fours that hold walkers.
    pub fours: usize,
}

impl<'a, P> Strips<'a, P> {
    /// A register's packs. A tape was checked, so there is a register of every number in it.
    #[inline(always)]
    fn of(self, register: u16) -> &'a [Cell<[P; FOUR]>; FOURS] {
        self.all[usize::from(register)].as_array_of_cells()
    }

    /// One of a register's packs.
    #[inline(always)]
    pub fn pack(self, register: u16, four: usize, pack: usize) -> &'a Cell<P> {
        &self.of(register)[four].as_array_of_cells()[pack]
    }

    /// The numbers of the fours that hold walkers; the compiler sees that they are in range, and writes the loop out.
    #[inline(always)]
    fn fours(self) -> std::ops::Range<usize> {
        0..self.fours.min(FOURS)
    }
}

/// Runs some instructions on every register.
#[inline(always)]
pub(super) fn interpret<S: Simd, T: Element>(code: &[Instruction], row: &[T], registers: Strips<'_, T::Pack<S>>) {
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
                        for pack in 0..T::Pack::<S>::rounds(FOUR) {
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
fn factor<P: Pack, const COLUMN: bool>(
    term: Instruction,
    row: &[P::Scalar],
    registers: Strips<'_, P>,
    i: usize,
) -> [P; FOUR] {
    if COLUMN { [P::splat(row[usize::from(term.b)]); FOUR] } else { registers.of(term.b)[i].get() }
}

/// Adds products to one register, which is read and written once.
#[inline(always)]
fn sum<P: Pack, const COLUMN: bool>(
    head: Instruction,
    terms: &[Instruction],
    row: &[P::Scalar],
    registers: Strips<'_, P>,
) {
    for i in registers.fours() {
        let mut sum = registers.of(head.a)[i].get();
        for &term in terms {
            let (x, y) = (registers.of(term.a)[i].get(), factor::<P, COLUMN>(term, row, registers, i));
            for pack in 0..P::rounds(FOUR) {
                sum[pack] = x[pack].mul_add(y[pack], sum[pack]);
            }
        }
        registers.of(head.to)[i].set(sum);
    }
}

/// Adds multiples of one register, which is read once, to many.
#[inline(always)]
fn spread<P: Pack, const COLUMN: bool>(
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
            for pack in 0..P::rounds(FOUR) {
                z[pack] = x[pack].mul_add(y[pack], z[pack]);
            }
            registers.of(term.to)[i].set(z);
        }
    }
}

/// For each of some rows the sum of products with columns; each register is read once for all of them.
#[inline(always)]
fn dots<P: Pack>(code: &[Instruction], row: &[P::Scalar], registers: Strips<'_, P>) {
    let (rows, terms) = code.split_at(ROWS);
    let offsets: [usize; ROWS] = std::array::from_fn(|i| usize::from(rows[i].b - rows[0].b));
    for i in registers.fours() {
        let mut sums: [[P; FOUR]; ROWS] = std::array::from_fn(|k| registers.of(rows[k].c)[i].get());
        for &term in terms {
            let x = registers.of(term.a)[i].get();
            for k in 0..P::rounds(ROWS) {
                let y = P::splat(row[usize::from(term.b) + offsets[k]]);
                for pack in 0..P::rounds(FOUR) {
                    sums[k][pack] = x[pack].mul_add(y, sums[k][pack]);
                }
            }
        }
        for k in 0..P::rounds(ROWS) {
            registers.of(rows[k].to)[i].set(sums[k]);
        }
    }
}

/// Adds products of a register a row with columns to sums, each of which is read and written once for all rows.
#[inline(always)]
fn outer<P: Pack>(code: &[Instruction], row: &[P::Scalar], registers: Strips<'_, P>) {
    let (rows, terms) = code.split_at(ROWS);
    let offsets: [usize; ROWS] = std::array::from_fn(|i| usize::from(rows[i].b - rows[0].b));
    for i in registers.fours() {
        let x: [[P; FOUR]; ROWS] = std::array::from_fn(|k| registers.of(rows[k].a)[i].get());
        for &term in terms {
            let mut sum = registers.of(term.to)[i].get();
            for k in 0..P::rounds(ROWS) {
                let y = P::splat(row[usize::from(term.b) + offsets[k]]);
                for pack in 0..P::rounds(FOUR) {
                    sum[pack] = x[k][pack].mul_add(y, sum[pack]);
                }
            }
            registers.of(term.to)[i].set(sum);
        }
    }
}

/// Does two operations, the second of which takes the first one's result out of registers of the processor.
#[inline(always)]
fn pair<P: Pack>(first: Instruction, second: Instruction, registers: Strips<'_, P>) {
    let (Act::Pair(op), Act::Link(link)) = (first.act, second.act) else { return };
    for turn in 0..first.rows {
        let a = registers.of(first.a + turn * first.steps[0]);
        let b = registers.of(first.b + turn * first.steps[1]);
        let c = registers.of(first.c + turn * first.steps[2]);
        let other = registers.of(second.a + turn * second.steps[0]);
        let third = registers.of(second.c + turn * second.steps[2]);
        let to = registers.of(second.to + turn);
        // There are forty such loops, which are not written out: the compiler does not know how long they are.
        macro_rules! each {
            ($($operand:ident),* => $first:expr; $z:ident => $second:expr) => {{
                for i in 0..registers.fours {
                    $(let $operand = $operand[i].get();)*
                    let mut four = to[i].get();
                    for pack in 0..P::rounds(FOUR) {
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
