//! Anything that may be remembered of paths.

use crate::net::{FromNet, Peer, Remembered, ToNet};
use proptest::collection::vec;
use proptest::prelude::*;

fn memory() -> impl Strategy<Value = (u32, Vec<Remembered>)> {
    let peer =
        prop_oneof![any::<[u8; 3]>().prop_map(Peer::V4), any::<[u8; 6]>().prop_map(Peer::V6),];
    let one = (peer, any::<u32>(), any::<u64>()).prop_map(|(peer, base_us, rate)| Remembered {
        peer,
        base_us,
        rate,
    });
    (any::<u32>(), vec(one, 0..5))
}

pub(super) fn remember() -> impl Strategy<Value = ToNet> {
    memory().prop_map(|(network, paths)| ToNet::Remember { network, paths })
}

pub(super) fn learned() -> impl Strategy<Value = FromNet> {
    memory().prop_map(|(network, paths)| FromNet::Learned { network, paths })
}
