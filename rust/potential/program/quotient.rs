//! Rows whose slope is a quotient, r/(c + r²) for a sum r, as under Student's t: sum, quotient, and what it adds to a gradient
//! are done in one go, for two packs and four rows, and stay in registers of the processor.
//!
//! The divider is then busy all the time, beside all multiply-adds: one by one, a row took a pack 14 cycles on Zen 4, and takes
//! 9.5, which is what its division takes.

use super::interpret::Strips;
use super::pair::Link;
use super::rows::ROWS;
use super::{Act, Instruction};
use crate::math::{FOUR, Op};
use crate::simd::{Element, Pack, Routine, Simd};

/// Packs that are done at once.
const TWO: usize = 2;
/// Where a sum has more terms, it pays to read each column's number for four packs, and not for two.
const MOST: usize = 8;

/// Whether the code for several rows is such a sum, its quotient and what that adds, and nothing else.
pub fn is_one(code: &[Instruction]) -> bool {
    let Some(dots) = code.first().filter(|at| at.act == Act::Dots).map(Instruction::extent) else { return false };
    let [first, second, outer, row, ..] = code[dots..] else { return false };
    let (sum, slope) = (code[1].to, second.to);
    let squares = first.act == Act::Pair(Op::Fma) && [first.a, first.b] == [sum; 2] && first.steps == [1, 1, 0];
    let divides = second.act == Act::Link(Link::Under) && second.a == sum && second.steps[0] == 1;
    let adds = outer.act == Act::Outer && row.a == slope && code.len() == dots + 2 + outer.extent();
    squares && divides && adds && dots <= 1 + ROWS + MOST
}

/// Does them, in a function of its own: within the interpreter it would make others slower.
pub struct Quotients<'a, S: Simd, T: Element> {
    pub code: &'a [Instruction],
    pub row: &'a [T],
    pub registers: Strips<'a, T::Pack<S>>,
}

impl<S: Simd, T: Element> Routine<S> for Quotients<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        quotients(self.code, self.row, self.registers);
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "rows and packs are places in two arrays at once")]
fn quotients<P: Pack>(code: &[Instruction], row: &[P::Scalar], registers: Strips<'_, P>) {
    let (dots, rest) = code.split_at(code[0].extent());
    let (pair, outer) = rest.split_at(2);
    let (starts, terms) = dots[1..].split_at(ROWS);
    let (rows, sums) = outer[1..].split_at(ROWS);
    let offsets: [usize; ROWS] = std::array::from_fn(|k| usize::from(starts[k].b - starts[0].b));
    let steps: [usize; ROWS] = std::array::from_fn(|k| usize::from(rows[k].b - rows[0].b));
    // Not written out, as it is long: the compiler does not know how often.
    for i in 0..registers.fours {
        for packs in 0..FOUR / TWO {
            let mut slopes = [[P::constant(0.0); TWO]; ROWS];
            for k in 0..P::rounds(ROWS) {
                for pack in 0..P::rounds(TWO) {
                    slopes[k][pack] = registers.pack(starts[k].c, i, TWO * packs + pack).get();
                }
            }
            for &term in terms {
                for pack in 0..P::rounds(TWO) {
                    let x = registers.pack(term.a, i, TWO * packs + pack).get();
                    for k in 0..P::rounds(ROWS) {
                        let y = P::splat(row[usize::from(term.b) + offsets[k]]);
                        slopes[k][pack] = x.mul_add(y, slopes[k][pack]);
                    }
                }
            }
            for pack in 0..P::rounds(TWO) {
                let c = registers.pack(pair[0].c, i, TWO * packs + pack).get();
                for k in 0..P::rounds(ROWS) {
                    let r = slopes[k][pack];
                    slopes[k][pack] = r / r.mul_add(r, c);
                }
            }
            for &term in sums {
                for pack in 0..P::rounds(TWO) {
                    let place = registers.pack(term.to, i, TWO * packs + pack);
                    let mut sum = place.get();
                    for k in 0..P::rounds(ROWS) {
                        let y = P::splat(row[usize::from(term.b) + steps[k]]);
                        sum = slopes[k][pack].mul_add(y, sum);
                    }
                    place.set(sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Matrix, Parts, Program};
    use super::*;
    use crate::error::Result;

    #[test]
    fn quotients_that_others_see_are_left_to_the_interpreter() -> Result<()> {
        for (seen, is_one) in [(None, true), (Some([Op::Fma as i32, 5, 3, 3, 5]), false)] {
            let row = [
                [Op::FmaColumn as i32, 3, 2, 0, 2],
                [Op::FmaColumn as i32, 3, 2, 1, 3],
                [Op::Fma as i32, 4, 3, 3, 0],
                [Op::Div as i32, 3, 3, 4, 0],
                [Op::FmaColumn as i32, 6, 3, 0, 6],
            ];
            let copies = [[Op::Copy as i32, 5, 1, 0, 0], [Op::Copy as i32, 6, 1, 0, 0]];
            let length = 5 + i32::from(seen.is_some());
            let code = copies.into_iter().chain([[Op::Loop as i32, 0, 0, length, 0]]).chain(row).chain(seen);
            let program = Program::new(Parts {
                code: code.collect(),
                constants: vec![3.0, 0.0],
                dim: 1,
                registers: 7,
                outputs: vec![5, 6],
                data: vec![Matrix { rows: 4, columns: 2, numbers: vec![0.5; 8] }],
            })?;
            assert_eq!(program.sections.iter().map(|section| section.is_quotient).collect::<Vec<_>>(), [false, is_one]);
        }
        Ok(())
    }
}
