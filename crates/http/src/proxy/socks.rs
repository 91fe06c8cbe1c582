//! Through a SOCKS 5 proxy (RFC 1928), with a name and a password where it wants them (RFC 1929).
//!
//! This module answers one question: *does the proxy make a connection to this origin?* It is told
//! the server's name as it stands in the URL and resolves it itself: this machine asks nobody.
//!
//! What a proxy may try: everything. Each of its answers has a fixed shape and at most 262 bytes, and
//! not one byte more is read.

use super::ProxyTrouble;
use crate::auth::{Login, Secret};
use crate::connect::Origin;
use crate::stream::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Host;

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;

const NO_LOGIN: u8 = 0;
const NAME_AND_PASSWORD: u8 = 2;

const CONNECT: u8 = 1;

const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Has a connection to the origin made.
pub(super) async fn made(
    mut stream: Stream,
    origin: &Origin,
    login: Option<&Login>,
) -> Result<Stream, ProxyTrouble> {
    let question = question(origin)?;
    let login = login.and_then(|login| login.explicit.as_ref());
    let methods: &[u8] = if login.is_some() { &[NO_LOGIN, NAME_AND_PASSWORD] } else { &[NO_LOGIN] };
    let mut greeting = vec![VERSION, u8::try_from(methods.len()).unwrap_or(1)];
    greeting.extend_from_slice(methods);
    stream.write_all(&greeting).await?;
    stream.flush().await?;
    let [version, method] = read(&mut stream).await?;
    if version != VERSION {
        return Err(ProxyTrouble::Malformed("it is no SOCKS 5"));
    }
    match (method, login) {
        (NO_LOGIN, _) => {}
        (NAME_AND_PASSWORD, Some((user, password))) => {
            log_in(&mut stream, user, password).await?;
        }
        (0xff, _) => return Err(unauthorized()),
        _ => return Err(ProxyTrouble::Malformed("it chose a login that was not offered")),
    }
    stream.write_all(&question).await?;
    stream.flush().await?;
    let [version, reply, _, kind] = read(&mut stream).await?;
    if version != VERSION {
        return Err(ProxyTrouble::Malformed("it is no SOCKS 5"));
    }
    if reply != 0 {
        return Err(ProxyTrouble::SocksRefused(reply));
    }
    // Where it connected from says nothing to us, but stands before the server's first byte.
    match kind {
        IPV4 => drop(read::<6>(&mut stream).await?),
        IPV6 => drop(read::<18>(&mut stream).await?),
        NAME => {
            let [length] = read(&mut stream).await?;
            let mut rest = vec![0; usize::from(length) + 2];
            stream.read_exact(&mut rest).await?;
        }
        _ => return Err(ProxyTrouble::Malformed("it names an address of an unknown kind")),
    }
    Ok(stream)
}

async fn log_in(stream: &mut Stream, user: &Secret, password: &Secret) -> Result<(), ProxyTrouble> {
    stream.write_all(&[LOGIN_VERSION]).await?;
    for word in [user, password] {
        let word = word.as_str().as_bytes();
        // Longer ones cannot be said in SOCKS, so they are not what it wants to hear.
        let length = u8::try_from(word.len()).map_err(|_| unauthorized())?;
        stream.write_all(&[length]).await?;
        stream.write_all(word).await?;
    }
    stream.flush().await?;
    match read(stream).await? {
        [LOGIN_VERSION, 0] => Ok(()),
        [LOGIN_VERSION, _] => Err(unauthorized()),
        [_, _] => Err(ProxyTrouble::Malformed("it is no answer to a login")),
    }
}

fn unauthorized() -> ProxyTrouble {
    let (fields, tried) = (Box::default(), String::new());
    ProxyTrouble::Unauthorized { schemes: vec!["a login of SOCKS".to_owned()], fields, tried }
}

async fn read<const LENGTH: usize>(stream: &mut Stream) -> Result<[u8; LENGTH], ProxyTrouble> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn question(origin: &Origin) -> Result<Vec<u8>, ProxyTrouble> {
    let mut question = vec![VERSION, CONNECT, 0];
    match &origin.host {
        Host::Ipv4(address) => {
            question.push(IPV4);
            question.extend_from_slice(&address.octets());
        }
        Host::Ipv6(address) => {
            question.push(IPV6);
            question.extend_from_slice(&address.octets());
        }
        Host::Domain(name) => {
            let length = u8::try_from(name.len())
                .map_err(|_| ProxyTrouble::Malformed("the server's name cannot be told to it"))?;
            question.push(NAME);
            question.push(length);
            question.extend_from_slice(name.as_bytes());
        }
    }
    question.extend_from_slice(&origin.port.to_be_bytes());
    Ok(question)
}
