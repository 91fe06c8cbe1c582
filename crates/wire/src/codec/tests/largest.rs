//! The largest things that are said fit in one message: each limit was chosen for itself, and together
//! they must not make a job that nobody can be asked to do.

use super::*;
use crate::net::{Bypass, Hashed, Proxy, ProxyKind, Scheme, Way};

/// The most characters of a list of proxies, and of hosts that are reached without them (the rules'
/// own limits, which this crate does not link).
const LIST: usize = 4000;

fn host(length: usize) -> String {
    "h".repeat(length)
}

#[test]
fn the_largest_fetch_that_a_job_can_want_fits_in_one_message() {
    let field = || Some(vec![b'"'; VALIDATOR_MAX]);
    let digest = || Some(Box::new(Digest::Sha512([255; 64])));
    let validators = Validators {
        etag: field(),
        last_modified: field(),
        last_modified_strong: true,
        total: Some(u64::MAX),
        digest: digest(),
    };
    let length = HEADERS_MAX / FIELDS_COUNT_MAX;
    let header = || Header { name: host(length / 2), value: vec![b'v'; length / 2] };
    let proxy = || Proxy {
        only: Some(Scheme::Https),
        kind: ProxyKind::Socks5,
        host: host(LIST / PROXIES_MAX),
        port: u16::MAX,
    };
    let way = Way::Through {
        list: std::iter::repeat_with(proxy).take(PROXIES_MAX).collect(),
        bypass: vec![Bypass::Ending(host(LIST / BYPASS_MAX)); BYPASS_MAX],
    };
    let options = FetchOptions {
        method: host(METHOD_MAX),
        headers: std::iter::repeat_with(header).take(FIELDS_COUNT_MAX).collect(),
        certificate: Some(CertificateId(u64::MAX)),
        authorities: Some(AuthoritiesId(u64::MAX)),
        most_bytes: Some(u64::MAX),
        digest: digest(),
        way,
        ..FetchOptions::default()
    };
    let fetch = ToNet::Fetch {
        fetch: FetchId(u64::MAX),
        url: host(URL_MAX),
        offset: u64::MAX,
        validators: validators.clone(),
        hashed: Some(Hashed { at: u64::MAX, state: vec![255; HASHED_MAX] }),
        pieces: vec![Piece { source: 1, length: Some(2), at: 3 }; PIECES_MAX],
        options,
        bucket: u32::MAX,
        stall_timeout_ms: u32::MAX,
    };
    let bytes = fetch.encode().unwrap();
    assert!(bytes.len() <= MESSAGE_MAX, "{} bytes", bytes.len());
    assert_eq!(ToNet::decode(&bytes).unwrap(), fetch);
}
