//! Tests of the Rust core; each is named after the promise that it keeps.
//!
//! - `support`: levels, test numbers and runs in a form that can be compared.
//! - `levels`: which instruction sets these tests ran on.
//! - `arithmetic`: a pack computes the bits of its scalars.
//! - `bits`: random bits are ARS, addressed as documented.
//! - `normals`: the Box–Muller transform at its edges, and on packs.
//! - `draws`: normals without the sampler, for the formulas below.
//! - `windows`: what draws of neighbouring steps share is done once, and no bit knows of it.
//! - `functions`: elementary functions on packs as on scalars, and their special values.
//! - `gradients`: a gradient is the derivative of its value.
//! - `tapes`: tapes by hand and at random, and what they mean.
//! - `programs`: a program computes what its tape means, at every level and for any number of walkers.
//! - `alone`: closed forms that move walkers one by one: a step by hand, and what is refused.
//! - `refusals`: a tape that cannot be run is refused by instruction, with the remedy.
//! - `formulas`: single steps against the schemes' formulas.
//! - `arrangements`: results do not depend on how a run is laid out.
//! - `laws`: the exact discrete-time laws of the harmonic potential.
//! - `histograms`: counts against a naive binning.
//! - `slices`: walkers bound to a slice, and the ways back to it.
//! - `divergence`: a runaway is named, the same one in every arrangement.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests convert between counts, lanes and numbers on purpose"
)]
#![allow(clippy::inline_always, reason = "a job is only compiled for its instruction set if it is inlined")]
#![allow(missing_docs, reason = "a test says its promise in its name")]

mod alone;
mod arithmetic;
mod arrangements;
mod bits;
mod divergence;
mod draws;
mod formulas;
mod functions;
mod gradients;
mod histograms;
mod laws;
mod levels;
mod normals;
mod programs;
mod refusals;
mod slices;
mod support;
mod tapes;
mod windows;
