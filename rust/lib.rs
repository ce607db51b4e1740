//! Overdamped Langevin dynamics at the speed of the hardware, reproducible to the bit.
//!
//! The map, in reading order; each module uses only those above it.
//!
//! - [`error`]: the single error type: a kind and a sentence.
//! - [`real`]: the arithmetic a formula may use; numbers and packs of walkers implement it.
//! - [`simd`]: packs on each instruction set, and the level that proves one is there.
//! - [`math`]: elementary functions, and the names of the operations of a tape.
//! - [`noise`]: random bits and normals as a pure function of (key, stream, walker, step).
//! - [`potential`]: what drives the walkers, one closed form a file.
//! - [`dynamics`]: where the walkers may go.
//! - [`observe`]: what a run keeps: histograms, moments, traces.
//! - [`metric`]: a constant Riemannian metric, which preconditions gradient and noise.
//! - [`walk`]: the packs that a scheme moves.
//! - [`scheme`]: how a walker makes one step.
//! - [`run`]: the loop, threads, progress, results.
//! - `python`: the glue to Python (feature `python`).
//!
//! `unsafe` has two reasons: [`simd`] calls instructions that were found on the machine, and reads its packs as the numbers they
//! are; and [`potential::Foreign`], which `python` makes of an address, calls a function that the user vouches for.

pub mod dynamics;
pub mod error;
pub mod math;
pub mod metric;
pub mod noise;
pub mod observe;
pub mod potential;
pub mod real;
pub mod run;
pub mod scheme;
pub mod simd;
pub mod walk;

#[cfg(feature = "python")]
mod python;
