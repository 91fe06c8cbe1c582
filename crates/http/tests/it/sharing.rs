//! Many small files on one connection (HTTP/2): who shares it, who does not, and what a server may do there.

use crate::crowded::{Crowded, content};
use crate::proxies::{THROUGH, Tunnels, at, using};
use crate::support::*;
use crate::tls::{Authority, for_name};
use ebb_http::{
    AnswerError, Bucket, Client, Ended, Held, Login, LoginScheme, LoginTarget, Options, Order,
    ProxyKind, Secret, Validators, fetch,
};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server, and a client that trusts it.
struct Stage {
    server: Crowded,
    client: Arc<Client>,
    bucket: Arc<Bucket>,
    _authority: Authority,
}

impl Stage {
    async fn new(name: &str) -> Self {
        let authority = Authority::new(name);
        let server = Crowded::start(authority.server_config(for_name("localhost"))).await;
        Self::of(authority, server)
    }

    fn of(authority: Authority, server: Crowded) -> Self {
        let (client, bucket) = (authority.client(), Arc::new(Bucket::new(None)));
        Self { server, client, bucket, _authority: authority }
    }

    /// One of many small files.
    fn order(&self, path: &str) -> Order {
        let options = Options { may_share: true, ..Options::default() };
        let bucket = Some(Arc::clone(&self.bucket));
        Order { options, bucket, ..order(self.server.url(path), Held::nothing()) }
    }

    async fn fetched(&self, order: Order) -> (Ended, Vec<u8>) {
        let target = Target::holding(b"");
        let (ended, _) = run(&self.client, order, &target).await;
        (ended, target.content())
    }

    /// Fetches nine bytes that are all right in the end.
    async fn brings(&self, path: &str) {
        let (ended, came) = self.fetched(self.order(path)).await;
        assert_done(&ended, 9);
        assert_eq!(came, content(9));
    }
}

#[tokio::test]
async fn many_small_files_come_on_one_connection_and_what_is_told_of_them_says_so() {
    let stage = Stage::new("many").await;
    let targets: Vec<Target> = (0..40).map(|_| Target::holding(b"")).collect();
    let fetching = targets
        .iter()
        .enumerate()
        .map(|(at, target)| run(&stage.client, stage.order(&format!("/ok/{}", 5000 + at)), target));
    for (at, (ended, notebook)) in join_all(fetching).await.into_iter().enumerate() {
        assert_done(&ended, 5000 + at as u64);
        assert_eq!(targets[at].content(), content(5000 + at));
        assert!(notebook.heads[0].shared);
    }
    assert!(stage.server.asked().iter().all(|asked| (asked.0, asked.1) == (0, true)));
}

#[tokio::test]
async fn what_is_not_one_of_many_asks_for_http_1() {
    let stage = Stage::new("single").await;
    let mut order = stage.order("/ok/9");
    order.options.may_share = false;
    let target = Target::holding(b"");
    let (ended, notebook) = run(&stage.client, order, &target).await;
    assert_done(&ended, 9);
    assert!(!notebook.heads[0].shared);
    assert_eq!(stage.server.asked_for("/ok/9"), [(0, false)]);
}

#[tokio::test]
async fn a_server_without_http_2_is_asked_for_it_once_and_its_connection_is_used() {
    let authority = Authority::new("of-old");
    let server = Crowded::of_old(authority.server_config(for_name("localhost"))).await;
    let stage = Stage::of(authority, server);
    for _ in 0..3 {
        stage.brings("/ok/9").await;
    }
    assert_eq!(stage.server.asked_for("/ok/9"), [(0, false); 3]);
}

#[tokio::test]
async fn two_jobs_never_share_a_connection() {
    let stage = Stage::new("jobs").await;
    stage.brings("/ok/9").await;
    let other = Some(Arc::new(Bucket::new(None)));
    let (ended, _) = stage.fetched(Order { bucket: other, ..stage.order("/ok/9") }).await;
    assert_done(&ended, 9);
    stage.brings("/ok/9").await;
    assert_eq!(stage.server.asked_for("/ok/9"), [(0, true), (1, true), (0, true)]);
}

#[tokio::test]
async fn who_may_log_on_for_the_connection_has_it_alone() {
    let stage = Stage::new("logins").await;
    let held = [LoginScheme::Negotiate, LoginScheme::Ntlm, LoginScheme::Digest];
    for scheme in held.into_iter().chain([LoginScheme::Basic]) {
        let explicit = Some((Secret::of("alice"), Secret::of("hunter2")));
        let login = Login { target: LoginTarget::Server, scheme, explicit };
        let mut order = stage.order(&format!("/{}", scheme.name()));
        order.options.logins = [login].into_iter().collect();
        assert_done(&stage.fetched(order).await.0, 9);
        let asked = stage.server.asked_for(&format!("/{}", scheme.name()));
        assert_eq!(asked[0].1, scheme == LoginScheme::Basic, "{scheme:?}");
    }
}

#[tokio::test]
async fn a_large_file_among_the_small_has_a_connection_to_itself() {
    let stage = Stage::new("large").await;
    let large = 1024 * 1024 + 1;
    let path = format!("/ok/{large}");
    let (ended, came) = stage.fetched(stage.order(&path)).await;
    assert_done(&ended, large as u64);
    assert!(came == content(large));
    assert_eq!(stage.server.asked_for(&path), [(0, true), (1, false)]);
    stage.brings("/ok/9").await;
    assert_eq!(stage.server.asked_for("/ok/9"), [(0, true)], "the others' is still there");
}

#[tokio::test]
async fn a_file_is_continued_on_a_shared_connection_and_never_with_another_version() {
    let stage = Stage::new("continued").await;
    let (target, begun) = (Target::holding(b"0123"), held(4));
    let (ended, notebook) =
        run(&stage.client, Order { held: begun, ..stage.order("/ok/9") }, &target).await;
    assert_done(&ended, 9);
    assert_eq!((target.content(), notebook.heads[0].from), (content(9), 4));
    let old =
        Validators { etag: Some(b"\"v0\"".to_vec()), total: Some(9), ..Validators::default() };
    let (target, begun) = (Target::holding(b"abcd"), Held { offset: 4, validators: old });
    let (ended, _) =
        run(&stage.client, Order { held: begun, ..stage.order("/ok/9") }, &target).await;
    assert_done(&ended, 9);
    assert_eq!(target.content(), content(9), "no byte of the old version is left");
    assert!(stage.server.asked().iter().all(|asked| asked.1));
}

#[tokio::test]
async fn an_answer_that_ends_early_or_is_broken_off_is_lost_and_what_came_of_it_is_no_file() {
    let stage = Stage::new("early").await;
    for path in ["/short", "/broken", "/long"] {
        let (ended, _) = stage.fetched(stage.order(path)).await;
        let lost = matches!(&ended, Ended::Failed { durable, .. } if *durable < 9);
        assert!(lost, "{path}: {ended:?}");
        stage.brings("/ok/9").await;
    }
}

#[tokio::test]
async fn what_wants_http_1_is_asked_for_over_http_1_and_so_is_all_else_at_that_server() {
    let stage = Stage::new("one").await;
    stage.brings("/one").await;
    stage.brings("/ok/9").await;
    assert_eq!(stage.server.asked_for("/one"), [(0, true), (1, false)]);
    assert_eq!(stage.server.asked_for("/ok/9"), [(1, false)]);
}

#[tokio::test]
async fn what_was_not_processed_is_asked_for_on_other_connections_and_no_error() {
    let stage = Stage::new("refused").await;
    stage.brings("/refused").await;
    assert_eq!(
        stage.server.asked_for("/refused"),
        [(0, true), (1, true), (2, true), (3, false)],
        "it ends with HTTP/1.1, where nothing can be refused like that"
    );
    let fetching = (0..30).map(|at| stage.brings(if at % 10 == 3 { "/last" } else { "/ok/9" }));
    join_all(fetching).await;
}

#[tokio::test]
async fn a_head_may_be_as_large_as_over_http_1_and_no_larger() {
    let stage = Stage::new("heads").await;
    stage.brings("/fields/250").await;
    for path in ["/fields/300", "/huge"] {
        let error = refused(stage.fetched(stage.order(path)).await.0);
        assert!(matches!(error, AnswerError::HeadTooLarge), "{path}: {error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_reads_holds_up_no_other() {
    let stage = Stage::new("held-up").await;
    // Its owner does not say that the old bytes may be dropped: so nothing of it is read.
    let old =
        Validators { etag: Some(b"\"v0\"".to_vec()), total: Some(9), ..Validators::default() };
    let begun = Held { offset: 4, validators: old };
    let (length, target) = (1024 * 1024, Target::holding(b"abcd"));
    let order = Order { held: begun, ..stage.order(&format!("/ok/{length}")) };
    let (steering, control) = ebb_http::control();
    let (client, descriptor) = (Arc::clone(&stage.client), target.descriptor());
    let (told, mut hears) = tokio::sync::watch::channel(false);
    let held_up =
        tokio::spawn(
            async move { fetch(&client, order, descriptor, control, &mut Tells(told)).await },
        );
    hears.wait_for(|told| *told).await.unwrap();
    // Forty times what one may have under way.
    let fetching = (0..40).map(|_| stage.fetched(stage.order("/ok/262144")));
    for (ended, came) in join_all(fetching).await {
        assert_done(&ended, 262_144);
        assert!(came == content(262_144));
    }
    assert!(!held_up.is_finished());
    steering.proceed();
    assert_done(&held_up.await.unwrap(), length as u64);
    assert!(target.content() == content(length));
    assert!(stage.server.asked().iter().all(|asked| (asked.0, asked.1) == (0, true)));
}

#[tokio::test]
async fn a_limit_holds_for_all_who_share_and_nobody_takes_it_for_the_fault_of_the_server() {
    let stage = Stage::new("limited").await;
    stage.brings("/ok/9").await;
    stage.bucket.set(Some(200_000));
    let start = Instant::now();
    let fetching = (0..10).map(|_| {
        // Some of them wait longer than this, for bytes that we do not read.
        let stall_timeout = Duration::from_millis(400);
        stage.fetched(Order { stall_timeout, ..stage.order("/ok/50000") })
    });
    for (ended, came) in join_all(fetching).await {
        assert_done(&ended, 50_000);
        assert!(came == content(50_000));
    }
    // Half a million bytes, of which a quarter of a second's worth comes at once.
    assert!(start.elapsed() > Duration::from_millis(1900), "{:?}", start.elapsed());
    assert!(stage.server.asked().iter().all(|asked| (asked.0, asked.1) == (0, true)));
}

/// Says when the head is there.
struct Tells(tokio::sync::watch::Sender<bool>);

impl ebb_http::Reports for Tells {
    fn head(&mut self, _: ebb_http::Head) {
        self.0.send_replace(true);
    }

    fn progress(&mut self, _: u64, _: u64) {}
}

#[tokio::test]
async fn of_a_job_that_was_stopped_nothing_comes_any_more() {
    let stage = Stage::new("stopped").await;
    stage.brings("/ok/9").await;
    let (target, order) = (Target::holding(b""), stage.order("/hanging"));
    let (ended, _) = run_with(&stage.client, order, &target, OnHead::Stop).await;
    assert!(matches!(ended, Ended::Stopped { .. }), "{ended:?}");
    stage.server.until_alone().await;
}

#[tokio::test]
async fn a_tunnel_through_a_proxy_is_shared_too() {
    let stage = Stage::new("tunnelled").await;
    let proxy = Tunnels::start(None, THROUGH).await;
    let fetching = (0..10).map(|_| async {
        let mut order = stage.order("/ok/9");
        order.options.proxy = using(vec![at(ProxyKind::Http, proxy.port)]);
        assert_done(&stage.fetched(order).await.0, 9);
    });
    join_all(fetching).await;
    assert_eq!(proxy.heads().len(), 1);
    assert_eq!(stage.server.asked_for("/ok/9"), [(0, true); 10]);
}
