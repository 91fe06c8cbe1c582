//! An exchange in which a proxy learns who we are, where it wants to know (407).
//!
//! Answers one question: *what do we say to a proxy, and when do we ask again?* It is the machine of
//! `standing` with the proxy's credentials: nothing beforehand, the strongest scheme, each password
//! once. What was refused is asked again on a new connection, with what is said in front of it, be it
//! a request that the proxy reads or a question for a tunnel.
//!
//! A scheme that takes several messages begins on that connection and stays there (`turns`). A proxy need
//! not prove who it is: the server's own proof comes from beyond it.
//!
//! A job's credentials for proxies are for all proxies of the job, as its owner gave them.

use super::challenge::Challenges;
use super::exchange::{Answered, Asked};
use super::login::LoginTarget;
use super::standing::{Next, Who, Why};
use super::tried_text;
use super::turns::Told;
use crate::client::{Client, ExchangeError, Terms};
use crate::connect::{ConnectError, Origin, Scheme};
use crate::proxy::{ProxyError, ProxyTrouble};
use crate::request::whole_target;
use crate::resolve::Lookups;
use http::header::PROXY_AUTHENTICATE;
use http::{HeaderMap, Method};
use std::sync::Arc;
use url::Url;

impl Client {
    /// Asks as [`Client::exchange`] does; who stands between us and the server is told who we are.
    pub(super) async fn exchange_through(
        self: &Arc<Self>,
        url: &Url,
        request: Asked,
        lookups: &mut Lookups,
        mut terms: Terms,
    ) -> Result<Answered, ExchangeError> {
        let Some(account) = terms.at_proxy.clone() else {
            return self.exchange(url, Some(request), lookups, terms).await;
        };
        let who = Who { target: LoginTarget::Proxy, logins: &account.logins };
        let (method, target) = question(url, &request)?;
        let (method, target) = (method.as_str(), target.as_str());
        let seat = account.at_proxies();
        let known = seat.lock().await.beforehand(&who, method, target);
        let mut said = known.as_ref().map(|(said, _)| *said);
        terms.told = known.map(|(_, value)| Told::once(value)).unwrap_or_default();
        let first = self.exchange(url, Some(request.clone()), lookups, terms.clone()).await;
        let mut refused = match refusal(first) {
            Ok(other) => return other,
            Err(refused) => refused,
        };
        let mut standing = seat.lock().await;
        loop {
            let challenges = Challenges::read(&refused.fields, &PROXY_AUTHENTICATE);
            match standing.next(&who, &challenges, said, method, target) {
                None => return Err(refused.given_up(tried_text(&standing.failures()))),
                Some(Next::Say(what, value)) => {
                    terms.told = Told::once(value);
                    said = Some(what);
                }
                Some(Next::Talk(login)) => {
                    let (scheme, tickets) = (login.scheme, self.accounts.tickets());
                    said = None;
                    match Told::in_turns(login, refused.host(), tickets, lookups).await {
                        Ok(told) => terms.told = told,
                        Err(why) => {
                            standing.reject(&who, scheme, Why::Unusable(why));
                            continue;
                        }
                    }
                }
            }
            let again = self.exchange(url, Some(request.clone()), lookups, terms.clone()).await;
            refused = match refusal(again) {
                Ok(other) => {
                    if other.is_ok() {
                        standing.accept(None);
                    }
                    return other;
                }
                Err(refused) => refused,
            };
            if let Some((scheme, why)) = terms.told.why().await {
                standing.reject(&who, scheme, why);
            }
        }
    }

    /// What a proxy is told with a request that is the next one on a connection.
    pub(super) async fn told_beforehand(
        &self,
        url: &Url,
        request: &Asked,
        terms: &Terms,
    ) -> Result<Told, ConnectError> {
        let Some(account) = terms.at_proxy.as_ref() else { return Ok(Told::default()) };
        let who = Who { target: LoginTarget::Proxy, logins: &account.logins };
        let (method, target) = question(url, request)?;
        let seat = account.at_proxies();
        let known = seat.lock().await.beforehand(&who, method.as_str(), &target);
        Ok(known.map(|(_, value)| Told::once(value)).unwrap_or_default())
    }
}

/// A proxy wants to know who asks.
struct Refused {
    proxy: String,
    schemes: Vec<String>,
    fields: Box<HeaderMap>,
}

impl Refused {
    /// Where the proxy is.
    fn host(&self) -> String {
        let url = Url::parse(&self.proxy).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']').to_owned()
    }

    fn given_up(self, tried: String) -> ExchangeError {
        let Self { proxy, schemes, fields } = self;
        let trouble = ProxyTrouble::Unauthorized { schemes, fields, tried };
        ConnectError::from(ProxyError { proxy, trouble }).into()
    }
}

/// Whether it is that, or anything else.
fn refusal(
    exchanged: Result<Answered, ExchangeError>,
) -> Result<Result<Answered, ExchangeError>, Refused> {
    match exchanged {
        Err(ExchangeError::Connect(ConnectError::Proxy(ProxyError {
            proxy,
            trouble: ProxyTrouble::Unauthorized { schemes, fields, .. },
        }))) => Err(Refused { proxy, schemes, fields }),
        other => Ok(other),
    }
}

/// Whether a proxy wants to know who asks.
pub(super) fn is_refusal(error: &ExchangeError) -> bool {
    let ExchangeError::Connect(ConnectError::Proxy(error)) = error else { return false };
    matches!(error.trouble, ProxyTrouble::Unauthorized { .. })
}

/// What the proxy is asked: a URL, or for a tunnel to the server. A SOCKS proxy is asked neither; it
/// never wants to know in this way.
fn question(url: &Url, request: &Asked) -> Result<(Method, String), ConnectError> {
    let origin = Origin::of(url)?;
    Ok(match origin.scheme {
        Scheme::Https => (Method::CONNECT, format!("{}:{}", origin.host, origin.port)),
        Scheme::Http => {
            let target = whole_target(request).ok_or(ConnectError::NotAnOrigin)?;
            (request.method().clone(), target.to_string())
        }
    })
}
