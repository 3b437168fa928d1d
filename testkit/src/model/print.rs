//! Owns fingerprints: 128 bits that stand for a value, the same in every run. Leaves what is worth remembering to `search`.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

/// 128 bits that stand for a state. Among ten million states two different ones share them once in 10²⁴ searches.
pub type Fingerprint = u128;

/// The fingerprint of any value.
pub fn fingerprint(value: &impl Hash) -> Fingerprint {
    let mut printer = Printer::default();
    value.hash(&mut printer);
    printer.end()
}

/// Two lanes of multiply-and-fold, without a seed: equal values have equal fingerprints in every run.
struct Printer(u64, u64);

impl Default for Printer {
    fn default() -> Self {
        Printer(0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344)
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Printer {
    fn end(&self) -> Fingerprint {
        let (a, b) = (fold(self.0 ^ self.1.rotate_left(29), 0x9E37_79B9_7F4A_7C15), fold(self.1, 0xC2B2_AE3D_27D4_EB4F) ^ self.0);
        (u128::from(a) << 64) | u128::from(b)
    }
}

impl Hasher for Printer {
    fn finish(&self) -> u64 {
        self.end() as u64
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word) ^ (chunk.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, 0x9E37_79B9_7F4A_7C15 | 1).wrapping_add(self.1);
        self.1 = fold(self.1.rotate_left(23) ^ word.wrapping_mul(0xD6E8_FEB8_6659_FD93), 0xA076_1D64_78BD_642F)
            ^ self.0.rotate_left(17);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

/// Takes a fingerprint as its own hash.
#[derive(Clone, Copy, Default)]
pub(super) struct Own(u64);

impl Hasher for Own {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, print: u128) {
        self.0 = print as u64;
    }
}

/// A set's or map's way to take fingerprints as their own hashes.
pub(super) type ByPrint = BuildHasherDefault<Own>;

/// A value with its fingerprint, shared by all states in which it is the same: most actions change one part of a state.
#[derive(Clone, Debug)]
pub(super) struct Shared<T>(Arc<(T, Fingerprint)>);

impl<T: Hash> Shared<T> {
    /// Shares a value.
    pub(super) fn new(value: T) -> Self {
        let print = fingerprint(&value);
        Shared(Arc::new((value, print)))
    }

    /// The value.
    pub(super) fn get(&self) -> &T {
        &self.0.0
    }

    /// Its fingerprint.
    pub(super) fn print(&self) -> Fingerprint {
        self.0.1
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.1 == other.0.1 && self.0.0 == other.0.0
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T> Hash for Shared<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.1.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn small_changes_of_a_value_change_its_fingerprint() {
        let values = (0..64_u64).flat_map(|a| (0..64_u8).map(move |b| (a, vec![b; usize::from(b % 5)], Some(b))));
        let prints: BTreeSet<_> = values.map(|value| fingerprint(&value)).collect();
        assert_eq!(prints.len(), 64 * 64);
    }

    #[test]
    fn a_shared_value_has_the_fingerprint_of_its_content() {
        let (one, other) = (Shared::new(vec![1, 2]), Shared::new(vec![1, 2]));
        assert_eq!(fingerprint(&one), fingerprint(&other));
        assert_ne!(fingerprint(&one), fingerprint(&Shared::new(vec![2, 1])));
    }
}
