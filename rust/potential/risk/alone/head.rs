//! A head of attention: the loss (c/2) |softmax(X Q (X K)ᵀ / sqrt(r)) X V − Y|² of a sequence X, in which the last tokens ask.
//!
//! Matrices are multiplied row by row of the result, each sum in the order of what is summed over: how many rows go side by side
//! changes no sum. Of the scores the transpose is kept, so that a softmax goes from pack to pack and never across one.

use super::sight::Sight;
use super::{Seen, packed};
use crate::math;
use crate::potential::risk::Table;
use crate::potential::risk::batch::LANES;
use crate::real::Real;
use crate::simd::{Pack, Routine, Simd};

/// Sequences that are gone through together: they stay in first-level cache.
const SOME: usize = 4;

/// The sizes of a head. Its vectors are, for each entry of a token in turn, the rows of Q, K and V.
#[derive(Clone, Debug)]
pub struct Head {
    /// Tokens of a sequence,
    pub tokens: usize,
    /// of which the last so many ask.
    pub asking: usize,
    /// Entries of a token.
    pub inputs: usize,
    /// Columns r of Q and K.
    pub columns: usize,
    /// Columns of V, and so the numbers that come of each token that asks.
    pub outputs: usize,
    /// The coordinates of another head, what becomes of whose output is added to labels; nothing if there is none.
    pub teacher: Vec<f64>,
}

impl Head {
    /// Whether so many vectors of this length, coordinates, and rows belong to it.
    #[must_use]
    pub fn fits(&self, (vectors, length): (usize, usize), dim: usize, table: &Table) -> bool {
        let Self { tokens, asking, inputs, columns, outputs, ref teacher } = *self;
        let (width, plain) = (table.width(), tokens.saturating_mul(inputs));
        let all = plain.saturating_add(asking.saturating_mul(outputs));
        let is_whole = (1..=tokens).contains(&asking) && inputs > 0 && columns > 0 && outputs > 0;
        is_whole
            && dim == inputs * (2 * columns + outputs)
            && length == columns.max(outputs)
            && vectors == 3 * inputs
            && (teacher.is_empty() || teacher.len() == dim)
            && (width == all || (width == plain && !teacher.is_empty()))
    }
}

/// Room for some sequences.
pub struct Room<S: Simd> {
    /// What scores are multiplied by, 1/sqrt(r).
    scale: f64,
    teacher: Vec<S::F64>,
    /// X, sequence by sequence and token by token; what sequences count.
    tokens: Vec<f64>,
    counts: Vec<S::F64>,
    /// X times Q, K and V side by side for student and teacher, and the derivatives by them.
    sides: Vec<S::F64>,
    taught: Vec<S::F64>,
    by_sides: Vec<S::F64>,
    /// Labels, then residuals: token by token that asks.
    residuals: Vec<S::F64>,
    /// The transposes of the softmax and of what is to be derived by it: by token that is asked, in packs those that ask.
    softmax: Vec<S::F64>,
    by_softmax: Vec<S::F64>,
    /// A transpose, by column.
    turned: Vec<S::F64>,
    made: Vec<S::F64>,
}

impl<S: Simd> Room<S> {
    /// Room for a head whose vectors are of these coordinates.
    pub fn new(head: &Head, order: &[usize], length: usize) -> Self {
        let mut teacher = Vec::new();
        if !head.teacher.is_empty() {
            for order in order.chunks(length) {
                let vector: Vec<f64> = order.iter().map(|&i| head.teacher.get(i).copied().unwrap_or(0.0)).collect();
                packed(&vector, &mut teacher);
            }
        }
        Self {
            scale: (head.columns as f64).sqrt().recip(),
            teacher,
            tokens: Vec::new(),
            counts: Vec::new(),
            sides: Vec::new(),
            taught: Vec::new(),
            by_sides: Vec::new(),
            residuals: Vec::new(),
            softmax: Vec::new(),
            by_softmax: Vec::new(),
            turned: Vec::new(),
            made: Vec::new(),
        }
    }

    /// Writes the slopes of all vectors, of so many packs each, over the rows that are seen.
    #[inline(always)]
    pub fn slopes(
        &mut self,
        head: &Head,
        packs: usize,
        (seen, sight, factor): (Seen<'_>, &Sight, f64),
        x: &[S::F64],
        slopes: &mut [S::F64],
    ) {
        let &Head { tokens: n, asking, inputs: d, .. } = head;
        let (wide, zero) = (3 * packs, Real::constant(0.0));
        slopes.fill(zero);
        let mut place = 0;
        while place < sight.places() {
            self.tokens.clear();
            self.counts.clear();
            self.residuals.clear();
            while place < sight.places() && self.counts.len() < SOME {
                self.read(head, packs, (seen, sight, factor), place);
                place += 1;
            }
            let all = self.counts.len() * n;
            self.sides.resize(all * wide, zero);
            self.by_sides.resize(all * wide, zero);
            let tokens = &self.tokens[..];
            S::call(Product {
                left: (tokens, d, 1),
                right: (x, wide),
                sizes: (all, d, wide),
                out: (&mut self.sides, wide),
                is_new: true,
            });
            if !self.teacher.is_empty() {
                self.taught.resize(all * wide, zero);
                S::call(Product {
                    left: (tokens, d, 1),
                    right: (&self.teacher, wide),
                    sizes: (all, d, wide),
                    out: (&mut self.taught, wide),
                    is_new: true,
                });
            }
            let each = asking * packs;
            for taught in [true, false] {
                let sides = if taught { &self.taught } else { &self.sides };
                if sides.is_empty() {
                    continue;
                }
                forward::<S>((head, packs, self.scale), sides, &mut self.softmax, &mut self.turned, &mut self.made);
                let all = self.residuals.chunks_exact_mut(each).zip(self.made.chunks_exact(each));
                for ((labels, made), &count) in all.zip(&self.counts) {
                    for (label, &made) in labels.iter_mut().zip(made) {
                        *label = if taught { *label + made } else { (made - *label) * count };
                    }
                }
            }
            for k in 0..self.counts.len() {
                self.backward(head, packs, k);
            }
            S::call(Product {
                left: (&self.tokens, 1, d),
                right: (&self.by_sides, wide),
                sizes: (d, all, wide),
                out: (&mut *slopes, wide),
                is_new: false,
            });
        }
    }

    /// Takes up the sequence at a place of the batch, unless it counts nothing.
    #[inline(always)]
    fn read(&mut self, head: &Head, packs: usize, (seen, sight, factor): (Seen<'_>, &Sight, f64), place: usize) {
        let end = self.tokens.len() + head.tokens * head.inputs;
        let Some(weight) = sight.whole_row(seen, place, &mut self.tokens) else { return };
        let labels = &self.tokens[end..];
        self.counts.push(Real::constant(weight * factor));
        if labels.is_empty() {
            self.residuals.resize(self.residuals.len() + head.asking * packs, Real::constant(0.0));
        }
        if head.outputs == LANES && packs == 1 {
            for label in labels.chunks_exact(LANES) {
                self.residuals.push(Pack::load(label));
            }
        } else {
            for label in labels.chunks_exact(head.outputs) {
                let end = self.residuals.len() + packs;
                packed(label, &mut self.residuals);
                self.residuals.resize(end, Real::constant(0.0));
            }
        }
        self.tokens.truncate(end);
    }

    /// Writes the derivatives by the sides of sequence `k` of those that are gone through.
    #[inline(always)]
    fn backward(&mut self, head: &Head, packs: usize, k: usize) {
        let &Head { tokens: n, asking, outputs, .. } = head;
        let (wide, zero) = (3 * packs, S::F64::constant(0.0));
        let (across, mute) = (asking.div_ceil(LANES), n - asking);
        let from = k * n * wide;
        let sides = &self.sides[from..][..n * wide];
        let residuals = &self.residuals[k * asking * packs..][..asking * packs];
        turn::<S>(residuals, (packs, asking, outputs), &mut self.turned);
        let softmax = &self.softmax[k * n * across..][..n * across];
        self.by_softmax.resize(n * across, zero);
        S::call(Product {
            left: (S::numbers(&sides[2 * packs..]), wide * LANES, 1),
            right: (&self.turned, across),
            sizes: (n, outputs, across),
            out: (&mut self.by_softmax, across),
            is_new: true,
        });
        // The derivative of a softmax p by its scores is diag(p) − p pᵀ.
        let scale = Real::constant(self.scale);
        for t in 0..across {
            let mut sum = zero;
            for at in (t..n * across).step_by(across) {
                sum = self.by_softmax[at].mul_add(softmax[at], sum);
            }
            for at in (t..n * across).step_by(across) {
                let slope = &mut self.by_softmax[at];
                *slope = (*slope - sum) * (softmax[at] * scale);
            }
        }
        let (by_softmax, softmax) = (S::numbers(&self.by_softmax), S::numbers(softmax));
        let by_sides = &mut self.by_sides[from..][..n * wide];
        by_sides[..mute * wide].fill(zero);
        let across = across * LANES;
        // By queries, by keys and by values; packs of other columns come between.
        for (side, left, right, rows) in [
            (0, (by_softmax, 1, across), (&sides[packs..], wide), (mute, asking, n)),
            (1, (by_softmax, across, 1), (&sides[mute * wide..], wide), (0, n, asking)),
            (2, (softmax, across, 1), (residuals, packs), (0, n, asking)),
        ] {
            let (first, rows, inner) = rows;
            let out = (&mut by_sides[first * wide + side * packs..], wide);
            S::call(Product { left, right, sizes: (rows, inner, packs), out, is_new: true });
        }
    }
}

/// Writes what a head makes of sequences, token by token that asks, and the transposes of their softmax.
#[inline(always)]
fn forward<S: Simd>(
    (head, packs, scale): (&Head, usize, f64),
    sides: &[S::F64],
    softmax: &mut Vec<S::F64>,
    turned: &mut Vec<S::F64>,
    made: &mut Vec<S::F64>,
) {
    let &Head { tokens: n, asking, columns, .. } = head;
    let (wide, across, zero) = (3 * packs, asking.div_ceil(LANES), Real::constant(0.0));
    let (count, each) = (sides.len() / (n * wide), n * across);
    softmax.resize(count * each, zero);
    for (sides, scores) in sides.chunks_exact(n * wide).zip(softmax.chunks_exact_mut(each)) {
        turn::<S>(&sides[(n - asking) * wide..], (wide, asking, columns), turned);
        S::call(Product {
            left: (S::numbers(&sides[packs..]), wide * LANES, 1),
            right: (turned, across),
            sizes: (n, columns, across),
            out: (scores, across),
            is_new: true,
        });
    }
    S::call(Softmax { scores: &mut *softmax, sizes: (each, across), scale });
    made.resize(count * asking * packs, zero);
    let all = sides.chunks_exact(n * wide).zip(softmax.chunks_exact(each));
    for ((sides, softmax), made) in all.zip(made.chunks_exact_mut(asking * packs)) {
        S::call(Product {
            left: (S::numbers(softmax), 1, across * LANES),
            right: (&sides[2 * packs..], wide),
            sizes: (asking, n, packs),
            out: (made, packs),
            is_new: true,
        });
    }
}

/// Writes the transpose of some columns of a matrix, the rows of which are so many packs apart, the last pack filled up with zeros.
#[inline(always)]
fn turn<S: Simd>(rows: &[S::F64], (apart, count, columns): (usize, usize, usize), to: &mut Vec<S::F64>) {
    let (across, zero) = (count.div_ceil(LANES), Real::constant(0.0));
    to.resize(columns * across, zero);
    for (t, rows) in rows.chunks(LANES * apart).enumerate() {
        for first in (0..columns).step_by(LANES) {
            let mut square = [zero; LANES];
            for (k, line) in square.iter_mut().enumerate() {
                *line = rows.get(k * apart + first / LANES).copied().unwrap_or(zero);
            }
            for (to, column) in to[first * across + t..].iter_mut().step_by(across).zip(S::turned(square)) {
                *to = column;
            }
        }
    }
}

/// Softmax over rows, pack by pack, of scores times a number: of all sequences at once, as each is a long chain of operations.
struct Softmax<'a, P> {
    scores: &'a mut [P],
    /// Packs of a sequence, and of a row.
    sizes: (usize, usize),
    scale: f64,
}

impl<S: Simd, P: Pack> Routine<S> for Softmax<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { scores, sizes: (each, across), scale } = self;
        for scores in scores.chunks_exact_mut(each) {
            for t in 0..across {
                let mut largest = scores[t];
                for at in (t..each).step_by(across) {
                    largest = scores[at].greater(largest);
                }
                let mut total = P::constant(0.0);
                for at in (t..each).step_by(across) {
                    scores[at] = math::exp((scores[at] - largest) * P::constant(scale));
                    total = total + scores[at];
                }
                let inverse = P::constant(1.0) / total;
                for at in (t..each).step_by(across) {
                    scores[at] = scores[at] * inverse;
                }
            }
        }
    }
}

/// A product of matrices, or that added to what is there: one function for all.
struct Product<'a, P> {
    /// The left one, and how far apart its rows and its columns are.
    left: (&'a [f64], usize, usize),
    /// The right one, and how far apart its rows are.
    right: (&'a [P], usize),
    /// Rows, what is summed over, packs of columns.
    sizes: (usize, usize, usize),
    /// Where it goes, and how far apart rows are there.
    out: (&'a mut [P], usize),
    is_new: bool,
}

impl<S: Simd, P: Pack<Scalar = f64>> Routine<S> for Product<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let (rows, _, packs) = self.sizes;
        let mut row = 0;
        // One of the two distances is 1, which saves the loop its arithmetic.
        if P::UNROLLS && packs.is_multiple_of(3) {
            while row + 4 <= rows {
                for pack in (0..packs).step_by(3) {
                    if self.left.2 == 1 { self.by_rows::<4, 3>(row, pack) } else { self.by_columns::<4, 3>(row, pack) }
                }
                row += 4;
            }
        } else if P::UNROLLS {
            while row + 8 <= rows {
                for pack in 0..packs {
                    if self.left.2 == 1 { self.by_rows::<8, 1>(row, pack) } else { self.by_columns::<8, 1>(row, pack) }
                }
                row += 8;
            }
        }
        while row < rows {
            for pack in 0..packs {
                if self.left.2 == 1 { self.by_rows::<1, 1>(row, pack) } else { self.by_columns::<1, 1>(row, pack) }
            }
            row += 1;
        }
    }
}

impl<P: Pack<Scalar = f64>> Product<'_, P> {
    /// Some rows and packs of the result where the left one's columns are side by side.
    #[inline(always)]
    fn by_rows<const R: usize, const C: usize>(&mut self, row: usize, pack: usize) {
        let ((left, down, _), (right, apart), (_, inner, _)) = (self.left, self.right, self.sizes);
        let mut lines: [&[f64]; R] = [&[]; R];
        for (i, line) in lines.iter_mut().enumerate() {
            *line = &left[(row + i) * down..][..inner];
        }
        let mut sums = self.before::<R, C>(row, pack);
        let mut rights = right[pack..].chunks(apart);
        for k in 0..inner {
            let Some(entries) = rights.next().and_then(<[P]>::first_chunk::<C>) else { return };
            for (sums, line) in sums.iter_mut().zip(&lines) {
                add(sums, P::splat(line[k]), entries);
            }
        }
        self.put(row, pack, &sums);
    }

    /// The same where its rows are.
    #[inline(always)]
    fn by_columns<const R: usize, const C: usize>(&mut self, row: usize, pack: usize) {
        let ((left, _, along), (right, apart), (_, inner, _)) = (self.left, self.right, self.sizes);
        let mut sums = self.before::<R, C>(row, pack);
        for (line, entries) in left[row..].chunks(along).zip(right[pack..].chunks(apart)).take(inner) {
            let (Some(line), Some(entries)) = (line.first_chunk::<R>(), entries.first_chunk::<C>()) else { return };
            for (sums, &factor) in sums.iter_mut().zip(line) {
                add(sums, P::splat(factor), entries);
            }
        }
        self.put(row, pack, &sums);
    }

    #[inline(always)]
    fn before<const R: usize, const C: usize>(&self, row: usize, pack: usize) -> [[P; C]; R] {
        let mut sums = [[P::constant(0.0); C]; R];
        if !self.is_new {
            for (i, sums) in sums.iter_mut().enumerate() {
                sums.copy_from_slice(&self.out.0[(row + i) * self.out.1 + pack..][..C]);
            }
        }
        sums
    }

    #[inline(always)]
    fn put<const R: usize, const C: usize>(&mut self, row: usize, pack: usize, sums: &[[P; C]; R]) {
        for (i, sums) in sums.iter().enumerate() {
            self.out.0[(row + i) * self.out.1 + pack..][..C].copy_from_slice(sums);
        }
    }
}

/// Adds a multiple of some packs.
#[inline(always)]
fn add<P: Real, const C: usize>(sums: &mut [P; C], factor: P, entries: &[P; C]) {
    for (sum, &entry) in sums.iter_mut().zip(entries) {
        *sum = factor.mul_add(entry, *sum);
    }
}
