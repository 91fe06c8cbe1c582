//! How a limit for many is divided among those who run.
//!
//! Everybody gets the same, but nobody more than they may have themselves; what one cannot use goes
//! to the others. So no bandwidth lies idle for the sake of a job with a limit of its own.

/// Divides `total` (none: no limit) among jobs, each with its own limit or none; in their order.
/// All rates are in bytes a second. Nobody who runs gets 0: that would look like a stall.
#[must_use]
pub fn share(total: Option<u64>, own: &[Option<u64>]) -> Vec<Option<u64>> {
    let Some(total) = total else {
        return own.to_vec();
    };
    let mut order: Vec<usize> = (0..own.len()).collect();
    order.sort_by_key(|at| own[*at].unwrap_or(u64::MAX));
    let mut shares = vec![None; own.len()];
    let mut left = total;
    for (done, at) in order.into_iter().enumerate() {
        let equal = left / (own.len() - done) as u64;
        let share = own[at].map_or(equal, |own| own.min(equal));
        left -= share;
        shares[at] = Some(share.max(1));
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn everybody_gets_the_same_and_what_one_leaves_goes_to_the_others() {
        assert_eq!(share(Some(900), &[None, None, None]), [Some(300); 3]);
        let capped = share(Some(900), &[None, Some(100), None]);
        assert_eq!(capped, [Some(400), Some(100), Some(400)]);
        assert_eq!(share(None, &[None, Some(7)]), [None, Some(7)]);
        assert_eq!(share(Some(900), &[]), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_more_is_given_than_there_is_and_none_is_left_that_somebody_could_use(
            total in 100..1_000_000u64,
            own in proptest::collection::vec(proptest::option::of(1..100_000u64), 1..20),
        ) {
            let shares = share(Some(total), &own);
            let given: u64 = shares.iter().flatten().sum();
            prop_assert!(given <= total);
            for (share, own) in shares.iter().zip(&own) {
                prop_assert!(share.is_some_and(|share| own.is_none_or(|own| share <= own)));
                let content = *own == *share;
                // Whole bytes: less than one for each may lie idle.
                prop_assert!(content || given + (shares.len() as u64) > total);
            }
        }
    }
}
