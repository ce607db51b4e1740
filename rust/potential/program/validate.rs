//! A tape is checked once, instruction by instruction, so that running it needs no check that could fail.

use super::operands::{Operand, operands};
use super::{Act, Instruction, MOST_REGISTERS, Matrix, Parts, Section};
use crate::error::{Error, Result};
use crate::math::Op;

/// The tape's sections, if every instruction, output and number in it is sound.
pub fn sections(parts: &Parts) -> Result<Vec<Section>> {
    sizes(parts)?;
    for (i, data) in parts.data.iter().enumerate() {
        matrix(i, data)?;
    }
    let pinned = parts.constants.len() + parts.dim;
    let mut written = vec![false; parts.registers];
    written[..pinned].fill(true);
    let mut checker = Checker { parts, pinned, written, columns: None };
    let sections = checker.sections()?;
    checker.outputs()?;
    Ok(sections)
}

fn refuse<T>(message: String) -> Result<T> {
    Err(Error::invalid(message))
}

fn sizes(parts: &Parts) -> Result<()> {
    let &Parts { dim, registers, .. } = parts;
    let constants = parts.constants.len();
    if dim == 0 {
        return refuse("dim = 0: a tape needs at least one coordinate".into());
    }
    if registers > MOST_REGISTERS {
        return refuse(format!(
            "registers = {registers}: a tape has at most {MOST_REGISTERS}; reuse those whose value is no longer needed"
        ));
    }
    if constants.saturating_add(dim) > registers {
        return refuse(format!(
            "registers = {registers}: too few for {constants} constants and {dim} coordinates; ask for at least their sum"
        ));
    }
    if parts.outputs.is_empty() || parts.outputs.len() > MOST_REGISTERS + 1 {
        return refuse(format!(
            "outputs: there are {}; name between 1 and {} registers",
            parts.outputs.len(),
            MOST_REGISTERS + 1
        ));
    }
    Ok(())
}

fn matrix(i: usize, data: &Matrix) -> Result<()> {
    let &Matrix { rows, columns, ref numbers } = data;
    if columns == 0 || columns > MOST_REGISTERS {
        return refuse(format!("data[{i}]: it has {columns} columns; a matrix needs between 1 and {MOST_REGISTERS}"));
    }
    if rows.checked_mul(columns) != Some(numbers.len()) {
        let found = numbers.len();
        return refuse(format!("data[{i}]: {found} numbers do not make {rows} rows of {columns} columns"));
    }
    Ok(())
}

/// What is known of a tape up to some instruction.
struct Checker<'a> {
    parts: &'a Parts,
    /// Registers below this hold constants and coordinates.
    pinned: usize,
    /// Registers that hold something.
    written: Vec<bool>,
    /// Columns of the row at hand, inside a loop.
    columns: Option<usize>,
}

impl Checker<'_> {
    fn sections(&mut self) -> Result<Vec<Section>> {
        let mut sections: Vec<Section> = Vec::new();
        let mut at = 0;
        while at < self.parts.code.len() {
            let [_, _, table, _, _] = self.parts.code[at];
            if self.op(at)? == Op::Loop {
                self.instruction(at)?;
                let extent = self.extent(at)?;
                let table = table as usize;
                let code = self.body(at + 1..at + 1 + extent, self.parts.data[table].columns)?;
                sections.push(Section { table: Some(table), code, ..Section::default() });
                at += 1 + extent;
            } else {
                let instruction = self.instruction(at)?;
                match sections.last_mut() {
                    Some(Section { table: None, code, .. }) => code.push(instruction),
                    _ => sections.push(Section { code: vec![instruction], ..Section::default() }),
                }
                at += 1;
            }
        }
        Ok(sections)
    }

    /// The body of a loop; what only it writes does not count as written after it, since there may be no row.
    fn body(&mut self, extent: std::ops::Range<usize>, columns: usize) -> Result<Vec<Instruction>> {
        self.columns = Some(columns);
        let mut fresh = Vec::new();
        let mut code = Vec::with_capacity(extent.len());
        for at in extent {
            let to = self.parts.code[at][1];
            let was_written = usize::try_from(to).ok().and_then(|to| self.written.get(to).copied());
            let instruction = self.instruction(at)?;
            if was_written == Some(false) {
                fresh.push(instruction.to);
            }
            code.push(instruction);
        }
        for register in fresh {
            self.written[usize::from(register)] = false;
        }
        self.columns = None;
        Ok(code)
    }

    fn op(&self, at: usize) -> Result<Op> {
        let [code, ..] = self.parts.code[at];
        usize::try_from(code).ok().and_then(Op::from_code).map_or_else(
            || {
                refuse(format!(
                    "code[{at}]: there is no operation {code}; they are numbered 0 to {}",
                    Op::ALL.len() - 1
                ))
            },
            Ok,
        )
    }

    /// Checks one instruction and counts its destination as written.
    fn instruction(&mut self, at: usize) -> Result<Instruction> {
        let [_, to, a, b, c] = self.parts.code[at];
        let op = self.op(at)?;
        if op == Op::Loop && self.columns.is_some() {
            return self.refuse(at, "it is inside another loop; write their bodies one after the other");
        }
        if operands(op).contains(&Operand::Column) && self.columns.is_none() {
            return self.refuse(at, "it is outside of any loop, where there is no row; put it into a loop's body");
        }
        for ((name, operand), kind) in [("a", a), ("b", b), ("c", c)].into_iter().zip(operands(op)) {
            self.operand(at, name, operand, kind)?;
        }
        if op == Op::Loop {
            self.operand(at, "dst", to, Operand::Unused)?;
        } else {
            self.destination(at, to)?;
        }
        Ok(Instruction::once(Act::Op(op), to as u16, [a as u16, b as u16, c as u16]))
    }

    fn operand(&self, at: usize, name: &str, operand: i32, kind: Operand) -> Result<()> {
        let below = |limit: usize| usize::try_from(operand).is_ok_and(|operand| operand < limit);
        match kind {
            Operand::Unused if operand != 0 => {
                self.refuse(at, &format!("{name} = {operand}, but it is not used; set it to 0"))
            }
            Operand::Register if !below(self.parts.registers) => self.no_register(at, name, operand),
            Operand::Register if !self.written[operand as usize] => self.refuse(
                at,
                &format!("{name}: register {operand} is read before anything is sure to have been written to it; write it first"),
            ),
            Operand::Column if !below(self.columns.unwrap_or(0)) => self.refuse(
                at,
                &format!(
                    "{name} = {operand} is not a column; the loop's data has {}, numbered from 0",
                    self.columns.unwrap_or(0)
                ),
            ),
            Operand::Data if !below(self.parts.data.len()) => self.refuse(
                at,
                &format!(
                    "{name} = {operand} is not in data, which has {} entries, numbered from 0",
                    self.parts.data.len()
                ),
            ),
            _ => Ok(()),
        }
    }

    fn destination(&mut self, at: usize, to: i32) -> Result<()> {
        match usize::try_from(to) {
            Ok(register) if register >= self.pinned && register < self.parts.registers => {
                self.written[register] = true;
                Ok(())
            }
            Ok(register) if register < self.pinned => self.refuse(
                at,
                &format!(
                    "dst: register {to} holds a {} and is never written; take one from {} on",
                    if register < self.parts.constants.len() { "constant" } else { "coordinate" },
                    self.pinned
                ),
            ),
            _ => self.no_register(at, "dst", to),
        }
    }

    fn extent(&self, at: usize) -> Result<usize> {
        let [_, _, _, extent, _] = self.parts.code[at];
        let rest = self.parts.code.len() - at - 1;
        match usize::try_from(extent) {
            Ok(extent) if extent <= rest => Ok(extent),
            _ => self.refuse(
                at,
                &format!("b = {extent} instructions in its body, but {rest} follow; count those of the body"),
            ),
        }
    }

    fn outputs(&self) -> Result<()> {
        for (i, &register) in self.parts.outputs.iter().enumerate() {
            let written = usize::try_from(register).ok().and_then(|register| self.written.get(register));
            match written {
                Some(true) => {}
                Some(false) => {
                    return refuse(format!(
                        "outputs[{i}]: nothing is sure to have been written to register {register}; write it outside of \
                         loops, or before the one that changes it"
                    ));
                }
                None => {
                    return refuse(format!(
                        "outputs[{i}] = {register} is not a register; the tape has {}, numbered from 0",
                        self.parts.registers
                    ));
                }
            }
        }
        Ok(())
    }

    fn no_register<T>(&self, at: usize, name: &str, operand: i32) -> Result<T> {
        let registers = self.parts.registers;
        self.refuse(at, &format!("{name} = {operand} is not a register; the tape has {registers}, numbered from 0"))
    }

    fn refuse<T>(&self, at: usize, what: &str) -> Result<T> {
        let name = self.op(at)?.name();
        refuse(format!("code[{at}] ({name}): {what}"))
    }
}
