//! A tape: a straight program of arithmetic on registers, which makes a potential of a formula that is told at run time.
//!
//! - `operands`: what the operands of an operation say.
//! - `validate`: a tape is checked once, so that running it cannot fail.
//! - `fuse`: runs of instructions that can be done at once.
//! - `execute`: the interpreter, on strips of packs.
//! - `points`: a program evaluated at given points.
//!
//! An instruction is (operation, destination, a, b, c). The operation is a position in [`Op::ALL`]; the others are numbers of
//! registers, unless the operation says otherwise. The first registers hold the constants, those after them the
//! coordinates, and neither are written. A loop's body runs once for each row of some data, in their order, and reads
//! columns of the row; it holds no loop.

mod execute;
mod fuse;
mod operands;
mod points;
mod validate;

use std::sync::OnceLock;

pub use execute::Evaluator;

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
#[derive(Debug)]
struct Section {
    table: Option<usize>,
    code: Vec<Instruction>,
}

/// A checked instruction.
#[derive(Clone, Copy, Debug)]
struct Instruction {
    act: Act,
    to: u16,
    a: u16,
    b: u16,
    c: u16,
}

/// What an instruction does: one operation, or a run of those that follow it (see `fuse`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Op(Op),
    /// The next b instructions add products to a, and the last sum is what stays.
    Sum(Factor),
    /// The next b instructions add multiples of a to registers.
    Spread(Factor),
}

/// What the other factor of a product is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Factor {
    Register,
    Column,
}

/// Checked data, rounded to single precision once somebody asks for that.
#[derive(Debug)]
struct Table {
    columns: usize,
    double: Vec<f64>,
    single: OnceLock<Vec<f32>>,
}

impl Table {
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
        for section in &mut sections {
            section.code = fuse::fuse(&section.code);
        }
        let table = |data: Matrix| Table { columns: data.columns, double: data.numbers, single: OnceLock::new() };
        Ok(Self {
            dim: parts.dim,
            registers: parts.registers,
            constants: parts.constants,
            outputs: parts.outputs.iter().map(|&register| register as u16).collect(),
            sections,
            data: parts.data.into_iter().map(table).collect(),
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
