//! Pairs of operations: what only the next one reads is handed to it in registers of the processor.

use super::{Act, Instruction};
use crate::math::Op;

/// What an operation does with the result of the one before it, here z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// z + a
    Add,
    /// z - a
    Minus,
    /// a - z
    From,
    /// z a
    Times,
    /// z / a
    Over,
    /// a / z
    Under,
    /// z a + c
    Fma,
    /// a c + z
    Plus,
}

/// Marks what is read by the next instruction only. What `live` registers hold is needed afterwards.
pub fn mark(code: &mut [Instruction], live: &[bool]) {
    let mut live = live.to_vec();
    let mut next: Option<Instruction> = None;
    for at in code.iter_mut().rev() {
        // What is live is so after the next instruction.
        at.is_passed_on = next.is_some_and(|next| {
            let is_forgotten = next.to == at.to || !live[usize::from(at.to)];
            is_forgotten && next.reads().filter(|&register| register == at.to).count() == 1
        });
        if let Some(next) = next {
            next.find_live(&mut live);
        }
        next = Some(*at);
    }
}

/// The same code with its pairs.
pub fn join(code: &[Instruction]) -> Vec<Instruction> {
    let mut joined = Vec::with_capacity(code.len());
    let mut rest = code;
    while let Some(&first) = rest.first() {
        // A division has the most to gain from company: it is not made to wait for its own by another pair.
        let waits = pair(&rest[1..]).is_some_and(|[_, second]| second.divides()) && !rest[1].divides();
        if let Some(pair) = pair(rest).filter(|_| !waits) {
            joined.extend(pair);
            rest = &rest[2..];
            continue;
        }
        // A run goes as it is.
        let (unit, after) = rest.split_at(first.extent());
        joined.extend(unit);
        rest = after;
    }
    joined
}

impl Instruction {
    fn divides(&self) -> bool {
        matches!(self.act, Act::Op(Op::Div) | Act::Link(Link::Over | Link::Under))
    }
}

/// The pair that code starts with, if there is one.
fn pair(code: &[Instruction]) -> Option<[Instruction; 2]> {
    let [first, second, ..] = code else { return None };
    let Act::Op(op @ (Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Fma)) = first.act else { return None };
    if !first.is_passed_on || first.rows != second.rows {
        return None;
    }
    let (place, _) = second.places().find(|&(_, register)| register == first.to)?;
    Some([Instruction { act: Act::Pair(op), ..*first }, link(second, place)?])
}

/// An operation that takes the operand at `place` from the one before.
fn link(at: &Instruction, place: usize) -> Option<Instruction> {
    let Act::Op(op) = at.act else { return None };
    let (link, a, c) = match (op, place) {
        (Op::Add, _) => (Link::Add, 1 - place, 0),
        (Op::Sub, 0) => (Link::Minus, 1, 0),
        (Op::Sub, _) => (Link::From, 0, 0),
        (Op::Mul, _) => (Link::Times, 1 - place, 0),
        (Op::Div, 0) => (Link::Over, 1, 0),
        (Op::Div, _) => (Link::Under, 0, 0),
        (Op::Fma, 2) => (Link::Plus, 0, 1),
        (Op::Fma, _) => (Link::Fma, 1 - place, 2),
        _ => return None,
    };
    let operands = [at.a, at.b, at.c];
    let link = Instruction::once(Act::Link(link), at.to, [operands[a], 0, operands[c]]);
    Some(Instruction { rows: at.rows, steps: [at.steps[a], 0, at.steps[c]], ..link })
}
