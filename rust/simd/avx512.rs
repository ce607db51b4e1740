//! AVX-512 (F, DQ, IFMA) with VAES: one register a pack, four AES blocks an instruction.
#![allow(unsafe_code, reason = "calls instructions that `available` has found")]

use std::arch::x86_64::*;

use super::x86::{align_stack, bits, operators, real, x};
use super::{Counters, Job, Pack, Routine, Simd, Widen};
use crate::real::Tables;

/// The level's packs.
#[derive(Clone, Copy, Debug)]
pub struct Avx512;

impl Simd for Avx512 {
    type F64 = F64;
    type F32 = F32;
    // Here and not on the function inside, where rustc 1.95 ignores it.
    #[inline(never)]
    fn call<R: Routine<Self>>(routine: R) -> R::Output {
        x!(call(routine))
    }
    #[inline(always)]
    fn numbers(packs: &[F64]) -> &[f64] {
        // These packs are registers of eight.
        x!(super::plain(packs))
    }
    #[inline(always)]
    fn turned(rows: [F64; 8]) -> [F64; 8] {
        // Squares of two, then squares of such squares.
        let (mut low, mut high) = ([rows[0].0; 4], [rows[0].0; 4]);
        for (k, two) in rows.chunks_exact(2).enumerate() {
            low[k] = x!(_mm512_unpacklo_pd(two[0].0, two[1].0));
            high[k] = x!(_mm512_unpackhi_pd(two[0].0, two[1].0));
        }
        let (even, odd) = (turned_twos(low), turned_twos(high));
        [even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]]
    }
}

pub fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512ifma")
        && is_x86_feature_detected!("vaes")
}

/// Compiles a job with this level's instructions.
///
/// # Safety
/// [`available`] must have returned true.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma,vaes")]
pub unsafe fn enter<J: Job>(job: J) -> J::Output {
    align_stack();
    job.run::<Avx512>()
}

/// Compiles a routine with this level's instructions.
///
/// # Safety
/// As [`enter`].
#[target_feature(enable = "avx512f,avx512dq,avx512ifma,vaes")]
unsafe fn call<R: Routine<Avx512>>(routine: R) -> R::Output {
    align_stack();
    routine.run()
}

/// The transpose of a square of four, whose entries are two numbers each.
#[inline(always)]
fn turned_twos([a, b, c, d]: [__m512d; 4]) -> [F64; 4] {
    const EVEN: i32 = 0x88;
    const ODD: i32 = 0xDD;
    let [a, b, c, d] = x!([
        _mm512_shuffle_f64x2::<EVEN>(a, b),
        _mm512_shuffle_f64x2::<EVEN>(c, d),
        _mm512_shuffle_f64x2::<ODD>(a, b),
        _mm512_shuffle_f64x2::<ODD>(c, d)
    ]);
    x!([
        F64(_mm512_shuffle_f64x2::<EVEN>(a, b)),
        F64(_mm512_shuffle_f64x2::<EVEN>(c, d)),
        F64(_mm512_shuffle_f64x2::<ODD>(a, b)),
        F64(_mm512_shuffle_f64x2::<ODD>(c, d))
    ])
}

/// Eight `f64`.
#[derive(Clone, Copy, Debug)]
pub struct F64(__m512d);
/// Sixteen `f32`.
#[derive(Clone, Copy, Debug)]
pub struct F32(__m512);
/// Eight `u64`.
#[derive(Clone, Copy, Debug)]
pub struct U64(__m512i);
/// Sixteen `u32`.
#[derive(Clone, Copy, Debug)]
pub struct U32(__m512i);

operators!(F64: Add add _mm512_add_pd, Sub sub _mm512_sub_pd, Mul mul _mm512_mul_pd, Div div _mm512_div_pd);
operators!(F32: Add add _mm512_add_ps, Sub sub _mm512_sub_ps, Mul mul _mm512_mul_ps, Div div _mm512_div_ps);
operators!(U64: Add add _mm512_add_epi64, Sub sub _mm512_sub_epi64,
    BitAnd bitand _mm512_and_si512, BitOr bitor _mm512_or_si512, BitXor bitxor _mm512_xor_si512);
operators!(U32: Add add _mm512_add_epi32, Sub sub _mm512_sub_epi32,
    BitAnd bitand _mm512_and_si512, BitOr bitor _mm512_or_si512, BitXor bitxor _mm512_xor_si512);

bits!(U64, mask __mmask8, _mm512_set1_epi64 as i64, _mm512_sll_epi64, _mm512_srl_epi64, _mm512_movepi64_mask);
bits!(U32, mask __mmask16, _mm512_set1_epi32 as i32, _mm512_sll_epi32, _mm512_srl_epi32, _mm512_movepi32_mask);

real!(
    F64 of f64, U64, mask __mmask8, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_sqrt_pd, _mm512_cmp_pd_mask,
    _mm512_mask_blend_pd, _mm512_castpd_si512, _mm512_castsi512_pd, _mm512_cvtepu64_pd, _mm512_cvtepi64_pd, lookup_pd,
    any_8, _mm512_min_pd, _mm512_max_pd, _mm512_loadu_pd, _mm512_storeu_pd, {
        #[inline(always)]
        fn scale(self, k: Self) -> Self {
            Self(x!(_mm512_scalef_pd(self.0, k.0)))
        }
        #[inline(always)]
        fn split(self) -> (Self, Self) {
            let z = x!(_mm512_getmant_pd::<{ _MM_MANT_NORM_P75_1P5 }, { _MM_MANT_SIGN_ZERO }>(self.0));
            let k = Self(x!(_mm512_sub_pd(_mm512_getexp_pd(self.0), _mm512_getexp_pd(z))));
            (Self::select(self.less(Self::constant(0.0)), Self::constant(f64::NAN), k), Self(z))
        }
        #[inline(always)]
        fn exponent(bits: U64) -> Self {
            Self(x!(_mm512_getexp_pd(_mm512_castsi512_pd(bits.0))))
        }
        #[inline(always)]
        fn add_mantissa(bits: U64, to: U64) -> U64 {
            // A product with 1 of what stands in 52 bits.
            U64(x!(_mm512_madd52lo_epu64(to.0, bits.0, _mm512_set1_epi64(1))))
        }
    }
);
real!(
    F32 of f32, U32, mask __mmask16, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_sqrt_ps, _mm512_cmp_ps_mask,
    _mm512_mask_blend_ps, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtepu32_ps, _mm512_cvtepi32_ps, lookup_ps,
    any_16, _mm512_min_ps, _mm512_max_ps, _mm512_loadu_ps, _mm512_storeu_ps, {
        #[inline(always)]
        fn scale(self, k: Self) -> Self {
            Self(x!(_mm512_scalef_ps(self.0, k.0)))
        }
        #[inline(always)]
        fn split(self) -> (Self, Self) {
            let z = x!(_mm512_getmant_ps::<{ _MM_MANT_NORM_P75_1P5 }, { _MM_MANT_SIGN_ZERO }>(self.0));
            let k = Self(x!(_mm512_sub_ps(_mm512_getexp_ps(self.0), _mm512_getexp_ps(z))));
            (Self::select(self.less(Self::constant(0.0)), Self::constant(f64::NAN), k), Self(z))
        }
        #[inline(always)]
        fn exponent(bits: U32) -> Self {
            Self(x!(_mm512_getexp_ps(_mm512_castsi512_ps(bits.0))))
        }
    }
);

#[inline(always)]
unsafe fn any_8(mask: __mmask8) -> bool {
    mask != 0
}

#[inline(always)]
unsafe fn any_16(mask: __mmask16) -> bool {
    mask != 0
}

#[inline(always)]
unsafe fn lookup_pd(tables: &Tables<f64>, &index: &__m512i) -> (__m512d, __m512d) {
    let [first, second] = [tables.apart[0].as_ptr(), tables.apart[1].as_ptr()];
    x!((
        _mm512_permutex2var_pd(_mm512_loadu_pd(first), index, _mm512_loadu_pd(first.add(8))),
        _mm512_permutex2var_pd(_mm512_loadu_pd(second), index, _mm512_loadu_pd(second.add(8)))
    ))
}

#[inline(always)]
unsafe fn lookup_ps(tables: &Tables<f32>, &index: &__m512i) -> (__m512, __m512) {
    let [first, second] = [tables.apart[0].as_ptr(), tables.apart[1].as_ptr()];
    x!((_mm512_permutexvar_ps(index, _mm512_loadu_ps(first)), _mm512_permutexvar_ps(index, _mm512_loadu_ps(second))))
}

/// For `reduce`: what is left of the nearest whole number.
const OF_WHOLE: i32 = 0;
/// For `range`: the lesser absolute value, without its sign.
const LESSER_SIZE: i32 = 0b1010;

/// One 128-bit word in each quarter of a register.
#[inline(always)]
fn broadcast(word: &u128) -> __m512i {
    x!(_mm512_broadcast_i32x4(_mm_loadu_si128(std::ptr::from_ref(word).cast())))
}

/// A full AES round for each key over eight blocks: those of even counters, those of odd counters.
#[inline(always)]
fn rounds(counters: &Counters, whitened: &u128, keys: &[u128]) -> [__m512i; 2] {
    let whitened = broadcast(whitened);
    let (evens, odds) = counters.0.split_at(4);
    let (evens, odds) = x!((_mm512_load_si512(evens.as_ptr().cast()), _mm512_load_si512(odds.as_ptr().cast())));
    let mut blocks = x!([_mm512_xor_si512(evens, whitened), _mm512_xor_si512(odds, whitened)]);
    for block in &mut blocks {
        for key in keys {
            *block = x!(_mm512_aesenc_epi128(*block, broadcast(key)));
        }
    }
    blocks
}

#[inline(always)]
fn mix(counters: &Counters, whitened: &u128, keys: &[u128]) -> Counters {
    let mut mixed = *counters;
    for (to, block) in mixed.0.chunks_exact_mut(4).zip(rounds(counters, whitened, keys)) {
        x!(_mm512_store_si512(to.as_mut_ptr().cast(), block));
    }
    mixed
}

/// Eight AES blocks: those of even counters, those of odd counters.
#[inline(always)]
fn encrypt<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> [__m512i; 2] {
    let [evens, odds] = rounds(counters, whitened, &keys[..R - 1]);
    let last = broadcast(&keys[R - 1]);
    x!([_mm512_aesenclast_epi128(evens, last), _mm512_aesenclast_epi128(odds, last)])
}

impl Pack for F64 {
    type Register = Self;
    const LANES: usize = 8;
    #[inline(always)]
    fn registers(packs: &mut [Self]) -> &mut [Self] {
        packs
    }
    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        Self(x!(_mm512_loadu_pd(from[..8].as_ptr())))
    }
    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        x!(_mm512_storeu_pd(to[..8].as_mut_ptr(), self.0));
    }
    #[inline(always)]
    fn store_truncated(self, nan: u32, offsets: &[i32], to: &mut [i32]) {
        let (offsets, to) = (offsets[..8].as_ptr().cast(), to[..8].as_mut_ptr().cast());
        // NaN is converted to a number with the top bit set.
        let slots = x!(_mm256_min_epu32(_mm512_cvttpd_epi32(self.0), _mm256_set1_epi32(nan.cast_signed())));
        x!(_mm256_storeu_si256(to, _mm256_add_epi32(slots, _mm256_loadu_si256(offsets))));
    }
    #[inline(always)]
    fn nearer_whole(self, _whole: Self, other: Self) -> Self {
        Self(x!(_mm512_range_pd::<LESSER_SIZE>(_mm512_reduce_pd::<OF_WHOLE>(self.0), other.0)))
    }
    #[inline(always)]
    fn mix<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> Counters {
        mix(counters, whitened, keys)
    }
    #[inline(always)]
    fn encrypt<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> (U64, U64) {
        let [even, odd] = encrypt(counters, whitened, keys);
        (U64(x!(_mm512_unpacklo_epi64(even, odd))), U64(x!(_mm512_unpackhi_epi64(even, odd))))
    }
}

impl Pack for F32 {
    type Register = Self;
    const LANES: usize = 16;
    #[inline(always)]
    fn registers(packs: &mut [Self]) -> &mut [Self] {
        packs
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        Self(x!(_mm512_loadu_ps(from[..16].as_ptr())))
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        x!(_mm512_storeu_ps(to[..16].as_mut_ptr(), self.0));
    }
    #[inline(always)]
    fn store_truncated(self, nan: u32, offsets: &[i32], to: &mut [i32]) {
        let (offsets, to) = (offsets[..16].as_ptr().cast(), to[..16].as_mut_ptr().cast());
        let slots = x!(_mm512_min_epu32(_mm512_cvttps_epi32(self.0), _mm512_set1_epi32(nan.cast_signed())));
        x!(_mm512_storeu_si512(to, _mm512_add_epi32(slots, _mm512_loadu_si512(offsets))));
    }
    #[inline(always)]
    fn nearer_whole(self, _whole: Self, other: Self) -> Self {
        Self(x!(_mm512_range_ps::<LESSER_SIZE>(_mm512_reduce_ps::<OF_WHOLE>(self.0), other.0)))
    }
    #[inline(always)]
    fn mix<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> Counters {
        mix(counters, whitened, keys)
    }
    #[inline(always)]
    fn encrypt<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> (U32, U32) {
        let [even, odd] = encrypt(counters, whitened, keys);
        let (even, odd) = x!((_mm512_castsi512_ps(even), _mm512_castsi512_ps(odd)));
        let (first, second) = x!((_mm512_shuffle_ps::<0x88>(even, odd), _mm512_shuffle_ps::<0xDD>(even, odd)));
        (U32(x!(_mm512_castps_si512(first))), U32(x!(_mm512_castps_si512(second))))
    }
}

impl Widen<F32> for F64 {
    #[inline(always)]
    fn widen(narrow: F32) -> [Self; 2] {
        x!([
            Self(_mm512_cvtps_pd(_mm512_castps512_ps256(narrow.0))),
            Self(_mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(narrow.0)))
        ])
    }
}
