//! A bandwidth that is kept, and changed, while bytes come.

use crate::support::*;
use ebb_http::{Bucket, Held, Order};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

fn answer(length: usize) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    bytes.resize(bytes.len() + length, b'x');
    bytes
}

fn paced(server: &Server, bucket: &Arc<Bucket>) -> Order {
    let bucket = Some(Arc::clone(bucket));
    Order { bucket, ..order(server.url(), Held::nothing()) }
}

#[tokio::test]
async fn fetches_of_one_bucket_take_no_more_than_it_gives_and_no_less() {
    let bucket = Arc::new(Bucket::new(Some(1_000_000)));
    let length = 1_500_000;
    let one = Server::start(vec![Act::Say(answer(length))]).await;
    let two = Server::start(vec![Act::Say(answer(length))]).await;
    let (client, targets) = (client(), [Target::holding(b""), Target::holding(b"")]);
    let start = Instant::now();
    let (first, second) = tokio::join!(
        run(&client, paced(&one, &bucket), &targets[0]),
        run(&client, paced(&two, &bucket), &targets[1]),
    );
    let took = start.elapsed().as_secs_f64();
    assert_done(&first.0, length as u64);
    assert_done(&second.0, length as u64);
    // Three seconds' worth, a quarter of a second of it at once; the upper bound is for slow machines.
    assert!((2.7..4.5).contains(&took), "{took}");
}

#[tokio::test]
async fn a_limit_that_is_lifted_lets_a_live_transfer_go() {
    let bucket = Arc::new(Bucket::new(Some(0)));
    let server = Server::start(vec![Act::Say(answer(5_000_000))]).await;
    // Much shorter than it is held back: that is our own doing, and no fault of the server.
    let order = Order { stall_timeout: Duration::from_millis(300), ..paced(&server, &bucket) };
    let (client, target) = (client(), Target::holding(b""));
    let mut fetching = pin!(run(&client, order, &target));
    assert!(timeout(Duration::from_secs(1), &mut fetching).await.is_err());
    assert_eq!(target.content(), b"");
    bucket.set(None);
    let (ended, _) = fetching.await;
    assert_done(&ended, 5_000_000);
}
