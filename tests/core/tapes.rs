//! Tapes for the tests: some that are written by hand, random ones, and what a tape means, on single numbers.

use langevin_ib::math::Op;
use langevin_ib::potential::program::{Matrix, Parts};
use langevin_ib::real::{Real, Scalar};

use crate::support::Numbers;

/// An instruction; operands are given as far as they are used.
pub fn instruction(op: Op, to: usize, operands: &[usize]) -> [i32; 5] {
    let operand = |i: usize| operands.get(i).map_or(0, |&operand| operand as i32);
    [op as i32, to as i32, operand(0), operand(1), operand(2)]
}

/// The tape of one operation on coordinates.
pub fn single(op: Op, arity: usize) -> Parts {
    Parts {
        code: vec![instruction(op, arity, &(0..arity).collect::<Vec<_>>())],
        constants: Vec::new(),
        dim: arity,
        registers: arity + 1,
        outputs: vec![arity as i32],
        data: Vec::new(),
    }
}

/// Operations that IEEE 754 defines to the bit, with their numbers of operands.
pub const EXACT: [(Op, usize); 16] = [
    (Op::Copy, 1),
    (Op::Neg, 1),
    (Op::Abs, 1),
    (Op::Sign, 1),
    (Op::Sqrt, 1),
    (Op::Add, 2),
    (Op::Sub, 2),
    (Op::Mul, 2),
    (Op::Div, 2),
    (Op::Min, 2),
    (Op::Max, 2),
    (Op::Less, 2),
    (Op::LessEqual, 2),
    (Op::Select, 3),
    (Op::Fma, 3),
    // A second time, so that runs are frequent.
    (Op::Fma, 3),
];

/// Operations that are approximated, with their numbers of operands.
pub const APPROXIMATE: [(Op, usize); 15] = [
    (Op::Exp, 1),
    (Op::Expm1, 1),
    (Op::Log, 1),
    (Op::Log1p, 1),
    (Op::Sin, 1),
    (Op::Cos, 1),
    (Op::Tan, 1),
    (Op::Sinh, 1),
    (Op::Cosh, 1),
    (Op::Tanh, 1),
    (Op::Atan, 1),
    (Op::Erf, 1),
    (Op::Sigmoid, 1),
    (Op::Softplus, 1),
    (Op::Pow, 2),
];

/// One exact operation on numbers.
pub fn exact<T: Scalar<Mask = bool>>(op: Op, a: T, b: T, c: T) -> T {
    let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
    let nan = |x: T| x.to_f64().is_nan();
    let truth = |holds: bool| if holds { one } else { zero };
    match op {
        Op::Copy => a,
        Op::Neg => -a,
        Op::Abs => T::from_f64(a.to_f64().abs()),
        Op::Sign if nan(a) => a,
        Op::Sign if a == zero => zero,
        Op::Sign => T::from_f64(a.to_f64().signum()),
        Op::Sqrt => a.sqrt(),
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul | Op::MulColumn => a * b,
        Op::Div => a / b,
        Op::Min | Op::Max if nan(a) || nan(b) => T::from_f64(f64::NAN),
        Op::Min => {
            if a < b {
                a
            } else {
                b
            }
        }
        // Of two zeros the second.
        Op::Max => {
            if a > b {
                a
            } else {
                b
            }
        }
        Op::Less => truth(a < b),
        Op::LessEqual => truth(a <= b),
        Op::Select => {
            if a == zero {
                c
            } else {
                b
            }
        }
        Op::Fma | Op::FmaColumn => Real::mul_add(a, b, c),
        other => panic!("{other:?} is not exact"),
    }
}

/// What a tape of exact operations means at one point.
pub fn meaning<T: Scalar<Mask = bool>>(parts: &Parts, x: &[T]) -> Vec<T> {
    let mut registers = vec![T::from_f64(f64::NAN); parts.registers];
    let constants = parts.constants.iter().map(|&constant| T::from_f64(constant));
    for (register, value) in registers.iter_mut().zip(constants.chain(x.iter().copied())) {
        *register = value;
    }
    let mut at = 0;
    while at < parts.code.len() {
        let [code, _, table, extent, _] = parts.code[at].map(|number| number as usize);
        if Op::ALL[code] == Op::Loop {
            let data = &parts.data[table];
            for row in data.numbers.chunks_exact(data.columns) {
                for instruction in &parts.code[at + 1..=at + extent] {
                    execute(*instruction, row, &mut registers);
                }
            }
            at += extent;
        } else {
            execute(parts.code[at], &[], &mut registers);
        }
        at += 1;
    }
    parts.outputs.iter().map(|&register| registers[register as usize]).collect()
}

fn execute<T: Scalar<Mask = bool>>(instruction: [i32; 5], row: &[f64], registers: &mut [T]) {
    let [code, to, a, b, c] = instruction.map(|number| number as usize);
    let op = Op::ALL[code];
    let column = |which: usize| T::from_f64(row[which]);
    registers[to] = match op {
        Op::Column => column(a),
        Op::MulColumn => registers[a] * column(b),
        Op::FmaColumn => Real::mul_add(registers[a], column(b), registers[c]),
        _ => exact(op, registers[a], registers[b], registers[c]),
    };
}

/// A tape that is made up at random, with runs of multiply-adds and loops, and never reads what is not written.
pub struct Random<'a> {
    pub numbers: Numbers,
    pub operations: &'a [(Op, usize)],
}

impl Random<'_> {
    fn below(&mut self, limit: usize) -> usize {
        (self.numbers.bits() % limit as u64) as usize
    }

    pub fn tape(&mut self) -> Parts {
        let (constants, dim) = (1 + self.below(4), 1 + self.below(5));
        let pinned = constants + dim;
        let temporaries = 2 + self.below(6);
        let mut parts = Parts {
            code: Vec::new(),
            constants: self.numbers.units(constants),
            dim,
            registers: pinned + temporaries,
            outputs: Vec::new(),
            data: Vec::new(),
        };
        // Every temporary is written at the start, so that all may be read.
        for to in pinned..parts.registers {
            let pick = [self.below(pinned), self.below(pinned)];
            parts.code.push(instruction(Op::Sub, to, &pick));
        }
        let mut private = 0;
        for _ in 0..=self.below(12) {
            match self.below(6) {
                0 | 1 => self.loop_over(&mut parts, pinned),
                2 | 3 => private = private.max(self.sums_over(&mut parts, pinned)),
                _ => {
                    let length = 1 + self.below(8);
                    self.straight(&mut parts, pinned, length, None);
                }
            }
        }
        parts.outputs = (0..=self.below(5)).map(|_| self.below(parts.registers) as i32).collect();
        parts.registers += private;
        parts
    }

    /// A loop as a compiler writes it: registers of its own, which are written first, and sums that are met once. Returns how
    /// many registers of its own it has.
    fn sums_over(&mut self, parts: &mut Parts, pinned: usize) -> usize {
        let (rows, columns) = (self.below(14), 1 + self.below(3));
        let table = parts.data.len();
        parts.data.push(Matrix { rows, columns, numbers: self.numbers.units(rows * columns) });
        let head = parts.code.len();
        parts.code.push([0; 5]);
        let (own, mut sums) = (parts.registers, (pinned..parts.registers).collect::<Vec<_>>());
        let mut readable: Vec<usize> = (0..pinned).collect();
        let count = 1 + self.below(4);
        for _ in 0..2 + self.below(9) {
            let pick = |random: &mut Self| readable[random.below(readable.len())];
            let (a, b, c) = (pick(self), pick(self), pick(self));
            let (to, column) = (own + self.below(count), self.below(columns));
            parts.code.push(match self.below(4) {
                0 => instruction(Op::MulColumn, to, &[a, column]),
                1 => instruction(Op::FmaColumn, to, &[a, column, c]),
                2 => instruction(Op::Column, to, &[column]),
                _ => {
                    let (op, arity) = self.operations[self.below(self.operations.len())];
                    instruction(op, to, &[a, b, c][..arity])
                }
            });
            readable.push(to);
            if self.below(2) == 0 && !sums.is_empty() {
                // Now and then a sum is met a second time.
                let which = self.below(sums.len());
                let sum = if self.below(8) == 0 { sums[which] } else { sums.swap_remove(which) };
                parts.code.push(match self.below(4) {
                    0 => instruction(Op::Add, sum, &[sum, to]),
                    1 => instruction(Op::Add, sum, &[to, sum]),
                    2 => instruction(Op::Fma, sum, &[to, b, sum]),
                    _ => instruction(Op::FmaColumn, sum, &[to, column, sum]),
                });
            }
        }
        parts.code[head] = instruction(Op::Loop, 0, &[table, parts.code.len() - head - 1]);
        count
    }

    fn loop_over(&mut self, parts: &mut Parts, pinned: usize) {
        let (rows, columns) = (self.below(5), 1 + self.below(3));
        let table = parts.data.len();
        parts.data.push(Matrix { rows, columns, numbers: self.numbers.units(rows * columns) });
        let head = parts.code.len();
        parts.code.push([0; 5]);
        for _ in 0..self.below(4) {
            let length = 1 + self.below(5);
            self.straight(parts, pinned, length, Some(columns));
        }
        parts.code[head] = instruction(Op::Loop, 0, &[table, parts.code.len() - head - 1]);
    }

    /// Some instructions; half the time a multiply-add is like the one before it in all but one or two operands.
    fn straight(&mut self, parts: &mut Parts, pinned: usize, length: usize, columns: Option<usize>) {
        for _ in 0..length {
            let register = |random: &mut Self| random.below(parts.registers);
            let mut to = pinned + self.below(parts.registers - pinned);
            let mut operands = [register(self), register(self), register(self)];
            let (mut op, mut arity) = self.operations[self.below(self.operations.len())];
            if let Some(columns) = columns.filter(|_| self.numbers.bits().is_multiple_of(2)) {
                op = [Op::Column, Op::MulColumn, Op::FmaColumn, Op::FmaColumn][self.below(4)];
                let column = self.below(columns);
                (arity, operands) = match op {
                    Op::Column => (1, [column, 0, 0]),
                    Op::MulColumn => (2, [operands[0], column, 0]),
                    _ => (3, [operands[0], column, operands[2]]),
                };
            }
            let before = parts.code.last().map(|code| code.map(|number| number as usize));
            let is_alike = |before: &[usize; 5]| before[0] == op as usize && before[2] < parts.registers;
            if let Some([code, before_to, a, _, _]) = before.filter(is_alike) {
                let fused = [Op::Fma as usize, Op::FmaColumn as usize].contains(&code);
                match self.below(4) {
                    0 if fused && before_to < parts.registers => (to, operands[2]) = (before_to, before_to),
                    1 if fused => operands[0] = a,
                    _ => {}
                }
            }
            parts.code.push(instruction(op, to, &operands[..arity]));
        }
    }
}
