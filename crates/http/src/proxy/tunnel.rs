//! A tunnel through an HTTP proxy (RFC 9110, 9.3.6).
//!
//! This module answers one question: *does the proxy make a connection to this origin?* It is told
//! host and port, who we are, and what it asked to know; never a field of the request that is to go
//! through. Its answer is read by the same parser, and within the same limits, as a server's.
//!
//! What a proxy may try: an answer without end, a page instead of a tunnel, and bytes ahead of the
//! server's, to be taken for the server's own. Each ends the connection.

use super::ProxyTrouble;
use crate::answer::retry_after;
use crate::client::{drive, exchanged, handshake};
use crate::connect::Origin;
use crate::request::NAME;
use crate::stream::Stream;
use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use std::time::SystemTime;

/// Has a tunnel made. `fields` are for the proxy.
pub(super) async fn made(
    stream: Stream,
    origin: &Origin,
    fields: &HeaderMap,
) -> Result<Stream, ProxyTrouble> {
    let request = question(origin, fields)
        .ok_or(ProxyTrouble::Malformed("the server's name cannot be told to it"))?;
    let (mut sender, mut connection) = handshake(stream).await?;
    let mut over = false;
    let asked = sender.send_request(request);
    let answer = exchanged(drive(&mut connection, &mut over, asked).await)?;
    let (status, told) = (answer.status(), answer.headers());
    match status {
        StatusCode::NO_CONTENT => return Err(ProxyTrouble::Malformed("it is no tunnel")),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(ProxyTrouble::unauthorized(told)),
        _ if !status.is_success() => {
            let retry_after = retry_after(told, SystemTime::now());
            return Err(ProxyTrouble::Refused { status, retry_after });
        }
        _ => {}
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
