//! Authorities of a job's own: trusted beside the machine's or in their place, by who names them, and
//! by nobody else.

use crate::crowded::Crowded;
use crate::revocation::{CHECKED, SERIAL, list, numbered};
use crate::support::{Target, order, run};
use crate::tls::{Authority, Farewell, OK, for_name, start};
use crate::validation::Server;
use ebb_http::{
    Authorities, Bucket, Client, ConnectError, Ended, ExchangeError, FetchError, Held, Options,
    Order, Relaxed, TlsError, Trust,
};
use std::sync::Arc;
use url::Url;

fn given(pem: &str, alone: bool) -> Options {
    let authorities = Some(Authorities::parse(pem.as_bytes(), alone).unwrap());
    Options { authorities, ..Options::default() }
}

/// Nothing when the server is taken; else why not.
async fn refused(client: &Arc<Client>, url: &Url, options: Options) -> Option<TlsError> {
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

async fn is_unknown(client: &Arc<Client>, url: &Url, options: Options) -> bool {
    match refused(client, url, options).await {
        Some(TlsError::Certificate(why)) => why.contains("not trusted"),
        Some(other) => panic!("{other}"),
        None => false,
    }
}

#[tokio::test]
async fn authorities_of_a_job_are_trusted_beside_the_machines_or_in_their_place() {
    let (machines, jobs) = (Authority::new("of-the-machine"), Authority::new("of-the-job"));
    let (client, alone) = (machines.client(), [true, false]);
    let there = start(machines.server_config(for_name("localhost")), OK, Farewell::Proper).await;
    let here = start(jobs.server_config(for_name("localhost")), OK, Farewell::Proper).await;
    assert!(is_unknown(&client, &here, Options::default()).await, "nobody has named it");
    for alone in alone {
        assert!(!is_unknown(&client, &here, given(&jobs.pem(), alone)).await);
        let others = is_unknown(&client, &there, given(&jobs.pem(), alone)).await;
        assert_eq!(others, alone, "the machine's count unless the job's stand alone");
        // What was trusted for one is trusted for nobody else.
        assert!(is_unknown(&client, &here, Options::default()).await);
        assert!(is_unknown(&client, &here, given(&machines.pem(), alone)).await);
    }
}

#[tokio::test]
async fn a_kept_connection_is_no_way_around_the_authorities() {
    let authority = Authority::new("kept-apart");
    let client = Client::new(Trust::load(None).unwrap());
    let server = Server::start(vec![authority.server_config(for_name("localhost"))]).await;
    let options = given(&authority.pem(), true);
    for _ in 0..2 {
        assert!(refused(&client, &server.url, options.clone()).await.is_none());
    }
    assert_eq!(server.spoken_to(), 1, "it is kept for who named them");
    assert!(is_unknown(&client, &server.url, Options::default()).await);
    assert!(refused(&client, &server.url, given(&authority.pem(), true)).await.is_none());
    assert_eq!(server.spoken_to(), 2, "another job's are other ones, though they say the same");
}

#[tokio::test]
async fn a_shared_connection_of_http_2_is_no_way_around_the_authorities_either() {
    let authority = Authority::new("crowded-apart");
    let client = Client::new(Trust::load(None).unwrap());
    let server = Crowded::start(authority.server_config(for_name("localhost"))).await;
    let bucket = Arc::new(Bucket::new(None));
    let fetched = async |authorities: Option<Authorities>| {
        let options = Options { authorities, may_share: true, ..Options::default() };
        let bucket = Some(Arc::clone(&bucket));
        let order = Order { options, bucket, ..order(server.url("/ok/9"), Held::nothing()) };
        matches!(run(&client, order, &Target::holding(b"")).await.0, Ended::Done { .. })
    };
    let first = given(&authority.pem(), true).authorities;
    assert!(fetched(first.clone()).await && fetched(first).await);
    assert!(!fetched(None).await, "it is trusted by who named it alone");
    assert!(fetched(given(&authority.pem(), true).authorities).await);
    let mut connections: Vec<_> = server.asked_for("/ok/9").into_iter().collect();
    assert!(connections.iter().all(|(_, shared)| *shared));
    connections.dedup();
    assert_eq!(connections.len(), 2, "one for each who named it: {connections:?}");
}

#[tokio::test]
async fn lists_of_revoked_certificates_count_among_a_jobs_authorities() {
    let authority = Authority::new("lists-of-a-job");
    let client = Client::new(Trust::load(None).unwrap());
    let url = start(authority.server_config(numbered()), OK, Farewell::Proper).await;
    let with = |lists: &str, relaxed: Relaxed| {
        let pem = format!("{}{lists}", authority.pem());
        Options { relaxed, ..given(&pem, true) }
    };
    let (good, bad) = (list(&authority, &[1], 2400), list(&authority, &[SERIAL], 2400));
    assert!(refused(&client, &url, with(&good, CHECKED)).await.is_none());
    let revoked = refused(&client, &url, with(&bad, CHECKED)).await;
    assert!(matches!(revoked, Some(TlsError::Revoked)), "{revoked:?}");
    let unknown = refused(&client, &url, with("", CHECKED)).await;
    assert!(matches!(unknown, Some(TlsError::RevocationUnknown(_))), "{unknown:?}");
    assert!(refused(&client, &url, with(&bad, Relaxed::default())).await.is_none(), "not asked");
    // By themselves they say nothing about whom to trust.
    let client = authority.client();
    let beside = |list: &str| Options { relaxed: CHECKED, ..given(list, false) };
    assert!(refused(&client, &url, beside(&good)).await.is_none());
    let revoked = refused(&client, &url, beside(&bad)).await;
    assert!(matches!(revoked, Some(TlsError::Revoked)), "{revoked:?}");
    assert!(Authorities::parse(bad.as_bytes(), true).is_err(), "nobody could be trusted");
}
