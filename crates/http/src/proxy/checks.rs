//! What must hold whatever a proxy answers; see `crate::checks`.

use super::{ProxyTrouble, socks, tunnel};
use crate::auth::{Login, LoginScheme, LoginTarget, Secret, Told};
use crate::checks::{alone, answering, assert_printable, saying};
use crate::connect::{Origin, Scheme};
use crate::resolve::{Lookups, system};
use crate::stream::Stream;
use tokio::io::AsyncReadExt;
use url::Host;

fn origin() -> Origin {
    Origin { scheme: Scheme::Https, host: Host::Domain("server.example".to_owned()), port: 443 }
}

fn login(scheme: LoginScheme) -> Login {
    let explicit = Some((Secret::of("al"), Secret::of("hunter2")));
    Login { target: LoginTarget::Proxy, scheme, explicit }
}

/// What an HTTP proxy answers to a question for a tunnel. The first byte says whether NTLM is spoken; its
/// answers to several messages end with a zero.
///
/// # Panics
///
/// When something other than a yes makes a tunnel, or what is to be shown could act.
pub fn tunnel_reply(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let scheme = (first % 2 == 1).then_some(LoginScheme::Ntlm);
    tunnelled(bytes, scheme);
}

/// Whether that makes a tunnel.
pub(crate) fn tunnelled(bytes: &[u8], scheme: Option<LoginScheme>) -> bool {
    let mut is_made = false;
    alone(async {
        let mut lookups = Lookups::new(system);
        let told = match scheme {
            None => Told::default(),
            Some(scheme) => {
                let host = "proxy.example".to_owned();
                let begun = Told::in_turns(login(scheme), host, None, &mut lookups);
                begun.await.expect("it has a first message")
            }
        };
        let made = tunnel::made(answering(bytes), &origin(), &told, &mut lookups).await;
        lookups.over().await;
        match made {
            Ok(stream) => {
                let yes = bytes.windows(2).any(|part| part == b" 2");
                assert!(yes, "no yes");
                drop(stream);
                is_made = true;
            }
            Err(error) => show(&error),
        }
    });
    is_made
}

/// What a SOCKS proxy answers. The first byte says whether there is a login.
///
/// # Panics
///
/// When something other than a yes makes a connection, or a byte of the server's is lost.
pub fn socks_reply(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let login = (first % 2 == 1).then(|| login(LoginScheme::Basic));
    alone(async {
        let stream = saying(bytes).await;
        match socks::made(stream, &origin(), login.as_ref()).await {
            Ok(stream) => {
                assert!(bytes.starts_with(&[5]), "no SOCKS 5");
                let rest = rest(stream).await;
                // A choice of login, a yes, an address: what follows is the server's.
                let ours = bytes.len() - rest.len();
                assert!(bytes.ends_with(&rest) && (9..=266).contains(&ours));
            }
            Err(error) => show(&error),
        }
    });
}

async fn rest(mut stream: Stream) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest).await;
    read.expect("memory can be read");
    rest
}

fn show(error: &ProxyTrouble) {
    assert_printable(&error.to_string());
}
