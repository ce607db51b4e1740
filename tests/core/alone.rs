//! Closed forms that move walkers one by one: what is refused, and a step by hand.

use langevin_ib::error::Result;
use langevin_ib::noise::{Native, Noise};
use langevin_ib::potential::risk::alone::{Alone, Factors, Form, Linear, Masks};
use langevin_ib::potential::risk::{Batch, Law, Risk, Row, Table};
use langevin_ib::potential::{Program, Told};
use langevin_ib::run::{Before, Plan, run};
use langevin_ib::scheme::Any;
use langevin_ib::simd::Level;
use langevin_ib::walk::Step;

use crate::support::{KEY, Rooms, rows};

/// Two products of two coordinates, (a, b) and (c, d), on two rows.
fn products(order: Vec<usize>, length: usize, numbers: Vec<f64>) -> Result<Risk> {
    let alone = Alone { form: Form::Linear(Linear), factor: 1.0, order, length, decay: 0.5, lasso: 0.25 };
    let zeros = vec![0.0; numbers.len() / 2];
    let table = Table::new(numbers, 2, &zeros, &zeros, Law::Normal)?;
    Risk::new(4, (None, Row::Alone(alone)), table, Batch::Full, 0.5, Noise::new(KEY))
}

/// One entry of a product of two vectors of two.
fn factors(pair: (usize, usize), chance: Option<f64>, law: Law, batch: Batch) -> Result<Risk> {
    let masks = chance.map(|chance| Masks { chance, targets: vec![1.0] });
    let form = Form::Factors(Factors { pairs: vec![pair], masks });
    let alone = Alone { form, factor: 1.0, order: vec![0, 1, 2, 3], length: 2, decay: 0.0, lasso: 0.0 };
    // A label, or a uniform number in its place.
    let (number, input) = if chance.is_some() { (0.0, 1.0) } else { (1.0, 0.0) };
    let table = Table::new(vec![number], 1, &[0.0], &[input], law)?;
    Risk::new(4, (None, Row::Alone(alone)), table, batch, 1.0, Noise::new(KEY))
}

fn after_a_step(risk: Risk, x: &[f64], level: Level) -> Result<Vec<f64>> {
    let plan = Plan {
        step: Step { h: 0.5, temperature: 0.0 },
        noise: Noise::new(KEY),
        metric: None,
        substeps: 1,
        walkers: 3..4,
        steps: 0..1,
        burn_in: 0,
        watches: Vec::new(),
        groups: 1,
        bound: 1e100,
        threads: 1,
        alone_below: 0,
        level,
        block: 32,
    };
    let told = Told::Risk(Box::new(risk));
    let before = Before { states: x, ..Before::default() };
    let mut rooms = Rooms::new(&plan, Any::EulerMaruyama, x.len());
    let outcome = run(&plan, &told, Any::EulerMaruyama, Native, before, rooms.lend(), |_| true)?;
    Ok(rows(&rooms.states, &plan, &outcome.rows))
}

#[test]
fn a_step_is_the_one_by_hand() -> Result<()> {
    for level in Level::available() {
        // z = (3, -4), residuals 3 - 4 - 1 = -2 and 6 - 1 = 5, the gradient by z ((-2 + 10) / 2, -2 / 2) = (4, -1).
        let risk = products(vec![0, 2, 1, 3], 2, vec![1.0, 1.0, 1.0, 2.0, 0.0, 1.0])?;
        let found = after_a_step(risk, &[1.0, 3.0, -2.0, 2.0], level)?;
        let slopes = [12.0 + 0.5 + 0.25, 4.0 + 1.5 + 0.25, -2.0 - 1.0 - 0.25, 2.0 + 1.0 + 0.25];
        assert_eq!(
            found,
            [1.0 - 0.5 * slopes[0], 3.0 - 0.5 * slopes[1], -2.0 - 0.5 * slopes[2], 2.0 - 0.5 * slopes[3]]
        );
        // (1, 3) . (-2, 2) - 1 = 3.
        let found = after_a_step(factors((1, 0), None, Law::Normal, Batch::Full)?, &[1.0, 3.0, -2.0, 2.0], level)?;
        assert_eq!(found, [1.0 + 3.0, 3.0 - 3.0, -2.0 - 1.5, 2.0 - 4.5]);
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() {
    let rows = || vec![1.0, 1.0, 1.0, 2.0, 0.0, 1.0];
    assert!(products(vec![0, 2, 1, 3], 2, rows()).is_ok());
    for order in [vec![0, 2, 1], vec![0, 2, 1, 1], vec![0, 2, 1, 4]] {
        assert!(products(order, 2, rows()).is_err());
    }
    for length in [0, 1, 3] {
        assert!(products(vec![0, 2, 1, 3], length, rows()).is_err());
    }
    assert!(factors((0, 1), Some(0.5), Law::Uniform, Batch::Full).is_ok());
    for pair in [(0, 0), (0, 2), (2, 1)] {
        assert!(factors(pair, None, Law::Normal, Batch::Full).is_err());
    }
    assert!(factors((0, 1), Some(0.5), Law::Normal, Batch::Full).is_err());
    assert!(factors((0, 1), Some(0.5), Law::Uniform, Batch::Draws(1)).is_err());
    assert!(factors((0, 1), None, Law::Normal, Batch::Draws(1)).is_ok());
}

#[test]
fn a_tape_of_the_rest_is_refused() -> Result<()> {
    let alone = Alone { form: Form::Linear(Linear), factor: 1.0, order: vec![0], length: 1, decay: 0.0, lasso: 0.0 };
    let table = Table::new(vec![1.0, 1.0], 1, &[0.0; 2], &[0.0; 2], Law::Normal)?;
    let rest = Program::new(langevin_ib::potential::program::Parts {
        code: Vec::new(),
        constants: Vec::new(),
        dim: 1,
        registers: 1,
        outputs: vec![0],
        data: Vec::new(),
    })?;
    assert!(Risk::new(1, (Some(rest), Row::Alone(alone)), table, Batch::Full, 1.0, Noise::new(KEY)).is_err());
    Ok(())
}
