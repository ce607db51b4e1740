//! AES rounds with and without instructions for two blocks, and how blocks become words.

use std::arch::x86_64::*;

use super::super::x86::x;
use super::super::{Counters, Pair};
use super::{F64, U32, U64};
use crate::real::Real;

#[inline(always)]
fn load(word: &u128) -> __m128i {
    x!(_mm_loadu_si128(std::ptr::from_ref(word).cast()))
}

/// A full AES round for each key.
#[inline(always)]
fn rounds(counter: &u128, whitened: __m128i, keys: &[u128]) -> __m128i {
    let mut block = x!(_mm_xor_si128(load(counter), whitened));
    for key in keys {
        block = x!(_mm_aesenc_si128(block, load(key)));
    }
    block
}

#[inline(always)]
pub(super) fn mix(counters: &Counters, whitened: &u128, keys: &[u128]) -> Counters {
    let mut mixed = *counters;
    for (to, counter) in mixed.0.iter_mut().zip(&counters.0) {
        x!(_mm_store_si128(std::ptr::from_mut(to).cast(), rounds(counter, load(whitened), keys)));
    }
    mixed
}

/// Eight AES blocks, two a register: evens 0–1, evens 2–3, odds 0–1, odds 2–3.
#[inline(always)]
pub(super) fn encrypt<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> [__m256i; 4] {
    let (whitened, keys, last) = (load(whitened), &keys[..R - 1], load(&keys[R - 1]));
    let mut pairs = x!([_mm256_setzero_si256(); 4]);
    for (pair, counters) in pairs.iter_mut().zip(counters.0.chunks_exact(2)) {
        let low = x!(_mm_aesenclast_si128(rounds(&counters[0], whitened, keys), last));
        let high = x!(_mm_aesenclast_si128(rounds(&counters[1], whitened, keys), last));
        *pair = x!(_mm256_set_m128i(high, low));
    }
    pairs
}

/// Eight AES blocks, two an instruction.
#[inline(always)]
fn encrypt_wide<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> [__m256i; 4] {
    let (whitened, keys, last) = (twice(whitened), &keys[..R - 1], twice(&keys[R - 1]));
    let mut pairs = x!([_mm256_setzero_si256(); 4]);
    for (pair, counters) in pairs.iter_mut().zip(counters.0.chunks_exact(2)) {
        let mut blocks = x!(_mm256_xor_si256(_mm256_loadu_si256(counters.as_ptr().cast()), whitened));
        for key in keys {
            blocks = x!(_mm256_aesenc_epi128(blocks, twice(key)));
        }
        *pair = x!(_mm256_aesenclast_epi128(blocks, last));
    }
    pairs
}

#[inline(always)]
fn twice(word: &u128) -> __m256i {
    x!(_mm256_broadcastsi128_si256(load(word)))
}

/// First and second words of eight walkers.
#[inline(always)]
pub(super) fn double([even0, even1, odd0, odd1]: [__m256i; 4]) -> (Pair<U64>, Pair<U64>) {
    x!((
        Pair(U64(_mm256_unpacklo_epi64(even0, odd0)), U64(_mm256_unpacklo_epi64(even1, odd1))),
        Pair(U64(_mm256_unpackhi_epi64(even0, odd0)), U64(_mm256_unpackhi_epi64(even1, odd1)))
    ))
}

/// First and second words of sixteen.
#[inline(always)]
pub(super) fn single([even0, even1, odd0, odd1]: [__m256i; 4]) -> (Pair<U32>, Pair<U32>) {
    (
        Pair(words::<0x88>(even0, odd0), words::<0x88>(even1, odd1)),
        Pair(words::<0xDD>(even0, odd0), words::<0xDD>(even1, odd1)),
    )
}

/// One word a lane of two registers of blocks: the words that `SELECT` names.
#[inline(always)]
fn words<const SELECT: i32>(even: __m256i, odd: __m256i) -> U32 {
    U32(x!(_mm256_castps_si256(_mm256_shuffle_ps::<SELECT>(_mm256_castsi256_ps(even), _mm256_castsi256_ps(odd)))))
}

/// [`crate::simd::Pack::encrypt_all`], two blocks an instruction where there are such instructions.
#[inline(always)]
pub(super) fn encrypt_all<const R: usize>(
    counters: &[Counters],
    whitened: &[u128],
    keys: &[u128; R],
    words: (&mut [Pair<F64>], &mut [Pair<F64>]),
) {
    if is_x86_feature_detected!("vaes") {
        x!(encrypt_all_wide(counters, whitened, keys, words));
    } else {
        encrypt_each::<false, R>(counters, whitened, keys, words);
    }
}

/// Compiles the loop with the instructions for two blocks.
///
/// # Safety
/// As [`super::enter`], and the machine must have VAES.
#[target_feature(enable = "avx2,fma,aes,vaes")]
unsafe fn encrypt_all_wide<const R: usize>(
    counters: &[Counters],
    whitened: &[u128],
    keys: &[u128; R],
    words: (&mut [Pair<F64>], &mut [Pair<F64>]),
) {
    encrypt_each::<true, R>(counters, whitened, keys, words);
}

#[inline(always)]
fn encrypt_each<const IS_WIDE: bool, const R: usize>(
    counters: &[Counters],
    whitened: &[u128],
    keys: &[u128; R],
    (first, second): (&mut [Pair<F64>], &mut [Pair<F64>]),
) {
    let mut places = first.iter_mut().zip(second);
    for whitened in whitened {
        for (counters, (first, second)) in counters.iter().zip(&mut places) {
            let words = double(if IS_WIDE {
                encrypt_wide(counters, whitened, keys)
            } else {
                encrypt(counters, whitened, keys)
            });
            (*first, *second) = (Pair::from_bits(words.0), Pair::from_bits(words.1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{F32, available};
    use super::*;
    use crate::simd::Pack;

    /// The words of six packs of each precision.
    fn words<const IS_WIDE: bool>() -> Vec<u64> {
        let counters = [3, 5, 1 << 77].map(|first| Counters::new(std::array::from_fn(|i| first + ((i as u128) << 64))));
        let (whitened, keys) = ([7, 1 << 100], [11, 13, 17]);
        let zero = Pair::<F64>::constant(0.0);
        let (mut first, mut second) = ([zero; 6], [zero; 6]);
        encrypt_each::<IS_WIDE, 3>(&counters, &whitened, &keys, (&mut first, &mut second));
        let mut words = Vec::new();
        let mut lanes = [0.0; 8];
        for pack in first.iter().chain(&second) {
            pack.store(&mut lanes);
            words.extend(lanes.map(f64::to_bits));
        }
        let mut lanes = [0.0; 16];
        for whitened in &whitened {
            for counters in &counters {
                let blocks =
                    if IS_WIDE { encrypt_wide(counters, whitened, &keys) } else { encrypt(counters, whitened, &keys) };
                let (first, second) = single(blocks);
                for bits in [first, second] {
                    Pair::<F32>::from_bits(bits).store(&mut lanes);
                    words.extend(lanes.map(|x: f32| u64::from(x.to_bits())));
                }
            }
        }
        words
    }

    #[test]
    fn one_block_an_instruction_and_two_are_the_same() {
        if available() && is_x86_feature_detected!("vaes") {
            assert_eq!(words::<true>(), words::<false>());
        }
    }
}
