//! What tells versions of a file apart: validators, digests, and what a file agent sees.

use super::*;

pub(super) fn source() -> impl Strategy<Value = Source> {
    (any::<[u64; 5]>(), any::<[i64; 2]>()).prop_map(|(numbers, [modified, changed])| {
        let [dev, ino, size, modified_ns, changed_ns] = numbers;
        Source { dev, ino, size, modified, modified_ns, changed, changed_ns }
    })
}

pub(super) fn validators() -> impl Strategy<Value = Validators> {
    let field = || option::of(bytes_to(VALIDATOR_MAX));
    (field(), field(), any::<bool>(), option::of(any::<u64>()), option::of(digest())).prop_map(
        |(etag, last_modified, last_modified_strong, total, digest)| Validators {
            etag,
            last_modified,
            last_modified_strong,
            total,
            digest,
        },
    )
}

pub(super) fn digest() -> impl Strategy<Value = Box<Digest>> {
    let long = || (any::<[u8; 32]>(), any::<[u8; 32]>());
    prop_oneof![
        any::<[u8; 32]>().prop_map(Digest::Sha256),
        long().prop_map(|(first, second)| {
            let mut value = [0; 64];
            value[..32].copy_from_slice(&first);
            value[32..].copy_from_slice(&second);
            Digest::Sha512(value)
        }),
    ]
    .prop_map(Box::new)
}

pub(super) fn hashed() -> impl Strategy<Value = Hashed> {
    (any::<u64>(), bytes_to(HASHED_MAX)).prop_map(|(at, state)| Hashed { at, state })
}
