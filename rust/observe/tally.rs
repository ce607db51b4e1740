//! Counts of one worker: the slots that histograms find for a block, and the table that they go to.
//!
//! Finding a slot is vector code and counting is scalar code. Slots are therefore found for a whole block and counted a few
//! at a time while the next step's noise is computed, which keeps the vector units busy and leaves the scalar ones idle.

/// Slots counted at once; a number that the compiler knows unrolls the loop.
pub const BATCH: usize = 8;

/// One worker's counts since the last merge, for all its histograms.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// For each watch the first slot of every walker of the block; none if it is no histogram.
    offsets: Vec<Vec<i32>>,
    /// Slots found; the first `counted` of them have been counted, those from `found` on are leftovers.
    slots: Vec<i32>,
    found: usize,
    counted: usize,
    table: Vec<u32>,
}

impl Tally {
    /// Counters for `watches` watches that need `slots` slots together.
    #[must_use]
    pub fn new(watches: usize, slots: usize) -> Self {
        Self { offsets: vec![Vec::new(); watches], table: vec![0; slots], ..Self::default() }
    }

    /// Says where a watch's counts go: for each walker of the block the first slot of its group.
    pub fn aim(&mut self, watch: usize, firsts: impl Iterator<Item = i32>) {
        self.offsets[watch].clear();
        self.offsets[watch].extend(firsts);
        self.slots.resize(self.offsets.iter().map(Vec::len).sum(), 0);
    }

    /// For one look of a watch: the first slot of every walker of the block, and room for the slots that are found.
    #[inline(always)]
    pub fn look(&mut self, watch: usize) -> (&[i32], &mut [i32]) {
        let offsets = &self.offsets[watch];
        let room = &mut self.slots[self.found..self.found + offsets.len()];
        self.found += offsets.len();
        (offsets, room)
    }

    /// For counting at once: the first slot of every walker of the block, and the table.
    #[inline(always)]
    pub fn open(&mut self, watch: usize) -> (&[i32], &mut [u32]) {
        (&self.offsets[watch], &mut self.table)
    }

    /// Counts a few of the slots that were found.
    #[inline(always)]
    pub fn count(&mut self, batches: usize) {
        // As slices, whose ends stay in registers: the compiler cannot know that a count changes no vector's length.
        let (slots, table) = (&self.slots[..self.found], &mut self.table[..]);
        for _ in 0..batches {
            let Some(batch) = slots[self.counted..].first_chunk::<BATCH>() else { return };
            count(batch, table);
            self.counted += BATCH;
        }
    }

    /// Counts all slots that were found and are not counted yet.
    #[inline(always)]
    pub fn settle(&mut self) {
        count(&self.slots[self.counted..self.found], &mut self.table);
        (self.found, self.counted) = (0, 0);
    }

    /// Adds the counts to `totals` and clears them.
    pub fn merge_into(&mut self, totals: &mut [u64]) {
        for (count, total) in self.table.iter_mut().zip(totals) {
            *total += u64::from(std::mem::take(count));
        }
    }
}

/// Adds one at each of these slots.
#[inline(always)]
pub fn count(slots: &[i32], table: &mut [u32]) {
    for &slot in slots {
        table[slot.cast_unsigned() as usize] += 1;
    }
}
