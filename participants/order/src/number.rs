//! Order numbers: random, so that two of them don't tell how many orders lie between.

use rand::Rng;

/// Crockford's base 32 (<https://www.crockford.com/base32.html>): no I, L, O, U to misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUPS: u32 = 3;
const GROUP_LENGTH: u32 = 4;

/// A new number of 60 random bits, for example `7K3M-9QWX-2ABC`. A collision among a hundred million orders has a
/// chance of a half percent, and fails on the key.
pub(crate) fn new() -> String {
    from_bits(rand::rng().random())
}

/// The lower 60 bits as text.
fn from_bits(bits: u64) -> String {
    (0..GROUPS * GROUP_LENGTH)
        .flat_map(|position| {
            let digit = usize::try_from((bits >> (5 * position)) & 31).unwrap_or(0);
            let dash = (position > 0 && position % GROUP_LENGTH == 0).then_some('-');
            dash.into_iter()
                .chain(ALPHABET.get(digit).map(|byte| char::from(*byte)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{from_bits, new};

    #[test]
    fn every_bit_counts() {
        assert_eq!(from_bits(0), "0000-0000-0000");
        assert_eq!(from_bits(u64::MAX), "ZZZZ-ZZZZ-ZZZZ");
        for bit in 0..60 {
            assert_ne!(from_bits(1 << bit), from_bits(0), "bit {bit}");
        }
    }

    #[test]
    fn two_numbers_have_nothing_in_common() {
        assert_ne!(new(), new());
    }
}
