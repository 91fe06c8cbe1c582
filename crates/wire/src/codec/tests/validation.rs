//! Questions about servers' certificates: what is written is read.

use super::*;
use crate::net::{Question, Validation, ValidationId, Verdict};

pub(super) fn validation() -> impl Strategy<Value = Validation> {
    (any::<u64>(), any::<u32>()).prop_map(|(id, file)| Validation { id: ValidationId(id), file })
}

pub(super) fn verdict() -> impl Strategy<Value = ToNet> {
    let verdict = prop_oneof![
        Just(Verdict::Accepted),
        any::<u32>().prop_map(Verdict::Rejected),
        Just(Verdict::Nobody),
    ];
    (any::<u64>(), verdict).prop_map(|(question, verdict)| ToNet::Verdict { question, verdict })
}

pub(super) fn trouble() -> impl Strategy<Value = NetTrouble> {
    prop_oneof![
        any::<u32>().prop_map(NetTrouble::ValidatorRejected),
        Just(NetTrouble::ValidatorMissing),
    ]
}

pub(super) fn question() -> impl Strategy<Value = FromNet> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u32>(), any::<u16>());
    (numbers, "[a-z.]{0,60}", vec(bytes_to(300), 0..5)).prop_map(|(numbers, host, chain)| {
        let (validation, number, file, port) = numbers;
        let validation = ValidationId(validation);
        FromNet::Question(Box::new(Question { validation, number, file, host, port, chain }))
    })
}

#[test]
fn a_chain_that_is_too_long_to_be_shown_is_found_by_its_author() {
    let chain = vec![vec![0; CHAIN_MAX / 2 + 1]; 2];
    let (validation, host) = (ValidationId(1), "h".to_owned());
    let question = Question { validation, number: 1, file: 0, host, port: 443, chain };
    assert_eq!(FromNet::Question(Box::new(question)).encode(), Err(EncodeError::TooLong));
}
