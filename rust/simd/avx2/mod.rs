//! AVX2 with FMA and AES-NI: two registers a pack, one AES block an instruction.
#![allow(unsafe_code, reason = "calls instructions that `available` has found")]

mod encryption;

use std::arch::x86_64::*;

use super::pair::Pair;
use super::x86::{align_stack, bits, operators, real, x};
use super::{Counters, Job, Pack, Routine, Simd, Widen};
use crate::real::Tables;

/// The level's packs.
#[derive(Clone, Copy, Debug)]
pub struct Avx2;

impl Simd for Avx2 {
    type F64 = Pair<F64>;
    type F32 = Pair<F32>;
    // Here and not on the function inside, where rustc 1.95 ignores it.
    #[inline(never)]
    fn call<R: Routine<Self>>(routine: R) -> R::Output {
        x!(call(routine))
    }
    #[inline(always)]
    fn numbers(packs: &[Pair<F64>]) -> &[f64] {
        // These packs are two registers of four, one after the other.
        x!(super::plain(packs))
    }
}

pub fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("aes")
}

/// Compiles a job with this level's instructions.
///
/// # Safety
/// [`available`] must have returned true.
#[target_feature(enable = "avx2,fma,aes")]
pub unsafe fn enter<J: Job>(job: J) -> J::Output {
    align_stack();
    job.run::<Avx2>()
}

/// Compiles a routine with this level's instructions.
///
/// # Safety
/// As [`enter`].
#[target_feature(enable = "avx2,fma,aes")]
unsafe fn call<R: Routine<Avx2>>(routine: R) -> R::Output {
    align_stack();
    routine.run()
}

/// Four `f64`.
#[derive(Clone, Copy, Debug)]
pub struct F64(__m256d);
/// Eight `f32`.
#[derive(Clone, Copy, Debug)]
pub struct F32(__m256);
/// Four `u64`.
#[derive(Clone, Copy, Debug)]
pub struct U64(__m256i);
/// Eight `u32`.
#[derive(Clone, Copy, Debug)]
pub struct U32(__m256i);

operators!(F64: Add add _mm256_add_pd, Sub sub _mm256_sub_pd, Mul mul _mm256_mul_pd, Div div _mm256_div_pd);
operators!(F32: Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps);
operators!(U64: Add add _mm256_add_epi64, Sub sub _mm256_sub_epi64,
    BitAnd bitand _mm256_and_si256, BitOr bitor _mm256_or_si256, BitXor bitxor _mm256_xor_si256);
operators!(U32: Add add _mm256_add_epi32, Sub sub _mm256_sub_epi32,
    BitAnd bitand _mm256_and_si256, BitOr bitor _mm256_or_si256, BitXor bitxor _mm256_xor_si256);

// A mask is a register with all or none of a lane's bits.
bits!(U64, mask __m256d, _mm256_set1_epi64x as i64, _mm256_sll_epi64, _mm256_srl_epi64, top_bit_64);
bits!(U32, mask __m256, _mm256_set1_epi32 as i32, _mm256_sll_epi32, _mm256_srl_epi32, top_bit_32);

real!(
    F64 of f64, U64, mask __m256d, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_sqrt_pd, _mm256_cmp_pd,
    blend_pd, _mm256_castpd_si256, _mm256_castsi256_pd, unsigned_pd, signed_pd, lookup_pd,
    any_pd, _mm256_min_pd, _mm256_max_pd, _mm256_loadu_pd, _mm256_storeu_pd, {
        /// In bytes.
        #[inline(always)]
        fn places(index: U64) -> U64 {
            const SIZE: i32 = 4;
            U64(x!(_mm256_slli_epi64::<SIZE>(_mm256_and_si256(index.0, _mm256_set1_epi64x(15)))))
        }
    }
);
real!(
    F32 of f32, U32, mask __m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_sqrt_ps, _mm256_cmp_ps,
    blend_ps, _mm256_castps_si256, _mm256_castsi256_ps, unsigned_ps, _mm256_cvtepi32_ps, lookup_ps,
    any_ps, _mm256_min_ps, _mm256_max_ps, _mm256_loadu_ps, _mm256_storeu_ps, {}
);

/// Byte by byte: of a choice between new numbers and those in memory the compiler would make a masked store, for which an AMD
/// processor before Zen 4 takes tens of cycles.
#[inline(always)]
unsafe fn blend(mask: __m256i, no: __m256i, yes: __m256i) -> __m256i {
    x!(_mm256_blendv_epi8(no, yes, mask))
}

#[inline(always)]
unsafe fn blend_pd(mask: __m256d, no: __m256d, yes: __m256d) -> __m256d {
    x!(_mm256_castsi256_pd(blend(_mm256_castpd_si256(mask), _mm256_castpd_si256(no), _mm256_castpd_si256(yes))))
}

#[inline(always)]
unsafe fn blend_ps(mask: __m256, no: __m256, yes: __m256) -> __m256 {
    x!(_mm256_castsi256_ps(blend(_mm256_castps_si256(mask), _mm256_castps_si256(no), _mm256_castps_si256(yes))))
}

#[inline(always)]
unsafe fn top_bit_64(bits: __m256i) -> __m256d {
    x!(_mm256_castsi256_pd(_mm256_cmpgt_epi64(_mm256_setzero_si256(), bits)))
}

#[inline(always)]
unsafe fn top_bit_32(bits: __m256i) -> __m256 {
    x!(_mm256_castsi256_ps(_mm256_srai_epi32::<31>(bits)))
}

#[inline(always)]
unsafe fn any_pd(mask: __m256d) -> bool {
    x!(_mm256_movemask_pd(mask) != 0)
}

#[inline(always)]
unsafe fn any_ps(mask: __m256) -> bool {
    x!(_mm256_movemask_ps(mask) != 0)
}

/// The nearest `f64`: the two 32-bit halves are exact in the mantissas of 2^84 and 2^52, and their sum is rounded once.
#[inline(always)]
unsafe fn unsigned_pd(integer: __m256i) -> __m256d {
    x!({
        let high = _mm256_or_si256(_mm256_srli_epi64::<32>(integer), _mm256_castpd_si256(_mm256_set1_pd(TWO_84)));
        let low = _mm256_blend_epi32::<0xAA>(integer, _mm256_castpd_si256(_mm256_set1_pd(TWO_52)));
        let high = _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(TWO_84 + TWO_52));
        _mm256_add_pd(high, _mm256_castsi256_pd(low))
    })
}

/// As `unsigned_pd`; flipping the top bit adds 2^63 to the integer, which the constant takes back.
#[inline(always)]
unsafe fn signed_pd(integer: __m256i) -> __m256d {
    x!({
        let biased = _mm256_xor_si256(integer, _mm256_set1_epi64x(i64::MIN));
        let high = _mm256_or_si256(_mm256_srli_epi64::<32>(biased), _mm256_castpd_si256(_mm256_set1_pd(TWO_84)));
        let low = _mm256_blend_epi32::<0xAA>(biased, _mm256_castpd_si256(_mm256_set1_pd(TWO_52)));
        let high = _mm256_sub_pd(_mm256_castsi256_pd(high), _mm256_set1_pd(TWO_84 + TWO_63 + TWO_52));
        _mm256_add_pd(high, _mm256_castsi256_pd(low))
    })
}
const TWO_52: f64 = 4_503_599_627_370_496.0;
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_84: f64 = TWO_52 * 4_294_967_296.0;

/// The nearest `f32`: both 16-bit halves are exact, and the fused sum is rounded once.
#[inline(always)]
unsafe fn unsigned_ps(integer: __m256i) -> __m256 {
    x!({
        let high = _mm256_cvtepi32_ps(_mm256_srli_epi32::<16>(integer));
        let low = _mm256_cvtepi32_ps(_mm256_and_si256(integer, _mm256_set1_epi32(0xFFFF)));
        _mm256_fmadd_ps(high, _mm256_set1_ps(65_536.0), low)
    })
}

/// Each lane's entries are loaded together and then transposed; a gather costs more.
#[inline(always)]
unsafe fn lookup_pd(tables: &Tables<f64>, places: &__m256i) -> (__m256d, __m256d) {
    x!({
        let low = _mm256_castpd128_pd256(entries(tables, places, 0));
        let high = _mm256_castpd128_pd256(entries(tables, places, 1));
        let low = _mm256_insertf128_pd::<1>(low, entries(tables, places, 2));
        let high = _mm256_insertf128_pd::<1>(high, entries(tables, places, 3));
        (_mm256_unpacklo_pd(low, high), _mm256_unpackhi_pd(low, high))
    })
}

/// Both entries of a lane. Whatever the place, so much is there: it is less than 256 bytes behind the start of the tables, which are 272.
#[inline(always)]
unsafe fn entries(tables: &Tables<f64>, places: &__m256i, lane: usize) -> __m128d {
    let place = x!(*std::ptr::from_ref(places).cast::<u8>().add(8 * lane));
    x!(_mm_loadu_pd(tables.beside.as_ptr().cast::<u8>().add(usize::from(place)).cast()))
}

/// Bits 0 to 2 of the index choose within each half of a table, bit 3 chooses the half.
#[inline(always)]
unsafe fn lookup_ps(tables: &Tables<f32>, &index: &__m256i) -> (__m256, __m256) {
    x!((entry(&tables.apart[0], index), entry(&tables.apart[1], index)))
}

#[inline(always)]
unsafe fn entry(table: &[f32; 16], index: __m256i) -> __m256 {
    x!({
        let low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table.as_ptr()), index);
        let high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table.as_ptr().add(8)), index);
        _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32::<28>(index)))
    })
}

impl Pack for Pair<F64> {
    type Register = F64;
    const BY_STAGES: bool = true;
    const LANES: usize = 8;
    #[inline(always)]
    fn registers(packs: &mut [Self]) -> &mut [F64] {
        // A pack is two registers, one after the other, and nothing else.
        x!(std::slice::from_raw_parts_mut(packs.as_mut_ptr().cast(), 2 * packs.len()))
    }
    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        let from = from[..8].as_ptr();
        x!(Self(F64(_mm256_loadu_pd(from)), F64(_mm256_loadu_pd(from.add(4)))))
    }
    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        let to = to[..8].as_mut_ptr();
        x!({
            _mm256_storeu_pd(to, self.0.0);
            _mm256_storeu_pd(to.add(4), self.1.0);
        });
    }
    #[inline(always)]
    fn store_truncated(self, nan: u32, offsets: &[i32], to: &mut [i32]) {
        let (offsets, to) = (offsets[..8].as_ptr().cast::<__m128i>(), to[..8].as_mut_ptr().cast::<__m128i>());
        x!({
            let nan = _mm_set1_epi32(nan.cast_signed());
            // NaN is converted to a number with the top bit set.
            let lower = _mm_min_epu32(_mm256_cvttpd_epi32(self.0.0), nan);
            let upper = _mm_min_epu32(_mm256_cvttpd_epi32(self.1.0), nan);
            _mm_storeu_si128(to, _mm_add_epi32(lower, _mm_loadu_si128(offsets)));
            _mm_storeu_si128(to.add(1), _mm_add_epi32(upper, _mm_loadu_si128(offsets.add(1))));
        });
    }
    #[inline(always)]
    fn mix<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> Counters {
        encryption::mix(counters, whitened, keys)
    }
    #[inline(always)]
    fn encrypt<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> (Self::Bits, Self::Bits) {
        encryption::double(encryption::encrypt(counters, whitened, keys))
    }
    #[inline(always)]
    fn encrypt_all<const R: usize>(
        counters: &[Counters],
        whitened: &[u128],
        keys: &[u128; R],
        words: (&mut [Self], &mut [Self]),
    ) {
        encryption::encrypt_all(counters, whitened, keys, words);
    }
}

impl Pack for Pair<F32> {
    type Register = F32;
    const LANES: usize = 16;
    #[inline(always)]
    fn registers(packs: &mut [Self]) -> &mut [F32] {
        // A pack is two registers, one after the other, and nothing else.
        x!(std::slice::from_raw_parts_mut(packs.as_mut_ptr().cast(), 2 * packs.len()))
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = from[..16].as_ptr();
        x!(Self(F32(_mm256_loadu_ps(from)), F32(_mm256_loadu_ps(from.add(8)))))
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = to[..16].as_mut_ptr();
        x!({
            _mm256_storeu_ps(to, self.0.0);
            _mm256_storeu_ps(to.add(8), self.1.0);
        });
    }
    #[inline(always)]
    fn store_truncated(self, nan: u32, offsets: &[i32], to: &mut [i32]) {
        let (offsets, to) = (offsets[..16].as_ptr().cast::<__m256i>(), to[..16].as_mut_ptr().cast::<__m256i>());
        x!({
            let nan = _mm256_set1_epi32(nan.cast_signed());
            let lower = _mm256_min_epu32(_mm256_cvttps_epi32(self.0.0), nan);
            let upper = _mm256_min_epu32(_mm256_cvttps_epi32(self.1.0), nan);
            _mm256_storeu_si256(to, _mm256_add_epi32(lower, _mm256_loadu_si256(offsets)));
            _mm256_storeu_si256(to.add(1), _mm256_add_epi32(upper, _mm256_loadu_si256(offsets.add(1))));
        });
    }
    #[inline(always)]
    fn mix<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> Counters {
        encryption::mix(counters, whitened, keys)
    }
    #[inline(always)]
    fn encrypt<const R: usize>(counters: &Counters, whitened: &u128, keys: &[u128; R]) -> (Self::Bits, Self::Bits) {
        encryption::single(encryption::encrypt(counters, whitened, keys))
    }
}

/// Widens one register into two (exact).
#[inline(always)]
fn halves(register: F32) -> Pair<F64> {
    x!(Pair(
        F64(_mm256_cvtps_pd(_mm256_castps256_ps128(register.0))),
        F64(_mm256_cvtps_pd(_mm256_extractf128_ps::<1>(register.0)))
    ))
}

impl Widen<Pair<F32>> for Pair<F64> {
    #[inline(always)]
    fn widen(narrow: Pair<F32>) -> [Self; 2] {
        [halves(narrow.0), halves(narrow.1)]
    }
}
