//! Elementary functions, written once for numbers and packs: the same bits at every level, and no branch on the way.
//!
//! docs/functions.md has their errors and speed. A function is total: NaN in any argument gives NaN (but for comparisons, and
//! for `pow` where C says otherwise), infinite arguments give limits, and results underflow gradually.
//!
//! - `operations`: the names of a tape's operations.
//! - `table`, `constants`: numbers that differ between the types, derived by a script.
//! - `twofold`: sums of two numbers, where one is not precise enough.
//! - `sign`: signs and comparisons.
//! - `exponential`, `logarithm`, `hyperbolic`, `circular` (of an `angle`, which `huge` reduces if it is far), `arctangent`,
//!   `error_function`, `logistic`, `power`: a family a file.
//! - `packs`: operations on rows of packs; `arrays`: on whole arrays.

mod angle;
mod arctangent;
mod arrays;
mod circular;
mod constants;
mod error_function;
mod exponential;
mod huge;
mod hyperbolic;
mod logarithm;
mod logistic;
mod operations;
mod packs;
mod power;
mod sign;
mod table;
mod twofold;

pub use arctangent::atan;
pub use arrays::apply;
pub use circular::{cos, sin, tan};
pub use error_function::erf;
pub use exponential::{exp, expm1};
pub use hyperbolic::{cosh, sinh, tanh};
pub use logarithm::{log, log1p};
pub use logistic::{sigmoid, softplus};
pub use operations::Op;
pub(crate) use packs::{Elementary, FOUR};
pub use power::pow;
pub use sign::{abs, less, less_equal, max, min, select, sign};
