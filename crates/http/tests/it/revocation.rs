//! Certificates that must be shown to be not revoked, by lists beside the extra authorities.

use crate::support::*;
use crate::tls::{Authority, Farewell, OK, for_name, start};
use ebb_http::{
    Client, ConnectError, Ended, ExchangeError, FetchError, Held, Options, Order, Relaxed,
    TlsError, Trust,
};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, KeyIdMethod, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use std::sync::Arc;
use url::Url;

pub(crate) const CHECKED: Relaxed =
    Relaxed { name: false, date: false, authority: false, usage: false, revocation: true };
pub(crate) const SERIAL: u64 = 4711;

pub(crate) fn numbered() -> CertificateParams {
    let mut params = for_name("localhost");
    params.serial_number = Some(SerialNumber::from(SERIAL));
    params
}

/// A list of this authority, good until the beginning of a year.
pub(crate) fn list(authority: &Authority, revoked: &[u64], until: i32) -> String {
    let revoked = revoked.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2020, 2, 2),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(until, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(authority.issuer()).unwrap().pem().unwrap()
}

/// A client that trusts the authority, and has these lists beside it.
fn having(authority: &Authority, lists: &[String]) -> Arc<Client> {
    let name = format!("ebb-lists-{}-{}.pem", std::process::id(), lists.concat().len());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, format!("{}{}", authority.pem(), lists.concat())).unwrap();
    let trust = Trust::load(Some(&file));
    std::fs::remove_file(&file).unwrap();
    Client::new(trust.unwrap())
}

/// Nothing when it is taken; else why not.
async fn refused(client: &Arc<Client>, url: &Url, relaxed: Relaxed) -> Option<TlsError> {
    let options = Options { relaxed, ..Options::default() };
    let order = Order { options, ..order(url.clone(), Held::nothing()) };
    match run(client, order, &Target::holding(b"")).await.0 {
        Ended::Done { .. } => None,
        Ended::Failed {
            error: FetchError::Exchange(ExchangeError::Connect(ConnectError::Tls(error))),
            ..
        } => Some(error),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_check_for_revocation_takes_what_a_fresh_list_of_its_authority_does_not_name() {
    let (authority, other) = (Authority::new("revoking"), Authority::new("revoking-other"));
    let url = start(authority.server_config(numbered()), OK, Farewell::Proper).await;
    let good = having(&authority, &[list(&other, &[SERIAL], 2400), list(&authority, &[1], 2400)]);
    assert!(refused(&good, &url, CHECKED).await.is_none());
    let revoked = having(&authority, &[list(&authority, &[1, SERIAL], 2400)]);
    assert!(matches!(refused(&revoked, &url, CHECKED).await, Some(TlsError::Revoked)));
    assert!(refused(&revoked, &url, Relaxed::default()).await.is_none(), "nobody asked");
    // A connection that was made without the check carries nothing that asks for it.
    assert!(matches!(refused(&revoked, &url, CHECKED).await, Some(TlsError::Revoked)));
}

#[tokio::test]
async fn a_check_for_revocation_that_cannot_be_made_is_a_no() {
    let (authority, other) = (Authority::new("unknowing"), Authority::new("unknowing-other"));
    let url = start(authority.server_config(numbered()), OK, Farewell::Proper).await;
    for lists in [vec![], vec![list(&other, &[], 2400)]] {
        let client = having(&authority, &lists);
        let error = refused(&client, &url, CHECKED).await;
        assert!(matches!(error, Some(TlsError::RevocationUnknown(_))), "{error:?}");
    }
    let outdated = having(&authority, &[list(&authority, &[], 2021)]);
    let error = refused(&outdated, &url, CHECKED).await;
    assert!(matches!(error, Some(TlsError::RevocationListOutdated)), "{error:?}");
    // Of an authority that may be anybody there is no list.
    let anybody = Relaxed { authority: true, ..CHECKED };
    let stranger = having(&other, &[list(&other, &[], 2400)]);
    let error = refused(&stranger, &url, anybody).await;
    assert!(matches!(error, Some(TlsError::RevocationUnknown(_))), "{error:?}");
}
