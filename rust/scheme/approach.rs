//! The approach: how walkers come from wherever they start to where MALA gets on, in steps that are not weighed against the way back.
//!
//! Far from where they belong the drift of MALA is much larger than its noise, and it refuses every proposal for ever. So it does
//! not begin there. In the steps before, x' = x - h' grad V(x) + sqrt(2 T h') R with the first h' of h, h/4, h/16, ... for which
//! V(x') is no more than `rise` above V(x): downhill the step is as long as the slope bears, in a narrow valley it is
//! shortened to what is stable there, and where the walkers belong it is an Euler–Maruyama step.

use crate::walk::Step;

/// How often a step is quartered; a walker whose V rises even then stays where it is.
pub(super) const ATTEMPTS: i32 = 12;

impl Step {
    /// The step of an attempt, counted from 0.
    #[inline(always)]
    pub(super) fn quartered(self, attempt: i32) -> Self {
        Self { h: self.h * 0.25_f64.powi(attempt), ..self }
    }

    /// By how much V may rise in a step: where walkers belong it has a mean of some T d/2 and varies by some T sqrt(d/2), and so
    /// few steps of a sensible size are shortened there.
    #[inline(always)]
    pub(super) fn rise(self, dim: usize) -> f64 {
        3.0 * self.temperature * (1.0 + (dim as f64).sqrt())
    }
}
