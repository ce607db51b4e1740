//! AES rounds in software: the bits that the AES instructions give, for machines without them.

/// Multiplication in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (FIPS 197, 4.2).
const fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1B };
        b >>= 1;
    }
    product
}

/// The S-box: inversion, then an affine map (FIPS 197, 5.1.1).
const SBOX: [u8; 256] = {
    let mut sbox = [0x63; 256];
    let (mut power, mut inverse) = (1_u8, 1_u8);
    let mut exponent = 0;
    while exponent < 255 {
        let rotations =
            inverse.rotate_left(1) ^ inverse.rotate_left(2) ^ inverse.rotate_left(3) ^ inverse.rotate_left(4);
        sbox[power as usize] = 0x63 ^ inverse ^ rotations;
        // 3 generates the field and 0xF6 is its inverse, so `inverse` stays the inverse of `power`.
        power = times(power, 3);
        inverse = times(inverse, 0xF6);
        exponent += 1;
    }
    sbox
};

/// S-box and first column of MixColumns at once (FIPS 197, 5.1.3); the other columns are its rotations.
const MIXED: [u32; 256] = {
    let mut mixed = [0; 256];
    let mut i = 0;
    while i < 256 {
        let s = SBOX[i];
        mixed[i] = u32::from_le_bytes([times(s, 2), s, s, times(s, 3)]);
        i += 1;
    }
    mixed
};

/// The byte that ShiftRows brings to a row of a column.
fn shifted(block: [u8; 16], column: usize, row: usize) -> usize {
    usize::from(block[4 * ((column + row) % 4) + row])
}

fn round(block: u128, key: u128) -> u128 {
    let bytes = block.to_le_bytes();
    let mut mixed = 0;
    for column in 0..4 {
        let word = (0..4).fold(0, |word, row| word ^ MIXED[shifted(bytes, column, row)].rotate_left(8 * row as u32));
        mixed |= u128::from(word) << (32 * column);
    }
    mixed ^ key
}

fn last_round(block: u128, key: u128) -> u128 {
    let bytes = block.to_le_bytes();
    let substituted: [u8; 16] = std::array::from_fn(|i| SBOX[shifted(bytes, i / 4, i % 4)]);
    u128::from_le_bytes(substituted) ^ key
}

/// A full round of a whitened block for each key.
pub fn mix(whitened: u128, keys: &[u128]) -> u128 {
    keys.iter().fold(whitened, |block, &key| round(block, key))
}

/// The same for each key but the last, which gets the round without MixColumns.
pub fn encrypt<const R: usize>(whitened: u128, keys: &[u128; R]) -> u128 {
    last_round(mix(whitened, &keys[..R - 1]), keys[R - 1])
}
