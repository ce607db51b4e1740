//! Multiply-add on arrays: by the processor's instruction if it has one, by the mathematics library if not. Both round once.
#![allow(unsafe_code, reason = "calls an instruction that was found on this machine")]

use crate::real::Scalar;

/// `x * y + z`, lane by lane.
#[inline(always)]
fn products<T: Scalar, const N: usize>(x: &[T; N], y: &[T; N], z: &[T; N]) -> [T; N] {
    let mut sums = *z;
    for i in 0..N {
        sums[i] = x[i].mul_add(y[i], z[i]);
    }
    sums
}

/// Horner's rule, lane by lane.
#[inline(always)]
fn sums<T: Scalar, const N: usize>(x: &[T; N], coefficients: &[T]) -> [T; N] {
    let (&highest, lower) = coefficients.split_last().expect("a polynomial has a coefficient");
    let mut sums = [highest; N];
    for &c in lower.iter().rev() {
        sums = products(&sums, x, &[c; N]);
    }
    sums
}

/// The same as instructions.
///
/// # Safety
/// The processor must have FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma")]
unsafe fn fast_products<T: Scalar, const N: usize>(x: &[T; N], y: &[T; N], z: &[T; N]) -> [T; N] {
    products(x, y, z)
}

/// The same as instructions.
///
/// # Safety
/// As above.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma")]
unsafe fn fast_sums<T: Scalar, const N: usize>(x: &[T; N], coefficients: &[T]) -> [T; N] {
    sums(x, coefficients)
}

/// `x * y + z`, rounded once.
#[inline(always)]
pub fn mul_add<T: Scalar, const N: usize>(x: &[T; N], y: &[T; N], z: &[T; N]) -> [T; N] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("fma") {
        // SAFETY: the processor has been asked.
        return unsafe { fast_products(x, y, z) };
    }
    products(x, y, z)
}

/// `c[0] + c[1] x + ...`, every step rounded once.
#[inline(always)]
pub fn polynomial<T: Scalar, const N: usize>(x: &[T; N], coefficients: &[T]) -> [T; N] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("fma") {
        // SAFETY: the processor has been asked.
        return unsafe { fast_sums(x, coefficients) };
    }
    sums(x, coefficients)
}
