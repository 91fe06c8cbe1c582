//! What must hold whatever a server or a proxy sends, as functions for tests and for `fuzz/`.
//!
//! Answers one question: *does what they may send do anything but end in an error, or in what it is?* Each
//! function takes any bytes, gives them to the code that would read them, and looks at what comes out. The
//! bytes that once made trouble are kept below `fuzz/corpus` and looked at again by the test below. Not a
//! part of any program.

use crate::answer::{content_length, content_range, retry_after, unsatisfied_total};
use crate::client::{drive, handshake};
use crate::redirect::{Downgrade, follow};
use crate::request::{Ask, Held, Validators, ask, write};
use crate::response::{Decision, judge};
use crate::shown::shown_fields;
use crate::stream::Stream;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;
use url::Url;

pub use crate::auth::checks::challenges;
pub use crate::proxy::checks::{socks_reply, tunnel_reply};
pub use crate::staple::checks::staple;

/// We say less than this.
const ROOM: usize = 64 * 1024;
/// Both sides may wait for each other. Long enough for a slow machine, but where there are many to come.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 10_000 } else { 20 });

/// The head of an answer, and its body, as they come over a connection. The first byte says what was
/// asked for.
///
/// # Panics
///
/// When a decision does not follow from what was sent.
pub fn answer(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let etag = Some(b"\"v1\"".to_vec());
    let validators = Validators { etag, total: Some(9), ..Validators::default() };
    let held = Held { offset: u64::from(first % 11), validators };
    alone(async {
        let url = Url::parse("https://server.example/d/f?s=1").expect("a plain one");
        let ask = ask(&held);
        let request = write(&url, &Method::GET, None, &ask).expect("a plain one");
        let Ok((mut sender, mut connection)) = handshake(answering(bytes)).await else { return };
        let mut over = false;
        let answer = sender.send_request(request);
        let Ok(answer) = drive(&mut connection, &mut over, answer).await else { return };
        let (head, mut body) = answer.into_parts();
        for (name, value) in shown_fields(&head.headers) {
            assert!(!name.chars().chain(value.chars()).any(char::is_control), "{name} {value:?}");
        }
        match judge(&ask, head.status, &head.headers, SystemTime::UNIX_EPOCH) {
            Ok(judged) => follows(&url, &ask, &judged.decision, &head.headers),
            Err(error) => assert_printable(&error.to_string()),
        }
        let mut received = 0;
        while let Some(Ok(frame)) = drive(&mut connection, &mut over, body.frame()).await {
            received += frame.data_ref().map_or(0, bytes::Bytes::len);
        }
        assert!(received <= bytes.len());
    });
}

fn follows(url: &Url, ask: &Ask<'_>, decision: &Decision, fields: &HeaderMap) {
    match decision {
        Decision::Continue { from, until } => {
            let Ask::Rest { held, total, .. } = ask else { panic!("nothing is held") };
            assert!(*from == held.offset && from < until && until <= total);
            assert_eq!(
                fields.get("etag").map(HeaderValue::as_bytes),
                held.validators.etag.as_deref()
            );
        }
        Decision::Complete => assert!(matches!(ask, Ask::Rest { .. })),
        Decision::Redirect(location) => {
            if let Ok(there) = follow(url, location, Downgrade::Refuse) {
                assert_eq!(there.scheme(), "https", "{there}");
                assert!(there.username().is_empty() && there.password().is_none(), "{there}");
            }
        }
        Decision::Whole | Decision::AskWhole => {}
    }
}

/// The value of a field with numbers in it, first of all of `Content-Range`.
///
/// # Panics
///
/// When what is read is not what is written there.
pub fn content_range_field(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let one = |name| HeaderMap::from_iter([(name, value.clone())]);
    let range = one(CONTENT_RANGE);
    let (read, total) = (content_range(&range), unsatisfied_total(&range));
    assert!(read.is_none() || total.is_none(), "two things at once");
    if let Some(read) = read {
        assert!(read.first <= read.last && read.last < read.total);
        let written = format!("bytes {}-{}/{}", read.first, read.last, read.total);
        let again = HeaderValue::try_from(written).expect("digits can stand in a field");
        let again = content_range(&HeaderMap::from_iter([(CONTENT_RANGE, again)]));
        let all = |it: crate::answer::ContentRange| (it.first, it.last, it.total);
        assert_eq!(again.map(all), Some(all(read)));
    }
    let _ = content_length(&one(CONTENT_LENGTH));
    let _ = retry_after(&one(RETRY_AFTER), SystemTime::UNIX_EPOCH + Duration::from_secs(1));
}

/// A stream on which these bytes have come, and then its end.
pub(crate) async fn saying(bytes: &[u8]) -> Stream {
    let (ours, mut theirs) = duplex(bytes.len() + ROOM);
    let said: std::io::Result<()> = async {
        theirs.write_all(bytes).await?;
        theirs.shutdown().await
    }
    .await;
    said.expect("there is room for it");
    keep_open(theirs);
    Stream::Memory(ours)
}

/// A stream whose other end says the next part of these bytes, which end with a zero, when it has heard a
/// head; then it ends. What comes before anything was asked is refused without a look.
pub(crate) fn answering(bytes: &[u8]) -> Stream {
    let (ours, mut theirs) = duplex(bytes.len() + ROOM);
    let parts: Vec<_> = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    tokio::spawn(async move {
        for part in parts {
            if timeout(PATIENCE, head(&mut theirs)).await.is_err() {
                break;
            }
            theirs.write_all(&part).await?;
        }
        theirs.shutdown().await?;
        keep_open(theirs);
        std::io::Result::Ok(())
    });
    Stream::Memory(ours)
}

async fn head(from: &mut DuplexStream) -> std::io::Result<()> {
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(from.read_u8().await?);
    }
    Ok(())
}

/// What we say has to go somewhere: a stream of which nothing is left at the other end cannot be written.
fn keep_open(theirs: DuplexStream) {
    tokio::spawn(async move {
        let _theirs = theirs;
        std::future::pending::<()>().await;
    });
}

/// Waits for this in a runtime of its own, and for nothing longer.
pub(crate) fn alone(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("the kernel has what a runtime needs").block_on(work);
}

/// It is to be shown to people.
pub(crate) fn assert_printable(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::LoginScheme;

    #[test]
    fn a_check_comes_as_far_as_what_it_checks() {
        alone(async {
            let (mut sender, mut connection) =
                handshake(answering(b"HTTP/1.1 404 No\r\n\r\n")).await.unwrap();
            let url = Url::parse("https://server.example/f").unwrap();
            let request = write(&url, &Method::GET, None, &Ask::Whole).unwrap();
            let answer = sender.send_request(request);
            let answer = drive(&mut connection, &mut false, answer).await.unwrap();
            assert_eq!(answer.status().as_u16(), 404);
        });
        let yes = b"HTTP/1.1 200 OK\r\n\r\n";
        assert!(crate::proxy::checks::tunnelled(yes, None));
        let asks = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: NTLM \
            TlRMTVNTUAACAAAAAAAAAAAAAAABAAAAASNFZ4mrze8=\r\nContent-Length: 0\r\n\r\n\0";
        let both = [&asks[..], yes].concat();
        assert!(crate::proxy::checks::tunnelled(&both, Some(LoginScheme::Ntlm)));
        assert!(!crate::proxy::checks::tunnelled(&both, None));
    }

    #[test]
    fn whatever_has_ever_been_found_is_looked_at_again() {
        fn looked_at(name: &str, check: impl Fn(&[u8])) {
            let corpus = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
            let mut seen = 0;
            for entry in std::fs::read_dir(&corpus).unwrap() {
                check(&std::fs::read(entry.unwrap().path()).unwrap());
                seen += 1;
            }
            assert!(seen > 0, "{corpus} is empty");
        }
        looked_at("answer", super::answer);
        looked_at("content_range", super::content_range_field);
        looked_at("challenges", super::challenges);
        looked_at("tunnel_reply", super::tunnel_reply);
        looked_at("socks_reply", super::socks_reply);
        looked_at("staple", super::staple);
    }
}
