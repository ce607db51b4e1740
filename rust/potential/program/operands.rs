//! What the operands of an operation say: a register, a column, or nothing.

use crate::math::Op;

/// What an operand says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Nothing: it is 0.
    Unused,
    /// A register that is read.
    Register,
    /// A column of the loop's data.
    Column,
    /// The data that a loop goes through.
    Data,
    /// How many instructions are in a loop's body.
    Extent,
}

/// The operands a, b and c.
pub fn operands(op: Op) -> [Operand; 3] {
    use Operand::{Column, Data, Extent, Register, Unused};
    match op {
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Min | Op::Max | Op::Pow | Op::Less | Op::LessEqual => {
            [Register, Register, Unused]
        }
        Op::Select | Op::Fma => [Register, Register, Register],
        Op::Loop => [Data, Extent, Unused],
        Op::Column => [Column, Unused, Unused],
        Op::MulColumn => [Register, Column, Unused],
        Op::FmaColumn => [Register, Column, Register],
        _ => [Register, Unused, Unused],
    }
}
