//! Operations on whole arrays: for trying them out, and for the tests.

use std::cell::Cell;

use super::Op;
use super::packs::{Elementary, FOUR};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::simd::{Element, Job, Level, Pack, Simd};

/// An operation of one or two arguments on arrays of one length, element by element.
///
/// # Errors
/// If the operation takes another number of arguments, or the arrays have different lengths.
pub fn apply<T: Element>(op: Op, a: &[T], b: Option<&[T]>, level: Level) -> Result<Vec<T>> {
    let given = 1 + usize::from(b.is_some());
    match op.arguments() {
        Some(arguments) if arguments == given => {}
        Some(arguments @ 1..=2) => {
            let name = op.name();
            return Err(Error::invalid(format!("{name:?} takes {arguments} array(s), but {given} were given")));
        }
        _ => {
            let name = op.name();
            return Err(Error::invalid(format!("{name:?} is not a function of one or two numbers: run it in a tape")));
        }
    }
    let b = b.unwrap_or(a);
    if a.len() != b.len() {
        let (a, b) = (a.len(), b.len());
        return Err(Error::invalid(format!("a has {a} elements and b has {b}: give arrays of one length")));
    }
    let mut out = vec![T::default(); a.len()];
    let whole = a.len() / BLOCK * BLOCK;
    level.run(Apply { op, a: &a[..whole], b: &b[..whole], out: &mut out[..whole] });
    let [mut a_rest, mut b_rest, mut rest] = [[T::default(); BLOCK]; 3];
    a_rest[..a.len() - whole].copy_from_slice(&a[whole..]);
    b_rest[..a.len() - whole].copy_from_slice(&b[whole..]);
    level.run(Apply { op, a: &a_rest, b: &b_rest, out: &mut rest });
    out[whole..].copy_from_slice(&rest[..a.len() - whole]);
    Ok(out)
}

/// A multiple of the lanes of four packs, of every kind.
const BLOCK: usize = 64;
/// Fours of packs that go through an operation together.
const FOURS: usize = 8;

/// Arrays of whole blocks.
struct Apply<'a, T> {
    op: Op,
    a: &'a [T],
    b: &'a [T],
    out: &'a mut [T],
}

impl<T: Element> Job for Apply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let lanes = T::Pack::<S>::LANES;
        let mut rows = [[[T::Pack::<S>::constant(0.0); FOUR]; FOURS]; 2];
        let numbers = self.a.chunks(FOURS * FOUR * lanes).zip(self.b.chunks(FOURS * FOUR * lanes));
        for ((a, b), out) in numbers.zip(self.out.chunks_mut(FOURS * FOUR * lanes)) {
            for (row, numbers) in rows.iter_mut().zip([a, b]) {
                for (pack, numbers) in row.as_flattened_mut().iter_mut().zip(numbers.chunks_exact(lanes)) {
                    *pack = Pack::load(numbers);
                }
            }
            let fours = a.len() / (FOUR * lanes);
            let [a, b] = &mut rows;
            let a = Cell::from_mut(&mut a[..fours]).as_slice_of_cells();
            let b = Cell::from_mut(&mut b[..fours]).as_slice_of_cells();
            S::call(Elementary::<S, T> { op: self.op, a, b, out: a });
            for (pack, numbers) in rows[0].as_flattened().iter().zip(out.chunks_exact_mut(lanes)) {
                pack.store(numbers);
            }
        }
    }
}
