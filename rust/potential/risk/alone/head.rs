//! A head of attention: the loss (c/2) |softmax(X Q (X K)ᵀ / sqrt(r)) X V − Y|² of a sequence X, in which the last tokens ask.
//!
//! Of the scores the transpose is kept, so that a softmax goes from pack to pack and never across one.

use super::matrices::{Product, turn};
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
