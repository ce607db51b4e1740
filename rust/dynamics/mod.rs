//! Dynamics: where the walker may go.
//!
//! - `ambient`: anywhere; weight decay is added to the potential.
//! - [`gauge`]: along the orbits of a group back to a slice.
//! - `dense`: the small systems of equations of what follows and of `gauge`.
//! - [`mod@slice`]: a surface that is told by its equations, its tangent spaces, and the way back along normals.
//! - `points`: where walkers start is moved there, too.

mod ambient;
mod dense;
pub mod gauge;
mod points;
pub mod slice;

pub use ambient::Ambient;
pub use points::Way;
