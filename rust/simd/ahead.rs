//! Memory that is read later, asked for now: while one block's walkers move, the next one's come from memory.

/// The lines of some numbers that nobody has asked for yet.
#[derive(Debug)]
pub struct Ahead {
    next: *const u8,
    lines: usize,
}

/// Bytes in a line.
const LINE: usize = 64;

impl Ahead {
    /// Nothing.
    pub const NOTHING: Self = Self { next: std::ptr::null(), lines: 0 };

    /// All of them.
    pub fn of<T>(numbers: &[T]) -> Self {
        Self { next: numbers.as_ptr().cast(), lines: size_of_val(numbers).div_ceil(LINE) }
    }

    /// Asks for so many lines.
    #[inline(always)]
    #[allow(clippy::missing_const_for_fn, reason = "it does something where there is an instruction for it")]
    pub fn fetch(&mut self, lines: usize) {
        let lines = lines.min(self.lines);
        self.lines -= lines;
        for _ in 0..lines {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a hint, which may name any address.
            #[allow(unsafe_code, reason = "an instruction")]
            unsafe {
                use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
                _mm_prefetch::<_MM_HINT_T1>(self.next.cast());
            }
            self.next = self.next.wrapping_add(LINE);
        }
    }
}
