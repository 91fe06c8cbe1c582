//! Pieces of a file as one stream of bytes. Pure.
//!
//! This module answers one question: *which bytes are next, and where do they go?* What a fetch
//! holds is counted along the stream: first piece first. Pieces that follow each other both at the
//! server and in the file are one piece.
//!
//! An open piece, one to the end of the file, has a length as soon as the size of the file is known.

use crate::order::Piece;

/// Pieces, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream(Vec<Piece>);

/// What to ask for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// The first byte at the server.
    pub(crate) first: u64,
    /// The last byte at the server; nothing: to the end.
    pub(crate) last: Option<u64>,
    /// Where in the file the first byte goes.
    pub(crate) at: u64,
}

impl Stream {
    /// `None` where a piece reaches beyond what can be counted, or nothing is asked for.
    pub(crate) fn of(pieces: &[Piece]) -> Option<Self> {
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces.iter().filter(|piece| piece.length != Some(0)) {
            let length = piece.length.unwrap_or(0);
            piece.source.checked_add(length)?;
            piece.at.checked_add(length)?;
            match joined.last_mut() {
                Some(last) if follows(last, piece) => {
                    let before = last.length.unwrap_or(0);
                    last.length = piece.length.map(|length| before + length);
                }
                Some(_) | None => joined.push(*piece),
            }
        }
        (!joined.is_empty()).then_some(Self(joined))
    }

    /// What is next after `position` bytes; nothing at the end. Where an open piece is passed, the
    /// size of the file must be known.
    pub(crate) fn next(&self, position: u64, total: Option<u64>) -> Option<Next> {
        let mut skip = position;
        for piece in &self.0 {
            let length = length(piece, total);
            if length.is_none_or(|length| skip < length) {
                return Some(Next {
                    first: piece.source + skip,
                    last: piece.length.map(|length| piece.source + length - 1),
                    at: piece.at + skip,
                });
            }
            skip -= length.unwrap_or(0);
        }
        None
    }

    /// Whether it is a single piece.
    pub(crate) fn is_one(&self) -> bool {
        self.0.len() == 1
    }

    /// How many bytes all of them are, if that can be said.
    pub(crate) fn length(&self, total: Option<u64>) -> Option<u64> {
        self.0.iter().try_fold(0_u64, |sum, piece| sum.checked_add(length(piece, total)?))
    }

    /// Whether a file of this size has them all.
    pub(crate) fn lie_in(&self, total: u64) -> bool {
        self.0.iter().all(|piece| match piece.length {
            Some(length) => piece.source + length <= total,
            None => piece.source < total || piece.source == 0,
        })
    }

    /// How long a file must be that holds the first `position` bytes in their places.
    pub(crate) fn reach(&self, position: u64, total: Option<u64>) -> u64 {
        let (mut skip, mut reach) = (position, 0);
        for piece in &self.0 {
            let length = length(piece, total).unwrap_or(u64::MAX);
            let here = skip.min(length);
            if here > 0 {
                reach = reach.max(piece.at.saturating_add(here));
            }
            skip -= here;
        }
        reach
    }
}

fn length(piece: &Piece, total: Option<u64>) -> Option<u64> {
    piece.length.or_else(|| Some(total?.saturating_sub(piece.source)))
}

fn follows(last: &Piece, piece: &Piece) -> bool {
    last.length
        .is_some_and(|length| last.source + length == piece.source && last.at + length == piece.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(source: u64, length: Option<u64>, at: u64) -> Piece {
        Piece { source, length, at }
    }

    fn next(first: u64, last: Option<u64>, at: u64) -> Option<Next> {
        Some(Next { first, last, at })
    }

    #[test]
    fn the_stream_runs_through_the_pieces_in_the_order_given() {
        // The worked example of `wire.md` 1.5.
        let pieces =
            [piece(100, Some(100), 0), piece(1000, Some(100), 100), piece(200, Some(100), 200)];
        let stream = Stream::of(&pieces).unwrap();
        assert_eq!(stream.next(25, None), next(125, Some(199), 25));
        assert_eq!(stream.next(100, None), next(1000, Some(1099), 100));
        assert_eq!(stream.next(299, None), next(299, Some(299), 299));
        assert_eq!(stream.next(300, None), None);
        assert_eq!(stream.length(None), Some(300));
        assert!(stream.lie_in(1100) && !stream.lie_in(1099));
        assert_eq!((stream.reach(0, None), stream.reach(150, None)), (0, 150));
    }

    #[test]
    fn neighbours_at_both_ends_are_one_piece() {
        let joined = Stream::of(&[piece(0, Some(5), 0), piece(5, Some(5), 5)]).unwrap();
        assert_eq!(joined, Stream::of(&[piece(0, Some(10), 0)]).unwrap());
        let open = Stream::of(&[piece(0, Some(5), 0), piece(5, None, 5)]).unwrap();
        assert_eq!(open, Stream::of(&[piece(0, None, 0)]).unwrap());
        let apart = Stream::of(&[piece(0, Some(5), 0), piece(5, Some(5), 6)]).unwrap();
        assert_eq!(apart.next(0, None), next(0, Some(4), 0));
    }

    #[test]
    fn an_open_piece_ends_where_the_file_does() {
        let stream = Stream::of(&[piece(90, None, 0), piece(0, Some(5), 10)]).unwrap();
        assert_eq!(stream.next(0, None), next(90, None, 0));
        assert_eq!(stream.next(4, Some(100)), next(94, None, 4));
        assert_eq!(stream.next(10, Some(100)), next(0, Some(4), 10));
        assert_eq!((stream.length(None), stream.length(Some(100))), (None, Some(15)));
        assert!(!stream.lie_in(90));
    }

    #[test]
    fn a_piece_nobody_can_count_to_and_nothing_at_all_are_no_stream() {
        assert_eq!(Stream::of(&[piece(u64::MAX, Some(1), 0)]), None);
        assert_eq!(Stream::of(&[piece(0, Some(2), u64::MAX - 1)]), None);
        assert_eq!(Stream::of(&[piece(7, Some(0), 0)]), None);
    }
}
