//! Dynamics: where the walker may go. One kind a file; each turns the model's potential into the one that drives the walker.

mod ambient;

pub use ambient::Ambient;
