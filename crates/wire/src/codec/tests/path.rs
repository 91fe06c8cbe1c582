//! Any way to behave, and anything that may be seen of a path.

use crate::net::{Course, Manners, Part, Path, ToNet};
use proptest::option;
use proptest::prelude::*;

fn manners() -> impl Strategy<Value = Manners> {
    prop_oneof![Just(Manners::High), Just(Manners::Normal), Just(Manners::Low)]
}

pub(super) fn limit() -> impl Strategy<Value = ToNet> {
    (any::<u32>(), option::of(any::<u64>()), option::of(manners())).prop_map(
        |(bucket, bytes_per_second, manners)| ToNet::Limit { bucket, bytes_per_second, manners },
    )
}

pub(super) fn share() -> impl Strategy<Value = ToNet> {
    (manners(), any::<[u16; 3]>(), any::<[u64; 2]>()).prop_map(
        |(manners, [weight, place, of], [window, rate])| ToNet::Share {
            manners,
            part: Part { weight, place, of, window, rate },
        },
    )
}

pub(super) fn path() -> impl Strategy<Value = Path> {
    let course = prop_oneof![
        Just(Course::Taking),
        Just(Course::Creeping),
        Just(Course::Yielding),
        Just(Course::Halved),
        Just(Course::Looking),
        Just(Course::Alarmed),
        Just(Course::Tethered),
    ];
    let maybe = || option::of(any::<u32>());
    (
        (manners(), course, any::<u32>()),
        any::<[u64; 2]>(),
        (maybe(), maybe(), any::<u32>()),
        (any::<[bool; 2]>(), maybe(), any::<u16>()),
    )
        .prop_map(
            |(
                (manners, course, connections),
                [window, rate],
                (base_us, queue_us, target_us),
                ([card, echoes], remembered_us, share),
            )| {
                Path {
                    manners,
                    course,
                    connections,
                    window,
                    rate,
                    base_us,
                    queue_us,
                    target_us,
                    card,
                    echoes,
                    remembered_us,
                    share,
                }
            },
        )
}
