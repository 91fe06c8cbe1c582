//! A tunnel through an HTTP proxy (RFC 9110, 9.3.6).
//!
//! This module answers one question: *does the proxy make a connection to this origin?* It is told
//! host and port, who we are, and what it asked to know; never a field of the request that is to go
//! through. Its answer is read by the same parser, and within the same limits, as a server's.
//!
//! A proxy that wants to know who asks message by message is told on the same connection (`auth/turns`).
//!
//! What a proxy may try: an answer without end, a page instead of a tunnel, and bytes ahead of the
//! server's, to be taken for the server's own. Each ends the connection.

use super::ProxyTrouble;
use crate::answer::retry_after;
use crate::auth::Told;
use crate::client::{Exchanges, MOST_SAID, drive, exchanged, handshake};
use crate::connect::Origin;
use crate::request::NAME;
use crate::resolve::Lookups;
use crate::stream::Stream;
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use std::time::SystemTime;

/// Has a tunnel made by a proxy that is told this.
pub(super) async fn made(
    stream: Stream,
    origin: &Origin,
    told: &Told,
    lookups: &mut Lookups,
) -> Result<Stream, ProxyTrouble> {
    let mut request = question(origin, &told.fields)
        .ok_or(ProxyTrouble::Malformed("the server's name cannot be told to it"))?;
    let (mut sender, mut connection) = handshake(stream).await?;
    let mut over = false;
    loop {
        let asked = sender.send_request(request.clone());
        let answer = exchanged(drive(&mut connection, &mut over, asked).await)?;
        let (head, body) = answer.into_parts();
        match head.status {
            StatusCode::NO_CONTENT => return Err(ProxyTrouble::Malformed("it is no tunnel")),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let refused = || ProxyTrouble::unauthorized(&head.headers);
                let mut turns = told.turns.as_ref().ok_or_else(refused)?.lock().await;
                let next = turns.next(&head.headers, lookups).await.ok_or_else(refused)?;
                if !cleared(&mut connection, &mut over, &mut sender, body).await {
                    turns.is_broken_off();
                    return Err(refused());
                }
                request.headers_mut().insert(PROXY_AUTHORIZATION, next);
            }
            status if status.is_success() => break,
            status => {
                let retry_after = retry_after(&head.headers, SystemTime::now());
                return Err(ProxyTrouble::Refused { status, retry_after });
            }
        }
    }
    // From here on it is no HTTP any more, and the connection of HTTP ends without a word.
    if !over {
        exchanged(connection_over(&mut connection).await)?;
    }
    let parts = connection.into_parts();
    if !parts.read_buf.is_empty() {
        return Err(ProxyTrouble::Malformed("bytes came before the server had been spoken to"));
    }
    Ok(parts.io.into_inner())
}

/// Reads what is left of an answer, if it ends soon; says whether the proxy can be asked again then.
async fn cleared(
    connection: &mut Exchanges,
    over: &mut bool,
    sender: &mut SendRequest<Empty<Bytes>>,
    mut body: Incoming,
) -> bool {
    let mut left = MOST_SAID;
    while let Some(frame) = drive(connection, over, body.frame()).await {
        let length = frame.map(|frame| frame.data_ref().map_or(0, Bytes::len));
        left = match length.ok().and_then(|length| left.checked_sub(length)) {
            Some(left) => left,
            None => return false,
        };
    }
    let ready = drive(connection, over, sender.ready()).now_or_never();
    matches!(ready, Some(Ok(()))) && !*over
}

async fn connection_over(connection: &mut crate::client::Exchanges) -> Result<(), hyper::Error> {
    std::future::poll_fn(|context| connection.poll_without_shutdown(context)).await
}

fn question(origin: &Origin, fields: &HeaderMap) -> Option<Request<Empty<Bytes>>> {
    let target = format!("{}:{}", origin.host, origin.port);
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = target.parse::<Uri>().ok()?;
    let own = request.headers_mut();
    own.insert(HOST, HeaderValue::try_from(target).ok()?);
    own.insert(USER_AGENT, HeaderValue::from_static(NAME));
    own.extend(fields.clone());
    Some(request)
}
