//! Angles of any size, reduced with integers (Payne and Hanek 1983): one number at a time, for the few that need it.

use super::angle::Angle;
use super::constants::{DIGITS_OF_2_PI, FRAC_PI_2};
use super::twofold::Twofold;

/// Reduces an angle that is at least 2^15; to NaN, if it is infinite. (Smaller ones are not for here and become NaN at once.)
///
/// `x * 2/π` is wanted modulo 4. With x = m 2^e, the digits of 2/π whose product with 2^e is a multiple of 4 are left out; the next
/// 192 are enough, since no `f64` is nearer than 2^-61 to a multiple of π/2.
pub fn reduce(x: f64) -> Angle<f64> {
    if !(32_768.0..=f64::MAX).contains(&x) {
        return Angle { quarters: 0, rest: Twofold { high: f64::NAN, low: f64::NAN } };
    }
    let bits = x.to_bits();
    let m = bits & ((1 << 52) - 1) | 1 << 52;
    let window = digits((bits >> 52) as usize + 126 - 1075);
    let [high, middle, low] = product(m, window);

    // The top two bits count quarters; to the nearest one, so that the rest is signed.
    let quarters = high.wrapping_add(1 << 61) >> 62;
    let signed = high.wrapping_sub(quarters << 62).cast_signed();
    let (sign, [high, middle, low]) = if signed < 0 {
        (-1.0, negated([signed.cast_unsigned(), middle, low]))
    } else {
        (1.0, [signed.cast_unsigned(), middle, low])
    };

    // The leading 128 bits after the zeros, of which there are at least two, as numbers of 53 bits.
    let size = u128::from(high) << 64 | u128::from(middle);
    let zeros = size.leading_zeros();
    let leading = size << zeros | (u128::from(low) << 64) >> (128 - zeros);
    let power = |exponent: u32| f64::from_bits(u64::from(1023 - exponent - zeros) << 52);
    let part = |shift: u32| ((leading >> shift) as u64 & ((1 << 53) - 1)) as f64;
    let turn = Twofold { high: sign * part(75) * power(51), low: sign * part(22) * power(104) };
    let quarter = Twofold { high: FRAC_PI_2.double[0], low: FRAC_PI_2.double[1] };
    Angle { quarters, rest: turn.times(quarter) }
}

/// 192 digits of 2/π from a place on.
fn digits(place: usize) -> [u64; 3] {
    let (word, shift) = (place / 64, place % 64);
    std::array::from_fn(|i| {
        let both = u128::from(DIGITS_OF_2_PI[word + i]) << 64 | u128::from(DIGITS_OF_2_PI[word + i + 1]);
        (both << shift >> 64) as u64
    })
}

/// `m * window` modulo 2^192, highest word first.
fn product(m: u64, window: [u64; 3]) -> [u64; 3] {
    let [high, middle, low] = window.map(|word| u128::from(m) * u128::from(word));
    let middle = middle + (low >> 64);
    [(high as u64).wrapping_add((middle >> 64) as u64), middle as u64, low as u64]
}

/// Minus a number of 192 bits, highest word first.
fn negated([high, middle, low]: [u64; 3]) -> [u64; 3] {
    let (low, carry) = (!low).overflowing_add(1);
    let (middle, carry) = (!middle).overflowing_add(u64::from(carry));
    [(!high).wrapping_add(u64::from(carry)), middle, low]
}
