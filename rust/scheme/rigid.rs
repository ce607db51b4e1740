//! Walkers bound to a surface {chi = level}: a step in the tangent space, and the way back along the normals where it began.
//!
//! Without Metropolis, x' = x - h grad V(x) + sqrt(2 T h) R + J(x)ᵀ λ with chi(x') = level, which samples exp(-V/T) dS up to O(h)
//! (Ciccotti, Lelièvre and Vanden-Eijnden, Comm. Pure Appl. Math. 61 (2008) 371). With it, the tangent move
//! v = -h Π grad V + sqrt(2 T h) Π R is a proposal from the normal law p on the tangent space, and y = x + v + J(x)ᵀ λ is accepted
//! with min(1, exp(-V(y)/T) p_y(v') / (exp(-V(x)/T) p_x(v))), v' = Π_y (x - y), if the way back from y + v' leads to x again:
//! exp(-V/T) dS is then exactly stationary (Zappa, Holmes-Cerf and Goodman, Comm. Pure Appl. Math. 71 (2018) 2609).

use super::approach::ATTEMPTS;
use super::{Metropolis, Scheme};
use crate::dynamics::slice::{Slice, Tools};
use crate::error::Cause;
use crate::noise::{BoxMuller, Draws, Precision};
use crate::potential::Potential;
use crate::real::{Real, Scalar};
use crate::simd::{Element, Pack, Simd};
use crate::walk::{Step, Walk};

/// Euler–Maruyama or MALA on a surface.
#[derive(Clone, Copy, Debug)]
pub struct Rigid<'a> {
    /// The surface.
    pub slice: &'a Slice,
    /// Whether moves are proposals, and from where on.
    pub metropolis: Option<Metropolis>,
}

/// What a worker needs for a block.
pub struct Room<'a, S: Simd, T: Element> {
    tools: Tools<'a, S, T>,
    /// chi and its gradients where the walkers are, and where they go.
    here: Vec<T::Pack<S>>,
    there: Vec<T::Pack<S>>,
    /// Moves from there back towards where the walkers are, the points that these lead to, and chi and its gradients there.
    moves: Vec<T::Pack<S>>,
    back: Vec<T::Pack<S>>,
    elsewhere: Vec<T::Pack<S>>,
    /// Ones where no way led to the surface, there and back.
    lost: Vec<T::Pack<S>>,
    lost_back: Vec<T::Pack<S>>,
}

impl<'a> Scheme for Rigid<'a> {
    type Room<S: Simd, T: Element> = Room<'a, S, T>;

    fn room<S: Simd, T: Element>(self) -> Room<'a, S, T> {
        Room {
            tools: self.slice.tools(),
            here: Vec::new(),
            there: Vec::new(),
            moves: Vec::new(),
            back: Vec::new(),
            elsewhere: Vec::new(),
            lost: Vec::new(),
            lost_back: Vec::new(),
        }
    }

    #[inline(always)]
    fn is_metropolis(self) -> bool {
        self.metropolis.is_some()
    }

    #[inline(always)]
    fn begin<S, T, V, Q>(self, room: &mut Room<'a, S, T>, walk: &mut Walk<'_, S, T, V, Q>, _step: u64)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        let packs = walk.x.len() / walk.potential.dim();
        let zero = T::Pack::<S>::constant(0.0);
        for values in [&mut room.here, &mut room.there, &mut room.elsewhere] {
            values.resize(packs * self.slice.width(), zero);
        }
        for marks in [&mut room.lost, &mut room.lost_back] {
            marks.resize(packs, zero);
        }
        for points in [&mut room.moves, &mut room.back] {
            points.resize(walk.x.len(), zero);
        }
        room.tools.look(&walk.x, &mut room.here);
        if self.metropolis.is_some() {
            walk.kept.clone_from(&walk.x);
            walk.potential.values_and_gradients::<S, T>(&mut walk.worker, &walk.x, &mut walk.energy, &mut walk.kept);
            room.tools.flatten(&room.here, &mut walk.kept);
            walk.proposed_energy.clone_from(&walk.energy);
        }
    }

    #[inline(always)]
    fn advance<S, T, V, Q>(self, room: &mut Room<'a, S, T>, walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
    where
        S: Simd,
        T: Element + BoxMuller,
        V: Potential,
        Q: Precision<T>,
    {
        let unit = Walk::<S, T, V, Q>::unit(walk.potential.dim());
        let mut draws = Draws::<S, T, Q>::new(walk.increments(step), &mut walk.increments, walk.potential.dim());
        for normals in walk.normals.chunks_exact_mut(unit) {
            draws.next_apart(normals);
            walk.tally.count(Walk::<S, T, V, Q>::BATCHES);
        }
        if let Some(Metropolis { approach }) = self.metropolis {
            room.tools.flatten(&room.here, &mut walk.normals);
            walk.moving.fill(Real::constant(1.0));
            for attempt in 0..if step < approach { ATTEMPTS } else { 1 } {
                let size = size.quartered(attempt);
                propose(room, walk, size);
                if step < approach {
                    if come(room, walk, size) {
                        break;
                    }
                } else {
                    room.go_back(&walk.x, &walk.proposal);
                    decide(room, walk, step, size);
                }
            }
            return;
        }
        walk.potential.gradients::<S, T>(&mut walk.worker, &walk.x, &mut walk.slopes);
        walk.proposal.fill(T::Pack::<S>::constant(0.0));
        size.displace::<S, _>(1.0, None, &walk.slopes, walk.normals.iter().copied(), &mut [], &mut walk.proposal);
        room.tools.flatten(&room.here, &mut walk.proposal);
        for (x, v) in walk.x.iter_mut().zip(&mut walk.proposal) {
            *x = *x + *v;
            *v = *x;
        }
        room.tools.project(Some(&room.here), &mut walk.x, &mut room.there, &mut room.lost);
        std::mem::swap(&mut room.here, &mut room.there);
        drop_lost(&room.lost, walk);
    }
}

/// Who found no way back is NaN from here on, and the reason is kept.
#[inline(always)]
fn drop_lost<S: Simd, T: Element, V: Potential, Q: Precision<T>>(lost: &[T::Pack<S>], walk: &mut Walk<'_, S, T, V, Q>) {
    let (zero, dim) = (T::Pack::<S>::constant(0.0), walk.potential.dim());
    let before = walk.proposal.chunks_exact(dim);
    for (pack, ((&lost, x), before)) in lost.iter().zip(walk.x.chunks_exact_mut(dim)).zip(before).enumerate() {
        if !T::Pack::<S>::any(zero.less(lost)) {
            continue;
        }
        // Whoever came as NaN was lost before.
        let mut sum = zero;
        for &y in before {
            sum = sum + y;
        }
        let mut row = [T::default(); 16];
        Real::select(sum.is_nan(), zero, lost).store(&mut row);
        let first = pack * T::Pack::<S>::LANES;
        let lanes = (0..T::Pack::<S>::LANES).filter(|&lane| row[lane] > T::default());
        walk.failures.extend(lanes.map(|lane| (first + lane, Cause::NoProjection)));
        for x in x {
            *x = Real::select(zero.less(lost), Real::constant(f64::NAN), *x);
        }
    }
}

/// Proposals for the whole block. `walk.kept` holds the tangent parts of the gradients, `walk.normals` those of the normals.
#[inline(always)]
fn propose<S, T, V, Q>(room: &mut Room<'_, S, T>, walk: &mut Walk<'_, S, T, V, Q>, size: Step)
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    walk.proposal.copy_from_slice(&walk.x);
    size.displace::<S, _>(1.0, None, &walk.kept, walk.normals.iter().copied(), &mut [], &mut walk.proposal);
    room.tools.project(Some(&room.here), &mut walk.proposal, &mut room.there, &mut room.lost);
    walk.potential.values_and_gradients::<S, T>(
        &mut walk.worker,
        &walk.proposal,
        &mut walk.proposed_energy,
        &mut walk.slopes,
    );
    room.tools.flatten(&room.there, &mut walk.slopes);
}

/// Takes proposals that do not lead too far uphill, of walkers that have not moved yet; returns whether all have.
#[inline(always)]
fn come<S, T, V, Q>(room: &mut Room<'_, S, T>, walk: &mut Walk<'_, S, T, V, Q>, size: Step) -> bool
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    let (zero, rise) = (T::Pack::<S>::constant(0.0), T::Pack::<S>::constant(size.rise(walk.potential.dim())));
    let mut is_done = true;
    for pack in 0..room.lost.len() {
        let may = Real::select(room.lost[pack].less_equal(zero), walk.moving[pack], zero);
        let nowhere = Real::constant(f64::NEG_INFINITY);
        let most = Real::select(zero.less(may), walk.energy[pack] + rise, nowhere);
        let accept = walk.proposed_energy[pack].less(most);
        walk.take(pack, pack, accept, walk.potential.dim());
        room.take(pack, accept);
        walk.moving[pack] = Real::select(accept, zero, walk.moving[pack]);
        is_done &= !T::Pack::<S>::any(zero.less(walk.moving[pack]));
    }
    is_done
}

impl<S: Simd, T: Element> Room<'_, S, T> {
    /// Finds the tangent moves v' that lead from y back towards x, and where they do lead.
    #[inline(always)]
    fn go_back(&mut self, x: &[T::Pack<S>], y: &[T::Pack<S>]) {
        for (back, (&x, &y)) in self.moves.iter_mut().zip(x.iter().zip(y)) {
            *back = x - y;
        }
        self.tools.flatten(&self.there, &mut self.moves);
        for (back, (&v, &y)) in self.back.iter_mut().zip(self.moves.iter().zip(y)) {
            *back = y + v;
        }
        self.tools.project(Some(&self.there), &mut self.back, &mut self.elsewhere, &mut self.lost_back);
    }

    /// chi and its gradients go with those walkers of a pack that move.
    #[inline(always)]
    fn take(&mut self, pack: usize, accept: <T::Pack<S> as Real>::Mask) {
        let width = self.here.len() / self.lost.len();
        for i in pack * width..(pack + 1) * width {
            self.here[i] = Real::select(accept, self.there[i], self.here[i]);
        }
    }
}

/// Accepts or refuses.
#[inline(always)]
fn decide<S, T, V, Q>(room: &mut Room<'_, S, T>, walk: &mut Walk<'_, S, T, V, Q>, step: u64, size: Step)
where
    S: Simd,
    T: Element + BoxMuller,
    V: Potential,
    Q: Precision<T>,
{
    let (dim, zero) = (walk.potential.dim(), T::Pack::<S>::constant(0.0));
    for pack in 0..room.lost.len() {
        let point = pack * dim..(pack + 1) * dim;
        let descent = walk.energy[pack] - walk.proposed_energy[pack];
        let (slope_at_y, normals) = (&walk.slopes[point.clone()], &walk.normals[point.clone()]);
        let log_ratio = size.tangent_log_ratio(slope_at_y, normals, &room.moves[point.clone()], descent);
        // Who found no way, there or back, stays; so does who came back to another point, and where anything is NaN.
        let strayed = strayed(&walk.x[point.clone()], &room.back[point]);
        let lost = room.lost[pack] + room.lost_back[pack] + strayed;
        let possible = Real::select(lost.less_equal(zero), log_ratio, T::Pack::<S>::constant(f64::NEG_INFINITY));
        let accept = walk.log_chance(pack, step).less(possible);
        walk.take(pack, pack, accept, walk.potential.dim());
        room.take(pack, accept);
        walk.count(pack, accept);
    }
}

/// Zero where two points are the same but for what Newton's method leaves, one elsewhere.
#[inline(always)]
fn strayed<R: Real>(x: &[R], back: &[R]) -> R {
    let (zero, one) = (R::constant(0.0), R::constant(1.0));
    // 2^-20 in double precision, 2^-9 in single: between rounding and the distance to another point of the surface.
    let tolerance =
        R::constant(if <R::Scalar as Scalar>::MANTISSA > 30 { 2.0_f64.powi(-20) } else { 2.0_f64.powi(-9) });
    let (mut distance, mut size) = (zero, one);
    for (&x, &back) in x.iter().zip(back) {
        distance = (x - back).abs() + distance;
        size = x.abs() + size;
    }
    Real::select(distance.less_equal(tolerance * size), zero, one)
}

impl Step {
    /// log of exp(-V(y)/T) p_y(v') / (exp(-V(x)/T) p_x(v)), with p_x(v) ∝ exp(-|v + h slope(x)|² / (4 T h)) for tangent v and
    /// slopes. For the move just proposed, v + h slope(x) = sqrt(2 T h) normals. `descent` is V(x) - V(y).
    #[inline(always)]
    fn tangent_log_ratio<R: Real>(self, slope_at_y: &[R], normals: &[R], back: &[R], descent: R) -> R {
        let h = R::constant(self.h);
        let (mut forward, mut backward) = (R::constant(0.0), R::constant(0.0));
        for j in 0..normals.len() {
            let noise = slope_at_y[j].mul_add(h, back[j]);
            backward = noise.mul_add(noise, backward);
            forward = normals[j].mul_add(normals[j], forward);
        }
        let quarter = R::constant(0.25 / (self.temperature * self.h));
        let kinetic = forward.mul_add(R::constant(0.5), -(backward * quarter));
        descent.mul_add(R::constant(1.0 / self.temperature), kinetic)
    }
}
