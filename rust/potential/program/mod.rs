//! A tape: a straight program of arithmetic on registers, which makes a potential of a formula that is told at run time.
//!
//! - `operands`: what the operands of an operation say.
//! - `validate`: a tape is checked once, so that running it cannot fail.
//! - `fuse`: runs of instructions that can be done at once.
//! - `pair`: results that are handed from one instruction to the next.
//! - `quotient`: rows whose slope is a quotient.
//! - `rows`: rows of data that can be gone through at once.
//! - `interpret`: the interpreter, on the registers of a strip of packs.
//! - `execute`: a program on any number of packs.
//! - `points`: a program evaluated at given points.
//!
//! An instruction is (operation, destination, a, b, c). The operation is a position in [`Op::ALL`]; the others are numbers of
//! registers, unless the operation says otherwise. The first registers hold the constants, those after them the
//! coordinates, and neither are written. A loop's body runs once for each row of some data, in their order, and reads
//! columns of the row; it holds no loop.

mod execute;
mod fuse;
mod interpret;
mod operands;
mod pair;
mod points;
mod quotient;
mod rows;
mod validate;

use std::sync::OnceLock;

pub use execute::{Evaluator, Rows};

use self::operands::{Operand, operands};
use crate::error::Result;
use crate::math::Op;
use crate::simd::{Element, Simd};

/// The most registers of a tape, and the most columns of its data.
pub const MOST_REGISTERS: usize = 1 << 16;

/// A tape as it arrives, not yet checked.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Instructions: operation, destination, a, b, c.
    pub code: Vec<[i32; 5]>,
    /// What the first registers hold.
    pub constants: Vec<f64>,
    /// Number of coordinates, which the registers after the constants hold.
    pub dim: usize,
    /// Number of registers, constants and coordinates included.
    pub registers: usize,
    /// The registers that hold the results.
    pub outputs: Vec<i32>,
    /// What loops go through.
    pub data: Vec<Matrix>,
}

/// Rows of numbers, in C order.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Numbers in a row.
    pub columns: usize,
    /// The rows, one after another.
    pub numbers: Vec<f64>,
}

/// A tape that can be run: a function from `dim` coordinates to some outputs.
#[derive(Debug)]
pub struct Program {
    dim: usize,
    registers: usize,
    constants: Vec<f64>,
    outputs: Vec<u16>,
    sections: Vec<Section>,
    data: Vec<Table>,
}

/// Instructions that run once, or once for each row of a table.
#[derive(Debug, Default)]
struct Section {
    table: Option<usize>,
    code: Vec<Instruction>,
    /// The code for [`rows::ROWS`] rows at once, if there is one.
    together: Vec<Instruction>,
    /// Whether that is a quotient of a sum and what it adds.
    is_quotient: bool,
}

impl Section {
    /// From the registers that are live after the section, whose values are needed, to those that are before it.
    fn find_live(&self, live: &mut [bool]) {
        // A loop may have no row: what is live after it is so before, too.
        let after = self.table.map(|_| live.to_vec());
        for at in self.code.iter().rev() {
            at.find_live(live);
        }
        for (before, after) in live.iter_mut().zip(after.into_iter().flatten()) {
            *before |= after;
        }
    }

    /// Puts together what can be done at once, given the live registers after and before; returns how many there are then.
    fn arrange(&mut self, after: &[bool], before: &[bool], data: &[Table]) -> usize {
        // What a row of a loop leaves may be what the next one reads first.
        pair::mark(&mut self.code, if self.table.is_some() { before } else { after });
        let together = self.table.and_then(|table| rows::together(&self.code, data[table].stride, after));
        self.code = pair::join(&fuse::fuse(&self.code));
        together.map_or(after.len(), |rows::Together { code, registers }| {
            self.together = pair::join(&code);
            self.is_quotient = quotient::is_one(&self.together);
            registers
        })
    }
}

/// A checked instruction.
#[derive(Clone, Copy, Debug)]
struct Instruction {
    act: Act,
    /// How often it is done: each time with the next destination, and with operands that are so many further.
    rows: u16,
    steps: [u16; 3],
    /// Whether its result is read by the next instruction and by no other.
    is_passed_on: bool,
    to: u16,
    a: u16,
    b: u16,
    c: u16,
}

impl Instruction {
    /// An instruction that is done once.
    fn once(act: Act, to: u16, [a, b, c]: [u16; 3]) -> Self {
        Self { act, rows: 1, steps: [0; 3], is_passed_on: false, to, a, b, c }
    }

    /// How many instructions it is with those that follow it as its run.
    fn extent(&self) -> usize {
        if matches!(self.act, Act::Op(_)) { 1 } else { 1 + usize::from(self.b) }
    }

    /// Which operands of an operation are registers, and their numbers.
    fn places(&self) -> impl Iterator<Item = (usize, u16)> {
        let kinds = match self.act {
            Act::Op(op) => operands(op),
            _ => [Operand::Unused; 3],
        };
        let operands = kinds.into_iter().zip([self.a, self.b, self.c]).enumerate();
        operands.filter(|(_, (kind, _))| *kind == Operand::Register).map(|(place, (_, register))| (place, register))
    }

    /// The registers that an operation reads.
    fn reads(&self) -> impl Iterator<Item = u16> {
        self.places().map(|(_, register)| register)
    }

    /// From the registers that are live after an operation to those that are before it.
    fn find_live(&self, live: &mut [bool]) {
        live[usize::from(self.to)] = false;
        for register in self.reads() {
            live[usize::from(register)] = true;
        }
    }
}

/// What an instruction does: one operation, or a run of those that follow it (see `fuse`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Op(Op),
    /// The next b instructions add products to a, and the last sum is what stays.
    Sum(Factor),
    /// The next b instructions add multiples of a to registers.
    Spread(Factor),
    /// An operation whose result is for the next instruction alone.
    Pair(Op),
    /// That instruction.
    Link(pair::Link),
    /// For some rows at once, whose destination and start are in the next instructions: sums of the products after those.
    Dots,
    /// For some rows at once, whose first factors are in the next instructions: adds their products to the sums after those.
    Outer,
}

/// What the other factor of a product is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Factor {
    Register,
    Column,
}

/// Checked data, rounded to single precision once somebody asks for that. Every row ends with a 1 that no tape knows of.
#[derive(Debug)]
struct Table {
    /// Numbers in a row.
    stride: usize,
    double: Vec<f64>,
    single: OnceLock<Vec<f32>>,
}

impl Table {
    fn new(data: &Matrix) -> Self {
        let rows = data.numbers.chunks_exact(data.columns);
        let double = rows.flat_map(|row| row.iter().copied().chain([1.0])).collect();
        Self { stride: data.columns + 1, double, single: OnceLock::new() }
    }

    fn numbers<T: Element>(&self) -> &[T] {
        T::pick(&self.double, || self.single.get_or_init(|| self.double.iter().map(|&x| x as f32).collect()))
    }
}

impl Program {
    /// Checks a tape.
    ///
    /// # Errors
    /// If it cannot be run: the message names the instruction, what is wrong with it, and the remedy.
    pub fn new(parts: Parts) -> Result<Self> {
        let mut sections = validate::sections(&parts)?;
        let data: Vec<_> = parts.data.iter().map(Table::new).collect();
        let mut registers = parts.registers;
        let mut live = vec![false; parts.registers];
        for &register in &parts.outputs {
            live[register as usize] = true;
        }
        for section in sections.iter_mut().rev() {
            let after = live.clone();
            section.find_live(&mut live);
            registers = registers.max(section.arrange(&after, &live, &data));
        }
        Ok(Self {
            dim: parts.dim,
            registers,
            constants: parts.constants,
            outputs: parts.outputs.iter().map(|&register| register as u16).collect(),
            sections,
            data,
        })
    }

    /// Number of coordinates.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of results.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// The program with one worker's registers; made once, used for many evaluations.
    #[must_use]
    pub fn evaluator<S: Simd, T: Element>(&self) -> Evaluator<'_, S, T> {
        Evaluator::new(self)
    }
}
