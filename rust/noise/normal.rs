//! Box–Muller on packs: two random words in, two independent standard normals out; no branch and no retry.
//!
//! The pair is sqrt(-2 log u) (cos a, sin a), with u in (0, 1] from the first word and the angle a from the second.
//! The logarithm is reduced by a table of 16 cells. One cell straddles 1 with reciprocal 1 and logarithm 0, so the result
//! keeps its relative accuracy where u approaches 1, and u = 1 gives exactly 0.

use super::constants::constants;
use crate::real::{Bits, Real, Scalar, Tables};

/// What the transform has to know about a number type; the polynomials come from docs/scripts/normal_constants.py.
pub trait BoxMuller: Scalar {
    /// `-2 log(1 + f) / f` in powers of f.
    const LOG: &'static [Self];
    /// `sin(pi t / 2) / a` in powers of a², where a is t in its own unit.
    const SIN: &'static [Self];
    /// `(cos(pi t / 2) - 1) / a²` in powers of a².
    const COS: &'static [Self];
    /// The reciprocal r of each cell.
    const INVERSE: [Self; 16];
    /// `2 log r` for each cell.
    const TWICE_LOG_INVERSE: [Self; 16];
    /// Both.
    const CELLS: &'static Tables<Self>;
    /// The type's layout.
    const FORMAT: Format;

    /// `2^resolution` times a uniform number in (0, 1].
    fn scaled_uniform<R: Real<Scalar = Self>>(first: R::Bits, second: R::Bits) -> R;

    /// The angle t of a two's complement word, in its own unit.
    fn angle<R: Real<Scalar = Self>>(word: R::Bits) -> R;
}

/// The layout of a number type.
pub struct Format {
    /// The representation of 0.703125, where the first cell starts.
    first_cell: u64,
    /// Uniforms are multiples of 2^-resolution.
    resolution: u32,
}

/// Coefficients of t^n, t^(n + 2), ... as those of the same powers of 2^64 t, for 64 n: exact.
const fn in_words<const N: usize>(mut coefficients: [f64; N], first: u64) -> [f64; N] {
    let mut i = 0;
    while i < N {
        coefficients[i] *= f64::from_bits((1023 - first - 128 * i as u64) << 52);
        i += 1;
    }
    coefficients
}

impl BoxMuller for f64 {
    constants!(f64);
    const CELLS: &'static Tables<Self> = &Tables::new(Self::INVERSE, Self::TWICE_LOG_INVERSE);
    const FORMAT: Format = Format { first_cell: 0x3FE6_8000_0000_0000, resolution: 64 };

    /// An odd integer below 2^64, rounded; normals reach sqrt(2 log 2^64) = 9.4.
    #[inline(always)]
    fn scaled_uniform<R: Real<Scalar = Self>>(first: R::Bits, _second: R::Bits) -> R {
        R::from_unsigned(first | R::Bits::splat(1))
    }

    /// The unit is 2^-64. Its powers are in the coefficients, exactly, so that no bit of the result knows of it.
    #[inline(always)]
    fn angle<R: Real<Scalar = Self>>(word: R::Bits) -> R {
        R::from_signed(word)
    }
}

impl BoxMuller for f32 {
    constants!(f32);
    const CELLS: &'static Tables<Self> = &Tables::new(Self::INVERSE, Self::TWICE_LOG_INVERSE);
    const FORMAT: Format = Format { first_cell: 0x3F34_0000, resolution: 40 };

    /// 32 bits would end the tails at 6.7, so eight bits of the second word go below them: normals reach 7.4.
    /// (They are also the angle's lowest bits, which only count where the angle is next to 0.)
    #[inline(always)]
    fn scaled_uniform<R: Real<Scalar = Self>>(first: R::Bits, second: R::Bits) -> R {
        let below = R::from_unsigned((second & R::Bits::splat(0xFF)) | R::Bits::splat(1));
        R::from_unsigned(first).mul_add(R::splat(256.0), below)
    }

    /// The unit is 1: powers of another one would leave the range.
    #[inline(always)]
    fn angle<R: Real<Scalar = Self>>(word: R::Bits) -> R {
        R::from_signed(word) * R::constant(2.0_f64.powi(-32))
    }
}

/// Two independent standard normals from two words of random bits.
#[inline(always)]
pub fn pair<R: Real<Scalar: BoxMuller>>(first: R::Bits, second: R::Bits) -> (R, R) {
    Halfway::<R>::new(first, second).normals()
}

/// The transform at half of its length: what is long about it is done, and the angle is still a word.
#[derive(Clone, Copy, Debug)]
pub struct Halfway<R: Real> {
    squared_radius: R,
    angle: R::Bits,
}

impl<R: Real> Default for Halfway<R> {
    /// Nothing, where something has to be.
    fn default() -> Self {
        Self { squared_radius: R::constant(0.0), angle: R::constant(0.0).to_bits() }
    }
}

impl<R: Real<Scalar: BoxMuller>> Halfway<R> {
    /// The first half.
    #[inline(always)]
    pub fn new(first: R::Bits, second: R::Bits) -> Self {
        Self { squared_radius: squared_radius(first, second), angle: second }
    }

    /// The second half.
    #[inline(always)]
    pub fn normals(self) -> (R, R) {
        let radius = self.squared_radius.sqrt();
        let (cosine, sine) = direction::<R>(self.angle);
        (radius * cosine, radius * sine)
    }
}

/// The logarithm of a uniform number in (0, 1].
#[inline(always)]
pub fn log_uniform<R: Real<Scalar: BoxMuller>>(first: R::Bits, second: R::Bits) -> R {
    half_negated(squared_radius::<R>(first, second))
}

/// `log u` from `-2 log u`.
#[inline(always)]
pub(super) fn half_negated<R: Real>(squared_radius: R) -> R {
    squared_radius * R::constant(-0.5)
}

/// `-2 log u`.
#[inline(always)]
fn squared_radius<R: Real<Scalar: BoxMuller>>(first: R::Bits, second: R::Bits) -> R {
    let (shifted, cell) = cell::<R>(first, second);
    let (f, of_cell) = reduced(shifted, &cell);
    logarithm(f, of_cell)
}

/// The representation of u, shifted so that exponent and cell can be read off, and where tables have the cell.
///
/// scaled = 2^k z with z in [0.703125, 1.40625); the top four bits of the mantissa, so shifted, are z's cell, and its
/// exponent is k less the resolution, which makes it normal.
#[inline(always)]
pub(super) fn cell<R: Real<Scalar: BoxMuller>>(first: R::Bits, second: R::Bits) -> (R::Bits, R::Bits) {
    let Format { first_cell, resolution } = R::Scalar::FORMAT;
    let scaled = R::Scalar::scaled_uniform::<R>(first, second);
    let mantissa = R::Scalar::MANTISSA;
    let lift = u64::from(R::Scalar::BIAS - resolution) << mantissa;
    let shifted = scaled.to_bits() - R::Bits::splat(first_cell - lift);
    (shifted, R::places(shifted.shr(mantissa - 4)))
}

/// What the logarithm is made of: f = r z - 1, where r is the reciprocal of the cell, and `-2 log u + 2 log (1 + f)`.
#[inline(always)]
pub(super) fn reduced<R: Real<Scalar: BoxMuller>>(shifted: R::Bits, cell: &R::Bits) -> (R, R) {
    let z = R::from_bits(R::add_mantissa(shifted, R::Bits::splat(R::Scalar::FORMAT.first_cell)));
    let log2_u = R::exponent(shifted);
    let (inverse, twice_log_inverse) = R::lookup(R::Scalar::CELLS, cell);
    let f = z.mul_add(inverse, R::constant(-1.0));
    (f, log2_u.mul_add(R::constant(-2.0 * std::f64::consts::LN_2), twice_log_inverse))
}

/// `-2 log u` from both.
#[inline(always)]
pub(super) fn logarithm<R: Real<Scalar: BoxMuller>>(f: R, of_cell: R) -> R {
    f.mul_add(f.polynomial(R::Scalar::LOG), of_cell)
}

/// Cosine and sine of a uniform angle: the top bit swaps them, the next is a sign, the rest is within an eighth of a turn.
#[inline(always)]
fn direction<R: Real<Scalar: BoxMuller>>(word: R::Bits) -> (R, R) {
    let (square, sine) = sine(word);
    turned(word, square, sine)
}

/// The angle within an eighth of a turn: its square, and its sine.
#[inline(always)]
pub(super) fn sine<R: Real<Scalar: BoxMuller>>(word: R::Bits) -> (R, R) {
    let angle = R::Scalar::angle::<R>(word.shl(2));
    let square = angle * angle;
    (square, angle * square.polynomial(R::Scalar::SIN))
}

/// Cosine and sine of the whole angle.
#[inline(always)]
pub(super) fn turned<R: Real<Scalar: BoxMuller>>(word: R::Bits, square: R, sine: R) -> (R, R) {
    let sign = word.shl(1) & R::constant(-0.0).to_bits();
    let cosine = square.mul_add(square.polynomial(R::Scalar::COS), R::constant(1.0));
    let cosine = R::from_bits(cosine.to_bits() ^ sign);
    let swap = word.top_bit();
    (R::select(swap, sine, cosine), R::select(swap, cosine, sine))
}
