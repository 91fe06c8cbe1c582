//! Hashes that grow with a file, and can be put down and taken up again. Pure.
//!
//! This module answers one question: *what is the digest of the first so many bytes?* The answer
//! has to outlive us: a file may come over days, in many turns, and what was hashed before a turn
//! ended would otherwise have to be read back from the disk at the beginning of the next one, all of
//! it, each time. So the state of a hash can be written down ([`Hashes::state`]) beside the number
//! of bytes it covers, and be taken up where exactly those bytes are held ([`Hashes::resume`]).
//!
//! Hashing is done where the bytes are written, while they are in the processor's cache. It never
//! reads a file, and believes no state that does not fit the number of bytes it is said to be of.

use crate::digest::Digest;
use sha2::digest::block_buffer::EagerBuffer;
use sha2::digest::generic_array::typenum::{U64, U128};

/// FIPS 180-4, 5.3.3.
const BEGIN_256: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
/// FIPS 180-4, 5.3.5.
const BEGIN_512: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// What states begin with: which algorithm the next bytes are of.
const MARK_256: u8 = 1;
const MARK_512: u8 = 2;

/// Which digests are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) sha256: bool,
    pub(crate) sha512: bool,
}

impl Wanted {
    /// Those that these digests are compared with.
    pub(crate) fn of<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> Self {
        let mut wanted = Self::default();
        for digest in digests {
            match digest {
                Digest::Sha256(_) => wanted.sha256 = true,
                Digest::Sha512(_) => wanted.sha512 = true,
            }
        }
        wanted
    }
}

/// The hashes of the bytes so far.
#[derive(Clone, Debug)]
pub(crate) struct Hashes {
    length: u64,
    sha256: Option<([u32; 8], EagerBuffer<U64>)>,
    sha512: Option<([u64; 8], EagerBuffer<U128>)>,
}

impl Hashes {
    /// Of no bytes.
    pub(crate) fn begin(wanted: Wanted) -> Self {
        Self {
            length: 0,
            sha256: wanted.sha256.then(|| (BEGIN_256, EagerBuffer::default())),
            sha512: wanted.sha512.then(|| (BEGIN_512, EagerBuffer::default())),
        }
    }

    /// Of the first `length` bytes, as they were written down. Nothing if what was written down is
    /// of another number of bytes, or lacks what is wanted.
    pub(crate) fn resume(wanted: Wanted, length: u64, state: &[u8]) -> Option<Self> {
        let mut found = Self { length, sha256: None, sha512: None };
        let mut rest = state;
        while let Some((mark, after)) = rest.split_first() {
            rest = match *mark {
                MARK_256 => {
                    let (words, begun, after) = parts::<4, 64>(after, length)?;
                    let words = words.map(u32::from_be_bytes);
                    found.sha256 = wanted.sha256.then(|| (words, EagerBuffer::new(begun)));
                    after
                }
                MARK_512 => {
                    let (words, begun, after) = parts::<8, 128>(after, length)?;
                    let words = words.map(u64::from_be_bytes);
                    found.sha512 = wanted.sha512.then(|| (words, EagerBuffer::new(begun)));
                    after
                }
                _ => return None,
            };
        }
        found.has(wanted).then_some(found)
    }

    /// Whether these are among them.
    pub(crate) fn has(&self, wanted: Wanted) -> bool {
        (self.sha256.is_some() || !wanted.sha256) && (self.sha512.is_some() || !wanted.sha512)
    }

    /// How many bytes they are of.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Takes the bytes that follow.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if let Some((words, begun)) = &mut self.sha256 {
            begun.digest_blocks(bytes, |blocks| sha2::compress256(words, blocks));
        }
        if let Some((words, begun)) = &mut self.sha512 {
            begun.digest_blocks(bytes, |blocks| sha2::compress512(words, blocks));
        }
    }

    /// All that is needed to go on, from the same number of bytes.
    pub(crate) fn state(&self) -> Vec<u8> {
        let mut state = Vec::new();
        if let Some((words, begun)) = &self.sha256 {
            state.push(MARK_256);
            state.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            state.extend_from_slice(begun.get_data());
        }
        if let Some((words, begun)) = &self.sha512 {
            state.push(MARK_512);
            state.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            state.extend_from_slice(begun.get_data());
        }
        state
    }

    /// Whether the bytes so far have this digest. False also where it was never computed.
    pub(crate) fn are(&self, digest: &Digest) -> bool {
        let bits = u128::from(self.length) * 8;
        match (digest, &self.sha256, &self.sha512) {
            (Digest::Sha256(wanted), Some((words, begun)), _) => {
                let (mut words, mut begun) = (*words, begun.clone());
                // FIPS 180-4 has no longer messages than 2^64 bits; no file is.
                let bits = u64::try_from(bits).unwrap_or(u64::MAX);
                begun.len64_padding_be(bits, |block| {
                    sha2::compress256(&mut words, std::slice::from_ref(block));
                });
                words.iter().flat_map(|word| word.to_be_bytes()).eq(*wanted)
            }
            (Digest::Sha512(wanted), _, Some((words, begun))) => {
                let (mut words, mut begun) = (*words, begun.clone());
                begun.len128_padding_be(bits, |block| {
                    sha2::compress512(&mut words, std::slice::from_ref(block));
                });
                words.iter().flat_map(|word| word.to_be_bytes()).eq(*wanted)
            }
            (Digest::Sha256(_) | Digest::Sha512(_), _, _) => false,
        }
    }
}

/// The eight words of a state after `length` bytes, the bytes of the block that was begun, and what
/// follows.
type Parts<'a, const WORD: usize> = ([[u8; WORD]; 8], &'a [u8], &'a [u8]);

fn parts<const WORD: usize, const BLOCK: u64>(
    state: &[u8],
    length: u64,
) -> Option<Parts<'_, WORD>> {
    let (words, after) = state.split_at_checked(8 * WORD)?;
    let begun = usize::try_from(length % BLOCK).ok()?;
    let (begun, after) = after.split_at_checked(begun)?;
    let mut found = [[0; WORD]; 8];
    for (to, from) in found.iter_mut().zip(words.chunks_exact(WORD)) {
        to.copy_from_slice(from);
    }
    Some((found, begun, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::Digest as _;

    const BOTH: Wanted = Wanted { sha256: true, sha512: true };

    fn digests(bytes: &[u8]) -> [Digest; 2] {
        let (short, long) = (sha2::Sha256::digest(bytes), sha2::Sha512::digest(bytes));
        [Digest::Sha256(short.into()), Digest::Sha512(long.into())]
    }

    #[test]
    fn the_digests_of_the_standard_come_out() {
        // FIPS 180-4's own example, so that we do not only agree with the library.
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let mut value = [0; 32];
        for (at, byte) in value.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        }
        let mut hashes = Hashes::begin(BOTH);
        hashes.update(b"abc");
        assert!(hashes.are(&Digest::Sha256(value)));
        assert!(!hashes.are(&Digest::Sha512([0; 64])));
    }

    #[test]
    fn a_digest_that_was_not_computed_is_none() {
        let mut hashes = Hashes::begin(Wanted { sha256: true, sha512: false });
        hashes.update(b"abc");
        let [short, long] = digests(b"abc");
        assert!(hashes.are(&short) && !hashes.are(&long));
        assert!(Hashes::resume(BOTH, 3, &hashes.state()).is_none());
    }

    proptest! {
        #[test]
        fn put_down_and_taken_up_anywhere_the_digest_is_that_of_all_the_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 0..1000),
            cuts in proptest::collection::vec(0..1000_usize, 0..5),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let (mut hashes, mut at) = (Hashes::begin(BOTH), 0);
            for cut in cuts {
                hashes.update(&bytes[at..cut]);
                at = cut;
                hashes = Hashes::resume(BOTH, cut as u64, &hashes.state()).unwrap();
            }
            for digest in digests(&bytes) {
                prop_assert!(hashes.are(&digest));
            }
        }

        #[test]
        fn a_state_of_nonsense_never_panics_and_never_says_it_is_a_digest_at_hand(
            state in proptest::collection::vec(any::<u8>(), 0..400),
            length in any::<u64>(),
        ) {
            if let Some(hashes) = Hashes::resume(BOTH, length, &state) {
                prop_assert!(digests(b"").iter().all(|digest| !hashes.are(digest)));
            }
        }
    }
}
