//! `Error`: a kind to match on and a sentence for people. The crate has no other error type.

use std::fmt;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A request that cannot be carried out.
    InvalidArgument,
    /// A walker left the representable range or became NaN.
    Diverged {
        /// The walker, counted over the whole run.
        walker: u64,
        /// The step, counted from 1, after which its state was no longer acceptable.
        step: u64,
        /// What had happened.
        cause: Cause,
        /// Where it was.
        place: Place,
    },
}

/// The coordinate of a walker that was farthest from zero, counted from 0, and its value: where the step led, or if that is not
/// finite, where the walker was before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Which coordinate.
    pub coordinate: usize,
    /// Its value.
    pub value: f64,
}

/// Why a walker could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A coordinate became NaN, or too large.
    OutOfRange,
    /// A step led so far out that no way from there leads back to the slice.
    TooFarOut,
    /// No way along its orbit led back to the slice.
    NoReturn,
    /// No way along the normals led back to the slice.
    NoProjection,
    /// It reached the tip of the slice, where it must not go.
    ReachedZero,
}

impl Cause {
    /// A name to match on.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OutOfRange | Self::TooFarOut => "out of range",
            Self::NoReturn => "no return",
            Self::NoProjection => "no projection",
            Self::ReachedZero => "reached zero",
        }
    }
}

/// The crate's error.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// What went wrong.
    pub kind: Kind,
    /// What was wrong, where, and what to do.
    pub message: String,
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A request that cannot be carried out.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { kind: Kind::InvalidArgument, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
