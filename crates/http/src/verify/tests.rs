//! Chains of which a part is vouched for by a stapled word, and a part by lists, or by nothing.

use super::*;
use crate::staple::tests::{Ca, NOW, good, revoked};
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd,
};
use std::time::Duration;
use webpki::OwnedCertRevocationList;

type List = Arc<CertRevocationList<'static>>;

/// A list of this authority with these certificates on it, good until a year.
fn list(ca: &Ca, revoked: &[&CertificateDer<'_>], until: i32) -> List {
    let entry = |der: &&CertificateDer<'_>| RevokedCertParams {
        serial_number: SerialNumber::from(EndEntityCert::try_from(*der).unwrap().serial().to_vec()),
        revocation_time: date_time_ymd(2020, 2, 2),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(until, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params.signed_by(&ca.0).unwrap();
    Arc::new(CertRevocationList::Owned(OwnedCertRevocationList::from_der(list.der()).unwrap()))
}

/// What comes of a chain where its revocation is looked at.
fn judged(
    root: &Ca,
    between: Option<&Ca>,
    leaf: &CertificateDer<'_>,
    stapled: &[u8],
    lists: &[List],
) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots.add(root.der()).unwrap();
    let checks = Lenient {
        roots: Arc::new(roots),
        lists: lists.into(),
        algorithms: rustls::crypto::ring::default_provider().signature_verification_algorithms,
        relaxed: Relaxed { revocation: true, ..Relaxed::default() },
    };
    let others: Vec<_> = between.iter().map(|ca| ca.der()).collect();
    let name = ServerName::try_from("h.example").unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    match checks.verify_server_cert(leaf, &others, &name, stapled, now) {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(CertificateError::Other(other))) => Err(other.0.to_string()),
        Err(other) => Err(other.to_string()),
    }
}

fn says(outcome: &Result<(), String>, words: &str) -> bool {
    outcome.as_ref().is_err_and(|why| why.contains(words))
}

#[test]
fn a_stapled_word_is_as_good_as_a_list_and_a_no_of_either_is_one() {
    let root = Ca::new("root");
    let leaf = root.leaf();
    let judged = |stapled: &[u8], lists: &[List]| judged(&root, None, &leaf, stapled, lists);
    let (yes, no) = (root.says(&leaf, good()), root.says(&leaf, revoked()));
    assert_eq!(judged(&yes, &[]), Ok(()));
    assert!(says(&judged(&no, &[]), "Revoked"));
    assert!(says(&judged(&no, &[list(&root, &[], 2400)]), "Revoked"), "though no list names it");
    assert!(says(&judged(&yes, &[list(&root, &[&leaf], 2400)]), "Revoked"), "though it says yes");
    assert_eq!(judged(&yes, &[list(&root, &[], 2026)]), Ok(()), "fresher than the list");
    assert!(says(&judged(b"", &[list(&root, &[], 2026)]), "ExpiredRevocationList"));
    assert!(says(&judged(b"", &[]), "staples no answer"));
    let another = root.says(&root.leaf(), good());
    assert!(says(&judged(&another, &[]), "about another certificate"));
    assert_eq!(judged(&another, &[list(&root, &[], 2400)]), Ok(()), "the list is enough");
}

#[test]
fn a_word_on_the_servers_certificate_says_nothing_of_those_above_it() {
    let root = Ca::new("root");
    let between = root.below("between");
    let leaf = between.leaf();
    let judged =
        |stapled: &[u8], lists: &[List]| judged(&root, Some(&between), &leaf, stapled, lists);
    let yes = between.says(&leaf, good());
    let above = list(&root, &[], 2400);
    assert_eq!(judged(&yes, &[Arc::clone(&above)]), Ok(()));
    assert!(says(&judged(&yes, &[]), "certificates above it"));
    assert!(says(&judged(&yes, &[list(&between, &[], 2400)]), "certificates above it"));
    assert!(says(&judged(&yes, &[list(&root, &[&between.der()], 2400)]), "Revoked"));
    assert!(says(&judged(&yes, &[list(&root, &[], 2026)]), "ExpiredRevocationList"));
    // Whoever is further up has no say in it.
    assert!(says(&judged(&root.says(&leaf, good()), &[above]), "about another certificate"));
}

#[test]
fn a_certificate_that_always_has_a_word_stapled_to_it_is_not_taken_without() {
    let root = Ca::new("root");
    let mut params = rcgen::CertificateParams::new(vec!["h.example".to_owned()]).unwrap();
    let feature = [1, 3, 6, 1, 5, 5, 7, 1, 24];
    let content = vec![0x30, 3, 2, 1, 5];
    params.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&feature, content)];
    let leaf = root.issue(params).0;
    let fresh = list(&root, &[], 2400);
    let without = judged(&root, None, &leaf, b"", std::slice::from_ref(&fresh));
    assert!(says(&without, "staples no answer"), "{without:?}");
    assert_eq!(judged(&root, None, &leaf, &root.says(&leaf, good()), &[fresh]), Ok(()));
}
