//! How domains are looked up: names are hashed a word at a time, which takes a fraction of the standard library's SipHash.
//!
//! Nobody but the author of a configuration or a signed manifest chooses the names in a table, so that collisions on purpose
//! would harm only whoever makes them. A seed of the process's own keeps even those from being made in advance.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::LazyLock,
};

/// Makes a [`NameHasher`] for each name.
#[derive(Debug, Clone)]
pub(crate) struct NameHashing {
    seed: u64,
}

impl Default for NameHashing {
    fn default() -> Self {
        static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
        Self { seed: *SEED }
    }
}

impl BuildHasher for NameHashing {
    type Hasher = NameHasher;

    fn build_hasher(&self) -> NameHasher {
        NameHasher { state: self.seed }
    }
}

/// The 64 bits of a name so far.
pub(crate) struct NameHasher {
    state: u64,
}

/// Odd, with as many ones as zeros and no pattern: the fractional part of the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl NameHasher {
    /// Both halves of the product, so that every bit of the word reaches every bit of the state.
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(FACTOR);
        self.state = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        // No zero octet is in a name, so that no two rests of one length are the same word.
        let last = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        self.mix(last ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, _: u8) {} // the end of a string, whose length has been mixed in

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::NameHashing;
    use std::{
        collections::{HashMap, HashSet},
        hash::BuildHasher,
        sync::Arc,
    };

    #[test]
    fn a_name_has_one_hash_however_it_is_held() {
        let hashing = NameHashing::default();
        let shared: Arc<str> = "api.example.com".into();
        assert_eq!(hashing.hash_one(&shared), hashing.hash_one("api.example.com"));
        assert_eq!(
            hashing.hash_one(&shared),
            NameHashing::default().hash_one(String::from("api.example.com"))
        );
    }

    #[test]
    fn names_that_are_alike_are_spread_evenly() {
        let hashing = NameHashing::default();
        let names = (0..50_000).flat_map(|n| [format!("h{n}.io"), format!("host{n}.example.com")]);
        let hashes: Vec<_> = names
            .chain((1..=253).map(|n| "a".repeat(n)))
            .map(|name| hashing.hash_one(name.as_str()))
            .collect();
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len(), "all are different");
        // A table takes the place from the lowest bits, and tells the names at one place apart by the highest seven.
        for part in [|hash: u64| hash & 0x3ff, |hash: u64| hash >> 57] {
            let mut counts = HashMap::new();
            hashes.iter().for_each(|hash| *counts.entry(part(*hash)).or_insert(0) += 1);
            let even = hashes.len() / counts.len();
            assert!(
                counts.values().all(|count| (even / 2..even * 2).contains(count)),
                "{:?}",
                counts.values().max()
            );
        }
    }
}
