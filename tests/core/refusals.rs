//! A tape that cannot be run is refused, with the instruction, what is wrong with it, and what to do.

use langevin_ib::error::Kind;
use langevin_ib::math::Op;
use langevin_ib::potential::Program;
use langevin_ib::potential::program::{MOST_REGISTERS, Matrix, Parts};

use crate::support::Numbers;
use crate::tapes::{EXACT, Random, instruction};

/// One constant, two coordinates (registers 1 and 2), two temporaries (3 and 4), data of two columns.
fn tape(code: &[[i32; 5]]) -> Parts {
    Parts {
        code: code.to_vec(),
        constants: vec![0.5],
        dim: 2,
        registers: 5,
        outputs: vec![1],
        data: vec![Matrix { rows: 1, columns: 2, numbers: vec![1.0, 2.0] }],
    }
}

fn refusal(parts: Parts) -> String {
    let error = Program::new(parts).expect_err("the tape is malformed");
    assert_eq!(error.kind, Kind::InvalidArgument);
    error.message
}

#[track_caller]
fn refused(parts: Parts, message: &str) {
    let found = refusal(parts);
    assert!(found.contains(message), "{found:?} does not say {message:?}");
}

const FINE: [i32; 5] = [19, 3, 0, 1, 0];

#[test]
fn a_sound_tape_is_accepted() {
    assert!(Program::new(tape(&[FINE, [0, 4, 3, 0, 0]])).is_ok());
    assert!(Program::new(tape(&[])).is_ok());
}

#[test]
fn operations_must_exist() {
    refused(tape(&[FINE, [34, 3, 0, 0, 0]]), "code[1]: there is no operation 34; they are numbered 0 to 33");
    refused(tape(&[[-1, 3, 0, 0, 0]]), "code[0]: there is no operation -1");
}

#[test]
fn operands_must_be_registers() {
    refused(tape(&[[19, 3, 5, 0, 0]]), "code[0] (add): a = 5 is not a register; the tape has 5, numbered from 0");
    refused(tape(&[[19, 3, 0, -1, 0]]), "code[0] (add): b = -1 is not a register");
    refused(tape(&[FINE, [29, 3, 0, 0, i32::MAX]]), "code[1] (fma): c = 2147483647 is not a register");
    refused(tape(&[[0, 5, 0, 0, 0]]), "code[0] (copy): dst = 5 is not a register");
    refused(tape(&[[0, i32::MIN, 0, 0, 0]]), "code[0] (copy): dst = -2147483648 is not a register");
}

#[test]
fn unused_operands_are_zero() {
    refused(tape(&[[0, 3, 0, 1, 0]]), "code[0] (copy): b = 1, but it is not used; set it to 0");
    refused(tape(&[[19, 3, 0, 1, 2]]), "code[0] (add): c = 2, but it is not used");
    refused(tape(&[[30, 3, 0, 0, 0]]), "code[0] (loop): dst = 3, but it is not used");
}

#[test]
fn constants_and_coordinates_are_never_written() {
    refused(
        tape(&[[0, 0, 1, 0, 0]]),
        "code[0] (copy): dst: register 0 holds a constant and is never written; take one from 3 on",
    );
    refused(tape(&[FINE, [0, 2, 1, 0, 0]]), "code[1] (copy): dst: register 2 holds a coordinate");
    refused(tape(&[[30, 0, 0, 1, 0], [31, 2, 1, 0, 0]]), "code[1] (column): dst: register 2 holds a coordinate");
}

#[test]
fn nothing_is_read_before_it_is_written() {
    refused(
        tape(&[[0, 4, 3, 0, 0]]),
        "code[0] (copy): a: register 3 is read before anything is sure to have been written to it",
    );
    refused(tape(&[[19, 3, 0, 3, 0]]), "code[0] (add): b: register 3 is read before");
    refused(tape(&[[30, 0, 0, 1, 0], [33, 3, 1, 0, 3]]), "code[1] (fma_column): c: register 3 is read before");
}

#[test]
fn what_only_a_loop_writes_is_not_read_after_it() {
    let body = [[30, 0, 0, 1, 0], [31, 3, 1, 0, 0]];
    refused(tape(&[&body[..], &[[0, 4, 3, 0, 0]]].concat()), "code[2] (copy): a: register 3 is read before");
    let output = Parts { outputs: vec![1, 3], ..tape(&body) };
    refused(output, "outputs[1]: nothing is sure to have been written to register 3");
    // Inside the body it may be read once it is written, and after the loop if it was written before as well.
    assert!(Program::new(tape(&[[30, 0, 0, 2, 0], [31, 3, 1, 0, 0], [0, 4, 3, 0, 0]])).is_ok());
    let before = Parts { outputs: vec![3], ..tape(&[&[FINE], &body[..], &[[0, 4, 3, 0, 0]]].concat()) };
    assert!(Program::new(before).is_ok());
    // A second loop knows no more than what follows the first.
    refused(tape(&[&body[..], &[[30, 0, 0, 1, 0], [0, 4, 3, 0, 0]]].concat()), "code[3] (copy): a: register 3 is read");
}

#[test]
fn columns_are_read_in_loops_only() {
    for op in [31, 32, 33] {
        refused(
            tape(&[FINE, [op, 3, 0, 0, 0]]),
            "it is outside of any loop, where there is no row; put it into a loop's body",
        );
    }
    refused(
        tape(&[[30, 0, 0, 1, 0], [31, 3, 2, 0, 0]]),
        "code[1] (column): a = 2 is not a column; the loop's data has 2",
    );
    refused(tape(&[[30, 0, 0, 1, 0], [32, 3, 1, -1, 0]]), "code[1] (mul_column): b = -1 is not a column");
    // The body has ended.
    refused(tape(&[[30, 0, 0, 1, 0], FINE, [31, 3, 1, 0, 0]]), "code[2] (column): it is outside of any loop");
}

#[test]
fn loops_have_data_and_a_body_and_hold_no_loop() {
    refused(tape(&[[30, 0, 1, 0, 0]]), "code[0] (loop): a = 1 is not in data, which has 1 entries, numbered from 0");
    refused(tape(&[[30, 0, -1, 0, 0]]), "code[0] (loop): a = -1 is not in data");
    refused(tape(&[[30, 0, 0, 2, 0], FINE]), "code[0] (loop): b = 2 instructions in its body, but 1 follow");
    refused(tape(&[[30, 0, 0, -1, 0], FINE]), "code[0] (loop): b = -1 instructions in its body");
    refused(tape(&[[30, 0, 0, i32::MAX, 0]]), "code[0] (loop): b = 2147483647 instructions");
    let nested = [[30, 0, 0, 2, 0], [30, 0, 0, 1, 0], [31, 3, 1, 0, 0]];
    refused(tape(&nested), "code[1] (loop): it is inside another loop; write their bodies one after the other");
    assert!(Program::new(tape(&[[30, 0, 0, 0, 0]])).is_ok());
}

#[test]
fn outputs_are_registers() {
    refused(Parts { outputs: vec![], ..tape(&[]) }, "outputs: there are 0; name between 1 and 65537 registers");
    refused(Parts { outputs: vec![1; MOST_REGISTERS + 2], ..tape(&[]) }, "outputs: there are 65538");
    refused(Parts { outputs: vec![0, 5], ..tape(&[]) }, "outputs[1] = 5 is not a register; the tape has 5");
    refused(Parts { outputs: vec![-1], ..tape(&[]) }, "outputs[0] = -1 is not a register");
    refused(Parts { outputs: vec![3], ..tape(&[]) }, "outputs[0]: nothing is sure to have been written to register 3");
}

#[test]
fn sizes_are_within_limits() {
    refused(Parts { dim: 0, ..tape(&[]) }, "dim = 0: a tape needs at least one coordinate");
    refused(Parts { registers: 2, ..tape(&[]) }, "registers = 2: too few for 1 constants and 2 coordinates");
    refused(Parts { dim: usize::MAX, ..tape(&[]) }, "registers = 5: too few for 1 constants");
    refused(Parts { registers: MOST_REGISTERS + 1, ..tape(&[]) }, "registers = 65537: a tape has at most 65536");
    assert!(Program::new(Parts { registers: MOST_REGISTERS, ..tape(&[]) }).is_ok());
}

#[test]
fn data_are_matrices() {
    let data =
        |rows, columns, count| Parts { data: vec![Matrix { rows, columns, numbers: vec![0.0; count] }], ..tape(&[]) };
    refused(data(3, 0, 0), "data[0]: it has 0 columns; a matrix needs between 1 and 65536");
    refused(data(1, MOST_REGISTERS + 1, MOST_REGISTERS + 1), "data[0]: it has 65537 columns");
    refused(data(2, 3, 5), "data[0]: 5 numbers do not make 2 rows of 3 columns");
    refused(data(usize::MAX, 3, 5), "data[0]: 5 numbers do not make");
    assert!(Program::new(data(0, 3, 0)).is_ok());
}

/// A sound tape with a number changed at random is run if it is still sound, and refused by name if it is not.
#[test]
fn a_tape_with_a_fault_is_refused_or_runs() {
    let mut random = Random { numbers: Numbers(77), operations: &EXACT };
    let (mut refusals, mut runs) = (0, 0);
    for _ in 0..20_000 {
        let mut parts = random.tape();
        let (line, place) = (random.numbers.bits() as usize % parts.code.len(), random.numbers.bits() as usize % 5);
        parts.code[line][place] = match random.numbers.bits() % 4 {
            0 => random.numbers.bits() as i32,
            1 => -1,
            _ => (random.numbers.bits() % 40) as i32,
        };
        match Program::new(parts.clone()) {
            Ok(program) => {
                let points = vec![0.5; 3 * parts.dim];
                assert!(program.at(langevin_ib::simd::Level::detect(), &points).is_ok());
                runs += 1;
            }
            Err(error) => {
                assert!(error.message.starts_with("code[") || error.message.starts_with("outputs["), "{error}");
                refusals += 1;
            }
        }
    }
    assert!(refusals > 1000 && runs > 1000, "{refusals} refused, {runs} run");
}

#[test]
fn instructions_of_the_tests_are_those_of_the_tape() {
    assert_eq!(instruction(Op::Add, 3, &[0, 1]), FINE);
    assert_eq!(instruction(Op::FmaColumn, 4, &[1, 0, 3]), [33, 4, 1, 0, 3]);
}
