//! An exchange in which we say who we are, where the server wants to know.
//!
//! ```text
//!  ask ─▶ 401 ─▶ what now? ─┬─ Say ───▶ ask again, with it ─▶ 401 ─▶ what now? …
//!                           ├─ Talk ──▶ message by message, on one connection
//!                           └─ nothing left: an error that says what was offered and tried
//! ```
//!
//! Nothing is said before somebody asks, or has accepted it before. What to say is decided in
//! `standing`; this module answers one question: *who says it, on which connection, and when?* Of
//! all fetches with the same credentials one at a time finds out whether they are taken.
//!
//! It never says anything to another origin: whoever calls it has seen to that.

use super::LogOnError;
use super::account::Account;
use super::challenge::Challenges;
use super::login::{Login, LoginScheme, LoginTarget};
use super::proxied::is_refusal;
use super::standing::{Next, Who, Why};
use super::talk::{Spoken, Talk, begin};
use super::turns::MOST_MESSAGES;
use crate::client::{Body, Client, ExchangeError, Link, Terms};
use crate::connect::{ConnectError, Origin};
use crate::resolve::Lookups;
use crate::response::AnswerError;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Empty;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

pub(super) type Asked = Request<Empty<Bytes>>;
pub(super) type Answered = (Link, Response<Body>);

/// What came of a talk.
enum Talked {
    /// They know who we are.
    Known(Box<Answered>),
    /// They do not.
    Unknown(Why),
}

impl Client {
    /// Asks as [`Client::exchange_through`] does; a 401 that is left in the end is an error.
    pub(crate) async fn exchange_as_somebody(
        self: &Arc<Self>,
        url: &Url,
        request: Option<Asked>,
        lookups: &mut Lookups,
        terms: Terms,
    ) -> Result<Answered, ExchangeError> {
        let request = request.ok_or(ConnectError::NotAnOrigin)?;
        let Some(account) = terms.account.clone() else {
            let (link, response) = self.exchange_through(url, request, lookups, terms).await?;
            return match response.status() {
                StatusCode::UNAUTHORIZED => {
                    let challenges = Challenges::read(response.headers(), &WWW_AUTHENTICATE);
                    Err(given_up(&challenges, Vec::new()))
                }
                _ => Ok((link, response)),
            };
        };
        let mut on = LogOn { client: self, account: &account, url, request, lookups, terms };
        on.until_known().await
    }
}

/// One exchange under way.
struct LogOn<'a> {
    client: &'a Arc<Client>,
    account: &'a Account,
    url: &'a Url,
    request: Asked,
    lookups: &'a mut Lookups,
    terms: Terms,
}

impl LogOn<'_> {
    async fn until_known(&mut self) -> Result<Answered, ExchangeError> {
        let seat = self.account.seat(&Origin::of(self.url)?);
        let who = Who { target: LoginTarget::Server, logins: &self.account.logins };
        let method = self.request.method().as_str().to_owned();
        let target = self.request.uri().to_string();
        // Waits for whoever finds out at the moment.
        let known = match self.request.headers().contains_key(AUTHORIZATION) {
            true => None,
            false => seat.lock().await.beforehand(&who, &method, &target),
        };
        let mut said = known.as_ref().map(|(said, _)| *said);
        let (mut link, mut response) = self.ask(known.map(|(_, value)| value)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            if said.is_some() {
                seat.lock().await.accept(info(response.headers()));
            }
            return Ok((link, response));
        }
        let mut standing = seat.lock().await;
        loop {
            let challenges = Challenges::read(response.headers(), &WWW_AUTHENTICATE);
            match standing.next(&who, &challenges, said, &method, &target) {
                None => return Err(given_up(&challenges, standing.failures())),
                Some(Next::Say(what, value)) => {
                    self.put_back(link, response.into_body()).await;
                    (link, response) = self.ask(Some(value)).await?;
                    said = Some(what);
                    if response.status() != StatusCode::UNAUTHORIZED {
                        standing.accept(info(response.headers()));
                        return Ok((link, response));
                    }
                }
                Some(Next::Talk(login)) => {
                    let scheme = login.scheme;
                    match self.talk(login, link, response).await? {
                        Talked::Known(answered) => return Ok(*answered),
                        Talked::Unknown(why) => standing.reject(&who, scheme, why),
                    }
                    // What it would take now is asked anew: the talk may have ended the connection.
                    said = None;
                    (link, response) = self.ask(None).await?;
                    if response.status() != StatusCode::UNAUTHORIZED {
                        return Ok((link, response));
                    }
                }
            }
        }
    }

    async fn ask(&mut self, value: Option<HeaderValue>) -> Result<Answered, ExchangeError> {
        let request = self.with(value);
        self.client.exchange_through(self.url, request, self.lookups, self.terms.clone()).await
    }

    fn with(&self, value: Option<HeaderValue>) -> Asked {
        let mut request = self.request.clone();
        if let Some(value) = value {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        request
    }

    /// Talks until they know who we are, or do not want to. Every message but the first goes where
    /// the one before went.
    async fn talk(
        &mut self,
        login: Login,
        link: Link,
        response: Response<Body>,
    ) -> Result<Talked, ExchangeError> {
        let scheme = login.scheme;
        // If another certificate answers next, that is no connection of this talk.
        let binding = link.binding();
        let mut link = cleared(link, response.into_body(), self.terms.patience).await;
        let host = self.url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tickets = self.client.accounts.tickets();
        let begin = move || begin(&login, &host, tickets.as_ref(), binding.as_deref());
        let begun = self.lookups.block(begin).await;
        let mut talk = match begun {
            Some(Ok(talk)) => talk,
            Some(Err(why)) => return Ok(Talked::Unknown(Why::Unusable(why))),
            None => return Ok(called_off()),
        };
        let mut heard = None;
        for _ in 0..MOST_MESSAGES {
            let may_move = heard.is_none() && link.is_some();
            let Some((again, spoken)) = self.next_message(talk, heard).await else {
                return Ok(called_off());
            };
            talk = again;
            let (message, is_last) = match spoken {
                Ok(Spoken::Say(message)) => (message, false),
                Ok(Spoken::SayAndDone(message)) => (message, true),
                Ok(Spoken::Done) => return Ok(unusable("they say more than there is to say")),
                Err(why) => return Ok(Talked::Unknown(Why::Unusable(why))),
            };
            let (next, response) = match self.say(scheme, &message, link.take()).await {
                // A proxy that wants to know with each request, by messages: it is told on another
                // connection, where nothing of ours has been said yet.
                Err(error) if may_move && is_refusal(&error) => {
                    self.say(scheme, &message, None).await?
                }
                said => said?,
            };
            let challenges = Challenges::read(response.headers(), &WWW_AUTHENTICATE);
            let token = challenges.token(scheme).filter(|token| !token.is_empty());
            let token = token.map(<[u8]>::to_vec);
            if response.status() != StatusCode::UNAUTHORIZED {
                // NTLM does not prove who they are.
                if !is_last && scheme == LoginScheme::Negotiate {
                    self.proved(talk, token).await?;
                }
                return Ok(Talked::Known(Box::new((next, response))));
            }
            let Some(token) = token.filter(|_| !is_last) else {
                return Ok(Talked::Unknown(Why::Rejected));
            };
            heard = Some(token);
            link = cleared(next, response.into_body(), self.terms.patience).await;
            if link.is_none() {
                return Ok(unusable("the server closed the connection in the middle of it"));
            }
        }
        Ok(unusable("the server goes on and on"))
    }

    async fn next_message(
        &mut self,
        mut talk: Box<dyn Talk>,
        heard: Option<Vec<u8>>,
    ) -> Option<(Box<dyn Talk>, Result<Spoken, String>)> {
        let answer = move || {
            let spoken = talk.answer(heard.as_deref());
            (talk, spoken)
        };
        self.lookups.block(answer).await
    }

    async fn say(
        &mut self,
        scheme: LoginScheme,
        message: &[u8],
        link: Option<Link>,
    ) -> Result<Answered, ExchangeError> {
        let value = super::token_value(scheme, message);
        let Some(mut link) = link else { return self.ask(Some(value)).await };
        let mut request = self.with(Some(value));
        if link.is_read_by_a_proxy() {
            // It may want to know who asks with each request.
            let told = self.client.told_beforehand(self.url, &request, &self.terms).await?;
            request.headers_mut().extend(told.fields);
        }
        let response = link.send(request, self.terms.patience).await?;
        Ok((link, response))
    }

    /// They took it; have they proved that it is them?
    async fn proved(
        &mut self,
        talk: Box<dyn Talk>,
        token: Option<Vec<u8>>,
    ) -> Result<(), ExchangeError> {
        let why = match token {
            None => "it did not prove who it is".to_owned(),
            Some(token) => match self.next_message(talk, Some(token)).await {
                Some((_, Ok(Spoken::Done))) => return Ok(()),
                Some((_, Err(why))) => format!("it did not prove who it is: {why}"),
                Some((_, Ok(_))) | None => "it did not prove who it is".to_owned(),
            },
        };
        let tried = vec![(LoginScheme::Negotiate, Why::Unusable(why))];
        Err(given_up(&Challenges::default(), tried))
    }

    /// Keeps the connection of an answer that nobody wants, if it ends soon.
    async fn put_back(&self, link: Link, body: Body) {
        if let Some(link) = cleared(link, body, self.terms.patience).await {
            self.client.keep(link);
        }
    }
}

/// The connection, free for the next request: reads what is left of an answer.
async fn cleared(mut link: Link, body: Body, patience: Duration) -> Option<Link> {
    link.cleared(body, patience).await.then_some(link)
}

fn info(fields: &HeaderMap) -> Option<&str> {
    fields.get("authentication-info").and_then(|value| value.to_str().ok())
}

fn given_up(challenges: &Challenges, tried: Vec<(LoginScheme, Why)>) -> ExchangeError {
    let offered = challenges.offered().to_vec();
    AnswerError::LogOn(Box::new(LogOnError::of(LoginTarget::Server, offered, tried))).into()
}

fn unusable(why: &str) -> Talked {
    Talked::Unknown(Why::Unusable(why.to_owned()))
}

fn called_off() -> Talked {
    unusable("it was called off")
}
