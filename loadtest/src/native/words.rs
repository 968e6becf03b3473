//! The words of the messages that `greenroom seed --load --messages` makes: they follow from a message's offset.

/// Different words, the common ones first.
pub const COUNT: usize = 500;
/// Words of a message; one may come twice.
pub const PER_MESSAGE: usize = 10;
/// Above all products of two numbers below it is room in 63 bits.
const PRIME: u64 = 2_147_483_647;

/// Two syllables of 25.
pub fn word(index: usize) -> String {
    let syllable = |n: usize| [b"bklmt"[n / 5], b"aeiou"[n % 5]];
    [syllable(index / 25), syllable(index % 25)].as_flattened().iter().map(|byte| char::from(*byte)).collect()
}

/// Which words the message at this offset has.
pub fn indexes(offset: u64) -> [usize; PER_MESSAGE] {
    std::array::from_fn(|place| {
        let seed = (offset * 16_807 + place as u64 * 7_919) % PRIME;
        let drawn = seed * seed % PRIME * 48_271 % PRIME;
        // The product of three draws: few words are very common, and many are rare.
        ((drawn % 500) * (drawn / 500 % 500) * (drawn / 250_000 % 500) / 250_000) as usize
    })
}

/// All of what the message at this offset says.
pub fn content(offset: u64) -> String {
    indexes(offset).map(word).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_seeder() {
        assert_eq!(content(1), "bemu babe baba bemo bite bika leka belo bota bete");
        assert_eq!(content(12_345), "baka babo biku babo bimu bili kike bule belo kuto");
        assert_eq!(word(COUNT - 1), "mutu");
    }

    #[test]
    fn some_words_are_common_and_others_rare() {
        let mut counts = [0; COUNT];
        (1..=10_000).flat_map(indexes).for_each(|index| counts[index] += 1);
        assert!(counts[0] > 4_000, "{}", counts[0]);
        assert!(counts[100] < 400, "{}", counts[100]);
        assert!((1..20).contains(&counts[450]), "{}", counts[450]);
    }
}
