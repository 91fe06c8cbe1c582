//! Content that nobody has to store: which byte stands where in a made-up file.
//!
//! A test file is a seed and a size. Every byte follows from its offset, so the server can make a
//! gigabyte as it sends it, a test can check a download without a second copy, and two versions of
//! one file differ everywhere: a splice of two versions is found at its first foreign byte.
//!
//! This module never does I/O of its own; [`Content::check`] reads from what it is given.

use std::io::Read;

/// A made-up file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// What makes it different from others.
    pub seed: u64,
    /// Its length in bytes.
    pub size: u64,
}

impl Content {
    /// A file of `size` bytes.
    #[must_use]
    pub const fn new(seed: u64, size: u64) -> Self {
        Self { seed, size }
    }

    /// Writes the bytes from `offset` on into all of `out`, whatever the size says.
    pub fn fill(&self, offset: u64, out: &mut [u8]) {
        let mut at = offset;
        let mut rest = out;
        while !rest.is_empty() {
            let word = word(self.seed, at / 8).to_le_bytes();
            let skip = usize::try_from(at % 8).expect("below eight");
            let n = rest.len().min(8 - skip);
            rest[..n].copy_from_slice(&word[skip..skip + n]);
            rest = &mut rest[n..];
            at += n as u64;
        }
    }

    /// The whole file at once; for small ones.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = vec![0; usize::try_from(self.size).expect("a small file")];
        self.fill(0, &mut all);
        all
    }

    /// Says where `reader` departs from this content: the offset of the first wrong byte, or of the
    /// end when it is too short or too long. `None` when it is exactly this file.
    ///
    /// # Errors
    ///
    /// What reading ran into.
    pub fn departure(&self, reader: &mut impl Read) -> std::io::Result<Option<u64>> {
        let (mut got, mut want) = (vec![0; 1 << 18], vec![0; 1 << 18]);
        let mut at = 0;
        loop {
            let n = reader.read(&mut got)?;
            if n == 0 {
                return Ok((at != self.size).then_some(at));
            }
            self.fill(at, &mut want[..n]);
            if let Some(i) = got[..n].iter().zip(&want[..n]).position(|(a, b)| a != b) {
                return Ok(Some(at + i as u64));
            }
            at += n as u64;
            if at > self.size {
                return Ok(Some(self.size));
            }
        }
    }

    /// Panics unless the file at `path` is exactly this content.
    ///
    /// # Panics
    ///
    /// When it is not, and says where they part.
    pub fn check(&self, path: &std::path::Path) {
        let mut file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let departure = self.departure(&mut file).expect("a readable file");
        assert_eq!(departure, None, "{path:?} departs from {self:?} at this offset");
    }
}

/// Eight bytes of the file, by their number (a finaliser of the splitmix family).
fn word(seed: u64, index: u64) -> u64 {
    let mut x = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::Content;

    #[test]
    fn a_piece_from_the_middle_is_what_the_whole_has_there() {
        let content = Content::new(7, 100);
        let mut piece = [0; 21];
        content.fill(13, &mut piece);
        assert_eq!(piece, content.bytes()[13..34]);
    }

    #[test]
    fn a_splice_a_cut_and_an_appendix_are_each_found_where_they_begin() {
        let (a, b) = (Content::new(1, 64), Content::new(2, 64));
        let splice = [&a.bytes()[..40], &b.bytes()[40..]].concat();
        assert_eq!(a.departure(&mut splice.as_slice()).unwrap(), Some(40));
        assert_eq!(a.departure(&mut &a.bytes()[..9]).unwrap(), Some(9));
        let long = [a.bytes(), vec![0]].concat();
        assert_eq!(a.departure(&mut long.as_slice()).unwrap(), Some(64));
        assert_eq!(a.departure(&mut a.bytes().as_slice()).unwrap(), None);
    }
}
