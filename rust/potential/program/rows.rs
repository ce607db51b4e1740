//! Rows of data are gone through four at a time: a register is then loaded, and a sum stored, once for all of them.
//!
//! Each instruction of a loop's body is done for the first row, the second and so on before the next one is. That changes no
//! result as long as a sum is met by one instruction only, which adds to it row by row as before.

use super::fuse::fuse;
use super::operands::{Operand, operands};
use super::{Act, Factor, Instruction};
use crate::math::Op;

/// Rows that are gone through at a time.
pub const ROWS: usize = 4;
/// Registers that fit into second-level cache; a body that needs more may need a few more than that.
const FEW: usize = 512;

/// A body for [`ROWS`] rows at once.
pub struct Together {
    /// Its code, for rows one after another.
    pub code: Vec<Instruction>,
    /// Registers in all.
    pub registers: usize,
}

/// Rewrites a body for several rows at once, if that changes no result and is worth it. A row has `stride` numbers, the last
/// of which is 1; what registers that are `live` hold is needed after the loop.
pub fn together(code: &[Instruction], stride: usize, live: &[bool]) -> Option<Together> {
    let registers = live.len();
    let uses = Uses::of(code, registers);
    let fresh: Vec<usize> = (0..registers).filter(|&register| uses.of[register].is_fresh).collect();
    let all = registers + ROWS * fresh.len();
    let is_worth_it = all <= FEW || 8 * (all - registers) <= registers;
    let is_possible = uses.sums_are_met_once() && !fresh.iter().any(|&register| live[register]);
    if !(is_worth_it && is_possible && all <= 1 << 16 && stride * ROWS <= 1 << 16) {
        return None;
    }
    let mut names: Vec<u16> = (0..=u16::MAX).take(registers).collect();
    for (i, &register) in fresh.iter().enumerate() {
        names[register] = (registers + ROWS * i) as u16;
    }
    let products: Vec<_> = code.iter().map(|&at| uses.as_product(at, stride)).collect();
    let copies = Copies { uses, names, stride };
    Some(Together { code: copies.of(&fuse(&products)), registers: all })
}

/// How a body uses the registers.
struct Uses {
    of: Vec<Use>,
}

/// How a body uses a register.
#[derive(Clone, Copy, Default)]
struct Use {
    /// Instructions that name it.
    instructions: usize,
    is_written: bool,
    /// Whether it is written before it is read.
    is_fresh: bool,
}

impl Uses {
    fn of(code: &[Instruction], registers: usize) -> Self {
        let mut of = vec![Use::default(); registers];
        for at in code {
            let mut named: Vec<usize> = at.reads().map(usize::from).collect();
            let target = usize::from(at.to);
            of[target].is_written = true;
            of[target].is_fresh |= of[target].instructions == 0 && !named.contains(&target);
            named.push(target);
            named.sort_unstable();
            named.dedup();
            for register in named {
                of[register].instructions += 1;
            }
        }
        Self { of }
    }

    fn is_fresh(&self, register: u16) -> bool {
        self.of[usize::from(register)].is_fresh
    }

    /// Whether a register is carried from row to row.
    fn is_sum(&self, register: u16) -> bool {
        let Use { is_written, is_fresh, .. } = self.of[usize::from(register)];
        is_written && !is_fresh
    }

    fn sums_are_met_once(&self) -> bool {
        self.of.iter().all(|of| of.is_fresh || !of.is_written || of.instructions == 1)
    }

    /// An addition to a sum as the addition of a product with the 1 at the end of the row.
    fn as_product(&self, at: Instruction, stride: usize) -> Instruction {
        let other = if at.to == at.a { at.b } else { at.a };
        let adds = at.act == Act::Op(Op::Add) && self.is_sum(at.to) && other != at.to;
        if !adds {
            return at;
        }
        Instruction::once(Act::Op(Op::FmaColumn), at.to, [other, (stride - 1) as u16, at.to])
    }
}

/// Writes a body once for each row.
struct Copies {
    uses: Uses,
    /// What each register is called in the first row; in the others it is one of the next if it is written anew in each row.
    names: Vec<u16>,
    stride: usize,
}

impl Copies {
    /// The copies of a body whose runs have heads.
    fn of(&self, code: &[Instruction]) -> Vec<Instruction> {
        let mut copies = Vec::new();
        let mut rest = code;
        while let Some(&head) = rest.first() {
            let (unit, after) = rest.split_at(head.extent());
            self.copy(unit, &mut copies);
            rest = after;
        }
        copies
    }

    /// Appends the copies of one instruction, or of one run with its head.
    fn copy(&self, unit: &[Instruction], copies: &mut Vec<Instruction>) {
        let terms = &unit[usize::from(unit.len() > 1)..];
        if self.are_dots(unit[0].act, terms) {
            self.head(Act::Dots, terms, copies);
        } else if self.are_products(terms) {
            self.head(Act::Outer, terms, copies);
        } else if let [single] = unit {
            if self.uses.is_fresh(single.to) {
                copies.push(self.repeated(single));
            } else {
                let rows: Vec<_> = (0..ROWS).map(|row| self.renamed(single, row)).collect();
                copies.extend(fuse(&rows));
            }
        } else {
            copies.extend((0..ROWS).flat_map(|row| unit.iter().map(move |at| self.renamed(at, row))));
        }
    }

    /// Whether a run adds products of columns and registers that are the same for all rows to one that is not.
    fn are_dots(&self, act: Act, terms: &[Instruction]) -> bool {
        act == Act::Sum(Factor::Column)
            && self.uses.is_fresh(terms[0].to)
            && terms.iter().all(|term| !self.uses.is_fresh(term.a))
    }

    /// Whether instructions add to sums the products of columns with the same register.
    fn are_products(&self, terms: &[Instruction]) -> bool {
        terms.iter().all(|term| {
            let adds = term.act == Act::Op(Op::FmaColumn) && term.to == term.c && self.uses.is_sum(term.to);
            adds && term.a == terms[0].a && term.a != term.to
        })
    }

    /// Appends a head, an instruction for each row, and the terms.
    fn head(&self, act: Act, terms: &[Instruction], copies: &mut Vec<Instruction>) {
        let first = terms[0];
        copies.push(Instruction::once(act, 0, [0, (ROWS + terms.len()) as u16, 0]));
        copies.extend((0..ROWS).map(|row| self.renamed(&first, row)));
        copies.extend(terms);
    }

    /// An instruction that is done for all rows.
    fn repeated(&self, at: &Instruction) -> Instruction {
        let Act::Op(op) = at.act else { return *at };
        let mut steps = [0; 3];
        for ((kind, operand), step) in operands(op).into_iter().zip([at.a, at.b, at.c]).zip(&mut steps) {
            *step = match kind {
                Operand::Register => u16::from(self.uses.is_fresh(operand)),
                Operand::Column => self.stride as u16,
                Operand::Unused | Operand::Data | Operand::Extent => 0,
            };
        }
        Instruction { rows: ROWS as u16, steps, is_passed_on: at.is_passed_on, ..self.renamed(at, 0) }
    }

    /// An instruction as it is for one of the rows.
    fn renamed(&self, at: &Instruction, row: usize) -> Instruction {
        let row = row as u16;
        let name = |register: u16| {
            let next = if self.uses.is_fresh(register) { row } else { 0 };
            self.names[usize::from(register)] + next
        };
        let mut renamed = [at.a, at.b, at.c];
        match at.act {
            Act::Op(op) => {
                for (kind, operand) in operands(op).into_iter().zip(&mut renamed) {
                    match kind {
                        Operand::Register => *operand = name(*operand),
                        Operand::Column => *operand += row * self.stride as u16,
                        Operand::Unused | Operand::Data | Operand::Extent => {}
                    }
                }
            }
            // The head of a run: b says how long it is.
            _ => renamed[0] = name(at.a),
        }
        Instruction::once(at.act, name(at.to), renamed)
    }
}
