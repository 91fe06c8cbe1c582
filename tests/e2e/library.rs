//! Promise: what the contract says can be asked through the client library, typed: header fields,
//! verdicts on files, and notifications that are told until they are acknowledged. Root lends a
//! user's identity with one call, and nothing of the process becomes that user for longer than that.
//!
//! The library's examples are run as they stand.

use std::collections::BTreeSet;

use ebb_api::client::{CustomHeaders, Heard, JobOptions, Location, NewFile};
use ebb_api::client::{Notification, NotificationKind, Notifications};
use ebb_api::terms::Term;
use ebb_api::values::TokenFlags;
use ebb_api::{Client, ClientError, Identity, ImpersonationError};
use support::content::Content;
use support::instance::Instance;
use support::server::{PATIENCE, Resource, Server};
use support::users::{User, needs_root};

#[path = "../../crates/api/examples/download.rs"]
#[expect(dead_code, reason = "an example's main is its own")]
mod download;
#[path = "../../crates/api/examples/lend.rs"]
#[expect(dead_code, reason = "an example's main is its own")]
mod lend;

const FILE: Content = Content::new(97, 20_000);

async fn next(from: &mut Notifications) -> Notification {
    let heard = tokio::time::timeout(PATIENCE, from.next()).await.expect("something is told");
    match heard.unwrap() {
        Heard::Notification(told) => told,
        Heard::Missed | _ => panic!("it was read"),
    }
}

#[test]
fn headers_verdicts_and_notifications_through_the_library() {
    let (instance, server, user) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let path = instance.directory_of(&user).join("f");
    let location: Location = format!("unix:path={}", instance.socket().display()).parse().unwrap();
    let url = server.url("/f");
    let story = async || {
        let client = Client::connect(&location).await.unwrap();
        let terms = vec![Term::NotifyFlags(0x13)];
        let options = JobOptions { terms, ..JobOptions::default() };
        let id = client.create_job("by the library", &options).await.unwrap();
        let job = client.job(&id);
        job.set_custom_headers(&["X-Key: one"]).await.unwrap();
        let readable = CustomHeaders::Readable(vec!["X-Key: one".into()]);
        assert_eq!(job.custom_headers().await.unwrap(), readable);
        job.make_custom_headers_write_only().await.unwrap();
        assert_eq!(job.custom_headers().await.unwrap(), CustomHeaders::Closed);

        let mut told = client.notifications().await.unwrap();
        job.register().await.unwrap();
        job.add_files(&[NewFile::new(url.clone(), path.clone())]).await.unwrap();
        job.resume().await.unwrap();
        assert_eq!(next(&mut told).await.kind, NotificationKind::FileTransferred(0));
        let transferred = next(&mut told).await;
        assert_eq!((&transferred.job, &transferred.kind), (&id, &NotificationKind::Transferred));
        // Told at every registration, until somebody says that they know.
        job.unregister().await.unwrap();
        job.register().await.unwrap();
        assert_eq!(next(&mut told).await, transferred);
        client.acknowledge(transferred.number).await.unwrap();
        job.register().await.unwrap();

        assert!(!job.files().await.unwrap()[0].valid);
        job.set_validation_state(0, true).await.unwrap();
        assert!(job.files().await.unwrap()[0].valid);
        job.set_validation_state(0, false).await.unwrap();
        let NotificationKind::Error(error) = next(&mut told).await.kind else { panic!("an error") };
        assert_eq!((error.name.as_str(), error.file), ("validation-failed", Some(0)));
        assert!(told.try_next().unwrap().is_none(), "and nothing else");
        job.cancel().await.unwrap();
    };
    user.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(story());
    });
    assert_eq!(server.requests("/f")[0].field("X-Key"), Some("one"));
}

fn location(instance: &Instance) -> Location {
    Location::Socket(instance.socket())
}

/// Waits on a runtime of its own, as this user.
fn as_user<T: Send>(user: &User, story: impl AsyncFnOnce() -> T + Send) -> T {
    user.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(story())
    })
}

#[test]
fn the_library_s_example_of_a_download_downloads_or_says_why_not() {
    let (instance, server, user) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let (place, path) = (location(&instance), instance.directory_of(&user).join("f"));
    let (url, missing) = (server.url("/f"), server.url("/missing"));
    let (to, never) = (path.to_str().unwrap(), path.with_file_name("never"));
    as_user(&user, async || {
        download::download(&place, &url, to).await.unwrap();
        let error =
            download::download(&place, &missing, never.to_str().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("http-404"), "{error}");
    });
    FILE.check(&path);
}

#[test]
fn root_lends_a_users_identity_with_one_call_of_the_library() {
    if !needs_root("the library: root lends an identity") {
        return;
    }
    let (instance, server, root) = (Instance::start(), Server::http(), User::root());
    let (bob, place) = (User::bob(), location(&instance));
    server.put("/f", Resource::new(FILE));
    let path = instance.directory_of(&root).join("f");
    let identity = Identity::named(&bob.name).unwrap();
    assert_eq!((identity.uid, identity.gid), (bob.uid, bob.gid));
    as_user(&root, async || {
        let client = Client::connect(&place).await.unwrap();
        let id = client.create_job("lent", &JobOptions::default()).await.unwrap();
        let job = client.job(&id);
        job.add_files(&[NewFile::new(server.url("/f"), path.clone())]).await.unwrap();
        let mut told = client.notifications().await.unwrap();
        job.register().await.unwrap();
        lend::lend(&place, &id, &bob.name).await.unwrap();
        assert_eq!(next(&mut told).await.kind, NotificationKind::Transferred);
        let seen = job.properties().await.unwrap();
        assert_eq!((seen.helper_uid, seen.helper_flags), (Some(bob.uid), TokenFlags::NETWORK));
        job.complete().await.unwrap();
        // A client that is somebody is that somebody, and the others of this process are not.
        let as_bob = Client::connect_as(&place, &identity).await.unwrap();
        assert!(as_bob.job(&id).properties().await.is_err());
        let id = as_bob.create_job("bob's", &JobOptions::default()).await.unwrap();
        assert_eq!(client.job(&id).properties().await.unwrap().owner_uid, bob.uid);
        let id = client.create_job("root's", &JobOptions::default()).await.unwrap();
        assert_eq!(client.job(&id).properties().await.unwrap().owner_uid, 0);
    });
    assert!(rustix::process::geteuid().is_root());
    FILE.check(&path);
    let uids: BTreeSet<_> = server.requests("/f").iter().map(|asked| asked.uid).collect();
    assert_eq!(uids, BTreeSet::from([Some(bob.uid)]));
}

#[test]
fn nobody_but_root_takes_on_an_identity_through_the_library_and_no_token_is_set() {
    if !needs_root("the library: an ordinary user lends another's identity") {
        return;
    }
    let (instance, alice, bob) = (Instance::start(), User::alice(), User::bob());
    let place = location(&instance);
    as_user(&alice, async || {
        let client = Client::connect(&place).await.unwrap();
        let id = client.create_job("not lent", &JobOptions::default()).await.unwrap();
        let job = client.job(&id);
        let identity = Identity::new(bob.uid, bob.gid, vec![bob.gid]);
        let error = job.lend(&identity, TokenFlags::NETWORK).await.unwrap_err();
        let why = matches!(error, ClientError::Impersonation(ImpersonationError::NotPermitted(_)));
        assert!(why, "{error}");
        assert_eq!(job.properties().await.unwrap().helper_uid, None);
        // One's own identity is one's own to lend.
        let own = Identity::named(&alice.name).unwrap();
        let seen = job.lend(&own, TokenFlags::LOCAL_FILE).await.unwrap().unwrap();
        assert_eq!(seen.uid, alice.uid);
    });
}
