//! Random bits are those of ARS as its authors published it, at every level, addressed as the noise module documents.

use langevin_ib::noise::{self, Address, MAX_WALKERS, Noise, ROUNDS, Stream, round_keys};
use langevin_ib::real::Real;
use langevin_ib::simd::{Counters, Element, Job, Level, Pack, Simd};

use crate::support::{KEY, Numbers};

/// One line of the file.
#[derive(Clone, Copy, Debug)]
struct KnownAnswer {
    rounds: u32,
    counter: u128,
    key: u128,
    answer: u128,
}

fn known_answers() -> Vec<KnownAnswer> {
    let lines = include_str!("ars_known_answers.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(known_answer).collect()
}

fn known_answer(line: &str) -> KnownAnswer {
    let (rounds, words) = line.split_once(' ').expect("a line has words after its number of rounds");
    let words: Vec<u128> =
        words.split(' ').map(|word| u128::from_str_radix(word, 16).expect("words are hex")).collect();
    assert_eq!(words.len(), 12, "{line}");
    let number = |words: &[u128]| words.iter().rev().fold(0, |number, word| number << 32 | word);
    let rounds = rounds.parse().expect("rounds are decimal");
    KnownAnswer { rounds, counter: number(&words[..4]), key: number(&words[4..8]), answer: number(&words[8..]) }
}

type PackBits<T, S> = <<T as Element>::Pack<S> as Real>::Bits;

/// The eight blocks that a pack's words came from.
#[inline(always)]
fn blocks<T: Element, S: Simd>(words: (PackBits<T, S>, PackBits<T, S>)) -> [u128; 8] {
    let lanes = T::Pack::<S>::LANES;
    let (mut first, mut second) = ([T::default(); 16], [T::default(); 16]);
    T::Pack::<S>::from_bits(words.0).store(&mut first);
    T::Pack::<S>::from_bits(words.1).store(&mut second);
    let bytes = first[..lanes].iter().zip(&second).flat_map(|(&first, &second)| {
        let word = |x: T| T::widen(x.to_bits()).to_le_bytes().into_iter().take(size_of::<T>());
        word(first).chain(word(second))
    });
    let bytes: Vec<u8> = bytes.collect();
    std::array::from_fn(|i| u128::from_le_bytes(bytes[16 * i..16 * i + 16].try_into().expect("sixteen bytes a block")))
}

/// Encrypts eight counters in the layout of `T`.
struct Encrypt<T> {
    counters: [u128; 8],
    tweak: u128,
    key: u128,
    rounds: u32,
    state: std::marker::PhantomData<T>,
}

impl<T: Element> Job for Encrypt<T> {
    type Output = [u128; 8];
    #[inline(always)]
    fn run<S: Simd>(self) -> [u128; 8] {
        let counters = Counters::new(self.counters);
        // The first key goes with what the counters share.
        macro_rules! rounds {
            ($rounds:literal) => {{
                let [first, keys @ ..] = round_keys::<{ $rounds + 1 }>(self.key);
                T::Pack::<S>::encrypt::<$rounds>(&counters, &(self.tweak ^ first), &keys)
            }};
        }
        blocks::<T, S>(match self.rounds {
            5 => rounds!(5),
            7 => rounds!(7),
            10 => rounds!(10),
            rounds => panic!("no known answers for {rounds} rounds"),
        })
    }
}

/// In every block of a pack, among other counters, and split between counter and tweak.
fn check_known_answers<T: Element>(level: Level) {
    let mut numbers = Numbers(2);
    let mut wide = || u128::from(numbers.bits()) << 64 | u128::from(numbers.bits());
    for known in known_answers() {
        for place in 0..8 {
            let tweak = wide();
            let mut counters = [(); 8].map(|()| wide());
            counters[place] = known.counter ^ tweak;
            let KnownAnswer { rounds, key, .. } = known;
            let found = level.run(Encrypt::<T> { counters, tweak, key, rounds, state: std::marker::PhantomData });
            let size = 8 * size_of::<T>();
            assert_eq!(
                found[place],
                known.answer,
                "{known:x?} in block {place} of a {size}-bit pack, {}",
                level.name()
            );
        }
    }
}

#[test]
fn ars_gives_the_published_answers_at_every_level() {
    let rounds: Vec<u32> = known_answers().iter().map(|known| known.rounds).collect();
    for expected in [5, 7, 10] {
        assert!(rounds.iter().filter(|&&rounds| rounds == expected).count() >= 3, "too few of {expected} rounds");
    }
    for level in Level::available() {
        check_known_answers::<f64>(level);
        check_known_answers::<f32>(level);
    }
}

#[test]
fn the_sampler_uses_the_rounds_of_the_known_answers() {
    assert!(known_answers().iter().any(|known| known.rounds as usize == ROUNDS));
}

/// The words of a pack that starts at a walker.
struct Words<T> {
    first: u64,
    address: Address,
    state: std::marker::PhantomData<T>,
}

impl<T: Element> Job for Words<T> {
    type Output = [u128; 8];
    #[inline(always)]
    fn run<S: Simd>(self) -> [u128; 8] {
        let counters = noise::counters::<T::Pack<S>>(self.first);
        blocks::<T, S>(Noise::new(KEY).words::<T::Pack<S>>(&counters, self.address))
    }
}

/// The counters as the table in the noise module has them, encrypted on their own.
fn documented(first_block: u64, address: Address, single: bool) -> [u128; 8] {
    let counters = std::array::from_fn(|i| {
        u128::from(address.step)
            + (u128::from(first_block + i as u64) << 64)
            + ((address.pair as u128) << 104)
            + ((address.stream as u128) << 120)
            + (u128::from(single) << 127)
    });
    let state = std::marker::PhantomData::<f64>;
    Level::named("portable").expect("the portable level is everywhere").run(Encrypt {
        counters,
        tweak: 0,
        key: KEY,
        rounds: ROUNDS as u32,
        state,
    })
}

#[test]
fn draws_are_addressed_as_documented() {
    let addresses = [
        Address { stream: Stream::Increment, step: 0, pair: 0 },
        Address { stream: Stream::Initial, step: 1, pair: 1 },
        Address { stream: Stream::Accept, step: u64::MAX, pair: 65_535 },
    ];
    for level in Level::available() {
        for address in addresses {
            for first in [0, 16, 4096, MAX_WALKERS - 16] {
                let double = level.run(Words::<f64> { first, address, state: std::marker::PhantomData });
                assert_eq!(double, documented(first, address, false), "{address:?} of {first} at {}", level.name());
                // Two walkers share a block.
                let single = level.run(Words::<f32> { first, address, state: std::marker::PhantomData });
                assert_eq!(single, documented(first / 2, address, true), "{address:?} of {first} at {}", level.name());
            }
        }
    }
}

#[test]
fn streams_steps_pairs_and_keys_never_share_bits() {
    let level = Level::detect();
    let mut seen = std::collections::HashSet::new();
    for stream in [Stream::Increment, Stream::Initial, Stream::Accept] {
        for step in 0..8 {
            for pair in 0..8 {
                let address = Address { stream, step, pair };
                seen.extend(level.run(Words::<f64> { first: 0, address, state: std::marker::PhantomData }));
                seen.extend(level.run(Words::<f32> { first: 0, address, state: std::marker::PhantomData }));
            }
        }
    }
    assert_eq!(seen.len(), 3 * 8 * 8 * 2 * 8);
    let keys = [0, 1, 1 << 64, u128::MAX].map(round_keys::<{ ROUNDS + 1 }>);
    let distinct: std::collections::HashSet<_> = keys.iter().flatten().collect();
    assert_eq!(distinct.len(), 4 * (ROUNDS + 1));
}

#[test]
fn round_keys_are_a_weyl_sequence_in_each_half() {
    let [first, second, ..] = round_keys::<6>(u128::MAX);
    assert_eq!(first, u128::MAX);
    // The halves do not carry into each other.
    assert_eq!(second as u64, 0x9E37_79B9_7F4A_7C14);
    assert_eq!((second >> 64) as u64, 0xBB67_AE85_84CA_A73A);
}
