//! Certificates that are wrong in exactly one way, and owners who do without exactly one check.

use crate::support::*;
use crate::tls::{Authority, Farewell, OK, for_name, start};
use ebb_http::{Client, Ended, Held, Options, Order, Relaxed};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use std::sync::Arc;

const NONE: Relaxed =
    Relaxed { name: false, date: false, authority: false, usage: false, revocation: false };
const NAME: Relaxed = Relaxed { name: true, ..NONE };
const DATE: Relaxed = Relaxed { date: true, ..NONE };
const AUTHORITY: Relaxed = Relaxed { authority: true, ..NONE };
const USAGE: Relaxed = Relaxed { usage: true, ..NONE };
const ALL: [Relaxed; 4] = [NAME, DATE, AUTHORITY, USAGE];

async fn is_taken(client: &Arc<Client>, url: url::Url, relaxed: Relaxed) -> bool {
    let options = Options { relaxed, ..Options::default() };
    let order = Order { options, ..order(url, Held::nothing()) };
    matches!(run(client, order, &Target::holding(b"")).await.0, Ended::Done { .. })
}

fn for_clients() -> CertificateParams {
    let mut params = for_name("localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn at_another_time(from: i32) -> CertificateParams {
    let mut params = for_name("localhost");
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(from + 1, 1, 1);
    params
}

#[tokio::test]
async fn a_certificate_with_one_fault_is_taken_only_without_the_check_for_it() {
    let authority = Authority::new("relaxed");
    let (trusting, strange) = (authority.client(), client());
    let faults = [
        (for_name("other.example"), &trusting, NAME),
        (at_another_time(2020), &trusting, DATE),
        (at_another_time(2060), &trusting, DATE),
        (for_name("localhost"), &strange, AUTHORITY),
        (for_clients(), &trusting, USAGE),
    ];
    for (params, client, check) in faults {
        let url = start(authority.server_config(params), OK, Farewell::Proper).await;
        assert!(!is_taken(client, url.clone(), Relaxed::default()).await, "{check:?}");
        for relaxed in ALL {
            let taken = is_taken(client, url.clone(), relaxed).await;
            assert_eq!(taken, relaxed == check, "fault {check:?}, without {relaxed:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_with_every_fault_needs_every_check_left_out() {
    let authority = Authority::new("all-wrong");
    let mut params = at_another_time(2020);
    params.subject_alt_names = for_name("other.example").subject_alt_names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let url = start(authority.server_config(params), OK, Farewell::Proper).await;
    let all = Relaxed { name: true, date: true, authority: true, usage: true, revocation: false };
    for but_one in [
        Relaxed { name: false, ..all },
        Relaxed { date: false, ..all },
        Relaxed { authority: false, ..all },
        Relaxed { usage: false, ..all },
    ] {
        assert!(!is_taken(&client(), url.clone(), but_one).await, "{but_one:?}");
    }
    assert!(is_taken(&client(), url, all).await);
}

#[tokio::test]
async fn a_connection_made_without_a_check_never_serves_who_asks_for_it() {
    let authority = Authority::new("apart");
    let config = authority.server_config(for_name("other.example"));
    let url = start(config, OK, Farewell::Proper).await;
    let client = authority.client();
    assert!(is_taken(&client, url.clone(), NAME).await);
    assert!(!is_taken(&client, url.clone(), Relaxed::default()).await);
    assert!(is_taken(&client, url, NAME).await);
}
