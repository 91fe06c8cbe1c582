//! Promise: what the contract says can be asked through the client library, typed: header fields,
//! verdicts on files, and notifications that are told until they are acknowledged.

use ebb_api::Client;
use ebb_api::client::{CustomHeaders, Heard, JobOptions, Location, NewFile};
use ebb_api::client::{Notification, NotificationKind, Notifications};
use ebb_api::terms::Term;
use support::content::Content;
use support::instance::Instance;
use support::server::{PATIENCE, Resource, Server};
use support::users::User;

const FILE: Content = Content::new(97, 20_000);

async fn next(from: &mut Notifications) -> Notification {
    let heard = tokio::time::timeout(PATIENCE, from.next()).await.expect("something is told");
    match heard.unwrap() {
        Heard::Notification(told) => told,
        Heard::Missed => panic!("it was read"),
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
